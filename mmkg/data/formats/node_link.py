"""Reader and writer of node-link JSON, as networkx and D3 have it."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from ...errors import InputError, brief
from ...files import write_text
from ..kg import KnowledgeGraph
from ..parsing.columns import ByteStream, Faults
from .graphml import graph_of_networkx
from .nx import FEATURES, to_networkx

SUFFIXES = (".json",)
EDGES = ("edges", "links")  # keys of the list of edges, of newer and older versions of networkx


def read_node_link(path: Path, faults: Faults) -> KnowledgeGraph:
    """Read one graph from node-link JSON, plain or compressed: ``{"nodes": [...], "edges": [...]}``.

    Each node has an ``id``; each edge, also under ``links``, a ``source`` and a ``target``, which are ids. All other
    data of nodes and edges are as ``read_graphml`` has them; ``directed`` and ``multigraph`` are not needed.

    Raises:
        InputError: a file is missing or no such JSON, an id is missing or comes again, or an edge names no node; the
            place is given as in ``nodes[3]``. With ``on_error="skip"`` such nodes and edges are left out.
    """
    import networkx

    found = _json(path, faults)
    key = next((each for each in EDGES if isinstance(found, dict) and each in found), EDGES[0])
    if not isinstance(found, dict) or not all(isinstance(found.get(each), list) for each in ("nodes", key)):
        hint = "; JSON-LD ends in .jsonld" if _is_json_ld(found) else ""
        what = f"the keys {', '.join(map(repr, list(found)[:6]))}" if isinstance(found, dict) else brief(found)
        raise InputError(f'expected {{"nodes": [...], "edges": [...]}}, got {what}{hint}', path)
    graph = networkx.MultiDiGraph()
    nodes: set[Hashable] = set()
    for place, node in enumerate(found["nodes"]):
        label = node.get("id") if isinstance(node, dict) else None
        if not _is_id(label) or label in nodes:
            got = f"{label!r} again" if label in nodes else brief(node)
            faults.bad(f"nodes[{place}]: expected an object with a unique id, got {got}", path)
            continue
        nodes.add(label)
        graph.add_node(label, **{name: value for name, value in node.items() if name != "id"})
    for place, edge in enumerate(found[key]):
        ends = [edge.get(side) if isinstance(edge, dict) else None for side in ("source", "target")]
        if not all(_is_id(end) and end in nodes for end in ends):
            wrong = next(end for end in ends if not (_is_id(end) and end in nodes))
            what = f"expected the ids of two nodes as source and target, got the unknown {brief(wrong)}"
            faults.bad(f"{key}[{place}]: {what}", path)
            continue
        data = {name: value for name, value in edge.items() if name not in ("source", "target", "key")}
        graph.add_edges_from([(*ends, {**data, **({"id": edge["key"]} if isinstance(edge.get("key"), str) else {})})])
    if not graph:
        raise InputError("expected at least one node, got none", path)
    return graph_of_networkx(graph, path, faults)


def write_node_link(graph: KnowledgeGraph, path: str | Path) -> None:
    """Write a graph as node-link JSON, whole or not at all; ``read_node_link`` reads it back.

    Image features are left out; an empty text is read back as missing.
    """
    import networkx

    made = to_networkx(graph)
    for _, data in made.nodes(data=True):
        data.pop(FEATURES, None)
    write_text(Path(path), json.dumps(networkx.node_link_data(made, edges=EDGES[0]), indent=1) + "\n")


def _json(path: Path, faults: Faults) -> Any:
    with ByteStream(path, faults.max_bytes) as stream:
        text = stream.read()
    try:
        return json.loads(text.decode())
    except json.JSONDecodeError as error:
        what = f"expected JSON, got {error.msg.lower()} in column {error.colno}"
        raise InputError(what, path, error.lineno) from None
    except UnicodeDecodeError as error:
        raise InputError(f"expected UTF-8, got byte {error.object[error.start]:#04x}", path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON without deep nesting or huge numbers, got {error}", path) from None


def _is_id(value: Any) -> bool:
    """Whether a value may be the id of a node: a text that is not empty, or a number."""
    return (isinstance(value, str) and bool(value)) or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_json_ld(found: Any) -> bool:
    first = found[0] if isinstance(found, list) and found else found
    return isinstance(first, dict) and any(key in first for key in ("@context", "@graph", "@id"))
