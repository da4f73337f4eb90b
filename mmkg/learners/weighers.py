"""Two ways to weigh the parts of a refinement: by validation links, or by the matches of the refinement itself."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..compute.products import pair_products
from ..matching import SinkhornConfig, among
from ..matching.list_weights import Reals, list_weights
from ..matching.sinkhorn import Cosines, mutual_best, transport, transported_pairs
from ..modalities import RELATION, STRUCTURE
from ..models.refinement import RefinementConfig
from ..typing import FloatArray, IntArray
from .evidence import Matched, Pairs, Sides
from .setting import Setting
from .sketches import BASE, Sketches, Vectors, base_blocks, of_base
from .validation import ValidationScores

FITS = 2  # of the weights to the matches that they give
GRAPH = (of_base(STRUCTURE), of_base(RELATION))
LEAST_AGREEMENT = 0.3  # of the first matches that the graph finds without the other modalities
NO_ROWS = np.empty(0, np.int64)
NO_MATCHES: tuple[Matched, Pairs] = (NO_ROWS, NO_ROWS, np.empty(0, np.float32)), (NO_ROWS, NO_ROWS)


class Weigher(Protocol):
    """Finds the soft matches of a round, and the weights of the parts that are their evidence."""

    @property
    def start(self) -> Mapping[str, float]:
        """Weights of the parts of the base."""

    def base(self, side: Tensor) -> dict[str, Tensor]:
        """The parts of one side of the base by name."""

    def matches(self, found: Vectors) -> tuple[Matched, Pairs]:
        """Likely matches of free entities with scores, and all their candidates; none if a side has no free entity.

        The scores are weights of the transport, at most 1; they do not sum to 1 for each entity.
        """

    def weights(self, found: Vectors, evidence: Sides) -> dict[str, float]:
        """Weights of the base and of the evidence of the last matches; only their ratios count."""

    @property
    def agreement(self) -> float:
        """Share of the last matches that the structure and relations of the base find by themselves."""


class ByValidation:
    """One weight for the base, which with those of the evidence ranks the validation links best.

    Args:
        setting: the run.
        config: widths and settings of the refinement.
        widths: columns of each modality in the base.
        known: scores of the validation links; ``None`` = the weights are those of the configuration.
    """

    def __init__(
        self, setting: Setting, config: RefinementConfig, widths: Mapping[str, int], known: ValidationScores | None
    ) -> None:
        self.setting, self.config, self.known = setting, config, known
        self.sketches = Sketches(setting, widths)
        self.start: Mapping[str, float] = {BASE: 1.0}

    def base(self, side: Tensor) -> dict[str, Tensor]:
        """The base as one part."""
        return {BASE: side}

    def matches(self, found: Vectors) -> tuple[Matched, Pairs]:
        """See ``Weigher``; the transport is that of cosines."""
        config, free = self.config, self.sketches.free
        if min(map(len, free)) == 0:
            return NO_MATCHES
        rows, cols, logs = transported(
            self.setting,
            self.sketches,
            found,
            SinkhornConfig(config.candidates, config.temperature, config.iterations),
            lambda rows, cols: found.cosines(free[0][rows], free[1][cols]),
        )
        return _soft(logs, config.least, free, rows, cols)

    def weights(self, found: Vectors, evidence: Sides) -> dict[str, float]:
        """See ``Weigher``; the validation links have been scored."""
        weights = {BASE: 1.0} | {name: self.config.weight(name) for name in evidence[0]}
        return weights if self.known is None else self.known.weights(weights)

    @property
    def agreement(self) -> float:
        """1: known links are right."""
        return 1.0


class ByMatches:
    """A weight for each modality of the base and each part of the evidence, by which the matches are most probable.

    The matches are the pairs whose transport weight is the largest of both their entities; ``list_weights`` fits the
    weights to them, and the transport of the weighted scores, which are log-odds then, gives the next matches. Neither
    reads a link. A part that contradicts the others gets less weight, so that the base counts less the more evidence
    there is.

    Args:
        setting: the run.
        config: widths and settings of the refinement.
        widths: columns of each modality in the base.
    """

    def __init__(self, setting: Setting, config: RefinementConfig, widths: Mapping[str, int]) -> None:
        self.setting, self.config, self.widths = setting, config, widths
        self.sketches = Sketches(setting, widths, apart=True)
        self.start: Mapping[str, float] = dict.fromkeys(map(of_base, widths), 1.0)
        self.odds: dict[str, float] = dict(self.start)  # weight of a part's score in the log-odds of a match
        self.temperature = config.temperature
        self.pairs: Pairs = (NO_ROWS, NO_ROWS)  # positions of the candidates among the free entities
        self.scores: dict[str, FloatArray] = {}  # of the candidates, by part
        self.logs = np.empty(0)

    def base(self, side: Tensor) -> dict[str, Tensor]:
        """The base, modality by modality."""
        return base_blocks(side, self.widths)

    def matches(self, found: Vectors) -> tuple[Matched, Pairs]:
        """See ``Weigher``; the transport is that of log-odds."""
        config, free = self.config, self.sketches.free
        if min(map(len, free)) == 0:
            return NO_MATCHES

        def summed(rows: IntArray, cols: IntArray) -> FloatArray:
            self.pairs = rows, cols
            self.scores = self._scores(found.sides, self.pairs)
            return _summed(self.scores.values(), self.odds.values())

        _, _, self.logs = transported(
            self.setting,
            self.sketches,
            found,
            SinkhornConfig(config.candidates, self.temperature, config.iterations),
            summed,
        )
        self._fit()
        return _soft(self.logs, config.least, free, *self.pairs)

    def weights(self, found: Vectors, evidence: Sides) -> dict[str, float]:
        """See ``Weigher``; they are square roots, since a cosine counts by the square of a part's weight."""
        if len(self.logs):
            self.scores = {name: self.scores[name] for name in self.start} | self._scores(evidence, self.pairs)
            self.odds = {name: self.odds.get(name, 0.0) for name in self.scores}
            self._fit()
        else:
            self.odds = {name: self.odds.get(name, 0.0) for name in (*self.start, *evidence[0])}
        most = max(self.odds.values())
        return {name: float(np.sqrt(weight / most)) for name, weight in self.odds.items()}

    @property
    def agreement(self) -> float:
        """See ``Weigher``; among the candidates. 1 without matches, or without structure and relations."""
        own, (rows, cols) = [self.scores[name] for name in GRAPH if name in self.scores], self.pairs
        if not own or not len(self.logs):
            return 1.0
        total, shape = np.sum(own, axis=0), (len(self.sketches.free[0]), len(self.sketches.free[1]))
        best = np.full(shape[0], -np.inf)
        np.maximum.at(best, rows, total)
        chosen = mutual_best(rows, cols, self.logs, shape)
        return float(np.mean(total[chosen] >= best[rows[chosen]]))

    def _scores(self, sides: tuple[Mapping[str, Tensor], ...], pairs: Pairs) -> dict[str, FloatArray]:
        """Inner products of pairs of free entities, part by part, ``[P]`` each."""
        left, right = (
            {name: part for whole, vectors in side.items() for name, part in self._parts(whole, vectors).items()}
            for side in sides
        )
        device = next(iter(left.values())).device
        ends = [torch.from_numpy(free[some]).to(device) for free, some in zip(self.sketches.free, pairs, strict=True)]
        with torch.no_grad():
            return {name: pair_products(part, right[name], *ends).cpu().numpy() for name, part in left.items()}

    def _parts(self, name: str, vectors: Tensor) -> dict[str, Tensor]:
        return self.base(vectors) if name == BASE else {name: vectors}

    def _fit(self) -> None:
        """Fit the weights to the matches, and transport again."""
        names = list(self.scores)
        start = [self.odds[name] for name in names] if self.temperature == 1 else None
        with self.setting.watch.phase("weigh"):
            found, self.logs = fitted(
                self.setting,
                np.stack([self.scores[name] for name in names], axis=1),
                self.pairs,
                self.logs,
                (len(self.sketches.free[0]), len(self.sketches.free[1])),
                iterations=self.config.iterations,
                start=start,
            )
        self.odds, self.temperature = dict(zip(names, found.tolist(), strict=True)), 1.0


def fitted(
    setting: Setting,
    scores: FloatArray,
    pairs: Pairs,
    logs: np.ndarray,
    shape: tuple[int, int],
    *,
    iterations: int,
    start: Sequence[float] | None = None,
) -> tuple[Reals, np.ndarray]:
    """Weights by which the matches of a transport are most probable, fitted twice, each time with another transport.

    Args:
        setting: the run.
        scores: of the candidate pairs, ``[P, M]``.
        pairs: the candidates, int64 ``[P]`` each.
        logs: their transport weights; a match has the largest of both its entities. There is at least one.
        shape: number of left and of right entities.
        iterations: of the transport.
        start: weights to start with, ``[M]``.

    Returns:
        The weights ``[M]`` and the transport weights ``[P]`` of the last scores.
    """
    for _ in range(FITS):
        chosen = mutual_best(*pairs, logs, shape)
        weights = list_weights(scores, *pairs, chosen, start=start, seed=setting.experiment.seed)
        start = weights.tolist()
        odds = _summed(scores.T, weights)
        logs = transport(*pairs, odds, shape, temperature=1.0, iterations=iterations, device=setting.device)
    return weights, logs


def _summed(scores: Iterable[FloatArray], weights: Iterable[float]) -> FloatArray:
    """The weighted sum of scores of pairs, ``[P]``; there is at least one."""
    total: FloatArray = np.zeros(1, np.float32)
    for each, weight in zip(scores, weights, strict=True):
        total = total + np.float32(weight) * each
    return total


def transported(
    setting: Setting, sketches: Sketches, found: Vectors, config: SinkhornConfig, scores: Cosines
) -> tuple[IntArray, IntArray, np.ndarray]:
    """Candidates by the sketches, as positions among the free entities, and their transport weights."""
    with setting.watch.phase("refine"), torch.no_grad():
        left, right = sketches.of(found)
        return transported_pairs(
            left,
            right,
            config,
            csls_k=setting.experiment.search.csls_k,
            device=setting.device,
            cosines=scores,
            parts=sketches.parts if left.shape[1] == sketches.width else (),
            never=among(setting.task.never, *sketches.free),
        )


def _soft(
    logs: np.ndarray, least: float, free: list[IntArray], rows: IntArray, cols: IntArray
) -> tuple[Matched, Pairs]:
    """Matches whose score reaches ``least``, and all candidates, as rows of either graph."""
    likely = np.minimum(np.exp(logs), 1).astype(np.float32)
    kept = likely >= least
    left, right = free[0][rows], free[1][cols]
    return (left[kept], right[kept], likely[kept]), (left, right)
