"""Pairs of entities of one graph that a user gives: known duplicates, and pairs that are known to differ."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..data.formats.frames import links_of_object
from ..data.kg import KnowledgeGraph
from ..data.links.decided import Decided, decided_rows
from ..data.links.formats import read_links
from ..data.parsing.columns import Faults
from ..data.texts.labels import Labels
from ..decisions.read import decided_labels
from ..errors import InputError
from ..typing import IntArray


def label_pairs(pairs: Any, graph: KnowledgeGraph, what: str) -> IntArray:
    """Pairs of labels as sorted pairs of rows, without repetitions, int64 ``[L, 2]``; none for ``None``.

    Args:
        pairs: a file of links in any format, see ``read_links``, or an object, see ``links_of_object``.
        graph: the graph of both entities.
        what: name of the argument, for messages.

    Raises:
        InputError: the file breaks its format, or a pair names an unknown entity or one entity twice; with its line.
    """
    if pairs is None:
        return np.empty((0, 2), np.int64)
    file = isinstance(pairs, str | Path)
    found = read_links(pairs) if file else links_of_object(pairs, Path(what))
    known = Labels.of(graph.entities)
    rows = np.stack([known.rows(found.left), known.rows(found.right)], axis=1)
    for place in np.flatnonzero((rows < 0).any(axis=1) | (rows[:, 0] == rows[:, 1])).tolist():
        line = int(found.lines[place])
        if rows[place, 0] == rows[place, 1] >= 0:
            raise InputError(f"expected two different entities, got {found.left[place]!r} twice", found.path, line)
        label = found.left[place] if rows[place, 0] < 0 else found.right[place]
        raise InputError(f"expected labels of entities of the graph, got the unknown {label!r}", found.path, line)
    return np.unique(np.sort(rows, axis=1), axis=0)


def decided_pairs(decisions: Any, graph: KnowledgeGraph) -> Decided:
    """Decisions about pairs of entities of one graph, as sorted pairs of rows.

    Args:
        decisions: a file, see ``mmkg.decisions.read.read_decisions``, or ``Decision`` objects.
        graph: the graph of both entities.

    Raises:
        InputError: the file breaks its format, or no decision is about entities of the graph.
    """
    faults = Faults()
    stated = decided_labels(decisions, one_to_one=False, faults=faults)
    found = decided_rows(stated, (graph.entities, graph.entities), faults)
    accepted, rejected = (
        np.unique(np.sort(rows[rows[:, 0] != rows[:, 1]], axis=1), axis=0) for rows in (found.accepted, found.rejected)
    )
    return Decided(accepted, rejected, found.alone, found.unknown)


def check_pairs(graph: KnowledgeGraph, apart: IntArray, together: IntArray) -> None:
    """Refuse pairs that are known to differ and are the same by known duplicates, directly or along a chain.

    Raises:
        InputError: names the first such pair.
    """
    size = graph.num_entities
    edges = coo_array((np.ones(len(together), np.int8), (together[:, 0], together[:, 1])), shape=(size, size))
    group = connected_components(edges, directed=False)[1]
    for row, other in apart[group[apart[:, 0]] == group[apart[:, 1]]].tolist():
        raise InputError(
            f"{graph.entities[row]!r} and {graph.entities[other]!r} are known duplicates by the links and different by "
            "the pairs of never; remove one of the two statements"
        )
