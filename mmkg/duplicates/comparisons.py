"""Comparisons of two entities: name, attributes, neighbours, roles and picture, each as a level."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..data.kg import KnowledgeGraph
from ..typing import FloatArray, IntArray
from .attributes import SIZE as ATTRIBUTE_LEVELS
from .attributes import attributes_of
from .texts import names_for
from .views import PICTURE, Levels, Numbers, Views, cosines, role_rows, steps_below
from .words import LEVELS as NAME_LEVELS
from .words import NameWords

BLOCK_PAIRS = 1 << 17
AROUND_STEPS = (0.8, 0.6, 0.4, 0.2, 0.1, 0.02)  # cosines of weighted neighbours
ROLE_STEPS = (0.99, 0.5, 0.01)  # shares of the relations and attributes of the one that has fewer
PICTURE_STEPS = (0.99, 0.95, 0.9, 0.8, 0.6)  # cosines
NAME, ATTRIBUTE, NEIGHBOURS, ROLES = "name", "attribute", "neighbours", "roles"


class Comparison(NamedTuple):
    """What is compared: its kind, its name, and the number of levels, of which 0 is the closest."""

    kind: str
    name: str
    size: int


class Comparer:
    """Compares pairs of entities of a graph.

    Args:
        graph: the graph.
        views: of its entities.
    """

    def __init__(self, graph: KnowledgeGraph, views: Views) -> None:
        self.names = NameWords.of(names_for(graph))
        self.attributes = attributes_of(graph)
        self.around, self.linked = views.around, graph.has_triple
        self.roles = role_rows(graph)
        self.role_weight = np.asarray(self.roles.sum(axis=1)).reshape(-1)
        self.pictures = views.dense.get(PICTURE)
        self.pictured = np.zeros(0, bool) if self.pictures is None else (self.pictures != 0).any(axis=1)
        self.comparisons = [Comparison(NAME, NAME, NAME_LEVELS)]
        self.comparisons += [Comparison(ATTRIBUTE, each.name, ATTRIBUTE_LEVELS) for each in self.attributes]
        self.comparisons.append(Comparison(NEIGHBOURS, NEIGHBOURS, len(AROUND_STEPS) + 1))
        self.comparisons.append(Comparison(ROLES, ROLES, len(ROLE_STEPS) + 1))
        if self.pictures is not None:
            self.comparisons.append(Comparison(PICTURE, PICTURE, len(PICTURE_STEPS) + 1))

    def levels(self, pairs: IntArray) -> tuple[Levels, FloatArray]:
        """Level of each comparison of each pair, and how common the value is that both have.

        Args:
            pairs: rows, int64 ``[P, 2]``.

        Returns:
            int8 ``[P, C]``, -1 where one of the two has nothing to compare; share of the entities with that value,
            float32 ``[P, C]``, NaN where the two are not equal or equality is not defined.
        """
        blocks = [self._block(pairs[start : start + BLOCK_PAIRS]) for start in range(0, len(pairs), BLOCK_PAIRS)]
        if not blocks:
            shape = 0, len(self.comparisons)
            return np.empty(shape, np.int8), np.empty(shape, np.float32)
        return np.concatenate([levels for levels, _ in blocks]), np.concatenate([shares for _, shares in blocks])

    def _block(self, pairs: IntArray) -> tuple[Levels, FloatArray]:
        shape = len(pairs), len(self.comparisons)
        levels, shares = np.full(shape, -1, np.int8), np.full(shape, np.nan, np.float32)
        levels[:, 0], shares[:, 0] = self.names.levels(pairs)
        for column, attribute in enumerate(self.attributes, start=1):
            levels[:, column], shares[:, column] = attribute.levels(pairs)
        column = len(self.attributes) + 1
        both = self.linked[pairs].all(axis=1)
        levels[both, column] = steps_below(cosines(self.around, pairs[both]), AROUND_STEPS)
        both = (self.role_weight > 0)[pairs].all(axis=1)
        common = self.role_weight[pairs[both]].min(axis=1)
        levels[both, column + 1] = steps_below(_shared(self.roles, pairs[both]) / common, ROLE_STEPS)
        if self.pictures is not None:
            both = self.pictured[pairs].all(axis=1)
            near = np.einsum("pd,pd->p", self.pictures[pairs[both, 0]], self.pictures[pairs[both, 1]])
            levels[both, column + 2] = steps_below(near, PICTURE_STEPS)
        return levels, shares


def _shared(rows: sparse.csr_matrix, pairs: IntArray) -> Numbers:
    """Sum of what both rows of each pair have, ``[P]``."""
    return np.asarray(rows[pairs[:, 0]].minimum(rows[pairs[:, 1]]).sum(axis=1), np.float64).reshape(-1)
