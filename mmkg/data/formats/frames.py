"""Graphs and links out of tables in memory: DataFrames of pandas and polars, tables of Arrow, lists of triples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, UsageError, brief
from ..kg import KnowledgeGraph
from ..links.checked import LabelLinks
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.roles import id_column, is_certain, may_be_header
from ..parsing.tables import ALIASES, LINKS, LIST, PAIRS, TRIPLES, columns_of, plain_name
from ..parsing.value_text import is_missing, value_text, value_texts
from .wide import WideTable, add_tables, graph_of_wide

PACKAGES = ("pandas", "polars", "pyarrow")
Columns = Mapping[str, Sequence[Any]]
RELATED = "related"  # the relation of tables that have none


def is_frame(value: Any) -> bool:
    """Whether a value is a DataFrame of pandas or polars, or a table of Arrow; none of these packages is imported."""
    kind = type(value)
    return kind.__name__ in ("DataFrame", "Table") and kind.__module__.partition(".")[0] in PACKAGES


def columns_of_frame(frame: Any, source: Path) -> dict[str, list[Any]]:
    """The columns of a table by name, as Python objects.

    Raises:
        InputError: two columns have one name.
    """
    names = list(frame.column_names if hasattr(frame, "column_names") else frame.columns)
    if len({str(name) for name in names}) < len(names):
        raise InputError(f"expected columns with different names, got {', '.join(map(str, names))}", source)
    listed = {str(name): frame[name] for name in names}
    return {
        name: list(column.to_pylist() if hasattr(column, "to_pylist") else column.to_list())
        for name, column in listed.items()
    }


def graph_of_triples(rows: Sequence[Any], source: Path, faults: Faults) -> KnowledgeGraph:
    """A graph from a list of triples (head, relation, tail), see ``graph_of_columns``.

    Raises:
        InputError: an item is no triple, or a part of it is missing.
    """
    good = [isinstance(row, list | tuple | np.ndarray) and len(row) == 3 for row in rows]
    for place, fine in enumerate(good):
        if not fine:
            faults.bad(f"expected (head, relation, tail), got {brief(rows[place])}", source, place + 1)
    kept = [row for row, fine in zip(rows, good, strict=True) if fine]
    lines = np.flatnonzero(good) + 1
    builder = GraphBuilder(source, faults)
    heads, relations, tails = ([row[k] for row in kept] for k in range(3))
    _add_triples(builder, heads, relations, tails, source, lines)
    return builder.build()


def graph_of_frame(frame: Any, source: Path, faults: Faults) -> KnowledgeGraph:
    """A graph from one table: of triples, or of entities, one in each row.

    Triples have the columns head, relation and tail, under any of the names that a file may use, or just three columns.
    A tail that is a number, a date or a truth value is a value of its head, where heads are texts. A table without a
    relation, such as source and target, has the relation ``related``. Every other table with a usual name of an id or
    of names is one of entities, see ``add_tables``; a list in a field is several values.

    Raises:
        InputError: a column is missing, a label is missing, or an entity is listed twice.
    """
    columns = columns_of_frame(frame, source)
    names = list(columns)
    if may_be_header(names, source.name):
        table = _table(columns, source)
        if is_certain(names, source.name) or id_column(table.columns, source.name) is not None:
            return graph_of_wide([table], faults)
    return _graph(columns, None, source, faults)


def graph_of_frames(entities: Any, triples: Any, source: Path, faults: Faults) -> KnowledgeGraph:
    """A graph from a table of entities and one of triples, see ``graph_of_frame``.

    The table of entities lists all of them in its order. The column that holds the ends of the triples is the entity.

    Raises:
        InputError: a column is missing, an entity is listed twice, or a triple names one that is not listed.
    """
    return _graph(columns_of_frame(triples, source), columns_of_frame(entities, source), source, faults)


def _graph(columns: Columns, entities: Columns | None, source: Path, faults: Faults) -> KnowledgeGraph:
    heads, relations, tails = _triple_columns(columns, source, faults)
    builder = GraphBuilder(source, faults)
    if entities is not None:
        place = source.with_name(f"{source.name}, entities")
        key = _key_column(entities, {*_texts(heads), *_texts(tails)}, place) if entities else None
        add_tables(builder, [_table(entities, place, key)])
        builder.close("the table of entities")
    _add_triples(builder, heads, relations, tails, source, np.arange(1, len(heads) + 1))
    return builder.build()


def links_of_object(links: Any, source: Path) -> LabelLinks:
    """Links from label pairs, from a mapping of left to right labels, or from a table.

    Args:
        links: pairs (left, right); a mapping; or a table with the columns left and right (and part), under the names
            that a file may use, or just two columns.
        source: for messages.

    Raises:
        InputError: an item is no pair, or a label is missing; the message has its position.
        UsageError: another kind of object.
    """
    parts: Sequence[Any] | None = None
    if is_frame(links):
        left, right, parts = _link_columns(columns_of_frame(links, source), source)
    elif isinstance(links, Mapping):
        left, right = list(links), list(links.values())
    elif isinstance(links, Sequence | np.ndarray | set | frozenset) and not isinstance(links, str | bytes):
        pairs = sorted(links) if isinstance(links, set | frozenset) else list(links)
        for place, pair in enumerate(pairs):
            if not isinstance(pair, tuple | list | np.ndarray) or len(pair) != 2:
                raise InputError(f"expected (left label, right label), got {brief(pair)}", source, place + 1)
        left, right = ([pair[k] for pair in pairs] for k in range(2))
    else:
        raise UsageError(
            "links must be pairs of labels, e.g. [('a', 'x')], a DataFrame with the columns left and right, "
            f"or a file, got {brief(links)}"
        )
    lefts, rights = _labels(left, source, "left label"), _labels(right, source, "right label")
    shown = None if parts is None else [str(part) for part in parts]
    return LabelLinks(source, lefts, rights, np.arange(1, len(lefts) + 1), shown)


def _add_triples(
    builder: GraphBuilder,
    heads: Sequence[Any],
    relations: Sequence[Any],
    tails: Sequence[Any],
    source: Path,
    lines: np.ndarray,
) -> None:
    """Add triples between labels; a tail that is no text becomes a value where heads are texts."""
    fine = np.ones(len(heads), bool)
    for what, column in (("head", heads), ("relation", relations), ("tail", tails)):
        missing = np.array(list(map(is_missing, column)), bool)
        for place in np.flatnonzero(missing & fine).tolist():
            builder.faults.bad(f"expected a {what}, got {column[place]!r}", source, int(lines[place]))
        fine &= ~missing
    texts = np.array([isinstance(tail, str) for tail in tails], bool)
    if not all(isinstance(head, str) for head in heads):
        texts[:] = True  # entities have numbers as labels
    for linked in (True, False):
        chosen = np.flatnonzero(fine & (texts == linked))
        own, kinds, ends = (
            _labels([column[k] for k in chosen.tolist()], source, what)
            for what, column in (("head", heads), ("relation", relations), ("tail", tails))
        )
        if linked:
            both: list[str] = [""] * (2 * len(chosen))
            both[::2], both[1::2] = own, ends
            builder.add_triples(both, kinds, source, lines[chosen])
        elif len(chosen):
            builder.add_facts(own, kinds, ends, None, source, lines[chosen])


def _table(columns: Columns, source: Path, key: str | None = None) -> WideTable:
    """A table of entities with the texts of its values; those of a list stand in one field.

    Raises:
        InputError: a value that is no text, number, or list of them.
    """
    texts: dict[str, Sequence[str | None]] = {}
    for name, column in columns.items():
        found: list[str | None] = []
        for row, value in enumerate(column):
            try:
                found.append(value if isinstance(value, str) and value else LIST.join(value_texts(value)) or None)
            except TypeError as error:
                what = f"expected texts, numbers or lists of them in the column {name!r}, got {error}"
                raise InputError(what, source, row + 1) from None
        texts[name] = found
    size = len(next(iter(texts.values()), ()))
    if size == 0:
        raise InputError("expected at least one entity, got none", source)
    return WideTable(source.name, source, texts, np.arange(1, size + 1), key)


def _key_column(columns: Columns, ends: set[str], source: Path) -> str:
    """The column of the entities: that with most ends of the triples; of several, the one with the usual name."""
    covered = {name: len(ends.intersection(_texts(column))) for name, column in columns.items()}
    usual = ALIASES["entity"]
    best = max(columns, key=lambda name: (covered[name], name.strip().lower() in usual))
    if covered[best] == 0:
        shown = ", ".join(map(repr, list(columns)[:8]))
        raise InputError(f"expected a column with the heads and tails of the triples, got {shown}", source)
    return best


def _triple_columns(columns: Columns, source: Path, faults: Faults) -> list[Sequence[Any]]:
    """Head, relation and tail, by the names of the columns, or of a table with just three columns."""
    names = list(columns)
    try:
        places = columns_of(names, TRIPLES, source)
    except InputError:
        plain = [plain_name(name) for name in names]
        pair = next((pair for pair in PAIRS if set(pair) <= {*plain}), None)
        if pair is not None:
            head, tail = (columns[names[plain.index(end)]] for end in pair)
            faults.count(f"{source.name}: triples without a relation, called {RELATED!r}", len(head))
            return [head, [RELATED] * len(head), tail]
        if len(names) != 3:
            raise
        places = [0, 1, 2]
    return [columns[names[place]] for place in places if place is not None]


def _link_columns(columns: Columns, source: Path) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any] | None]:
    names = list(columns)
    try:
        left, right, part = columns_of(names, LINKS, source)
    except InputError:
        if len(names) != 2:
            raise
        left, right, part = 0, 1, None
    assert left is not None and right is not None
    return columns[names[left]], columns[names[right]], None if part is None else columns[names[part]]


def _texts(column: Sequence[Any]) -> list[str]:
    """Texts of the single values of a column; lists and the like are left out."""
    found = []
    for value in column:
        if isinstance(value, str):
            found.append(value)
            continue
        try:
            text = value_text(value)
        except TypeError:
            continue
        if text is not None:
            found.append(text)
    return found


def _labels(column: Sequence[Any], source: Path, what: str) -> list[str]:
    """A column of labels as texts.

    Raises:
        InputError: a label is missing, or is no text or number.
    """
    if all(isinstance(value, str) for value in column) and "" not in column:
        return list(column)
    found = []
    for row, value in enumerate(column):
        text = _text(value, source, what, row)
        if not text:
            raise InputError(f"expected a text as {what}, got {value!r}", source, row + 1)
        found.append(text)
    return found


def _text(value: Any, source: Path, what: str, row: int) -> str | None:
    try:
        return value_text(value)
    except TypeError as error:
        raise InputError(f"expected a text or number as {what}, got a value of type {error}", source, row + 1) from None
