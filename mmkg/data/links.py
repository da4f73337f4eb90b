"""Known links of a file: checked one by one, then split."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..typing import IntArray
from .columns import Faults, IntegerTable
from .id_rows import IdRows
from .split import split_links
from .task import LinkSplit


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
    seen: dict[tuple[int, int], int] = {}
    taken: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
    kept = []
    for index, ((i, j), line) in enumerate(zip(rows.tolist(), table.lines.tolist(), strict=True)):
        if i < 0 or j < 0:
            side, other, known = (0, 1, right) if i < 0 else (1, 0, left)
            entity_id = int(table.values[index, side])
            swapped = int((right, left)[side](np.array([entity_id]))[0]) >= 0
            hint = f"; it is an id of ent_ids_{other + 1}: columns are left id, right id" if swapped else ""
            faults.bad(f"expected an id of ent_ids_{side + 1}, got the unknown {entity_id}{hint}", table.path, line)
            continue
        if (i, j) in seen:
            faults.bad(
                f"the same link stands in line {seen[i, j]}: {labels[0][i]!r} = {labels[1][j]!r}; "
                "remove one, or pass on_error='skip'",
                table.path,
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
                table.path,
                line,
            )
            continue
        seen[i, j] = line
        taken[0].setdefault(i, (j, line))
        taken[1].setdefault(j, (i, line))
        kept.append(index)
    return rows[kept]


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
