"""How hard a pair is, by plain computations that use nothing of the library but its records."""

from collections import Counter

import numpy as np
import scipy.sparse as sp


def hits_at_1(scores):
    """Share of rows whose diagonal is best; a tie of n counts as 1/n."""
    gold = scores.diagonal()[:, None]
    better, equal = (scores > gold).sum(axis=1), (scores == gold).sum(axis=1)
    return float(np.where(better == 0, 1 / equal, 0).mean())


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def anchor_scores(task, seeds, test):
    """Cosine of two damped random walks (4 steps, 1/2) that start at the seeds; no learning, no other modality."""
    sides = []
    for side, graph in enumerate((task.left, task.right)):
        h, t = graph.triples[:, 0], graph.triples[:, 2]
        n = graph.num_entities
        adjacency = sp.coo_array((np.ones(2 * len(h)), (np.r_[h, t], np.r_[t, h])), shape=(n, n)).tocsr()
        walk = sp.diags_array(1 / np.maximum(adjacency.sum(axis=1), 1)) @ adjacency
        start = np.zeros((n, len(seeds)))
        start[seeds[:, side], np.arange(len(seeds))] = 1
        state, total = start, start
        for step in range(1, 5):
            state = walk @ state
            total = total + 0.5**step * state
        sides.append(unit(np.sqrt(total[test[:, side]])))
    return sides[0] @ sides[1].T


def name_scores(task, test):
    """Cosine of character 1- to 3-grams, weighted by rarity; an entity without a name has no grams."""
    sides = [[graph.names[row] or "" for row in test[:, side]] for side, graph in enumerate((task.left, task.right))]
    grams = [[Counter(f" {n} "[i : i + k] for k in (1, 2, 3) for i in range(len(n) + 3 - k)) for n in s] for s in sides]
    documents = Counter(gram for side in grams for counts in side for gram in counts)
    column = {gram: position for position, gram in enumerate(documents)}
    rarity = np.log(2 * len(sides[0]) / np.array([documents[g] for g in column])) + 1
    tables = []
    for side in grams:
        cells = [(row, column[g], c) for row, counts in enumerate(side) for g, c in counts.items()]
        rows, columns, counts = (np.array(part) for part in zip(*cells, strict=True))
        cell = (counts * rarity[columns], (rows, columns))
        table = sp.coo_array(cell, shape=(len(side), len(column))).tocsr()
        tables.append(sp.diags_array(1 / np.sqrt((table**2).sum(axis=1))) @ table)
    return (tables[0] @ tables[1].T).toarray()


def image_scores(task, test, *, centred=False):
    """Cosine of the image features of the test links that have both pictures."""
    sides = (task.left, task.right)
    have = [dict(zip(graph.images.rows.tolist(), graph.images.features, strict=True)) for graph in sides]
    both = [pair for pair in test.tolist() if pair[0] in have[0] and pair[1] in have[1]]
    tables = [np.stack([have[side][pair[side]] for pair in both]) for side in (0, 1)]
    left, right = (unit(table - table.mean(axis=0)) if centred else unit(table) for table in tables)
    return left @ right.T


def values_unique_on_both_sides(task):
    """Facts (attribute, value) that a single entity has on either side, where these two are the same."""
    pairs = dict(task.links.all().tolist())
    facts = []
    for graph in (task.left, task.right):
        a = graph.attributes
        facts.append([(int(e), (a.names[n], v)) for e, n, v in zip(a.entity, a.attribute, a.values, strict=True)])
    uses = [Counter(fact for _, fact in side) for side in facts]
    unique = [{fact: e for e, fact in side if use[fact] == 1} for side, use in zip(facts, uses, strict=True)]
    return sorted(fact for fact in unique[0] if fact in unique[1] and pairs.get(unique[0][fact]) == unique[1][fact])
