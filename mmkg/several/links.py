"""Known links between several graphs, divided among the pairs of graphs, with those that follow along chains."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..data.formats.frames import links_of_object
from ..data.links.checked import LabelLinks
from ..data.links.formats import read_links
from ..errors import InputError
from ..typing import IntArray

Pair = tuple[int, int]


def links_of_pairs(
    links: Sequence[Any], labels: Sequence[Sequence[str]], *, many: bool = False
) -> dict[Pair, IntArray]:
    """Known links for each pair of graphs, as rows.

    A link may be between any two of the graphs, in either direction; a = b and b = c also give a = c.

    Args:
        links: files of links, or objects that ``links_of_object`` takes.
        labels: entity labels of each graph.
        many: whether an entity may have several counterparts in one graph.

    Returns:
        int64 ``[L, 2]`` of (row of the earlier graph, row of the later graph) by the positions of the two graphs.

    Raises:
        InputError: a file breaks its format, a link names no entities of two graphs, or links make two entities of one
            graph the same.
    """
    starts = np.concatenate([[0], np.cumsum([len(each) for each in labels])])
    owners: dict[str, list[int]] = {}
    for start, side in zip(starts.tolist(), labels, strict=False):
        for row, label in enumerate(side):
            owners.setdefault(label, []).append(start + row)
    edges = [_edges(_read(each), owners, starts) for each in links]
    ends = np.concatenate([np.empty((0, 2), np.int64), *edges])
    size = int(starts[-1])
    joined = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    group = connected_components(joined, directed=False)[1]
    found: dict[Pair, IntArray] = {}
    linked = np.unique(ends)
    graph_of = np.searchsorted(starts, linked, side="right") - 1
    if not many:
        _check(group[linked], graph_of, [label for side in labels for label in side], linked)
    for first, second in combinations(range(len(labels)), 2):
        left, right = linked[graph_of == first], linked[graph_of == second]
        order = np.argsort(group[right], kind="stable")
        low, high = (np.searchsorted(group[right][order], group[left], side=side) for side in ("left", "right"))
        count = high - low
        place = np.arange(int(count.sum())) - np.repeat(count.cumsum() - count, count) + np.repeat(low, count)
        rows = np.stack([np.repeat(left, count) - starts[first], right[order[place]] - starts[second]], axis=1)
        found[first, second] = rows.astype(np.int64)
    return found


def _read(links: Any) -> LabelLinks:
    return read_links(links) if isinstance(links, str | Path) else links_of_object(links, Path("links"))


def _edges(links: LabelLinks, owners: Mapping[str, Sequence[int]], starts: IntArray) -> IntArray:
    """Links between entities of different graphs."""
    found = []
    for left, right, line in zip(links.left, links.right, links.lines.tolist(), strict=True):
        pairs = [(one, other) for one in owners.get(left, ()) for other in owners.get(right, ())]
        graphs = np.searchsorted(starts, np.array(pairs, np.int64).reshape(-1, 2), side="right")
        kept = [pair for pair, (one, other) in zip(pairs, graphs.tolist(), strict=True) if one != other]
        if not kept:
            raise InputError(
                f"expected labels of entities of two of the graphs, got {left!r} = {right!r}", links.path, line
            )
        found += kept
    return np.array(found, np.int64).reshape(-1, 2)


def _check(group: IntArray, graph: IntArray, labels: Sequence[str], rows: IntArray) -> None:
    order = np.lexsort((rows, graph, group))
    again = (np.diff(group[order]) == 0) & (np.diff(graph[order]) == 0)
    if again.any():
        place = int(again.argmax())
        one, other = labels[rows[order[place]]], labels[rows[order[place + 1]]]
        raise InputError(
            f"the links make {one!r} and {other!r} of one graph the same; remove a link, or allow several counterparts"
        )
