"""Merged graphs as N-Quads, N-Triples and GraphML."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ...errors import UsageError, nearest
from ...files import write_lines
from ..kg import SIDES
from ..merge import MergedGraph
from ..parsing.terms import SAME_AS, term_of
from .graphml import save_graphml
from .nx import to_networkx
from .rdf import declaration_lines, statement_lines

GRAPH = "<urn:mmkg:graph:{}>"  # names of the graphs in N-Quads
EQUIVALENT = "<http://www.w3.org/2002/07/owl#equivalentProperty>"
INVERSE = "<http://www.w3.org/2002/07/owl#inverseOf>"
SUFFIXES = (".nq", ".nt", ".graphml")


def write_merged(merged: MergedGraph, path: str | Path) -> Path:
    """Write a merged graph, whole or not at all.

    - ``.nq``: N-Quads; statements, names and pictures are in the graph of their side, ``urn:mmkg:graph:left`` or
      ``:right``, declarations of entities in ``:merged``, and ``owl:sameAs`` with former labels in ``:links``.
    - ``.nt``: the same in one graph, without the origin of a statement.
    - ``.graphml``: for ``networkx.read_graphml``. Nodes and edges have ``graph``: left, right or (nodes) both;
      nodes have ``same_as``, their former label, and their attribute facts as JSON in ``attributes``. Labels are kept
      as they are. The graph has ``same_relations``, see below, as JSON.

    Right relations and attributes that have the label of a left one are comments at the beginning of ``.nq`` and
    ``.nt``: as statements they would make entities of them.

    Image features are left out.

    Raises:
        UsageError: the suffix belongs to none of these formats.
        InputError: a text that the format cannot hold.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"unknown format of {path.name!r} by its suffix; {nearest(suffix, SUFFIXES)}")
    if suffix == ".graphml":
        _write_graphml(merged, path)
    else:
        lines = _quads(merged) if suffix == ".nq" else (line for line, _ in _statements(merged))
        write_lines(path, chain(_comments(merged), lines))
    return path


def _statements(merged: MergedGraph) -> Iterator[tuple[str, str]]:
    """N-Triples lines, and the name of the graph that each belongs to."""
    for line in declaration_lines(merged.graph):
        yield line, "merged"
    for side, part in zip(SIDES, merged.parts, strict=True):
        for line in statement_lines(part):
            yield line, side
    for label, former in merged.same:
        yield f"{term_of(label)} {SAME_AS} {term_of(former)} .\n", "links"


def _comments(merged: MergedGraph) -> Iterator[str]:
    """A comment for each right relation or attribute that has the label of a left one."""
    for pair in merged.same_relations:
        predicate = INVERSE if pair.inverse else EQUIVALENT
        yield f"# {term_of(pair.left)} {predicate} {term_of(pair.right)} .\n"


def _quads(merged: MergedGraph) -> Iterator[str]:
    for line, graph in _statements(merged):
        yield f"{line[:-2]}{GRAPH.format(graph)} .\n"


def _write_graphml(merged: MergedGraph, path: Path) -> None:
    made = to_networkx(merged.graph)
    former = dict(merged.same)
    first_right = len(merged.parts[0].triples)
    for (label, data), origin in zip(made.nodes(data=True), merged.origin.tolist(), strict=True):
        data["graph"] = ("left", "right", "both")[origin - 1]
        if label in former:
            data["same_as"] = former[label]
    for _, _, data in made.edges(data=True):
        data["graph"] = SIDES[data["order"] >= first_right]
    if merged.same_relations:
        made.graph["same_relations"] = json.dumps([pair.as_dict() for pair in merged.same_relations])
    save_graphml(made, path, "choose .nq or .nt")
