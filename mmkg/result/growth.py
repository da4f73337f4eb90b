"""The graphs of a run with new entities, which are embedded in the space of the run."""

from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.formats.objects import as_graph
from ..data.growth import grown
from ..data.kg import SIDES, KnowledgeGraph
from ..data.parsing.columns import Faults
from ..data.parsing.id_names import named_by_ids, names_of_ids
from ..data.task import AlignmentTask
from ..errors import InputError
from ..learners.grown import Before, embed_new
from ..typing import FloatArray, IntArray
from .graphs import RunGraphs

SAMPLE = 1000  # known entities whose names say where names come from


class Growth(NamedTuple):
    """Graphs that have grown.

    Args:
        graphs: the graphs now, and what they had when the run learnt.
        embeddings: unit rows of the left and of the right graph.
        rows: the rows of the entities of the new left and right graph.
    """

    graphs: RunGraphs
    embeddings: tuple[FloatArray, FloatArray]
    rows: tuple[IntArray, IntArray]


def grow(before: Before, graphs: RunGraphs, new: tuple[Any, Any], *, device: torch.device) -> Growth:
    """Add new graphs to those of a run, and embed all entities that the run did not learn from.

    Entities that the run learnt from keep their embeddings. Those that were added before are embedded again with all
    that is known now, so that it does not matter in how many steps graphs grow.

    Args:
        before: the run; its rows are those of all entities that it has now.
        graphs: its graphs.
        new: what is new in the left and in the right graph, as ``as_graph`` takes it; ``None`` = nothing.
        device: where to compute.

    Raises:
        InputError: a graph breaks its format, or shares nothing with that of the run; the message names the side.
    """
    now, rows = [], []
    for side, graph, more in zip(SIDES, graphs.now, new, strict=True):
        try:
            if more is None:
                whole, places = graph, np.empty(0, np.int64)
            else:
                whole, places = grown(graph, _named(as_graph(more), graph, side))
        except InputError as error:
            raise InputError(f"{side}: {error.reason}", error.path, error.line) from None
        now.append(whole)
        rows.append(places)
    links = before.task.links
    left, right = embed_new(before, AlignmentTask(now[0], now[1], links, one_to_one=False), device)
    sides = []
    for old, fresh, extent in zip((before.left, before.right), (left, right), graphs.fitted, strict=True):
        sides.append(np.concatenate([old[: extent.entities], fresh.numpy().astype(old.dtype)]))
    return Growth(RunGraphs((now[0], now[1]), graphs.fitted), (sides[0], sides[1]), (rows[0], rows[1]))


def _named(new: KnowledgeGraph, graph: KnowledgeGraph, side: str) -> KnowledgeGraph:
    """A new graph with names from its labels if those of the graph are such."""
    names = [name for name in (graph.names or ())[:SAMPLE] if name]
    derived = names_of_ids(graph.entities[:SAMPLE]) if names else []
    if names and names == [name for name, own in zip(derived, graph.names or (), strict=False) if own]:
        return named_by_ids(new, side, Faults(), names_from="ids")
    return new
