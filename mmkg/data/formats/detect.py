"""Which format a file or a folder has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError, UsageError, nearest
from ..parsing.columns import Faults, stem
from . import delimited, parquet, rdf
from .rdf import RdfGraph, read_rdf


@dataclass(frozen=True)
class HowToRead:
    """What a reader of one graph may be told.

    Args:
        languages: of names in RDF, the most welcome first.
        header: whether the first line of a TSV or CSV file names the columns; ``None`` = if it does.
        columns: names of the columns of head, relation and tail in TSV, CSV and Parquet.
    """

    languages: Sequence[str] = ("en",)
    header: bool | None = None
    columns: Sequence[str] = ()


class GraphFormat(NamedTuple):
    """A format of single graphs."""

    suffixes: tuple[str, ...]
    read: Callable[[Path, HowToRead, Faults], RdfGraph]


def _delimited(path: Path, how: HowToRead, faults: Faults) -> RdfGraph:
    return RdfGraph(delimited.read_delimited(path, header=how.header, columns=how.columns, faults=faults), [])


GRAPHS: Mapping[str, GraphFormat] = {
    "rdf": GraphFormat(rdf.SUFFIXES, lambda path, how, faults: read_rdf(path, languages=how.languages, faults=faults)),
    "tsv": GraphFormat(delimited.TSV_SUFFIXES, _delimited),
    "csv": GraphFormat(delimited.CSV_SUFFIXES, _delimited),
    "parquet": GraphFormat(
        parquet.SUFFIXES,
        lambda path, how, faults: RdfGraph(parquet.read_parquet(path, columns=how.columns, faults=faults), []),
    ),
}
# layout of a folder that holds a pair -> the files by which it is known
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "dbp15k": ("ent_ids_1", "ent_ids_2", "triples_1", "triples_2"),
    "openea": ("rel_triples_1", "rel_triples_2"),
    "mmkb": ("*_EntityTriples.txt", "*/*_EntityTriples.txt"),
    "pair": ("left", "left.*", "right", "right.*"),
}
FORMATS = (*LAYOUTS, *GRAPHS)
_NO_GRAPH = "expected a graph, {}; name its format: data.format=" + "|".join(GRAPHS)


def graph_format(path: Path) -> str | None:
    """Name in ``GRAPHS`` of the format that a file or folder has; ``None`` if it is none."""
    if path.is_dir():
        names = [stem(each) for each in path.iterdir() if each.is_file()]
        tables = [name for name in names if name.stem == "triples"]
        kinds = [kind for kind in GRAPHS for name in tables or names if name.suffix.lower() in GRAPHS[kind].suffixes]
        return next((kind for kind in kinds if tables or kind == "rdf"), None)
    suffix = stem(path).suffix.lower()
    return next((kind for kind, form in GRAPHS.items() if suffix in form.suffixes), None)


def _layout(folder: Path, format: str | None) -> str:
    if format is not None and format not in FORMATS:
        raise UsageError(f"unknown format {format!r}; {nearest(format, FORMATS)}")
    if not folder.exists():
        raise InputError("no such file or folder; check the path", folder)
    if folder.is_file() or (format in (None, *GRAPHS) and _found(folder) is None and graph_format(folder)):
        if folder.is_file() and format is None and graph_format(folder) is None:
            raise InputError(_NO_GRAPH.format("one of " + ", ".join(_suffixes())), folder)
        raise InputError(
            "expected a pair of graphs, got one; give the other one and the links too: "
            "mmkg align LEFT RIGHT --links FILE, or mmkg.read_pair(left, right, links)",
            folder,
        )
    if format is not None and format in LAYOUTS:
        return format
    found = "pair" if format in GRAPHS else _found(folder)
    if found is None:
        looked = "; ".join(f"{layout}: {', '.join(files)}" for layout, files in LAYOUTS.items())
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise InputError(f"expected a pair of graphs, looked for {looked}; found {there}", folder)
    return found


def _suffixes() -> list[str]:
    return [suffix for form in GRAPHS.values() for suffix in form.suffixes]


def _found(folder: Path) -> str | None:
    """The layout of which there is any file."""
    return next((kind for kind, files in LAYOUTS.items() if any(any(folder.glob(each)) for each in files)), None)


def _side(folder: Path, side: str) -> Path:
    """The graph of one side of a pair."""
    found = [path for path in _candidates(folder, side) if graph_format(path) is not None]
    if len(found) != 1:
        what = f"found {', '.join(path.name for path in found)}" if found else "found none"
        raise InputError(f"expected one graph called {side} (file or folder), {what}", folder)
    return found[0]


def _candidates(folder: Path, side: str) -> Iterator[Path]:
    yield from sorted(path for path in folder.glob(side + "*") if stem(path).stem == side)
