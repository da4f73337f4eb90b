"""Pairs of entities that somebody has rejected: they are not the same, whatever else speaks for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...typing import IntArray
from ..parsing.columns import Faults
from .checked import LabelLinks, label_link_rows
from .formats import link_format_of

Labels = tuple[Sequence[str], Sequence[str]]


def read_never(path: str | Path, faults: Faults | None = None) -> LabelLinks:
    """Rejected pairs of a file in any format of links.

    Of SSSOM they are the mappings whose ``predicate_modifier`` is ``Not``, if there are any; of any other file they are
    all pairs.

    Raises:
        InputError: the file is missing, breaks its format, or holds no pair.
    """
    path = Path(path)
    found = link_format_of(path).read(path, faults or Faults())
    if found.rejected is not None and len(found.rejected.left):
        return found.rejected
    if not len(found.left):
        raise InputError(
            f"expected at least one pair of entities that are not the same, got {found.seen or 'none'}", path
        )
    return found


def never_rows(
    rejected: Sequence[LabelLinks],
    known: Sequence[tuple[LabelLinks, IntArray, IntArray]],
    labels: Labels,
    faults: Faults,
) -> IntArray:
    """Rejected pairs as rows of both graphs, each once, int64 ``[W, 2]``.

    Args:
        rejected: pairs between labels.
        known: the known links of each file: as read, their rows ``[L, 2]``, and the positions of these as read.
        labels: entity labels of both graphs.
        faults: policy for pairs with an unknown entity, and for those that are also known links.

    Raises:
        InputError: a pair names an unknown entity or is also a known link; with the place of both.
    """
    links: dict[tuple[int, int], tuple[Path, int]] = {}
    if rejected:
        for file, rows, kept in known:
            ends = map(tuple, rows.tolist())
            links |= {end: (file.path, line) for end, line in zip(ends, file.lines[kept].tolist(), strict=True)}
    found: dict[tuple[int, int], None] = {}
    for file in rejected:
        distinct = {pair: place for place, pair in reversed(list(enumerate(zip(file.left, file.right, strict=True))))}
        places = sorted(distinct.values())
        once = LabelLinks(
            file.path,
            [file.left[k] for k in places],
            [file.right[k] for k in places],
            file.lines[np.array(places, int)],
        )
        rows, kept = label_link_rows(once, labels, faults, one_to_one=False)
        for end, line in zip(map(tuple, rows.tolist()), once.lines[kept].tolist(), strict=True):
            if end in links:
                path, at = links[end]
                pair = f"{labels[0][end[0]]!r} = {labels[1][end[1]]!r}"
                faults.bad(f"{pair} is rejected here and a known link in {path}:{at}; remove one", file.path, line)
                continue
            found[end] = None
    return np.array(list(found), np.int64).reshape(-1, 2)
