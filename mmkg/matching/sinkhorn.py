"""One-to-one matching by optimal transport on candidate lists."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Unpack

import numpy as np
from pydantic import Field

from ..compute.devices import device_type, resolve_device
from ..compute.host import isolated
from ..errors import InputError
from ..search.config import IndexConfig
from ..search.given import Vectors, check_count
from ..search.index import LARGEST_FLAT
from ..settings import configuration
from ..typing import FloatArray, IntArray
from .candidates import Scorer, Scoring, listed_both_ways
from .matcher import Matcher
from .matching import Matching, matching_of

if TYPE_CHECKING:
    import torch

TEMPERATURE = 0.02
ITERATIONS = 15
CANDIDATES = 50
LARGEST_EXACT = LARGEST_FLAT  # rows of either side up to which candidates are found exactly
Cosines = Callable[[IntArray, IntArray], FloatArray]
Transport = Callable[[FloatArray], np.ndarray]
Rescored = Callable[[IntArray, IntArray, FloatArray, np.ndarray, Transport], np.ndarray]


@configuration
@dataclass(frozen=True)
class SinkhornConfig:
    """Settings of ``sinkhorn``.

    Args:
        k: candidates per entity, >= 1 (500 in LightEA).
        temperature: divisor of the cosines, > 0 (0.02 there).
        iterations: normalisations of both sides, >= 1 (15 there).

    Raises:
        UsageError: a value out of range.
    """

    k: Annotated[int, Field(ge=1)] = CANDIDATES
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = TEMPERATURE
    iterations: Annotated[int, Field(ge=1)] = ITERATIONS


@isolated
def sinkhorn(
    left: Vectors,
    right: Vectors,
    *,
    k: int = CANDIDATES,
    temperature: float = TEMPERATURE,
    iterations: int = ITERATIONS,
    **scoring: Unpack[Scoring],
) -> Matching:
    """Pairs that have the largest transport weight of both their rows, when all entities compete for each other.

    Candidates are the pairs on the lists of the k nearest of either side, so that swapping left and right swaps the
    result. Their cosines become log-weights, which are normalised over the candidates of each left row and of each
    right row. A pair is matched if its weight is the largest of both rows. Memory is O((n1 + n2) k).

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1; with k = size of the larger side all pairs are candidates.
        temperature: divisor of the cosines, > 0; the smaller it is, the closer the result is to ``hungarian`` (0.02 in
            LightEA).
        iterations: normalisations of both sides, >= 1 (15 in LightEA).
        scoring: how pairs are scored, and what is known already. CSLS selects the candidates and is the score of a
            pair; the transport uses cosines, since its normalisation replaces that of CSLS.

    Returns:
        Pairs with their cosine or CSLS score. Among equal weights the lower row is preferred.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, ``temperature`` or ``iterations`` out of range, unknown kind or device.

    Source:
        Cuturi, NeurIPS 2013; sparse and for entity alignment in Mao et al., EMNLP 2022 (LightEA).
    """
    check_count(k, "k")
    return transport_matching(left, right, SinkhornConfig(k, temperature, iterations), scoring)


def transport_matching(
    left: Vectors, right: Vectors, config: SinkhornConfig, scoring: Scoring, rescored: Rescored | None = None
) -> Matching:
    """``sinkhorn``, or with further transports of scores that the first one changes.

    Args:
        left, right, scoring: as for ``sinkhorn``.
        config: candidates and transport.
        rescored: gives the last log-weights ``[P]`` from the rows and columns of the candidates, their cosines, their
            first log-weights, and the function that transports; ``None`` = the first ones are the last.
    """
    scorer = Scorer.of(left, right, config.k, **scoring)
    rows, cols, scores = listed_both_ways(scorer, config.k)
    shape, device = scorer.shape, scoring.get("device", "auto")
    cosines = scorer.cosines(rows, cols)

    def transported(summed: FloatArray) -> np.ndarray:
        return transport(
            rows, cols, summed, shape, temperature=config.temperature, iterations=config.iterations, device=device
        )

    weights = transported(cosines)
    if rescored is not None:
        weights = rescored(rows, cols, cosines, weights, transported)
    chosen = mutual_best(rows, cols, weights, shape)
    rows, cols = rows[chosen], cols[chosen]
    return matching_of(rows, cols, scorer.pair_scores(rows, cols) if scores is None else scores[chosen])


def transport(
    rows: IntArray,
    cols: IntArray,
    scores: FloatArray,
    shape: tuple[int, int],
    *,
    temperature: float = TEMPERATURE,
    iterations: int = ITERATIONS,
    device: "str | torch.device" = "cpu",
) -> np.ndarray:
    """Log-weights of pairs after Sinkhorn's normalisations; pairs that are not listed have weight 0.

    With as many left as right rows, and lists that allow it, the weights of each row and of each column converge to sum
    1; with different numbers, to one sum for all rows and its inverse for all columns. Each step is the mean of the
    normalisations over rows and over columns, so that swapping the sides swaps the result; it needs about twice as many
    steps as normalising in turn. Before they converge, weights are scores and not probabilities: after 15 steps those
    of a row sum to .96 to 1.87 on DBP15K zh-en. Logarithms in float64 do not overflow at any temperature.

    Args:
        rows, cols: listed pairs, int64 ``[P]`` each, no pair twice.
        scores: of the pairs, ``[P]``, finite, larger is better.
        shape: number of left and of right rows.
        temperature: > 0.
        iterations: >= 1.
        device: ``auto``, ``cpu`` or ``cuda``. NumPy computes on a CPU, where it is faster than torch; sums of the two
            differ in their last bits.

    Returns:
        float64 ``[P]``, larger is better.

    Raises:
        InputError: columns of different lengths, or a score that is not finite.
        UsageError: ``temperature`` or ``iterations`` out of range.
    """
    SinkhornConfig(temperature=temperature, iterations=iterations)  # checks them
    if not rows.shape == cols.shape == scores.shape:
        raise InputError(f"expected columns of one length, got {rows.shape}, {cols.shape}, {scores.shape}")
    if not np.isfinite(scores).all():
        raise InputError("scores to transport must be finite")
    if device_type(device) != "cpu":
        return _transport_on(
            resolve_device(device), rows, cols, scores, shape, temperature=temperature, iterations=iterations
        )
    weights = scores.astype(np.float64) / temperature
    of_row, of_col = _Segments(rows, shape[0]), _Segments(cols, shape[1])
    for _ in range(iterations):
        by_row = weights - of_row.log_sums(weights)[rows]
        by_col = weights - of_col.log_sums(weights)[cols]
        weights = (by_row + by_col) / 2
    return weights


@isolated
def transported_pairs(
    left: Vectors,
    right: Vectors,
    config: SinkhornConfig,
    *,
    csls_k: int = 3,
    device: "str | torch.device" = "auto",
    cosines: Cosines | None = None,
    never: IntArray | None = None,
    parts: tuple[int, ...] = (),
) -> tuple[IntArray, IntArray, np.ndarray]:
    """Left rows, right rows and log-weights of all candidate pairs of ``sinkhorn``, by row, then column.

    Args:
        left, right, csls_k, device: as for ``sinkhorn``.
        config: the other settings of ``sinkhorn``.
        cosines: gives the cosines of pairs of rows, if ``left`` and ``right`` are sketches, which are good enough to
            find candidates with, of wider vectors; ``None`` = those of ``left`` and ``right``.
        never: pairs of rows that are no candidates, int64 ``[W, 2]``.
        parts: widths of the parts that the vectors consist of, if there are several: the candidates of more than
            ``LARGEST_EXACT`` rows are found by lists of each part.
    """
    means = lists = None
    if max(len(left), len(right)) > LARGEST_EXACT and device_type(device) == "cpu":
        from ..search.listed import listed_by_index

        index = IndexConfig(parts=parts)
        found = listed_by_index(left, right, config.k, csls_k=csls_k, device=device, config=index)
        means, lists = found.means, (found.left, found.right)
        del found
    scorer = Scorer.of(
        left, right, config.k, csls_k=csls_k, device=device, kind="auto", means=means, lists=lists, never=never
    )
    rows, cols, _ = listed_both_ways(scorer, config.k)
    del lists
    scorer = replace(scorer, lists=None)  # they are not needed again
    scores = (scorer.cosines if cosines is None else cosines)(rows, cols)
    shape = scorer.shape
    del scorer
    weights = transport(
        rows, cols, scores, shape, temperature=config.temperature, iterations=config.iterations, device=device
    )
    return rows, cols, weights


class _Segments:
    """Sums over the entries of each row, which are in any order."""

    def __init__(self, owners: IntArray, size: int) -> None:
        self.order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=size)
        self.size, self.present = size, np.flatnonzero(counts)
        self.starts = (np.cumsum(counts) - counts)[self.present]
        self.counts = counts[self.present]

    def log_sums(self, values: np.ndarray) -> np.ndarray:
        """``log sum exp`` per row, ``[size]``; -inf where a row has no entry."""
        sums = np.full(self.size, -np.inf)
        if len(self.present):
            ordered = values[self.order]
            peaks = np.maximum.reduceat(ordered, self.starts)
            spread = np.exp(ordered - np.repeat(peaks, self.counts))
            sums[self.present] = peaks + np.log(np.add.reduceat(spread, self.starts))
        return sums


def _transport_on(
    device: "torch.device",
    rows: IntArray,
    cols: IntArray,
    scores: FloatArray,
    shape: tuple[int, int],
    *,
    temperature: float,
    iterations: int,
) -> np.ndarray:
    """``transport`` in torch. Sums go over sorted entries, so that a GPU gives the same bits every time."""
    import torch

    weights = torch.from_numpy(scores).to(device, torch.float64) / temperature
    owners = [torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in (rows, cols)]
    orders = [each.argsort(stable=True) for each in owners]
    offsets = [
        torch.searchsorted(each.index_select(0, order), torch.arange(size + 1, device=device))
        for each, order, size in zip(owners, orders, shape, strict=True)
    ]
    for _ in range(iterations):
        found = []
        for each, order, ends in zip(owners, orders, offsets, strict=True):
            ordered = weights.index_select(0, order)
            peaks = torch.segment_reduce(ordered, "max", offsets=ends)
            spread = (ordered - peaks.index_select(0, each.index_select(0, order))).exp()
            sums = peaks + torch.segment_reduce(spread, "sum", offsets=ends).log()
            found.append(weights - sums.index_select(0, each))
        weights = (found[0] + found[1]) / 2
    return weights.cpu().numpy()


def mutual_best(rows: IntArray, cols: IntArray, weights: np.ndarray, shape: tuple[int, int]) -> IntArray:
    """Positions of the pairs whose weight is the best of their row and of their column."""
    order = np.lexsort((cols, rows, -weights))
    best_row, best_col = np.full(shape[0], -1), np.full(shape[1], -1)
    back = order[::-1]  # the last value written stays
    best_row[rows[back]] = back
    order = np.lexsort((rows, cols, -weights))[::-1]
    best_col[cols[order]] = order
    places = best_row[best_row >= 0]
    chosen: IntArray = places[best_col[cols[places]] == places]
    return chosen


MATCHER = Matcher(sinkhorn, SinkhornConfig, lists=True)
