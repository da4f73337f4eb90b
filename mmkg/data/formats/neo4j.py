"""Tables of nodes as Neo4j exports and imports them: properties with their types in the header."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.tables import OTHER, TableReader

_FIELD = re.compile(r"(?P<name>[^:]*)(?::(?P<type>[A-Za-z_]+)(?P<list>\[\])?(?:\(.*\)|\{.*\})?)?")
_SKIPPED = ("ignore", "start_id", "end_id", "type")
LABEL = "label"  # the attribute that holds the labels of a node


def is_neo4j(header: Sequence[str]) -> bool:
    """Whether a header has a column ``:ID``, also ``personId:ID(Person)``."""
    return any(kind == "id" for _, kind, _ in map(_parsed, header))


def read_nodes(path: Path, header: Sequence[str], read: TableReader, builder: GraphBuilder, faults: Faults) -> None:
    """Add the nodes of a table, which lists all entities of the graph, and their properties as facts.

    The column ``:ID`` is the entity, ``name`` its name, ``picture`` or ``image`` its picture. ``:LABEL`` gives facts of
    the attribute ``label``; every other property is an attribute. Lists are separated by semicolons. Empty fields and
    columns ``:IGNORE`` are left out.

    Raises:
        InputError: several columns ``:ID``, a row without id, or an id for the second time.
    """
    fields = [_parsed(column) for column in header]
    places = [place for place, (_, kind, _) in enumerate(fields) if kind == "id"]
    if len(places) > 1:
        raise InputError(f"expected one column :ID, got {len(places)}", path, 1)
    wanted = [OTHER + column.strip() for column in header]
    for block in read(path, wanted, faults):
        ids = block.columns[places[0]] or ()
        kept: list[int] = []
        for index, label in enumerate(ids):
            if not label or label in builder.entities:
                got = f"{label!r} again" if label else "an empty field"
                faults.bad(f"expected a unique id of every node, got {got}", path, int(block.lines[index]))
                continue
            _ = builder.entities[label]
            kept.append(index)
        for place, (name, kind, many) in enumerate(fields):
            column = block.columns[place]
            if kind in ("id", *_SKIPPED) or column is None:
                continue
            found = [(index, text) for index in kept if (text := column[index])]
            own = {"name": builder.names, "picture": builder.pictures, "image": builder.pictures}.get(name.lower())
            if own is not None and kind != "label" and not many:
                own.update({builder.entities[ids[index]]: text for index, text in found})  # type: ignore[index]
                continue
            if kind == "label" or many:
                found = [(index, part) for index, text in found for part in text.split(";") if part]
            labels = [ids[index] for index, _ in found]
            attributes = [LABEL if kind == "label" else name] * len(found)
            lines = np.array([block.lines[index] for index, _ in found], np.int64)
            builder.add_facts(labels, attributes, [text for _, text in found], None, path, lines)  # type: ignore[arg-type]
    if not builder.entities:
        raise InputError("expected at least one node, got none", path)
    builder.close(path.name)


def _parsed(column: str) -> tuple[str, str, bool]:
    """Name and type of a property, and whether it is a list."""
    found = _FIELD.fullmatch(column.strip())
    if found is None:
        return column.strip(), "string", False
    return found["name"], (found["type"] or "string").lower(), found["list"] is not None
