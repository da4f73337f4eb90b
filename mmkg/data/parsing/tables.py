"""Tables of texts in files of any format: names of the columns, and rows as readers return them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import Advice, InputError, Setting, UsageError
from ...typing import IntArray
from .columns import Faults

HEAD, RELATION, TAIL = "head", "relation", "tail"
ALIASES: Mapping[str, tuple[str, ...]] = {
    HEAD: ("head", "h", "subject", "subj", "s", "source"),
    RELATION: ("relation", "rel", "r", "predicate", "pred", "p", "property"),
    TAIL: ("tail", "t", "object", "obj", "o", "target"),
    "entity": ("entity", "id", "label", "subject"),
    "attribute": ("attribute", "predicate", "property"),
    "value": ("value", "object"),
    "type": ("type", "datatype"),
    "name": ("name",),
    "picture": ("picture", "image"),
    "left": ("left", "entity1", "source"),
    "right": ("right", "entity2", "target"),
    "part": ("part", "split"),
    "time": ("time", "timestamp", "date", "year", "start_time", "start_date", "time_start", "since", "valid_from"),
    "end": ("end_time", "end_date", "time_end", "until", "valid_to"),
}
# names of head and tail that count only together, with one of the names of EDGE, as ``plain_name`` gives them
PAIRS = (
    *(("node1", "node2"), ("from", "to"), ("entity1", "entity2"), ("start", "end"), ("src", "dst"), ("src", "dest")),
    *(("source", "destination"), ("source", "target"), ("head", "tail"), ("subject", "object"), ("sub", "obj")),
)
EDGE = (*ALIASES[RELATION], "edge", "relationship", "label", "type")
TRIPLES = (HEAD, RELATION, TAIL)
TIMED = (*TRIPLES, "time", "end")  # triples of temporal graphs
ENTITIES, FACTS = ("entity", "name", "picture"), ("entity", "attribute", "value", "type")
LINKS = ("left", "right", "part")
OPTIONAL = ("name", "picture", "value", "type", "part", "time", "end")


LIST = "\x1f"  # between the members of a list that is one field, as tables of typed values have them
OTHER = "."  # ".name" requests the column ``name`` of the file, whatever it holds, if there is one


def is_optional(column: str) -> bool:
    """Whether a requested column, and each of its fields, may be missing."""
    return column in OPTIONAL or column.startswith(OTHER)


_NAME_THEM = Advice("name the columns: {}", Setting("data.columns", ("HEAD", "RELATION", "TAIL")))


class TableBlock(NamedTuple):
    """Some rows of a table: the texts of each requested column (``None`` = the column is missing), and their lines."""

    columns: Sequence[Sequence[str | None] | None]
    lines: IntArray


# (path, wanted columns, faults) -> blocks; fields of the columns that are not optional are never None or empty
TableReader = Callable[[Path, Sequence[str], Faults], Iterator[TableBlock]]


def columns_of(
    header: Sequence[str], wanted: Sequence[str], path: Path, names: Sequence[str] = (), line: int | None = None
) -> list[int | None]:
    """Position of each requested column in a header; ``None`` for a missing optional column.

    Args:
        header: names in the file.
        wanted: names of the requested columns in mmkg; a name without other names is that of the file.
        path: the file, for messages.
        names: names of the first requested columns in the file, in place of the usual names.
        line: line of the header, for messages.

    Raises:
        InputError: a column is missing or occurs twice.
    """
    lower = [name.strip().lower() for name in header]
    if tuple(wanted[:3]) == TRIPLES and not names:
        lower = _with_usual_names(lower)
    places: list[int | None] = []
    for number, column in enumerate(wanted):
        called = (names[number].lower(),) if number < len(names) else _called(column)
        found = [lower.index(name) for name in called if name in lower]
        if not found and not is_optional(column):
            advice = _NAME_THEM if column in TRIPLES else None
            present = ", ".join(map(repr, header[:8]))
            what = " or ".join(map(repr, called[:3]))
            raise InputError(f"expected a column {what}, got {present}", path, line, advice=advice)
        if found and lower.count(lower[found[0]]) > 1:
            raise InputError(f"expected one column {header[found[0]]!r}, got several of this name", path, line)
        places.append(found[0] if found else None)
    return places


def _called(column: str) -> tuple[str, ...]:
    usual = ALIASES.get(column, (column.strip().lower(),))
    return (column.removeprefix(OTHER).lower(),) if column.startswith(OTHER) else usual


def plain_name(name: str) -> str:
    """The name of a column without what export tools add to it: ``:START_ID(Person)`` and ``start_node`` are ``start``,
    ``entity_1`` is ``entity1``."""
    name = re.sub(r"\(.*\)$", "", name.strip().lower()).lstrip(":_~")
    name = re.sub(r"[\s_-]+", "_", name)
    name = re.sub(r"_(?:id|uri|iri|name|label|entity|node|type)$", "", name)
    return re.sub(r"_(?=[0-9]$)", "", name)


def looks_like_header(first: Sequence[str]) -> bool:
    """Whether a line names head and tail, but no relation."""
    plain = [plain_name(name) for name in first]
    return any(head in plain and tail in plain for head, tail in PAIRS)


def _with_usual_names(lower: list[str]) -> list[str]:
    """The names of columns, with the usual ones for head, relation and tail if they are named in another known way."""
    if all(any(name in lower for name in ALIASES[column]) for column in TRIPLES):
        return lower
    plain = [plain_name(name) for name in lower]
    edge = next((name for name in EDGE if name in plain), None)
    for head, tail in PAIRS:
        if edge is not None and head in plain and tail in plain:
            places = {plain.index(head): HEAD, plain.index(edge): RELATION, plain.index(tail): TAIL}
            usual = {name for column in TRIPLES for name in ALIASES[column]}
            return [places.get(k, "" if name in usual else name) for k, name in enumerate(lower)]
    return lower


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of three columns, or none.

    Raises:
        UsageError: another number of names.
    """
    if columns and len(columns) != 3:
        raise UsageError(f"columns: expected the names of head, relation and tail, got {len(columns)} names")
    return tuple(columns)
