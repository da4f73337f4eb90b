"""All formats of single graphs by name, how a file or folder is recognised, and reading a graph in any of them.

A new format is its file and one line in ``GRAPH_FORMATS``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import Advice, InputError, Setting, UsageError, nearest
from ..kg import KnowledgeGraph
from ..parsing.columns import Faults, OnError, stem
from ..parsing.delimited import CSV_SUFFIXES, TSV_SUFFIXES, first_row
from ..parsing.parquet import SUFFIXES as PARQUET_SUFFIXES
from ..parsing.parquet import column_names
from ..parsing.rdf_syntax import SUFFIXES as RDF_SUFFIXES
from ..parsing.urls import Url, located, path_of
from .delimited import read_delimited, write_delimited
from .graphml import LIGHTRAG, read_graphml, write_graphml
from .graphml import SUFFIXES as GRAPHML_SUFFIXES
from .graphrag import is_graphrag, read_graphrag
from .left_out import DISPLAY, EMPTY, IMAGES, LOOSE, NAMES, PICTURES, REPEATS, TYPES
from .neo4j import is_export, read_export
from .neo4j_database import is_database, read_database
from .node_link import SUFFIXES as JSON_SUFFIXES
from .node_link import read_node_link, write_node_link
from .parquet import read_parquet, write_parquet
from .rdf import read_rdf, write_ntriples
from .registry import GraphData, GraphFormat, refuse_unused
from .sparql import is_endpoint, read_endpoint
from .tables import TRIPLE_FILES
from .wide import holds_entities


def _read_delimited(path: Path, faults: Faults, **settings: Any) -> GraphData:
    return GraphData(read_delimited(path, faults=faults, **settings))


def _read_parquet(path: Path, faults: Faults, **settings: Any) -> GraphData:
    return GraphData(read_parquet(path, faults=faults, **settings))


def _read_neo4j(place: Path | Url, faults: Faults) -> GraphData:
    return GraphData(read_database(place, faults) if isinstance(place, Url) else read_export(place, faults))


_TABLES = (NAMES, IMAGES, PICTURES, TYPES, REPEATS, LOOSE)
_NODES = (NAMES, PICTURES, DISPLAY, TYPES, REPEATS, LOOSE)

GRAPH_FORMATS: dict[str, GraphFormat] = {
    "rdf": GraphFormat(
        RDF_SUFFIXES,
        lambda path, faults, **settings: read_rdf(path, faults=faults, **settings),
        takes=("languages",),
        any_name=True,
        write=lambda graph, path: write_ntriples(graph, path.with_name(f"{path.name}.nt")),
        holds=(NAMES, PICTURES, TYPES, LOOSE),
        written_as="ntriples",
        links="nt",
    ),
    "tsv": GraphFormat(
        TSV_SUFFIXES,
        _read_delimited,
        takes=("header", "columns", "table"),
        fits=lambda folder: holds_entities(folder, TSV_SUFFIXES, lambda path: first_row(path, "\t")),
        write=lambda graph, path: write_delimited(graph, path, form="tsv"),
        holds=_TABLES,
    ),
    "csv": GraphFormat(
        CSV_SUFFIXES,
        _read_delimited,
        takes=("header", "columns", "table"),
        fits=lambda folder: holds_entities(folder, CSV_SUFFIXES, lambda path: first_row(path, ",")),
        write=lambda graph, path: write_delimited(graph, path, form="csv"),
        holds=_TABLES,
        links="csv",
    ),
    "parquet": GraphFormat(
        PARQUET_SUFFIXES,
        _read_parquet,
        takes=("columns", "table"),
        fits=lambda folder: holds_entities(folder, PARQUET_SUFFIXES, column_names),
        write=write_parquet,
        holds=(*_TABLES, EMPTY),
        links="parquet",
    ),
    "graphml": GraphFormat(
        GRAPHML_SUFFIXES,
        lambda path, faults: GraphData(read_graphml(path, faults)),
        write=lambda graph, path: write_graphml(graph, path.with_name(f"{path.name}.graphml")),
        holds=_NODES,
    ),
    "json": GraphFormat(
        JSON_SUFFIXES,
        lambda path, faults: GraphData(read_node_link(path, faults)),
        write=lambda graph, path: write_node_link(graph, path.with_name(f"{path.name}.json")),
        holds=_NODES,
    ),
    "graphrag": GraphFormat(
        (), lambda path, faults: GraphData(read_graphrag(path, faults)), recognise=is_graphrag, links="parquet"
    ),
    "lightrag": GraphFormat(
        (),
        lambda path, faults: GraphData(read_graphml(path, faults)),
        recognise=lambda path: (path / LIGHTRAG).is_file(),
    ),
    "neo4j": GraphFormat((), _read_neo4j, links="csv", recognise=is_export, address=is_database),
    "sparql": GraphFormat((), read_endpoint, takes=("languages",), links="nt", address=is_endpoint),
}


def read_graph(
    source: str | Path, *, format: str | None = None, on_error: OnError = "raise", **settings: Any
) -> KnowledgeGraph:
    """Read one graph from a file or a folder of RDF, TSV, CSV or Parquet, or from a service.

    Args:
        source: ``.nt``, ``.ttl``, ``.rdf``, ``.tsv``, ``.csv``, ``.parquet``, ...; or a folder of RDF files, or of
            tables; GraphML (``.graphml``) or node-link JSON (``.json``); a folder of GraphRAG or LightRAG; an export of
            Neo4j, see ``read_export``; or the address of a SPARQL endpoint or a Neo4j database,
            see ``read_endpoint`` and ``read_database``.
        format: ``rdf``, ``tsv``, ``csv``, ``parquet``, ``graphml``, ``json``, ``graphrag``, ``lightrag`` or ``neo4j``;
            by default recognised by the file name.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        settings: ``languages`` of names in RDF, by preference, e.g. ``("de", "en")``; ``header`` (TSV, CSV): whether
            the first line names the columns, by default if it does; ``columns`` (TSV, CSV, Parquet): names of the
            columns of head, relation and tail; ``table`` (the same): whether a file holds ``entities``, one in each
            row, or ``triples``, by default recognised by its first line.

    Raises:
        InputError: a file is missing, of no known format, or breaks its format.
        UsageError: an unknown format, or a setting that the format does not take.
    """
    path = located(source)
    refuse_unused(settings, settings_of_graphs([path], format), f"{path_of(path)}", users_of_settings())
    return read_graph_data(path, Faults(on_error), format=format, **settings).graph


def read_graph_data(path: Path | Url, faults: Faults, *, format: str | None = None, **settings: Any) -> GraphData:
    """The graph of a file, folder or service, with its ``owl:sameAs`` pairs.

    Settings that its format does not take are unused.

    Raises:
        InputError, UsageError: as ``read_graph``.
    """
    form = GRAPH_FORMATS[_known_format(path, format)]
    return form.read(path, faults, **{name: value for name, value in settings.items() if name in form.takes})


def graph_format(path: Path | Url) -> str | None:
    """Name in ``GRAPH_FORMATS`` of the format of a file, folder or service; ``None`` if no format fits."""
    if isinstance(path, Url):
        return next((name for name, form in GRAPH_FORMATS.items() if form.address and form.address(path)), None)
    if path.exists():
        for name, form in GRAPH_FORMATS.items():
            if form.recognise is not None and form.recognise(path):
                return name
    if not path.is_dir():
        suffix = stem(path).suffix.lower()
        return next((name for name, form in GRAPH_FORMATS.items() if suffix in form.suffixes), None)
    files = [stem(each) for each in path.iterdir() if each.is_file()]
    tables = [file for file in files if file.stem in TRIPLE_FILES]
    suffixes = {file.suffix.lower() for file in tables or files}
    usual = (
        name
        for name, form in GRAPH_FORMATS.items()
        if not suffixes.isdisjoint(form.suffixes) and (tables or form.any_name)
    )
    others = (name for name, form in GRAPH_FORMATS.items() if form.fits and form.fits(path))
    return next(usual, None) or next(others, None)


def settings_of_graphs(paths: Iterable[Path | Url], format: str | None = None) -> set[str]:
    """Settings that the formats of these graphs take.

    Raises:
        InputError, UsageError: as ``read_graph``.
    """
    return {name for path in paths for name in GRAPH_FORMATS[_known_format(path, format)].takes}


def users_of_settings() -> dict[str, tuple[str, ...]]:
    """Settings that each format takes, for messages."""
    return {f"{name} graphs": form.takes for name, form in GRAPH_FORMATS.items()}


def no_graph(path: Path) -> InputError:
    """The error for a file or folder that no format fits."""
    if path.is_dir():
        looked = "a folder of RDF files, of tables with an id in each row, or with triples.tsv, .csv or .parquet"
    else:
        looked = "one of " + ", ".join(suffix for form in GRAPH_FORMATS.values() for suffix in form.suffixes)
    advice = Advice(f"name its format, one of {', '.join(GRAPH_FORMATS)}: {{}}", Setting("data.format", "FORMAT"))
    return InputError(f"expected a graph, {looked}", path, advice=advice)


def _known_format(path: Path | Url, format: str | None) -> str:
    if format is not None and format not in GRAPH_FORMATS:
        raise UsageError(f"unknown format of a graph {format!r}; {nearest(format, GRAPH_FORMATS)}")
    if isinstance(path, Url):
        return _format_of_service(path)
    if not path.exists():
        raise InputError("no such file or folder; check the path", path)
    name = format or graph_format(path)
    if name is None:
        raise no_graph(path)
    return name


def _format_of_service(url: Url) -> str:
    """The format of the service at an address; it has its own, whatever the format of a file beside it."""
    name = graph_format(url)
    if name is None:
        raise InputError(
            "expected the address of a SPARQL endpoint (https://HOST/sparql, or sparql+https://HOST/PATH) or of a "
            f"Neo4j database (neo4j://HOST, bolt://HOST), got {url.scheme}://; download a file first",
            url.shown,
        )
    return name
