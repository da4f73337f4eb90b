"""What an entity looks like from several sides, each as a vector: its name, its values, its neighbours, its picture."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from ..compute.seeding import numpy_generator
from ..data.features.ngrams import ngram_matrix
from ..data.kg import KnowledgeGraph
from ..search.vectors import unit_rows
from ..typing import FloatArray, IntArray
from .texts import names_for, plain_text

Levels = NDArray[np.int8]
Numbers = NDArray[np.float64]

WIDTH = 256  # of the random projections of sparse rows, which change a cosine by about 0.06
LONGEST_TEXT = 400  # characters of an entity's values that are read together
NGRAMS = (2, 3)
LEAST_HOLDERS, SHARE_OF_HOLDERS = 20, 0.02  # entities that have a relation or attribute which counts as a role
OWN_NAME, VALUES, AROUND, PICTURE = "name", "values", "neighbours", "picture"


class Views(NamedTuple):
    """Entities from several sides.

    Args:
        dense: unit rows, or zeros for an entity that lacks it, float32 ``[n, d]`` by view; candidates are near in one.
        around: relations with neighbours, weighted by rarity, unit rows, CSR ``[n, columns]``.
    """

    dense: dict[str, FloatArray]
    around: sparse.csr_matrix


def views_of(graph: KnowledgeGraph, *, seed: int = 0) -> Views:
    """The views that the graph has data for."""
    texts = [plain_text(name) for name in names_for(graph)]
    names = ngram_matrix(texts, sizes=NGRAMS)
    around = neighbour_rows(graph)
    named = projected(names, seed, OWN_NAME)
    found = {
        OWN_NAME: named,
        VALUES: projected(ngram_matrix(value_texts(graph), sizes=NGRAMS), seed, VALUES),
        AROUND: _joined(projected(around, seed, AROUND), _mean_of_neighbours(graph, named)),
    }
    if graph.images is not None:
        found[PICTURE] = np.zeros((graph.num_entities, graph.images.features.shape[1]), np.float32)
        found[PICTURE][graph.images.rows] = _unit(graph.images.features)
    return Views({name: rows for name, rows in found.items() if rows.any()}, around)


def value_texts(graph: KnowledgeGraph) -> list[str | None]:
    """The values of each entity as one text, cut at ``LONGEST_TEXT`` characters."""
    texts: list[str | None] = [None] * graph.num_entities
    for row, value in zip(graph.attributes.entity.tolist(), graph.attributes.values, strict=True):
        if value and (before := texts[row] or "") is not None and len(before) < LONGEST_TEXT:
            texts[row] = f"{before} {plain_text(value) or ''}".strip()
    return [text and text[:LONGEST_TEXT] for text in texts]


def neighbour_rows(graph: KnowledgeGraph) -> sparse.csr_matrix:
    """Each entity as its (relation, direction, neighbour), weighted by the rarity of these, unit rows or zeros.

    A column that a single entity has is left out, as it compares with nothing.
    """
    n, triples = graph.num_entities, np.unique(graph.triples[graph.triples[:, 0] != graph.triples[:, 2]], axis=0)
    rows = np.concatenate([triples[:, 0], triples[:, 2]])
    kinds = np.concatenate([2 * triples[:, 1], 2 * triples[:, 1] + 1])
    others = np.concatenate([triples[:, 2], triples[:, 0]])
    _, columns, counts = np.unique(kinds * n + others, return_inverse=True, return_counts=True)
    weights = np.log(n / counts[columns])
    kept = (counts[columns] > 1) & (weights > 0)
    # entities without a shared neighbour have an empty row; the length counts all neighbours
    lengths = np.sqrt(np.bincount(rows, weights**2, minlength=n))
    values = (weights[kept] / lengths[rows[kept]]).astype(np.float32)
    return sparse.csr_matrix((values, (rows[kept], columns[kept])), shape=(n, max(len(counts), 1)))


def role_rows(graph: KnowledgeGraph) -> sparse.csr_matrix:
    """Relations that each entity is head or tail of, and its attributes, weighted by rarity, CSR ``[n, columns]``.

    Only those that many entities have count, as in graphs out of texts hardly two statements have the same relation.
    """
    n, relations, facts = graph.num_entities, len(graph.relations), graph.attributes
    rows = np.concatenate([graph.triples[:, 0], graph.triples[:, 2], facts.entity])
    kinds = np.concatenate([graph.triples[:, 1], relations + graph.triples[:, 1], 2 * relations + facts.attribute])
    found = np.unique(np.stack([rows, kinds], axis=1), axis=0)
    width = 2 * relations + len(facts.names)
    holders = np.bincount(found[:, 1], minlength=width)
    found = found[holders[found[:, 1]] >= max(LEAST_HOLDERS, SHARE_OF_HOLDERS * n)]
    weights = np.log1p(n / np.maximum(holders, 1))[found[:, 1]]
    return sparse.csr_matrix((weights.astype(np.float32), (found[:, 0], found[:, 1])), shape=(n, max(width, 1)))


def cosines(rows: sparse.csr_matrix, pairs: IntArray) -> FloatArray:
    """Inner product of the two rows of each pair, float32 ``[P]``."""
    found = rows[pairs[:, 0]].multiply(rows[pairs[:, 1]]).sum(axis=1)
    return np.asarray(found, np.float32).reshape(-1)


def steps_below(values: FloatArray | Numbers, steps: Sequence[float]) -> Levels:
    """Number of steps, which descend, that each value is below, int8."""
    return np.searchsorted(-np.array(steps), -values, side="left").astype(np.int8)


def projected(rows: sparse.csr_matrix, seed: int, purpose: str) -> FloatArray:
    """Sparse rows at random in ``WIDTH`` columns, scaled to unit length, float32 ``[n, WIDTH]``."""
    drawn = numpy_generator(seed, f"view {purpose}").standard_normal((rows.shape[1], WIDTH), dtype=np.float32)
    return _unit(np.asarray(rows @ drawn))


def _mean_of_neighbours(graph: KnowledgeGraph, rows: FloatArray) -> FloatArray:
    """Unit mean of the vectors of the neighbours, float32 ``[n, d]``."""
    n, triples = graph.num_entities, graph.triples[graph.triples[:, 0] != graph.triples[:, 2]]
    ends = np.concatenate([triples[:, 0], triples[:, 2]]), np.concatenate([triples[:, 2], triples[:, 0]])
    degree = np.bincount(ends[0], minlength=n)
    weights = 1 / np.sqrt(np.maximum(degree[ends[1]], 1))  # a hub says little of its neighbours
    steps = sparse.csr_matrix((weights.astype(np.float32), ends), shape=(n, n))
    return _unit(np.asarray(steps @ rows))


def _joined(first: FloatArray, second: FloatArray) -> FloatArray:
    return _unit(np.concatenate([first, second], axis=1))


def _unit(rows: FloatArray) -> FloatArray:
    found: FloatArray = unit_rows(torch.from_numpy(np.ascontiguousarray(rows, np.float32))).numpy()
    return found
