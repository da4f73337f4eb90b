"""Writes a pair in any format."""

import logging
from pathlib import Path

from ...errors import UsageError, nearest
from ..links.checked import PARTS
from ..links.export import Export, Link
from ..links.formats import link_format, write_links
from ..parsing.iris import to_iri
from ..task import AlignmentTask
from .graphs import GRAPH_FORMATS
from .left_out import SPLIT, left_out, left_out_text
from .pairs import PAIR_FORMATS
from .registry import GraphFormat

logger = logging.getLogger(__name__)


def pair_writers() -> list[str]:
    """Names of all formats that ``write_pair`` writes."""
    return [*(name for name, form in PAIR_FORMATS.items() if form.write is not None), *_graph_writers()]


def write_pair(
    task: AlignmentTask, folder: str | Path, format: str, *, keep_split: bool = False, links: str | None = None
) -> Path:
    """Write a pair as a folder that ``mmkg.load`` reads.

    A warning in the log counts what the format has no place for, see ``not_written``.

    Args:
        task: the pair.
        folder: made if it does not exist.
        format: ``dbp15k``, ``openea``, ``mmkb``, ``ntriples``, ``tsv``, ``csv``, ``parquet``, ``graphml`` or ``json``,
            see ``pair_writers``; the writer of each format documents what it cannot hold.
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
    _write(task, folder, format, keep_split, links)
    if found := not_written(task, format, links=links):
        logger.warning("%s", left_out_text(found))
    return folder


def not_written(task: AlignmentTask, format: str, *, links: str | None = None) -> dict[str, int]:
    """Number of items of each kind that ``write_pair`` leaves out because the format has no place for them.

    Args:
        task: the pair.
        format: a name of ``pair_writers``.
        links: format of the links, as in ``write_pair``. A split counts only if the format holds none.
    """
    if format in PAIR_FORMATS:
        layout = PAIR_FORMATS[format]
        holds = (*layout.holds(task), *(() if layout.write_split is None else (SPLIT,)))
        return left_out(task, holds)
    form = _graph_writers()[format]
    split = links is None or link_format(links).holds_parts
    return left_out(task, (*form.holds, *((SPLIT,) if split else ())))


def _write(task: AlignmentTask, folder: Path, format: str, keep_split: bool, links: str | None) -> None:
    if links is not None:
        link_format(links)
    if format in PAIR_FORMATS:
        layout = PAIR_FORMATS[format]
        write = layout.write_split if keep_split else layout.write
        if links is not None:
            raise UsageError(f"the layout {format} has a format of links of its own")
        if write is None:
            raise UsageError(f"the layout {format} has no place for validation links; choose another format")
        write(task, folder)
        return
    form = _graph_writers()[format]
    for side, graph in {"left": task.left, "right": task.right}.items():
        assert form.write is not None  # a writer by its choice
        form.write(graph, folder / side)
    if links is None:
        links = "csv" if keep_split and not link_format(form.links).holds_parts else form.links
    _write_links(task, folder, links, keep_split)


def _graph_writers() -> dict[str, GraphFormat]:
    return {form.written_as or name: form for name, form in GRAPH_FORMATS.items() if form.write is not None}


def _write_links(task: AlignmentTask, folder: Path, form: str, keep_split: bool) -> None:
    rows = [(part, i, j) for part in PARTS for i, j in getattr(task.links, part).tolist()]
    links = [Link(task.left.entities[i], task.right.entities[j]) for _, i, j in rows]
    name = "links" + link_format(form).suffixes[0]
    if not links:  # a file of links holds at least one
        (folder / name).unlink(missing_ok=True)
        return
    parts = [part for part, _, _ in rows] if keep_split else None
    write_links(folder / name, Export(links, identifier=to_iri(name), parts=parts, scored=False), form)
