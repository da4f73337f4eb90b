"""Reader and writer of GraphML, also as LightRAG writes it."""

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from ...compute.process import quiet
from ...errors import InputError
from ...files import atomic_path
from ..kg import KnowledgeGraph
from ..parsing.columns import ByteStream, Faults
from ..parsing.rdf_xml import XmlText
from ..parsing.terms import NOT_IN_XML
from .nx import FACTS, FEATURES, NAME, RELATIONS, from_networkx, to_networkx

SUFFIXES = (".graphml",)
LIGHTRAG = "graph_chunk_entity_relation.graphml"  # the file of the graph in a folder of LightRAG
RELATED = "related"  # the relation of edges that have a description and no name
_LIGHTRAG_KEYS, _SEPARATOR = {"entity_type", "source_id"}, "<SEP>"
_NOT_FACTS = ("entity_id", "source_id", "file_path", "created_at", "truncate", "entity_type")


def read_graphml(path: Path, faults: Faults) -> KnowledgeGraph:
    """Read one graph from GraphML, plain or compressed, or from a folder of LightRAG.

    Nodes are entities; their data are names, pictures and attributes, see ``from_networkx``. An edge is a triple; its
    relation is its text under ``relation``, ``label``, ``type`` or ``predicate``, else its id if many edges share ids,
    else ``edge``. Of LightRAG, whose nodes have an ``entity_type`` and ``source_id``: ids without quotes are labels and
    names, ``type`` and each ``description`` attributes, all edges ``related``; what it keeps of its documents is left
    out.

    Raises:
        InputError: a file is missing or no GraphML, is nested too deeply, has entities that grow, an id twice, or an
            edge of an unknown node; the line is given where the parser knows it.
    """
    import networkx

    path = path / LIGHTRAG if path.is_dir() else path
    ids: dict[str, int] = {}
    ends: dict[str, tuple[int, str, str]] = {}

    def watch(name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        if name == "node":
            label = attributes.get("id", "")
            if not label or label in ids:
                got = f"{label!r} again, which is in line {ids[label]}" if label else "none"
                raise InputError(f"expected a unique id of each node, got {got}", path, line)
            ids[label] = line
        elif name == "edge":
            for side in ("source", "target"):
                if attributes.get(side, "") not in ids:
                    ends.setdefault(attributes.get(side, ""), (line, side, attributes.get(side, "")))

    try:
        with ByteStream(path, faults.max_bytes) as stream, quiet():  # of ports and other extensions
            graph = networkx.read_graphml(XmlText(stream, watch, what="GraphML"))
    except InputError:
        raise
    except (networkx.NetworkXError, ParseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"expected GraphML with nodes and edges, got {str(error)[:120]!r}", path) from None
    except StopIteration:
        raise InputError("expected GraphML with a graph, got none", path) from None
    for label, (line, side, end) in ends.items():
        if label not in ids:
            raise InputError(f"expected the id of a node as {side} of each edge, got the unknown {end!r}", path, line)
    return graph_of_networkx(_plain(graph, path, faults), path, faults)


def write_graphml(graph: KnowledgeGraph, path: str | Path) -> None:
    """Write a graph as GraphML, whole or not at all; ``read_graphml`` and ``networkx.read_graphml`` read it.

    Attribute facts are JSON in ``attributes``. Image features are left out; an empty text is read back as missing, a
    carriage return in a name as a line feed.

    Raises:
        InputError: a text that XML cannot hold.
    """
    save_graphml(to_networkx(graph), Path(path), "choose another format")


def save_graphml(made: Any, path: Path, instead: str) -> None:
    """Write a networkx graph from ``to_networkx``; ``instead`` is the advice for a text that XML cannot hold."""
    import networkx

    for label, data in made.nodes(data=True):
        data.pop(FEATURES, None)
        if FACTS in data:
            data[FACTS] = json.dumps(data[FACTS], ensure_ascii=False)
        for text in (label, *data.values()):
            if NOT_IN_XML.search(text):
                raise InputError(f"expected text that XML can hold, got {text!a:.60}; {instead}", path)
    with atomic_path(path) as temporary:
        networkx.write_graphml(made, temporary)


def graph_of_networkx(graph: Any, path: Path, faults: Faults) -> KnowledgeGraph:
    """A graph that networkx has read from a file, with relations for all edges; data of edges are counted and left out.

    Raises:
        InputError: as ``from_networkx``, with the file.
    """
    edges = [data for _, _, data in graph.edges(data=True)]
    ids = [key if isinstance(key, str) else data.get("id") for key, data in zip(_keys(graph), edges, strict=True)]
    shared = 2 * len({*ids}) <= len(ids) and all(isinstance(each, str) and not each.isdecimal() for each in ids)
    other: dict[str, int] = {}
    for data, own in zip(edges, ids, strict=True):
        if not any(isinstance(data.get(key), str) and data[key] for key in RELATIONS):
            data[RELATIONS[0]] = own if shared else "edge"
        for key in data.keys() - {*RELATIONS, "order", "id", "key"}:
            other[key] = other.get(key, 0) + 1
    for key in sorted(other):
        faults.count(f"{path.name}: {key} of edges, which graphs of triples have no place for", other[key])
    for label, data in graph.nodes(data=True):
        if isinstance(data.get(FACTS), str):
            try:
                data[FACTS] = json.loads(data[FACTS])
            except (ValueError, RecursionError):
                what = f"expected JSON as {FACTS} of the node {label!r}, got {data[FACTS]!r:.60}"
                raise InputError(what, path) from None
    try:
        return from_networkx(graph)
    except InputError as error:
        raise InputError(str(error).removeprefix("networkx graph: "), path) from None


def _keys(graph: Any) -> list[Any]:
    return [key for _, _, key in graph.edges(keys=True)] if graph.is_multigraph() else [None] * graph.number_of_edges()


def _plain(graph: Any, path: Path, faults: Faults) -> Any:
    """The graph itself, or one of LightRAG without quotes and without data about its documents."""
    import networkx

    nodes = dict(graph.nodes(data=True))
    described = [data for data in nodes.values() if data]
    if not described or not all(data.keys() >= _LIGHTRAG_KEYS for data in described):
        return graph
    faults.count(f"{path.name}: nodes of LightRAG, read with type and description", len(nodes))
    names = {label: label.strip().strip('"') or label for label in nodes}
    if len({*names.values()}) < len(names):
        names = {label: label for label in nodes}
    made = networkx.relabel_nodes(graph, names)
    for label, data in made.nodes(data=True):
        kind, texts = data.get("entity_type"), data.get("description")
        for key in _NOT_FACTS:
            data.pop(key, None)
        data[NAME] = label
        if isinstance(kind, str):
            data["type"] = kind.strip('"')
        if isinstance(texts, str):
            data["description"] = [text for part in texts.split(_SEPARATOR) if (text := part.strip().strip('"'))]
    for _, _, data in made.edges(data=True):
        data[RELATIONS[0]] = RELATED
    return made
