"""Pairs of two graphs, each in a format of its own, with a file of links between them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from ...errors import InputError
from ..links.between import read_links_between
from ..links.checked import LabelLinks
from ..links.pairs import PairData, make_task, same_as_links
from ..parsing.columns import Faults, stem
from ..parsing.id_names import NamesFrom, named_by_ids
from ..parsing.urls import Url, located, path_of
from ..split import SplitConfig, SplitSettings
from ..task import AlignmentTask
from .frames import links_of_object
from .graphs import GRAPH_FORMATS, graph_format, settings_of_graphs, users_of_settings
from .objects import graph_data_of
from .registry import refuse_unused
from .wide import TableKind


def read_pair(
    left: str | Path,
    right: str | Path,
    links: str | Path | None = None,
    *,
    format: str | None = None,
    languages: Sequence[str] | None = None,
    header: bool | None = None,
    columns: Sequence[str] | None = None,
    table: TableKind | None = None,
    names_from: NamesFrom | None = None,
    name: str | None = None,
    **split: Unpack[SplitSettings],
) -> AlignmentTask:
    """Read two graphs and the links between them.

    Args:
        left: a file or folder of the left graph, see ``read_graph``.
        right: a file or folder of the right graph.
        links: a file of links, see ``read_links``; by default the ``owl:sameAs`` statements of both graphs are the
            links. A file of ``owl:sameAs`` may state links in both directions; then they also hold along chains and
            around cycles.
        format: format of both graphs; by default recognised by their names.
        languages, header, columns, table: settings of the formats, see ``read_graph``.
        names_from: ``labels``: names that the files state, and no others; ``ids``: also of every entity without one,
            from its text or the end of its IRI (see ``names_of_ids``); by default the same for a graph without a name.
        name: name of the task; by default the two file names.
        split: fields of ``SplitConfig``, see ``read_dbp15k``; by default all links are training links. The ratios and
            the seed are not used if the file assigns each link to a part.

    Raises:
        InputError: a file is missing, of no known format, or breaks its format.
        UsageError: an unknown format, a setting that neither graph takes, or a value of the split out of range.
    """
    config = SplitConfig(**split)
    sides = (located(left), located(right))
    named = {"languages": languages, "header": header, "columns": columns, "table": table}
    settings = {key: value for key, value in named.items() if value is not None}
    refuse_unused(settings, settings_of_graphs(sides, format), "the two graphs", users_of_settings())
    return make_task(
        read_two_graphs(
            sides, Faults(config.on_error), links=links, format=format, names_from=names_from, name=name, **settings
        ),
        config,
    )


def read_two_graphs(
    sides: Sequence[Any],
    faults: Faults,
    *,
    links: Any = None,
    format: str | None = None,
    names_from: NamesFrom | None = None,
    name: str | None = None,
    **settings: Any,
) -> PairData:
    """Two graphs and their links, see ``read_pair``; each reader gets those of the settings that it takes.

    A side may be anything that ``as_graph`` takes, ``links`` a file or anything that ``links_of_object`` takes.
    """
    left, right = (
        graph_data_of(side, f"{which} graph", faults, format=format, **settings)
        for which, side in zip(("left", "right"), sides, strict=True)
    )
    labels = (left.graph.entities, right.graph.entities)
    found: list[LabelLinks] = []
    if links is not None and not isinstance(links, str | Path):
        found = [links_of_object(links, Path("links"))]
    elif links is not None:
        found = [read_links_between(Path(links), labels, faults)]
    elif pairs := [*left.same_as, *right.same_as]:
        found = [same_as_links(pairs, *labels, _source(sides[0], "left"), faults)]
    name = name or "_".join(_name(side, which) for which, side in zip(("left", "right"), sides, strict=True))
    graphs = [
        named_by_ids(data.graph, side, faults, names_from=names_from)
        for data, side in ((left, "left"), (right, "right"))
    ]
    return PairData(graphs[0], graphs[1], found, name, faults.notes, own=True)


def read_sides(
    folder: Path, faults: Faults, *, links: str | Path | None = None, format: str | None = None, **settings: Any
) -> PairData:
    """The pair of a folder with the graphs ``left`` and ``right`` and a file ``links``.

    Raises:
        InputError: a graph is missing, or the folder has several graphs of one name or several files of links.
    """
    if links is None:
        found = sorted(folder.glob("links.*"))
        if len(found) > 1:
            raise InputError(f"expected one file of links, found {', '.join(path.name for path in found)}", folder)
        links = found[0] if found else None
    inner = format if format in GRAPH_FORMATS else None  # else it is the name of this layout
    name = folder.resolve().name
    return read_two_graphs(sides_of(folder), faults, links=links, format=inner, name=name, **settings)


def sides_of(folder: Path) -> tuple[Path, Path]:
    """The graphs ``left`` and ``right`` of a folder.

    Raises:
        InputError: a graph is missing, or several graphs have one name.
    """
    return _side(folder, "left"), _side(folder, "right")


def _side(folder: Path, side: str) -> Path:
    found = [path for path in _candidates(folder, side) if graph_format(path) is not None]
    if len(found) != 1:
        what = f"found {', '.join(path.name for path in found)}" if found else "found none"
        raise InputError(f"expected one graph called {side} (file or folder), {what}", folder)
    return found[0]


def _candidates(folder: Path, side: str) -> Iterator[Path]:
    yield from sorted(path for path in folder.glob(side + "*") if stem(path).stem == side)


def _name(side: Any, which: str) -> str:
    """A short name of a graph: of a file without its ends, of a service its host."""
    place = located(side) if isinstance(side, str | Path) else Path(which)
    return path_of(place).parts[0] if isinstance(place, Url) else stem(place).stem


def _source(side: Any, which: str) -> Path:
    """The file of a graph, or its name in messages."""
    return path_of(located(side)) if isinstance(side, str | Path) else Path(which)
