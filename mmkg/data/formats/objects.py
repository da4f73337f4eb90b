"""A graph from whatever holds one: a file, a graph of another library, DataFrames, a list of triples.

A new kind of object is its function and one line in ``OBJECT_KINDS``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UsageError, brief
from ..kg import KnowledgeGraph
from ..parsing.columns import Faults
from ..parsing.urls import located
from .frames import graph_of_frame, graph_of_frames, graph_of_triples, is_frame
from .graphs import read_graph_data
from .nx import from_networkx
from .registry import GraphData


class ObjectKind(NamedTuple):
    """A kind of object that holds a graph.

    Args:
        fits: whether a value is of this kind.
        read: ``read(value, source, faults)`` returns the graph; ``source`` is its name in messages.
    """

    fits: Callable[[Any], bool]
    read: Callable[[Any, Path, Faults], KnowledgeGraph]


def _is_networkx(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("nodes", "edges", "is_directed"))


def _is_pyg(value: Any) -> bool:
    return any(each.__module__.startswith("torch_geometric.data") for each in type(value).__mro__)


def is_pyg_pair(value: Any) -> bool:
    """Whether a value is a PyG ``Data`` that holds two graphs, as ``torch_geometric.datasets.DBP15K`` does."""
    return _is_pyg(value) and "edge_index1" in value and "edge_index2" in value


def _from_pyg(value: Any, source: Path, faults: Faults) -> KnowledgeGraph:
    from .pyg import from_pyg

    return from_pyg(value)


def _is_pair_of_frames(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(is_frame, value))


def _is_list_of_triples(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        return False
    return all(isinstance(row, Sequence) and not isinstance(row, str | bytes) for row in value[:3])


OBJECT_KINDS: dict[str, ObjectKind] = {
    "a KnowledgeGraph": ObjectKind(
        lambda value: isinstance(value, KnowledgeGraph), lambda value, source, faults: value
    ),
    "a networkx graph": ObjectKind(_is_networkx, lambda value, source, faults: from_networkx(value)),
    "a PyG Data or HeteroData": ObjectKind(_is_pyg, _from_pyg),
    "a DataFrame of triples or entities": ObjectKind(is_frame, graph_of_frame),
    "two DataFrames (entities, triples)": ObjectKind(
        _is_pair_of_frames, lambda value, source, faults: graph_of_frames(value[0], value[1], source, faults)
    ),
    "a list of triples of labels": ObjectKind(_is_list_of_triples, graph_of_triples),
}


def as_graph(source: Any) -> KnowledgeGraph:
    """A graph from whatever holds one.

    Args:
        source: a file or folder, see ``read_graph``; a ``KnowledgeGraph``; a networkx graph, see ``from_networkx``; a
            PyG ``Data`` or ``HeteroData``, see ``from_pyg``; a DataFrame of triples, or of entities, one in each row,
            or the two DataFrames (entities, triples), of pandas, polars or Arrow, see ``graph_of_frame``; a list of
            triples (head, relation, tail) of labels, in which a tail that is a number, a date or a truth value is a
            value of its head.

    Raises:
        UsageError: another kind of object.
        InputError: it breaks its format, or holds no triple.
    """
    return graph_data_of(source, "graph", Faults()).graph


def graph_data_of(source: Any, what: str, faults: Faults, *, format: str | None = None, **settings: Any) -> GraphData:
    """The graph of an object, see ``as_graph``; ``what`` is its name in messages, settings are those of files."""
    if isinstance(source, str | Path):
        return read_graph_data(located(source), faults, format=format, **settings)
    for kind in OBJECT_KINDS.values():
        if kind.fits(source):
            return GraphData(kind.read(source, Path(what), faults))
    raise UsageError(f"expected {what} as a file or folder, {', '.join(OBJECT_KINDS)}, got {brief(source)}")
