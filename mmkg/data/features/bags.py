"""Bags of relations and attributes."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ...typing import IntArray
from ..task import AlignmentTask
from ..tensors.tables import SparseTable


def relation_bag(task: AlignmentTask, *, top: int = 1000) -> SparseTable:
    """Counts of the ``top`` most frequent relations of both graphs at each entity, as head or as tail.

    Relations with equal labels share a column. Raw counts; ties of frequency keep the order of appearance.

    Source: EVA, MCLEA and MEAformer codes (``load_relation``).
    """
    labels, columns = merged_relations(task)
    triples = [task.left.triples, task.right.triples]
    kinds = np.concatenate([columns[side][t[:, 1]] for side, t in enumerate(triples)])
    shift = task.left.num_entities
    heads = np.concatenate([triples[0][:, 0], triples[1][:, 0] + shift])
    tails = np.concatenate([triples[0][:, 2], triples[1][:, 2] + shift])
    rows = np.concatenate([heads, tails])
    return _bag(rows, np.concatenate([kinds, kinds]), labels, _num_entities(task), top=top, binary=False)


def attribute_bag(task: AlignmentTask, *, top: int = 1000, values: bool = True) -> SparseTable:
    """Which of the ``top`` most frequent attributes an entity has, 0 or 1.

    With ``values``, a pair name=value is an attribute of its own wherever at least two entities of *each*
    graph share it (a category); values that single out an entity are left to other features. Without
    values in the data this is the published feature.

    Source: EVA, MCLEA and MEAformer codes (``load_attr``) for the names.
    """
    left, right = task.left.attributes, task.right.attributes
    labels, columns = _merge(left.names, right.names)
    sides = [(left, columns[0], 0), (right, columns[1], task.left.num_entities)]
    rows = np.concatenate([facts.entity + shift for facts, _, shift in sides])
    kinds = np.concatenate([column[facts.attribute] for facts, column, _ in sides])
    if values:
        texts = (*left.values, *right.values)
        value_labels, value_rows, value_kinds = _shared_values(rows, kinds, task.left.num_entities, texts, labels)
        rows = np.concatenate([rows, value_rows])
        kinds = np.concatenate([kinds, value_kinds + len(labels)])
        labels = [*labels, *value_labels]
    return _bag(rows, kinds, labels, _num_entities(task), top=top, binary=True)


def _num_entities(task: AlignmentTask) -> int:
    return task.left.num_entities + task.right.num_entities


def merged_relations(task: AlignmentTask) -> tuple[list[str], tuple[IntArray, IntArray]]:
    """Distinct relation labels of both graphs, and the column of each relation of either side."""
    return _merge(task.left.relations, task.right.relations)


def _merge(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], tuple[IntArray, IntArray]]:
    """One column per distinct label, and the column of each label of either side."""
    column = {label: position for position, label in enumerate(dict.fromkeys([*left, *right]))}
    return list(column), tuple(np.array([column[label] for label in side], dtype=np.int64) for side in (left, right))  # type: ignore[return-value]


def _shared_values(
    rows: IntArray, kinds: IntArray, num_left: int, texts: Sequence[str | None], labels: Sequence[str]
) -> tuple[list[str], IntArray, IntArray]:
    """Labels, entity rows and columns of the name=value pairs that two entities of each side share.

    Labels are in the order in which the pairs first come.
    """
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if not distinct.keys() - {None}:
        return [], np.empty(0, np.int64), np.empty(0, np.int64)
    codes = np.fromiter(map(distinct.__getitem__, texts), np.int64, len(texts))
    there = np.flatnonzero(codes != distinct[None]) if None in distinct else np.arange(len(texts))
    pairs, first, tokens = np.unique(
        kinds[there] * len(distinct) + codes[there], return_index=True, return_inverse=True
    )
    size = int(rows.max()) + 1
    facts = np.unique(tokens * size + rows[there])
    tokens, owners = np.divmod(facts, size)
    counts = [np.bincount(tokens[side], minlength=len(pairs)) for side in (owners < num_left, owners >= num_left)]
    kept = np.flatnonzero((counts[0] >= 2) & (counts[1] >= 2))
    kept = kept[np.argsort(first[kept])]
    column = np.full(len(pairs), -1)
    column[kept] = np.arange(len(kept))
    chosen = column[tokens] >= 0
    places = there[first[kept]].tolist()
    names = [f"{labels[kinds[place]]}={texts[place]}" for place in places]
    return names, owners[chosen], column[tokens[chosen]]


def _bag(
    rows: IntArray, kinds: IntArray, labels: Sequence[str], num_rows: int, *, top: int, binary: bool
) -> SparseTable:
    """Sparse counts of the most frequent kinds, most frequent first; ties keep the order of appearance."""
    frequency = np.bincount(kinds, minlength=len(labels))
    order = np.argsort(-frequency, kind="stable")[:top]
    column = np.full(len(labels), -1)
    column[order] = np.arange(len(order))
    keep = column[kinds] >= 0
    entries = (np.ones(int(keep.sum()), np.float32), (rows[keep], column[kinds[keep]]))
    matrix = sparse.coo_matrix(entries, shape=(num_rows, max(len(order), 1))).tocsr()
    matrix.sum_duplicates()
    if binary:
        matrix.data[:] = 1
    return SparseTable(matrix, [labels[kind] for kind in order])
