"""Texts of values that are stored as Python, NumPy or pandas objects."""

import datetime
import uuid
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np

_PANDAS_MISSING = ("NAType", "NaTType")  # classes of pandas.NA and pandas.NaT; pandas is never imported
_SERIES = ("Series", "Index")
_MAX_EXPONENT = 100


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: ``None``, NaN, NaT, ``pandas.NA``, a masked value of NumPy, or an empty text."""
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, str):
        return not value
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in _PANDAS_MISSING and type(value).__module__.partition(".")[0] == "pandas"


def value_text(value: Any) -> str | None:
    """The text of a single value; ``None`` for a missing one.

    A number has the shortest text that gives it back (``1.0``, ``0.1``, ``7``), a truth value ``true`` or ``false``, a
    date or time its text in ISO 8601 (``2020-05-17``, ``2020-05-17T08:30:00``), all as in RDF.

    Raises:
        TypeError: a value of another type, which is the message.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0 and value is not np.ma.masked:
        value = value[()]
    if is_missing(value):
        return None
    if isinstance(value, Enum):
        return value_text(value.value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < _MAX_EXPONENT else str(value)
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, np.datetime64):
        text = str(value)
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, str | int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating | Fraction | uuid.UUID | datetime.timedelta | np.timedelta64):
        return str(value)
    raise TypeError(type(value).__name__)


def value_texts(value: Any) -> list[str]:
    """The texts of a single value or of a list, set or array of them, without missing ones; those of a set sorted.

    Raises:
        TypeError: a value of another type, which is the message.
    """
    texts = [text for each in _members(value) if (text := value_text(each)) is not None]
    return sorted(texts) if isinstance(value, set | frozenset) else texts


def _members(value: Any) -> Iterable[Any]:
    pandas = type(value).__name__ in _SERIES and type(value).__module__.partition(".")[0] == "pandas"
    if isinstance(value, list | tuple | set | frozenset) or pandas:
        return list(value)
    if isinstance(value, np.ndarray) and value is not np.ma.masked:
        return [value] if value.ndim == 0 else list(value)
    return (value,)
