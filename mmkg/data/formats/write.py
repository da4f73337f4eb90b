"""Writes a pair in any format."""

from pathlib import Path
from typing import Any

from ...errors import UsageError, nearest
from ..links.jsonl import write_jsonl_links
from ..links.oaei import Cell, write_oaei
from ..links.sssom import SssomMapping, write_sssom
from ..task import AlignmentTask
from . import delimited, parquet, rdf
from .graphs import GRAPH_FORMATS
from .pairs import PAIR_FORMATS
from .registry import GraphFormat
from .tables import link_table

LINK_WRITERS = ("tsv", "csv", "parquet", "jsonl", "nt", "oaei", "sssom")
WITHOUT_SPLIT = ("nt", "oaei", "sssom")


def pair_writers() -> list[str]:
    """Names of all formats that ``write_pair`` writes."""
    return [*(name for name, form in PAIR_FORMATS.items() if form.write is not None), *_graph_writers()]


def write_pair(
    task: AlignmentTask, folder: str | Path, format: str, *, keep_split: bool = False, links: str | None = None
) -> Path:
    """Write a pair as a folder that ``mmkg.load`` reads.

    Args:
        task: the pair.
        folder: made if it does not exist.
        format: ``dbp15k``, ``openea``, ``mmkb``, ``ntriples``, ``tsv``, ``csv`` or ``parquet``, see ``pair_writers``;
            the writer of each format documents what it cannot hold.
        keep_split: also write the part of each link: OpenEA as fold ``split``, the others as column
            ``part`` of the links.
        links: format of the links of two graphs: ``tsv``, ``csv``, ``parquet``, ``jsonl``; or ``nt``, ``oaei`` and
            ``sssom``, which hold no split; by default that of the graphs.

    Raises:
        UsageError: no such format, or one that holds no split.
        InputError: a text that the format cannot hold.
    """
    folder = Path(folder)
    if format not in pair_writers():
        raise UsageError(f"unknown format {format!r}; {nearest(format, pair_writers())}")
    if links is not None and links not in LINK_WRITERS:
        raise UsageError(f"unknown format of links {links!r}; {nearest(links, LINK_WRITERS)}")
    if format in PAIR_FORMATS:
        layout = PAIR_FORMATS[format]
        write = layout.write_split if keep_split else layout.write
        if links is not None:
            raise UsageError(f"the layout {format} has a format of links of its own")
        if write is None:
            raise UsageError(f"the layout {format} has no place for validation links; choose another format")
        write(task, folder)
        return folder
    form = _graph_writers()[format]
    for side, graph in {"left": task.left, "right": task.right}.items():
        assert form.write is not None  # a writer by its choice
        form.write(graph, folder / side)
    if links is None:
        links = "csv" if keep_split and form.links in WITHOUT_SPLIT else form.links
    _write_links(task, folder, links, keep_split)
    return folder


def _graph_writers() -> dict[str, GraphFormat]:
    return {form.written_as or name: form for name, form in GRAPH_FORMATS.items() if form.write is not None}


def _write_links(task: AlignmentTask, folder: Path, form: str, keep_split: bool) -> None:
    columns, rows = link_table(task, parts=keep_split)
    pairs = [(str(row[0]), str(row[1])) for row in rows]
    if form in WITHOUT_SPLIT and keep_split:
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
