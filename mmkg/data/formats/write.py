"""Writes a pair in any format."""

from pathlib import Path
from typing import Any

from ...errors import UsageError, nearest
from ..links.jsonl import write_jsonl_links
from ..links.oaei import Cell, write_oaei
from ..links.sssom import SssomMapping, write_sssom
from ..task import AlignmentTask
from . import delimited, parquet, rdf
from .dbp15k import write_dbp15k
from .mmkb import write_mmkb
from .openea import write_openea
from .rdf import write_ntriples
from .tables import link_table

WRITERS = ("dbp15k", "openea", "mmkb", "ntriples", "tsv", "csv", "parquet")
LINK_WRITERS = ("tsv", "csv", "parquet", "jsonl", "nt", "oaei", "sssom")


def write_pair(
    task: AlignmentTask, folder: str | Path, format: str, *, keep_split: bool = False, links: str | None = None
) -> Path:
    """Write a pair so that ``mmkg.load`` takes it.

    Args:
        task: the pair.
        folder: made if it is not there.
        format: ``dbp15k``, ``openea``, ``mmkb``, ``ntriples``, ``tsv``, ``csv`` or ``parquet``; what a format cannot
            hold is said at its writer.
        keep_split: write which links train, validate and test, too: OpenEA as fold ``split``, the others as column
            ``part`` of the links.
        links: format of the links of two graphs: ``tsv``, ``csv``, ``parquet``, ``jsonl``; or ``nt``, ``oaei`` and
            ``sssom``, which hold no split; by default that of the graphs.

    Raises:
        UsageError: no such format, or one that holds no split.
        InputError: a text that the format cannot hold.
    """
    folder = Path(folder)
    if format not in WRITERS:
        raise UsageError(f"unknown format {format!r}; {nearest(format, WRITERS)}")
    if links is not None and links not in LINK_WRITERS:
        raise UsageError(f"unknown format of links {links!r}; {nearest(links, LINK_WRITERS)}")
    if format in ("dbp15k", "openea", "mmkb"):
        if links is not None:
            raise UsageError(f"the layout {format} has a format of links of its own")
        if keep_split and format != "openea":
            raise UsageError(f"the layout {format} has no place for validation links; choose another format")
        if format == "openea":
            return write_openea(task, folder, fold="split" if keep_split else None)
        return write_dbp15k(task, folder) if format == "dbp15k" else write_mmkb(task, folder)
    for side, graph in {"left": task.left, "right": task.right}.items():
        if format == "ntriples":
            write_ntriples(graph, folder / f"{side}.nt")
        elif format == "parquet":
            parquet.write_parquet(graph, folder / side)
        else:
            delimited.write_delimited(graph, folder / side, form=format)
    if links is None:
        links = format if format != "ntriples" else "csv" if keep_split else "nt"
    _write_links(task, folder, links, keep_split)
    return folder


def _write_links(task: AlignmentTask, folder: Path, form: str, keep_split: bool) -> None:
    columns, rows = link_table(task, parts=keep_split)
    pairs = [(str(row[0]), str(row[1])) for row in rows]
    if form in ("nt", "oaei", "sssom") and keep_split:
        raise UsageError(f"links as {form} have no place for a split; choose tsv, csv, parquet or jsonl")
    if form == "nt":
        rdf.write_same_as(folder / "links.nt", pairs)
    elif form == "oaei":
        write_oaei(folder / "links.rdf", (Cell(left, right) for left, right in pairs))
    elif form == "sssom":
        write_sssom(folder / "links.sssom.tsv", [SssomMapping(left, right) for left, right in pairs])
    else:
        write: dict[str, Any] = {"parquet": parquet.write_rows, "jsonl": write_jsonl_links}
        write.get(form, delimited.write_rows)(folder / f"links.{form}", columns, rows)
