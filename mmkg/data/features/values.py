"""Attribute values: the text of a value is read as a number, a date, or a text."""

import math
import re
from calendar import monthrange
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...typing import IntArray
from ..parsing.terms import literal_of
from ..texts.folding import folded
from ..texts.packed import Texts

Kind = Literal["number", "date", "text"]
KINDS: tuple[Kind, ...] = ("number", "date", "text")

_NUMBER = re.compile(r"[-+]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"(-?[0-9]{3,9})-([0-9]{1,2})(?:-([0-9]{1,2}))?(?:[T ][0-9:.]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?")


class Value(NamedTuple):
    """A value that was read from a text.

    Args:
        kind: ``number``, ``date`` or ``text``.
        number: the number, or the date in years (1982-07-01 is 1982.5); NaN for a text.
        text: the text for comparison: NFKC, case-folded, with single spaces.
    """

    kind: Kind
    number: float
    text: str


class Values(NamedTuple):
    """The values of A facts, as arrays.

    Args:
        kind: position in ``KINDS``, -1 = no value, int64 ``[A]``.
        number: as in ``Value``, float64 ``[A]``.
        text: position in ``texts``, -1 = no value, int64 ``[A]``.
        texts: distinct texts, as in ``Value``.
    """

    kind: IntArray
    number: NDArray[np.float64]
    text: IntArray
    texts: tuple[str, ...]


def read_value(text: str) -> Value:
    """Read a value from its text in a file.

    A number may have an exponent, and commas between thousands; ``nan`` and numbers beyond float64 are texts. A date
    is year-month or year-month-day, as in ISO 8601 and XML Schema, with at least three digits for the year
    (``1956-9-12`` and ``-0044-03-15`` are dates); a time after it is ignored. A date that does not exist in the
    calendar is a text. Of a quoted RDF literal, the text inside the quotes is read.
    """
    text = literal_of(text.strip())[0]
    plain = folded(text)
    if _NUMBER.fullmatch(plain) and any(letter.isdigit() for letter in plain):
        try:
            number = float(plain.replace(",", ""))
        except ValueError:  # an exponent without digits before it
            return Value("text", math.nan, plain)
        return Value("number", number, plain) if math.isfinite(number) else Value("text", math.nan, plain)
    if found := _DATE.fullmatch(plain.upper()):
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        # the proleptic Gregorian calendar repeats after 400 years
        if 1 <= month <= 12 and 1 <= day <= monthrange(2000 + year % 400, month)[1]:
            return Value("date", year + (month - 1) / 12 + (day - 1) / 372, plain)
    return Value("text", math.nan, plain)


def is_empty(text: str | None) -> bool:
    """Whether a text holds no value: ``None``, white space, or an empty literal."""
    return text is None or text.strip() in ("", '""')


def read_values(texts: Sequence[str | None]) -> Values:
    """Read the values of A facts; equal texts are read once, and empty ones are no value."""
    distinct, number_of = Texts.of(texts).distinct()
    read = [None if is_empty(text) else read_value(text or "") for text in distinct]
    codes = {text: number for number, text in enumerate(dict.fromkeys(value.text for value in read if value))}
    kinds = np.array([-1 if value is None else KINDS.index(value.kind) for value in read], np.int64)
    numbers = np.array([math.nan if value is None else value.number for value in read], np.float64)
    positions = np.array([-1 if value is None else codes[value.text] for value in read], np.int64)
    return Values(kinds[number_of], numbers[number_of], positions[number_of], tuple(codes))
