"""Reader of the tables that Microsoft GraphRAG writes."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import InputError
from ..kg import KnowledgeGraph
from ..parsing import delimited, parquet
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.tables import OTHER, TableReader
from .graphml import RELATED
from .wide import add_tables, read_wide

ENTITIES = ("entities", "create_final_entities")
RELATIONSHIPS = ("relationships", "create_final_relationships")
LABELS = ("title", "name")  # column of the names of entities, in newer and older versions
_ENDS, _FACTS = ("source", "target"), ("type", "description")
_OWN = {"description", "weight", "text_unit_ids", "human_readable_id", "combined_degree", "rank"}

Header = Callable[[Path], Sequence[str] | None]


def is_graphrag(path: Path) -> bool:
    """Whether a folder has the tables ``entities`` and ``relationships`` with the columns of GraphRAG."""
    tables = _tables(path) if path.is_dir() else None
    if tables is None:
        return False
    entities, relationships = ({*map(str.lower, _header(table) or ())} for table in tables)
    return bool(entities & {*LABELS}) and relationships >= {*_ENDS} and bool(relationships & _OWN)


def read_graphrag(path: Path, faults: Faults) -> KnowledgeGraph:
    """Read the graph of a folder of GraphRAG: ``entities`` and ``relationships``, in Parquet or CSV.

    The ``title`` (in older versions ``name``) of an entity is its label and its name, ``type`` and ``description`` are
    attributes. A relationship has no name of its own, but a description, so that all are the relation ``related``. The
    other columns are about the documents and the layout, and are left out.

    Raises:
        InputError: a table or column is missing, a title comes again, or a relationship names an unknown entity; file
            and row are given.
    """
    tables = _tables(path)
    if tables is None:
        raise InputError("expected the tables entities and relationships, in Parquet or CSV", path)
    entities, relationships = tables
    label = _column(entities, LABELS)
    known = {*map(str.lower, _header(entities) or ())}
    header = [label, *(name for name in _FACTS if name in known)]
    table = read_wide(entities, header, _reader(entities), faults)._replace(key=label)
    builder = GraphBuilder(entities, faults)
    add_tables(builder, [table])
    builder.names.update({row: title for title, row in builder.entities.items()})
    builder.close(entities.name)
    sides = [_column(relationships, (side,)) for side in _ENDS]
    described = 0
    wanted = [OTHER + side for side in sides]
    for block in _reader(relationships)(relationships, [*wanted, OTHER + "description"], faults):
        heads, tails, texts = block.columns
        ends: list[str] = [""] * (2 * len(block.lines))
        ends[::2], ends[1::2] = ([end or "" for end in column or ()] for column in (heads, tails))
        builder.add_triples(ends, [RELATED] * len(block.lines), relationships, block.lines)
        described += sum(map(bool, texts or ()))
    faults.count(f"{relationships.name}: descriptions, which graphs of triples have no place for", described)
    return builder.build()


def _tables(folder: Path) -> tuple[Path, Path] | None:
    for suffix in (*parquet.SUFFIXES, *delimited.CSV_SUFFIXES):
        for names in zip(ENTITIES, RELATIONSHIPS, strict=True):
            first, second = (folder / (name + suffix) for name in names)
            if first.is_file() and second.is_file():
                return first, second
    return None


def _header(table: Path) -> Sequence[str] | None:
    return parquet.column_names(table) if table.suffix in parquet.SUFFIXES else delimited.first_row(table, ",")


def _reader(table: Path) -> TableReader:
    return parquet.read_rows if table.suffix in parquet.SUFFIXES else delimited.read_rows


def _column(table: Path, names: Sequence[str]) -> str:
    header = _header(table) or ()
    found = next((name for name in names if name in map(str.lower, header)), None)
    if found is None:
        raise InputError(f"expected a column {' or '.join(map(repr, names))}, got {', '.join(header[:8])}", table, 1)
    return found
