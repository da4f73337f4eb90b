"""Reader and writer of graphs in TSV and CSV files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ...errors import InputError
from ..kg import KnowledgeGraph
from ..parsing.columns import Faults, OnError, stem
from ..parsing.delimited import CSV_SUFFIXES, TSV_SUFFIXES, first_row, read_rows, write_rows
from ..parsing.tables import check_columns
from .tables import TRIPLE_FILES, graph_tables, read_table_graph, write_images
from .wide import TableKind, table_files


def read_delimited(
    source: str | Path,
    *,
    header: bool | None = None,
    columns: Sequence[str] = (),
    table: TableKind | None = None,
    on_error: OnError = "raise",
    faults: Faults | None = None,
) -> KnowledgeGraph:
    """Read one graph from TSV or CSV: a file of triples or entities, or a folder of tables (see ``read_table_graph``).

    Fields of ``.tsv`` and ``.txt`` are separated by tabs and taken as they are; ``.csv`` follows RFC 4180, quotes and
    line ends inside quotes included. Both may be compressed (``.gz``, ``.bz2``).

    Args:
        source: file or folder.
        header: whether the first line of a file of triples names the columns; ``None`` = if it does.
        columns: names of the columns of head, relation and tail; by default the usual ones (head or subject, ...).
            A file without a header has exactly these three columns.
        table: whether a file holds ``entities``, one in each row, or ``triples``; ``None`` = by its first line, triples
            if ``header`` or ``columns`` is given.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        faults: policy for bad lines, in place of ``on_error``; filled with notes.

    Raises:
        InputError: a file is missing or breaks the format; the message holds file and line.
        UsageError: ``columns`` does not hold three names.
    """
    source = Path(source)
    read = partial(read_rows, header=header, columns=check_columns(columns))
    suffixes = suffixes_of(source)
    separator = "," if suffixes == CSV_SUFFIXES else "\t"
    if table is None and (columns or header is False):
        table = "triples"
    faults = faults or Faults(on_error)
    return read_table_graph(source, suffixes, read, faults, lambda path: first_row(path, separator), table=table)


def write_delimited(graph: KnowledgeGraph, folder: str | Path, *, form: str = "tsv") -> Path:
    """Write a graph as a folder of TSV or CSV tables, which ``read_delimited`` reads back.

    Empty texts are read back as missing. TSV holds no tabs and line ends; CSV holds any text (a carriage return before
    a line feed is lost).

    Args:
        graph: the graph.
        folder: made if it does not exist; each file is written completely or not at all.
        form: ``tsv`` or ``csv``.

    Raises:
        InputError: a text that the format cannot hold.
        UsageError: another form.
    """
    folder = Path(folder)
    for name, (columns, rows) in graph_tables(graph).items():
        write_rows(folder / f"{name}.{form}", columns, rows)
    write_images(graph.images, folder)
    return folder


def suffixes_of(source: Path) -> tuple[str, ...]:
    """The suffixes of TSV or of CSV, whichever the file, or the table of triples in the folder, has.

    Raises:
        InputError: another suffix, or several tables of triples.
    """
    if source.is_dir():
        known = (*TSV_SUFFIXES, *CSV_SUFFIXES)
        files = sorted(path for name in TRIPLE_FILES for path in source.glob(name + ".*"))
        found = [path for path in files if stem(path).suffix in known]
        if len(found) > 1:
            raise InputError(f"expected one table of triples, found {', '.join(path.name for path in found)}", source)
        found = found or table_files(source, CSV_SUFFIXES)
        return CSV_SUFFIXES if found and stem(found[0]).suffix in CSV_SUFFIXES else TSV_SUFFIXES
    suffix = stem(source).suffix.lower()
    for suffixes in (TSV_SUFFIXES, CSV_SUFFIXES):
        if suffix in suffixes:
            return suffixes
    raise InputError("expected a .tsv, .txt or .csv file, or a folder with such tables", source)
