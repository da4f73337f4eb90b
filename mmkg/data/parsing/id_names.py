"""Names of entities that have none: from the text of a node, or from the end of an IRI."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args
from urllib.parse import unquote

import numpy as np

from ...errors import UsageError, nearest
from ..kg import KnowledgeGraph
from ..texts.labels import Labels
from ..texts.packed import Texts
from .columns import Faults

NamesFrom = Literal["labels", "ids"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_PREFIXED = re.compile(r"[a-z][a-z0-9._\-]*:(?:[^\s:]+:)*([^\s:]+)")  # ex:Paris, urn:x:paris, concept:city:paris
_SELF = ("me", "this", "it", "id", "i", "entity", "thing")  # fragments that say "what the page is about"
_SUFFIX = re.compile(r"(?<=.)\.(?:html?|php|aspx?|jsp|rdf|ttl|json|xml)$", re.IGNORECASE)
_FREEBASE = re.compile(r"(?:^|/)[mg][./][0-9a-z_]+$")
_NUMBERED = re.compile(r"[^\W\d_](?:[_:.\-]?\d+)|[^\W\d_]+[_:.\-]?(?:\d{5,}|0\d{3})[^\W\d_]?")
_HEX = re.compile(r"(?=[^\d]*\d)(?:[0-9a-f]{8,}|[0-9A-F]{8,}|[0-9a-fA-F]{4,}(?:[_\-][0-9a-fA-F]{4,})+)")
_CHANGE = re.compile(r"\d[^\W\d_]|[^\W\d_](?=\d)")  # from digits to letters or back
_LETTER = re.compile(r"[^\W\d_]")
_DIGITS = re.compile(r"\d+")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])")
_FEW, _SHARE = 5, 0.02  # so many ids that differ in their digits alone are numbered, not named
_LEAST = 0.05  # share of the entities with words in their ids, below which no entity gets a name


class _End(NamedTuple):
    """The part of a label that may hold words, and whether it comes from an IRI."""

    text: str
    iri: bool


def names_of_ids(labels: Sequence[str]) -> list[str | None]:
    """Names of entities by their labels; ``None`` for identifiers without words.

    A label with white space is its own name. Of an IRI, or a prefixed name such as ``ex:Paris``, the end is read:
    percent-decoded, underscores and the hyphens of a slug as spaces (``New_York_City``, ``new-york-city``), and
    ``NewYorkCity`` split before its capitals. No words have blank nodes, numbers, dates, UUIDs, hashes and codes (Q42,
    ``/m/0abc``, ENSG00000139618), and ids of which many differ in their digits alone (``person1-Person10``). If fewer
    than 5 % of the labels have words, none gets a name.
    """
    shapes: dict[str, list[int]] = {}  # rows of the names that differ in their digits alone
    names: list[str | None] = []
    for row, end in enumerate(map(_end_of, labels)):
        name = None if end is None or _is_code(end.text) else _spaced(end)
        if name and end and " " not in end.text and _has_digit(end.text):
            shapes.setdefault(_DIGITS.sub("#", end.text), []).append(row)
        names.append(name)
    many = max(_FEW, _SHARE * len(labels))
    for rows in shapes.values():
        if len(rows) >= min(many, max(3, len(labels) / 2)):
            for row in rows:
                names[row] = None
    return names if sum(map(bool, names)) >= _LEAST * len(labels) else [None] * len(names)


def named_by_ids(
    graph: KnowledgeGraph, side: str, faults: Faults, *, names_from: NamesFrom | None = None
) -> KnowledgeGraph:
    """A graph with names from its labels, where it has none; see ``names_of_ids``.

    Args:
        graph: the graph; its context (blank nodes, terms of vocabularies) gets no names.
        side: word for the graph in notes, e.g. ``left``.
        faults: counts the names so given, and the ids without words, in its notes.
        names_from: ``labels``: names that the data state, and no others; ``ids``: also of every entity without one;
            ``None``: the same for a graph in which no entity has one.

    Raises:
        UsageError: another value of ``names_from``.
    """
    if names_from not in (None, *get_args(NamesFrom)):
        raise UsageError(f"unknown names_from {names_from!r}; {nearest(str(names_from), get_args(NamesFrom))}")
    own = Texts.nothing(graph.num_entities) if graph.names is None else Texts.of(graph.names)
    if names_from == "labels" or (names_from is None and own.given.any()):
        return graph
    found = Texts.of(names_of_ids(graph.entities))
    lacking = ~graph.context & ~own.given
    given = found.given & lacking
    named = Labels.of(graph.entities).take(given)
    iris = sum(_SCHEME.match(label) is not None for label in named)
    origin = "the ends of IRIs" if 2 * iris >= len(named) else "the texts of nodes"
    faults.count(f"{side} names, taken from {origin}", len(named))
    faults.count(f"{side} ids without words, which give no name", int((lacking & ~found.given).sum()))
    if not len(named):
        return graph
    return replace(graph, names=own.or_else(found.take_or_none(np.where(given, np.arange(len(given)), -1))))


def _end_of(label: str) -> _End | None:
    """The part of a label that may hold words; ``None`` if there is none."""
    if label.startswith("_:") or _FREEBASE.search(label):
        return None
    found = _SCHEME.match(label)
    if found is None:
        if " " in label or "\t" in label or "\n" in label:
            return _End(label.strip(), False)
        if prefixed := _PREFIXED.fullmatch(label):
            return _End(_decoded(prefixed[1]), True)
        return _End(label.rstrip("/").rpartition("/")[2], True) if label.startswith("/") else _End(label, False)
    body, _, fragment = label[found.end() :].partition("#")
    if fragment and fragment.lower() not in _SELF:
        return _End(_decoded(fragment.rstrip("/").rpartition("/")[2]), True)
    path, _, query = body.partition("?")
    host, _, end = path.rstrip("/").rpartition("/")
    if query or not host:
        return None
    return _End(_SUFFIX.sub("", _decoded(end)), True)


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    plain = unquote(text)
    return text if "\ufffd" in plain else plain


def _is_code(text: str) -> bool:
    """Whether a text has no words: no letters, a letter or prefix with a number, a hash, or letters among digits."""
    if not _LETTER.search(text):
        return True
    if not _has_digit(text) or " " in text:
        return False
    if _NUMBERED.fullmatch(text) or _HEX.fullmatch(text):
        return True
    return len(text) >= 6 and text.isalnum() and len(_CHANGE.findall(text)) >= 3


def _has_digit(text: str) -> bool:
    return _DIGITS.search(text) is not None or (not text.isascii() and any(map(str.isdigit, text)))


def _spaced(end: _End) -> str | None:
    """The words of an end, separated by spaces."""
    text, iri = end
    if any(map(str.isspace, text)):
        return " ".join(text.replace("_", " ").split()) if iri else text
    if "_" in text:
        return " ".join(text.replace("_", " ").split()) or None
    if iri and "+" in text:
        text = re.sub(r"(?<=\w)\+(?=\w)", " ", text)
    hyphens = text.count("-")
    if hyphens > 1 or (hyphens and iri and text == text.lower()):
        return " ".join(text.replace("-", " ").split()) or None
    parts = _CAMEL.split(text)
    if len(parts) >= 3 or (iri and len(parts) == 2 and min(map(len, parts)) >= 3):
        return " ".join(parts)
    return text
