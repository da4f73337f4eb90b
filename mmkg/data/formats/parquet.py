"""Reader and writer of graphs in Parquet files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..kg import KnowledgeGraph
from ..parsing.columns import Faults, OnError
from ..parsing.parquet import SUFFIXES, column_names, read_rows, write_rows
from ..parsing.tables import check_columns
from .tables import graph_tables, read_table_graph, write_images
from .wide import TableKind


def read_parquet(
    source: str | Path,
    *,
    columns: Sequence[str] = (),
    table: TableKind | None = None,
    on_error: OnError = "raise",
    faults: Faults | None = None,
) -> KnowledgeGraph:
    """Read one graph from Parquet: a file of triples or entities, or a folder of tables (see ``read_table_graph``).

    Args:
        source: file or folder.
        columns: names of the columns of head, relation and tail; by default the usual ones (head or subject, ...).
        table: whether a file holds ``entities``, one in each row, or ``triples``; ``None`` = by its columns.
        on_error: ``raise`` at the first bad row, or ``skip`` bad rows.
        faults: policy for bad rows, in place of ``on_error``; filled with notes.

    Raises:
        InputError: a file is missing or not Parquet, a column is missing or not text, a required text is missing.
        MissingPackageError: pyarrow is not installed.
        UsageError: ``columns`` does not hold three names.
    """
    read = partial(read_rows, columns=check_columns(columns))
    if table is None and columns:
        table = "triples"
    return read_table_graph(Path(source), SUFFIXES, read, faults or Faults(on_error), column_names, table=table)


def write_parquet(graph: KnowledgeGraph, folder: str | Path) -> Path:
    """Write a graph as a folder of Parquet tables, which ``read_parquet`` reads back.

    Args:
        graph: the graph.
        folder: made if it does not exist; each file is written completely or not at all.

    Raises:
        InputError: a text that UTF-8 cannot hold, or an empty label.
        MissingPackageError: pyarrow is not installed.
    """
    folder = Path(folder)
    for name, (columns, rows) in graph_tables(graph).items():
        write_rows(folder / f"{name}.parquet", columns, rows)
    write_images(graph.images, folder)
    return folder
