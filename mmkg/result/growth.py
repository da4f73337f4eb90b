"""The graphs of a run with new entities, which are embedded in the space of the run."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.entities import EntityTable
from ..data.formats.frames import links_of_object
from ..data.formats.objects import as_graph
from ..data.growth import grown
from ..data.kg import KnowledgeGraph
from ..data.links.between import links_between
from ..data.parsing.columns import Faults
from ..data.parsing.id_names import named_by_ids, names_of_ids
from ..data.task import AlignmentTask, LinkSplit
from ..errors import InputError
from ..learners.grown import Before, embed_new
from ..matching import is_in
from ..typing import FloatArray, IntArray
from .graphs import SIDES, RunGraphs

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


def added_links(links: Any, entities: tuple[EntityTable, EntityTable], split: LinkSplit) -> tuple[LinkSplit, IntArray]:
    """The split of a run with more known links, and these as rows, int64 ``[L, 2]``.

    They count as validation links, which are known but not learnt from, and are no test links any more.

    Args:
        links: a file or pairs of labels; ``None`` = no links.
        entities: tables of the left and of the right graph.
        split: the links of the run.

    Raises:
        InputError: a link names an unknown entity, or contradicts another one or one that the run has learnt from.
    """
    if links is None:
        return split, np.empty((0, 2), np.int64)
    if not isinstance(links, str | Path):
        links = links_of_object(links, Path("links"))
    found = links_between(links, (entities[0].labels, entities[1].labels))
    if found.unknown:
        left, right = found.unknown[0]
        raise InputError(f"{len(found.unknown)} links name unknown entities, first {left!r} = {right!r}")
    given = found.rows
    same = is_in(given, split.train)
    for side, name in enumerate(SIDES):
        bad = np.isin(given[:, side], split.train[:, side]) & ~same
        if bad.any() or len(np.unique(given[:, side])) < len(given):
            counts = np.bincount(given[:, side])[given[:, side]] > 1
            row = int(given[np.flatnonzero(bad | counts)[0], side])
            raise InputError(
                f"the {name} entity {entities[side].labels[row]!r} has several counterparts in the links and in "
                "those that the run has learnt from; give one each, or align again"
            )
    fresh = given[~same]
    valid, test = (
        part[~(np.isin(part[:, 0], fresh[:, 0]) | np.isin(part[:, 1], fresh[:, 1]))]
        for part in (split.valid, split.test)
    )
    return LinkSplit(split.train, np.concatenate([fresh, valid]), test), given
