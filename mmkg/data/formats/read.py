"""Which format a file or a folder has, and its reader and writer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, UsageError, nearest
from ..kg import KnowledgeGraph
from ..links.checked import LabelLinks
from ..links.jsonl import SUFFIXES as JSONL_SUFFIXES
from ..links.jsonl import read_jsonl_links
from ..links.oaei import is_oaei, read_oaei_links
from ..links.pairs import same_as_links, task_of
from ..links.sssom import SUFFIXES as SSSOM_SUFFIXES
from ..links.sssom import read_sssom_links
from ..parsing.columns import Faults, OnError, stem
from ..task import AlignmentTask, Candidates
from . import delimited, parquet, rdf
from .dbp15k import read_dbp15k
from .detect import _NO_GRAPH, GRAPHS, HowToRead, _layout, _side, _suffixes, graph_format
from .mmkb import read_mmkb
from .openea import read_openea
from .rdf import RdfGraph


def read_graph(
    source: str | Path,
    *,
    format: str | None = None,
    how: HowToRead | None = None,
    on_error: OnError = "raise",
) -> KnowledgeGraph:
    """Read one graph from a file or a folder of RDF, TSV, CSV or Parquet.

    Args:
        source: ``.nt``, ``.ttl``, ``.rdf``, ``.tsv``, ``.csv``, ``.parquet``, ...; or a folder of RDF files, or of
            tables.
        format: ``rdf``, ``tsv``, ``csv`` or ``parquet``; by default what the name tells.
        how: what the reader may be told.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.

    Raises:
        InputError: a file is missing, of no known format, or breaks its format.
        UsageError: no such format.
    """
    return _graph(Path(source), format, how or HowToRead(), Faults(on_error)).graph


def read_links(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> LabelLinks:
    """Read links between labels.

    Args:
        path: an OAEI alignment or ``owl:sameAs`` (``.rdf``, ``.xml``, ``.owl``, ``.nt``, ``.ttl``, ...); SSSOM
            (``.sssom.tsv``); JSON Lines (``.jsonl``); columns left and right in ``.csv`` and ``.parquet``, and,
            separated by tabs, in a file of any other name.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        faults: what to do with bad lines, in place of ``on_error``.

    Raises:
        InputError: the file is missing or breaks its format.
    """
    path, faults = Path(path), faults or Faults(on_error)
    suffix = stem(path).suffix.lower()
    if _says_same_as(path):
        pairs = rdf.read_same_as(path, faults)
        return LabelLinks(path, [a for a, _ in pairs], [b for _, b in pairs], np.arange(1, len(pairs) + 1))
    if stem(path).name.lower().endswith(SSSOM_SUFFIXES):
        return read_sssom_links(path, faults)
    if suffix in JSONL_SUFFIXES:
        return read_jsonl_links(path, faults)
    if suffix in parquet.SUFFIXES:
        return parquet.read_parquet_links(path, faults)
    if suffix in rdf.SUFFIXES:
        return read_oaei_links(path, faults)
    return delimited.read_delimited_links(path, faults)


def read_pair(
    left: str | Path,
    right: str | Path,
    links: str | Path | None = None,
    *,
    format: str | None = None,
    how: HowToRead | None = None,
    name: str | None = None,
    train_ratio: float = 0.3,
    valid_ratio: float = 0.1,
    seed: int = 0,
    on_error: OnError = "raise",
    one_to_one: bool = True,
    candidates: Candidates = "test",
) -> AlignmentTask:
    """Read two graphs and the links between them.

    Args:
        left: see ``read_graph``.
        right: the same.
        links: see ``read_links``; without them, ``owl:sameAs`` in either graph gives the links. In a file of
            ``owl:sameAs`` links may stand in both directions, then also along chains and around cycles.
        format: of both graphs; by default what their names tell.
        how: what the readers may be told.
        name: of the task; by default made of the names of the files.
        train_ratio: share of the links to learn from, in (0, 1]; not used where the file says the part of each link.
        valid_ratio: share of *those* held out for selection, in [0, 1).
        seed: of the split.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines and count them in ``task.notes``.
        one_to_one: whether an entity may have one counterpart only.
        candidates: whom a test entity is ranked among.

    Raises:
        InputError: a file is missing, of no known format, or breaks its format.
        UsageError: no such format; a ratio or ``on_error`` is out of range.
    """
    faults, how = Faults(on_error), how or HowToRead()
    graphs = [_graph(Path(source), format, how, faults) for source in (left, right)]
    labels = [each.graph.entities for each in graphs]
    found: LabelLinks | None = None
    if links is not None:
        found = read_links(links, faults=faults)
        if _says_same_as(Path(links)) and _some_reversed(found, labels):
            pairs = list(zip(found.left, found.right, strict=True))
            found = same_as_links(pairs, labels[0], labels[1], found.path, faults)
    else:
        pairs = [*graphs[0].same_as, *graphs[1].same_as]
        found = same_as_links(pairs, labels[0], labels[1], Path(left), faults) if pairs else None
    return task_of(
        graphs[0].graph,
        graphs[1].graph,
        found,
        name=name or "_".join(stem(source).stem for source in (left, right)),
        train_ratio=train_ratio,
        valid_ratio=valid_ratio,
        seed=seed,
        one_to_one=one_to_one,
        candidates=candidates,
        faults=faults,
    )


def read_task(
    source: str | Path,
    *,
    format: str | None = None,
    links: str | Path | None = None,
    fold: str | None = None,
    graphs: Sequence[str] = (),
    how: HowToRead | None = None,
    images: str | Path | None = None,
    names: str | Path | None = None,
    **shared: Any,
) -> AlignmentTask:
    """Read a folder that holds a pair, whatever its layout.

    Args:
        source: folder in the layout of DBP15K, OpenEA or MMKB; or with ``left`` and ``right``, each a file or folder
            that ``read_graph`` takes, and ``links`` that ``read_links`` takes.
        format: ``dbp15k``, ``openea``, ``mmkb`` or ``pair``, or what both graphs of a ``pair`` are; by default what the
            files tell.
        links: file of links in place of the one there (``pair`` only).
        fold: folder of links that are split already (OpenEA only).
        graphs: which two graphs (MMKB only).
        how: what the readers of single graphs may be told (``pair`` only).
        images: file of image features, if it lies elsewhere (DBP15K only).
        names: file of names, if it lies elsewhere (DBP15K only).
        shared: ``train_ratio``, ``valid_ratio``, ``seed``, ``on_error``, ``one_to_one``, ``candidates``.

    Raises:
        InputError: no layout fits; the message lists what was looked for. Or a file breaks its format.
        UsageError: a setting that the layout does not take.
    """
    folder = Path(source)
    layout = _layout(folder, format)
    settings: dict[str, Any] = {"links": links, "fold": fold, "graphs": graphs, "images": images, "names": names}
    takes = {"dbp15k": ("images", "names"), "openea": ("fold",), "mmkb": ("graphs",), "pair": ("links",)}[layout]
    for key, value in settings.items():
        if value and key not in takes:
            raise UsageError(f"data.{key} is not for the layout {layout}, as which {folder} is read")
    given = {key: settings[key] for key in takes}
    if layout != "pair":
        readers: dict[str, Any] = {"dbp15k": read_dbp15k, "openea": read_openea, "mmkb": read_mmkb}
        task: AlignmentTask = readers[layout](folder, **given, **shared)
        return task
    left, right = (_side(folder, side) for side in ("left", "right"))
    if links is None:
        there = sorted(folder.glob("links.*"))
        if len(there) > 1:
            raise InputError(f"expected one file of links, found {', '.join(path.name for path in there)}", folder)
        links = there[0] if there else None
    inner = format if format in GRAPHS else None
    return read_pair(left, right, links, format=inner, how=how, name=folder.resolve().name, **shared)


def _says_same_as(path: Path) -> bool:
    """Whether a file of links is RDF, and no OAEI alignment."""
    suffix = stem(path).suffix.lower()
    return suffix in rdf.SUFFIXES and not (suffix in (".rdf", ".xml", ".owl") and is_oaei(path))


def _some_reversed(links: LabelLinks, labels: Sequence[Sequence[str]]) -> bool:
    """Whether any link leads from the right to the left graph, as ``owl:sameAs`` may."""
    left, right = (set(side) for side in labels)
    reverse = (b in left and a in right for a, b in zip(links.left, links.right, strict=True))
    forward = (a in left and b in right for a, b in zip(links.left, links.right, strict=True))
    return any(there and not here for there, here in zip(reverse, forward, strict=True))


def _graph(path: Path, format: str | None, how: HowToRead, faults: Faults) -> RdfGraph:
    if format is not None and format not in GRAPHS:
        raise UsageError(f"unknown format of a graph {format!r}; {nearest(format, GRAPHS)}")
    if not path.exists():
        raise InputError("no such file or folder; check the path", path)
    kind = format or graph_format(path)
    if kind is None:
        tables = "a folder of RDF files or with triples.tsv, .csv or .parquet"
        raise InputError(_NO_GRAPH.format(tables if path.is_dir() else "one of " + ", ".join(_suffixes())), path)
    return GRAPHS[kind].read(path, how, faults)
