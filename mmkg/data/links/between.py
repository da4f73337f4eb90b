"""Links between the entities of two graphs, from a file, from pairs of labels or from pairs of rows."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import InputError, UsageError, brief
from ...typing import IntArray
from ..parsing.builder import Numbers
from ..parsing.columns import Faults
from .checked import LabelLinks
from .formats import link_format_of, read_links
from .pairs import same_as_links

Labels = tuple[Sequence[str], Sequence[str]]


class LinkRows(NamedTuple):
    """Links as rows of both graphs.

    Args:
        rows: distinct links between known entities, int64 ``[L, 2]``, in their order.
        unknown: pairs of labels of which one or both are no entity of their graph.
        repeated: number of links that occur again.
    """

    rows: IntArray
    unknown: list[tuple[str, str]]
    repeated: int


def links_between(links: Any, labels: Labels) -> LinkRows:
    """Links between two graphs; what names no entity of them is returned and not refused.

    Args:
        links: a file, see ``read_links``; pairs (left label, right label); or rows, int ``[L, 2]``.
        labels: labels of the left and of the right graph.

    Raises:
        InputError: the file is missing or breaks its format, a row is out of range, or no link is between the graphs.
        UsageError: something else than links.
    """
    if isinstance(links, np.ndarray) and links.dtype.kind in "iu":
        return _of_rows(links, labels)
    place, numbered = None, [Numbers(zip(side, range(len(side)), strict=True)) for side in labels]
    if isinstance(links, str | Path):
        place = Path(links)
        found = read_links_between(place, labels, Faults())
        pairs = list(zip(found.left, found.right, strict=True))
    else:
        pairs = _pairs(links)
    ends = [[pair[side] for pair in pairs] for side in (0, 1)]
    rows = np.stack([known.known(side) for known, side in zip(numbered, ends, strict=True)], axis=1)
    inside = (rows >= 0).all(axis=1)
    unknown = [pairs[k] for k in np.flatnonzero(~inside).tolist()]
    if pairs and len(unknown) == len(pairs):
        left, right = pairs[0]
        turned = left in numbered[1] and right in numbered[0]
        hint = "its columns are right, left; turn them round" if turned else "left and right are labels of entities"
        raise InputError(f"expected links between the two graphs, got {left!r} = {right!r} and the like; {hint}", place)
    distinct = _distinct(rows[inside])
    return LinkRows(distinct, unknown, int(inside.sum()) - len(distinct))


def read_links_between(path: Path, labels: Labels, faults: Faults) -> LabelLinks:
    """The links of a file; of a format that may state them in both directions, from left to right.

    Raises:
        InputError: the file is missing or breaks its format.
    """
    found = read_links(path, faults=faults)
    if link_format_of(path).symmetric and _some_reversed(found, labels):
        return same_as_links(list(zip(found.left, found.right, strict=True)), *labels, path, faults)
    return found


def _pairs(links: Any) -> list[tuple[str, str]]:
    if not isinstance(links, Iterable):
        raise UsageError(f"links must be a file, pairs of labels or rows [L, 2], got {brief(links)}")
    pairs = []
    for link in links:
        ends = () if isinstance(link, str) or not isinstance(link, Iterable) else tuple(link)
        if len(ends) != 2 or not all(isinstance(end, str) for end in ends):
            raise UsageError(f"a link must be a pair of labels (left, right), got {brief(link)}")
        pairs.append((ends[0], ends[1]))
    return pairs


def _of_rows(links: IntArray, labels: Labels) -> LinkRows:
    if links.ndim != 2 or links.shape[1] != 2:
        raise InputError(f"expected rows of links [L, 2], got {list(links.shape)}")
    for side, column in enumerate(links.T):
        if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(labels[side]):
            raise InputError(
                f"{('left', 'right')[side]} rows of links must be in 0..{len(labels[side]) - 1}, got "
                f"{int(column.min())}..{int(column.max())}"
            )
    distinct = _distinct(links.astype(np.int64))
    return LinkRows(distinct, [], len(links) - len(distinct))


def _distinct(rows: IntArray) -> IntArray:
    """Each link once, in the order of their first occurrence."""
    return rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]


def _some_reversed(links: LabelLinks, labels: Labels) -> bool:
    """Whether any link leads from the right to the left graph, as ``owl:sameAs`` may."""
    left, right = (set(side) for side in labels)
    reverse = (b in left and a in right for a, b in zip(links.left, links.right, strict=True))
    forward = (a in left and b in right for a, b in zip(links.left, links.right, strict=True))
    return any(backward and not onward for backward, onward in zip(reverse, forward, strict=True))
