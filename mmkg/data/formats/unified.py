"""A graph of unified entities on disk, with the record of their origin beside it."""

import json
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from ...errors import InputError, UsageError, nearest
from ...files import write_text
from ...schema import read_json
from ..kg import KnowledgeGraph
from ..unify import Member, Origin, separate
from .graphs import GRAPH_FORMATS, read_graph

ORIGIN = ".origin.json"  # after the name of the graph
FOLDERS = ("tsv", "csv", "parquet")


class _Origin(TypedDict):
    clusters: list[list[dict[str, Any]]]
    triples: list[tuple[str, str, str]]
    facts: list[tuple[str, str, str | None, str | None]]


def write_graph(graph: KnowledgeGraph, path: str | Path) -> Path:
    """Write one graph: N-Triples to a file ``.nt``, TSV tables to a folder with a name without a suffix.

    Raises:
        UsageError: another suffix.
        InputError: a text that the format cannot hold.
    """
    path = Path(path)
    if path.suffix.lower() == ".nt":
        form, place = GRAPH_FORMATS["rdf"], path.with_suffix("")
    elif not path.suffix:
        form, place = GRAPH_FORMATS["tsv"], path
    else:
        raise UsageError(
            f"unknown format of {path.name!r}; give a file .nt or a folder, {nearest(path.suffix, ['.nt'])}"
        )
    assert form.write is not None
    form.write(graph, place)
    return path


def write_unified(graph: KnowledgeGraph, origin: Origin, path: str | Path) -> Path:
    """Write a unified graph, see ``write_graph``, and its origin to the file of the same name with ``.origin.json``."""
    path = write_graph(graph, path)
    clusters = [[member.as_dict() for member in members] for members in origin.clusters]
    values = {"clusters": clusters, "triples": origin.triples, "facts": origin.facts}
    write_text(Path(f"{path}{ORIGIN}"), json.dumps(values, ensure_ascii=False))
    return path


def read_separated(path: str | Path) -> KnowledgeGraph:
    """The graph that ``write_unified`` wrote, as it was before its entities were unified.

    Raises:
        InputError: a file is missing or breaks its format, or the record belongs to another graph.
    """
    record = Path(f"{path}{ORIGIN}")
    if not record.is_file():
        raise InputError("no such file; it holds what unified entities were, and is written beside the graph", record)
    values = read_json(record, _Origin)
    try:
        clusters = tuple(tuple(map(Member.from_dict, members)) for members in values["clusters"])
    except (TypeError, ValueError) as error:
        raise InputError(f"expected the entities of clusters: {error}", record) from None
    if not all(len(members) > 1 and all(isinstance(each.label, str) for each in members) for members in clusters):
        raise InputError("expected clusters of at least two entities", record)
    origin = Origin(clusters, tuple(values["triples"]), tuple(values["facts"]))
    known = {member.label for members in clusters for member in members}
    if any(entity not in known for entity, *_ in origin.facts):
        raise InputError("expected facts of the entities of clusters", record)
    graph = read_graph(path)
    labels = known.union(graph.entities)
    for head, _, tail in origin.triples:
        if not {head, tail} <= labels:
            raise InputError(f"expected triples between entities of the graph, got {head!r} and {tail!r}", record)
    return separate(graph, origin)
