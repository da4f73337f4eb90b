"""Links between the entities of two graphs, from a file, from labels or from rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...typing import IntArray
from ..parsing.columns import Faults
from ..texts.labels import Labels
from .checked import LabelLinks
from .formats import link_format_of, read_links
from .pairs import same_as_links

BothLabels = tuple[Sequence[str], Sequence[str]]


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


def links_between(links: str | Path | LabelLinks | IntArray, labels: BothLabels) -> LinkRows:
    """Links between two graphs; what names no entity of them is returned and not refused.

    Args:
        links: a file, see ``read_links``; links between labels; or rows, int ``[L, 2]``.
        labels: labels of the left and of the right graph.

    Raises:
        InputError: the file is missing or breaks its format, a row is out of range, or no link is between the graphs.
    """
    if isinstance(links, np.ndarray):
        return _of_rows(links, labels)
    found = links if isinstance(links, LabelLinks) else read_links_between(Path(links), labels, Faults())
    pairs = list(zip(found.left, found.right, strict=True))
    known = [Labels.of(side) for side in labels]
    rows = np.stack([known[0].rows(found.left), known[1].rows(found.right)], axis=1)
    inside = (rows >= 0).all(axis=1)
    unknown = [pairs[k] for k in np.flatnonzero(~inside).tolist()]
    if pairs and len(unknown) == len(pairs):
        left, right = pairs[0]
        turned = left in known[1] and right in known[0]
        hint = "its columns are right, left; turn them round" if turned else "left and right are labels of entities"
        raise InputError(
            f"expected links between the two graphs, got {left!r} = {right!r} and the like; {hint}", found.path
        )
    distinct = _distinct(rows[inside])
    return LinkRows(distinct, unknown, int(inside.sum()) - len(distinct))


def read_links_between(path: Path, labels: BothLabels, faults: Faults) -> LabelLinks:
    """The links of a file; of a format that may state them in both directions, from left to right.

    Raises:
        InputError: the file is missing or breaks its format.
    """
    found = read_links(path, faults=faults)
    if link_format_of(path).symmetric and _some_reversed(found, labels):
        return same_as_links(list(zip(found.left, found.right, strict=True)), *labels, path, faults)
    return found


def _of_rows(links: IntArray, labels: BothLabels) -> LinkRows:
    if links.ndim != 2 or links.shape[1] != 2 or links.dtype.kind not in "iu":
        raise InputError(f"expected rows of links, whole numbers [L, 2], got {links.dtype} {list(links.shape)}")
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


def _some_reversed(links: LabelLinks, labels: BothLabels) -> bool:
    """Whether any link leads from the right to the left graph, as ``owl:sameAs`` may."""
    left, right = (
        [Labels.of(side).rows(ends) >= 0 for ends in (links.left, links.right)] for side in labels
    )  # which first and which second labels the graph has
    return bool((right[0] & left[1] & ~(left[0] & right[1])).any())
