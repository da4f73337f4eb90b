"""One-to-one matching by optimal transport that also keeps neighbours together: fused Gromov-Wasserstein steps."""

from dataclasses import dataclass
from typing import Annotated, Unpack

import numpy as np
from pydantic import Field
from scipy import sparse

from ..compute.host import isolated
from ..errors import InputError, UsageError
from ..search.given import Vectors, check_count
from ..settings import configuration
from ..typing import FloatArray, IntArray
from .candidates import Scoring
from .matcher import Matcher
from .matching import Matching
from .sinkhorn import CANDIDATES, ITERATIONS, TEMPERATURE, SinkhornConfig, Transport, transport_matching

STRUCTURE = 0.1
STEPS = 3
LEAST = 0.01  # transport weights below it say nothing of neighbours
DAMPING = 0.25  # power of a neighbour's degree by which it counts less: a hub is weak evidence
BLOCK_PAIRS = 1 << 16
Edges = tuple[IntArray, IntArray]


@configuration
@dataclass(frozen=True)
class GromovWassersteinConfig:
    """Settings of ``gromov_wasserstein``.

    Args:
        k: candidates per entity, >= 1.
        structure: weight of the neighbours' agreement, which is in [0, 1], beside the cosine, >= 0.
        steps: how often that agreement is computed again, >= 0; 0 = ``sinkhorn``.
        temperature, iterations: of each transport, see ``SinkhornConfig``.

    Raises:
        UsageError: a value out of range.
    """

    k: Annotated[int, Field(ge=1)] = CANDIDATES
    structure: Annotated[float, Field(ge=0, allow_inf_nan=False)] = STRUCTURE
    steps: Annotated[int, Field(ge=0)] = STEPS
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = TEMPERATURE
    iterations: Annotated[int, Field(ge=1)] = ITERATIONS


@isolated
def gromov_wasserstein(
    left: Vectors,
    right: Vectors,
    *,
    edges: Edges | None = None,
    k: int = CANDIDATES,
    structure: float = STRUCTURE,
    steps: int = STEPS,
    temperature: float = TEMPERATURE,
    iterations: int = ITERATIONS,
    **scoring: Unpack[Scoring],
) -> Matching:
    """Pairs that have the largest transport weight of both their rows, where neighbours of a pair match, too.

    The cosines of the candidates are transported as by ``sinkhorn``. Each step then adds ``structure`` times the
    agreement of their neighbours under the last transport weights, see ``agreement``, and transports again: entropic
    fused Gromov-Wasserstein, restricted to candidates. Where embeddings cannot tell two entities, their neighbours can.
    Memory is O((n1 + n2) k).

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        edges: pairs of left rows and pairs of right rows that a triple joins, int64 ``[E1, 2]`` and ``[E2, 2]``.
        k, structure, steps, temperature, iterations: see ``GromovWassersteinConfig``.
        scoring: how pairs are scored, and what is known already, as for ``sinkhorn``.

    Returns:
        Pairs with their cosine or CSLS score. Among equal weights the lower row is preferred.

    Raises:
        InputError: vectors that are not finite matrices of one width, or an edge of a row that there is not.
        UsageError: no edges, or a setting out of range.

    Source:
        Vayer et al., ICML 2019 (fused Gromov-Wasserstein, Eq. 7); proximal steps as Xu et al., ICML 2019, start from
        the cosines here. For entity alignment Tang et al., ACL 2023 findings (FGWEA), there with dense matrices.
    """
    check_count(k, "k")
    config = GromovWassersteinConfig(k, structure, steps, temperature, iterations)  # checks them
    if edges is None:
        raise UsageError("gromov-wasserstein needs the edges of both graphs; take sinkhorn")

    def rescored(
        rows: IntArray, cols: IntArray, cosines: FloatArray, weights: np.ndarray, transported: Transport
    ) -> np.ndarray:
        near = normalised(edges[0], len(left)), normalised(edges[1], len(right))
        for _ in range(config.steps):
            agreed = agreement(*near, rows, cols, np.minimum(np.exp(weights), 1))
            weights = transported(cosines + np.float32(config.structure) * agreed)
        return weights

    return transport_matching(left, right, SinkhornConfig(k, temperature, iterations), scoring, rescored)


def normalised(edges: IntArray, size: int) -> sparse.csr_matrix:
    """Neighbours of each row, ``[n, n]``: 1 / degree ** 0.25 of the neighbour, rows scaled to unit length.

    Args:
        edges: pairs of rows, ``[E, 2]``, in either direction; repeated ones and loops do not count.
        size: n.

    Raises:
        InputError: an edge of a row that there is not.
    """
    edges = edges[edges[:, 0] != edges[:, 1]]
    if len(edges) and (edges.min() < 0 or edges.max() >= size):
        raise InputError(f"expected edges between rows 0 to {size - 1}, got row {max(edges.max(), -edges.min())}")
    both = np.concatenate([edges, edges[:, ::-1]])
    keys = np.unique(both[:, 0] * size + both[:, 1])
    heads, tails = keys // size, keys % size
    degrees = np.bincount(heads, minlength=size)
    values = degrees[tails].astype(np.float64) ** -DAMPING
    lengths = np.sqrt(np.bincount(heads, values**2, minlength=size))
    return sparse.csr_matrix((values / lengths[heads], (heads, tails)), shape=(size, size))


def agreement(
    left: sparse.csr_matrix, right: sparse.csr_matrix, rows: IntArray, cols: IntArray, weights: np.ndarray
) -> FloatArray:
    """How far the neighbours of each pair match each other: ``sum_i'j' A_ii' P_i'j' B_jj'``, float32 ``[P]``.

    In [0, 1] if P is a part of a permutation, and 1 if it takes the neighbours of i to those of j.

    Args:
        left, right: A and B of ``normalised``.
        rows, cols: the pairs, int64 ``[P]`` each.
        weights: P of the pairs, in [0, 1]; 0 for all others, and below ``LEAST``.
    """
    kept = weights >= LEAST
    shape = left.shape[0], right.shape[0]
    reached = left @ sparse.csr_matrix((weights[kept], (rows[kept], cols[kept])), shape=shape)
    found = np.zeros(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK_PAIRS):
        some = slice(start, start + BLOCK_PAIRS)
        found[some] = np.asarray(reached[rows[some]].multiply(right[cols[some]]).sum(axis=1)).ravel()
    return found


MATCHER = Matcher(gromov_wasserstein, GromovWassersteinConfig, lists=True, edges=True)
