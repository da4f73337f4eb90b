"""Known links between labels, checked one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import MANY, SKIP, Advice
from ...typing import IntArray
from ..parsing.columns import Faults
from ..texts.labels import Labels

PARTS = ("train", "valid", "test")
SEEDS = "seeds"  # part of links that are divided into train and valid


class LabelLinks(NamedTuple):
    """The links of one file, between entity labels.

    Args:
        path: the file, for messages.
        left: label of the left entity of each link.
        right: label of the right entity of each link.
        lines: 1-based line of each link (its position in a file without lines), int64 ``[L]``.
        parts: part of each link where the file assigns one: ``train``, ``valid``, ``test``, or ``seeds``, which are
            divided into train and valid links. ``None``: all links are split by ratio.
        seen: what the file holds besides links, for the message about a file without any.
        rejected: pairs that the file says are not the same; ``None`` = it cannot say so.
    """

    path: Path
    left: Sequence[str]
    right: Sequence[str]
    lines: IntArray
    parts: Sequence[str] | None = None
    seen: str = ""
    rejected: "LabelLinks | None" = None


def label_link_rows(
    links: LabelLinks,
    labels: tuple[Sequence[str], Sequence[str]],
    faults: Faults,
    *,
    one_to_one: bool = True,
) -> tuple[IntArray, IntArray]:
    """Turn links between labels into links between rows.

    Args:
        links: as read.
        labels: entity labels of both graphs.
        faults: policy for bad links; ``skip`` keeps the first of those that contradict each other.
        one_to_one: whether each entity has at most one counterpart.

    Returns:
        int64 ``[L, 2]`` of (left row, right row) in file order, and the positions of the links that were kept.

    Raises:
        InputError: file and line of a link that names an unknown entity, occurs twice, or contradicts an earlier one,
            unless ``faults`` skips.
    """
    known = [Labels.of(side) for side in labels]
    rows = np.stack([known[0].rows(links.left), known[1].rows(links.right)], axis=1)

    if _are_clear(rows, one_to_one):
        return rows, np.arange(len(rows))

    def unknown(index: int, side: int) -> str:
        label = (links.left, links.right)[side][index]
        hint = "; it is one of the other graph: columns are left, right" if label in known[1 - side] else ""
        return f"expected an entity of the {('left', 'right')[side]} graph, got the unknown {label!r}{hint}"

    seen: dict[tuple[int, int], int] = {}
    taken: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
    kept = []
    for index, ((i, j), line) in enumerate(zip(rows.tolist(), links.lines.tolist(), strict=True)):
        if i < 0 or j < 0:
            faults.bad(unknown(index, 0 if i < 0 else 1), links.path, line)
            continue
        if (i, j) in seen:
            faults.bad(
                f"the same link stands in line {seen[i, j]}: {labels[0][i]!r} = {labels[1][j]!r}",
                links.path,
                line,
                advice=Advice("remove one, or pass {}", SKIP),
            )
            continue
        clash = (0, i) if i in taken[0] else (1, j) if j in taken[1] else None
        if one_to_one and clash is not None:
            other_row, other_line = taken[clash[0]][clash[1]]
            faults.bad(
                f"{labels[clash[0]][clash[1]]!r} is linked to {labels[1 - clash[0]][(j, i)[clash[0]]]!r} here and to "
                f"{labels[1 - clash[0]][other_row]!r} in line {other_line}",
                links.path,
                line,
                advice=Advice("remove one, pass {} to keep the first, or {} to keep both", SKIP, MANY),
            )
            continue
        seen[i, j] = line
        taken[0].setdefault(i, (j, line))
        taken[1].setdefault(j, (i, line))
        kept.append(index)
    places = np.array(kept, np.int64)
    return rows[places], places


def _are_clear(rows: IntArray, one_to_one: bool) -> bool:
    """Whether all links are between known entities, and none repeats or contradicts another."""
    if not len(rows) or int(rows.min()) < 0:
        return False
    keys = [rows[:, 0], rows[:, 1]] if one_to_one else [rows[:, 0] * (int(rows[:, 1].max()) + 1) + rows[:, 1]]
    return all(len(np.unique(key)) == len(key) for key in keys)
