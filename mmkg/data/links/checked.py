"""Known links of a file: checked one by one, then split."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...typing import IntArray
from ..parsing.builder import Numbers
from ..parsing.columns import Faults, IntegerTable
from ..parsing.id_rows import IdRows
from ..split import split_links
from ..task import LinkSplit

PARTS = ("train", "valid", "test")


class LabelLinks(NamedTuple):
    """Links between labels as a file holds them.

    ``lines`` are 1-based lines (or places in the file, where it has no lines), ``parts`` says where the file itself
    splits them: ``train``, ``valid`` or ``test`` for each.
    """

    path: Path
    left: Sequence[str]
    right: Sequence[str]
    lines: IntArray
    parts: Sequence[str] | None = None


def link_rows(
    table: IntegerTable,
    left: IdRows,
    right: IdRows,
    labels: tuple[Sequence[str], Sequence[str]],
    faults: Faults,
    *,
    one_to_one: bool = True,
) -> IntArray:
    """Turn (left id, right id) lines into links between rows.

    Args:
        table: the lines, ``[L, 2]``.
        left: rows of the left ids.
        right: rows of the right ids.
        labels: entity labels of both graphs, for messages.
        faults: what to do with a bad link; skipping keeps the first of those that contradict.
        one_to_one: whether an entity may have one counterpart only.

    Returns:
        int64 ``[L, 2]`` of (left row, right row) in file order.

    Raises:
        InputError: file and line of a link that names an unknown entity, comes twice, or contradicts
            an earlier one, unless ``faults`` skips.
    """
    rows = np.stack([left(table.values[:, 0]), right(table.values[:, 1])], axis=1)

    def unknown(index: int, side: int) -> str:
        entity_id = int(table.values[index, side])
        swapped = int((right, left)[side](np.array([entity_id]))[0]) >= 0
        hint = f"; it is an id of ent_ids_{2 - side}: columns are left id, right id" if swapped else ""
        return f"expected an id of ent_ids_{side + 1}, got the unknown {entity_id}{hint}"

    return rows[_checked(rows, table.lines, table.path, labels, unknown, faults, one_to_one)]


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
        faults: what to do with a bad link; skipping keeps the first of those that contradict.
        one_to_one: whether an entity may have one counterpart only.

    Returns:
        int64 ``[L, 2]`` of (left row, right row) in file order, and the positions of the links that were kept.

    Raises:
        InputError: as ``link_rows``.
    """
    numbers = [Numbers(zip(side, range(len(side)), strict=True)) for side in labels]
    rows = np.stack([numbers[0].known(links.left), numbers[1].known(links.right)], axis=1)

    def unknown(index: int, side: int) -> str:
        label = (links.left, links.right)[side][index]
        hint = "; it is one of the other graph: columns are left, right" if label in numbers[1 - side] else ""
        return f"expected an entity of the {('left', 'right')[side]} graph, got the unknown {label!r}{hint}"

    kept = _checked(rows, links.lines, links.path, labels, unknown, faults, one_to_one)
    return rows[kept], kept


def _checked(
    rows: IntArray,
    lines: IntArray,
    path: Path,
    labels: tuple[Sequence[str], Sequence[str]],
    unknown: Callable[[int, int], str],
    faults: Faults,
    one_to_one: bool,
) -> IntArray:
    """Positions of the links that name known entities and contradict no earlier one."""
    seen: dict[tuple[int, int], int] = {}
    taken: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
    kept = []
    for index, ((i, j), line) in enumerate(zip(rows.tolist(), lines.tolist(), strict=True)):
        if i < 0 or j < 0:
            faults.bad(unknown(index, 0 if i < 0 else 1), path, line)
            continue
        if (i, j) in seen:
            faults.bad(
                f"the same link stands in line {seen[i, j]}: {labels[0][i]!r} = {labels[1][j]!r}; "
                "remove one, or pass on_error='skip'",
                path,
                line,
            )
            continue
        clash = (0, i) if i in taken[0] else (1, j) if j in taken[1] else None
        if one_to_one and clash is not None:
            other_row, other_line = taken[clash[0]][clash[1]]
            faults.bad(
                f"{labels[clash[0]][clash[1]]!r} is linked to {labels[1 - clash[0]][(j, i)[clash[0]]]!r} here and to "
                f"{labels[1 - clash[0]][other_row]!r} in line {other_line}; remove one, pass on_error='skip' to keep "
                "the first, or one_to_one=False to keep both",
                path,
                line,
            )
            continue
        seen[i, j] = line
        taken[0].setdefault(i, (j, line))
        taken[1].setdefault(j, (i, line))
        kept.append(index)
    return np.array(kept, np.int64)


def split_groups(
    links: IntArray, *, train_ratio: float, valid_ratio: float, seed: int, faults: Faults, name: str
) -> LinkSplit:
    """Split as ``split_links`` does, then bring links that share an entity into one part.

    A group of such links goes where the first of them in file order fell; the links that had to move are
    counted. One-to-one links are split exactly as ``split_links`` splits them.
    """
    positions = np.arange(len(links), dtype=np.int64)[:, None].repeat(2, axis=1)
    split = split_links(positions, train_ratio=train_ratio, valid_ratio=valid_ratio, seed=seed)
    order = split.all()[:, 0]
    part = np.empty(len(links), np.int64)
    part[order] = np.repeat(np.arange(3), [len(split.train), len(split.valid), len(split.test)])
    group = _groups(links)
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    target = part[first][inverse]
    faults.count(f"{name}: links moved to the part of a link they share an entity with", int((target != part).sum()))
    train, valid, test = (links[order[target[order] == number]] for number in range(3))
    return LinkSplit(train, valid, test)


def _groups(links: IntArray) -> IntArray:
    """A number per link, equal for links that share an entity, directly or through others."""
    left, right = (np.unique(links[:, side], return_inverse=True)[1] for side in (0, 1))
    size = len(links)
    graph = coo_array((np.ones(size, np.int8), (left, size + right)), shape=(2 * size, 2 * size))
    return connected_components(graph, directed=False)[1].astype(np.int64)[left]
