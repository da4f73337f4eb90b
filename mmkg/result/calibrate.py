"""Confidence of matches and entities without a counterpart, calibrated on validation links, judged on test links."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compute.host import isolated_class
from ..compute.seeding import numpy_generator
from ..config.search import SearchConfig
from ..data.split import sample_links
from ..data.task import LinkSplit
from ..errors import UsageError
from ..evaluation import answers_to, calibration_error, counterpart_figures, reliability
from ..matching import Counterparts, Matching
from ..matching.counterparts import HeldOut, best_margins, estimate_share, hold_out, pair_margins
from ..records import Shown
from ..search import Neighbors
from ..typing import BoolArray, FloatArray, IntArray
from .embeddings import EXACT, EmbeddingSearch

LEAST_TO_CALIBRATE = 10
UNLABELLED = 2000  # entities from whose margins the share with a counterpart is estimated
SAME_AS_PRECISION = 0.95  # precision of links that are exported as owl:sameAs and not as skos:closeMatch
NO_CONFIDENCES = "and this run had too few validation links to calibrate them"


@isolated_class
@dataclass(frozen=True, repr=False)
class Confidences(Shown):
    """Confidences of a run. What the validation links teach is kept by the embeddings.

    Args:
        searcher: search of the run's embeddings.
        links: the split of the run.
        search: settings of the run.
        seed: random seed of the run.
        held_out: links that were held out in folds, see ``mmkg.crossfit``; ``None`` = the validation links calibrate.
    """

    searcher: EmbeddingSearch
    links: LinkSplit
    search: SearchConfig
    seed: int
    held_out: HeldOut | None = None

    @property
    def counterparts(self) -> Counterparts | None:
        """Calibration of confidences and thresholds on the validation links; ``None`` with fewer than ten of them.

        Each validation link (of more than ``search.valid_queries`` a sample) is queried twice, with and without its
        counterpart among the candidates, see ``hold_out``. Candidates are all right entities. The share of entities
        with a counterpart is ``search.matchable``; otherwise it is estimated from the answers of at most 2,000 left
        entities outside the training and validation links, see ``estimate_share``.
        """
        return self.searcher.embeddings.kept(self.key, self._learn)

    def keep(self, counterparts: Counterparts | None) -> None:
        """Keep a calibration that was made before."""
        self.searcher.embeddings.keep(self.key, counterparts)

    def of_pairs(self, pairs: IntArray, scores: FloatArray) -> FloatArray:
        """Probability that each pair is right, float32 ``[P]``; scores are by the run's measure.

        Raises:
            UsageError: too few validation links to calibrate on.
        """
        if self.counterparts is None:
            raise UsageError(f"confidences need at least {LEAST_TO_CALIBRATE} validation links")
        confidence = np.full(len(pairs), EXACT, np.float32)
        others = ~self.searcher.embeddings.is_exact(pairs)
        margins = pair_margins(pairs[others], scores[others], self.searcher.nearest)
        confidence[others] = self.counterparts.calibration.predict(margins)
        return confidence

    def of_lists(self, rows: IntArray, found: Neighbors, side: str) -> FloatArray | None:
        """Confidences of neighbours, ``[Q, K]``, 0 where there is none; ``None`` without a calibration."""
        if self.counterparts is None:
            return None
        queries, places = np.nonzero(found.present)
        ends = [rows[queries], found.ids[queries, places]]
        pairs = np.stack(ends if side == "left" else ends[::-1], axis=1)
        confidence = np.zeros(found.ids.shape, np.float32)
        confidence[queries, places] = self.of_pairs(pairs, found.scores[queries, places])
        return confidence

    def threshold(self, min_precision: float | None = None) -> float:
        """The least confidence with the best F1 on validation links, or with a given precision; 0 without confidences.

        Raises:
            UsageError: no confidence reaches that precision, or there are none.
        """
        if self.counterparts is not None:
            return self.counterparts.threshold(min_precision).value
        if min_precision is not None:
            raise UsageError(f"a precision needs confidences, {NO_CONFIDENCES}")
        return 0.0

    def same_as_threshold(self, threshold: float = 0.0) -> float:
        """The least confidence of links exported as ``owl:sameAs``: precision 0.95 on validation links, at most 1.

        Args:
            threshold: least confidence of all exported links; the result is not below it.
        """
        if self.counterparts is None:
            return 1.0
        try:
            return max(threshold, self.counterparts.threshold(SAME_AS_PRECISION).value)
        except UsageError:  # no confidence reaches that precision
            return 1.0

    def sure(self, matching: Matching, threshold: float | None = None) -> Matching:
        """The matches whose confidence reaches the threshold; see ``AlignmentResult.believed``."""
        threshold = self.threshold() if threshold is None else threshold
        if check_threshold(threshold) == 0:
            return matching
        if matching.confidence is None:
            raise UsageError(f"a threshold needs confidences, {NO_CONFIDENCES}")
        return matching.keep(matching.confidence >= threshold)

    def judge(self, matching: Matching, threshold: float | None = None) -> dict[str, Any]:
        """How well the run separates links from entities without a counterpart, among all entities.

        Nothing is chosen here.

        Args:
            matching: with confidences.
            threshold: least confidence; ``None`` = that with the best F1 on validation links.

        Returns:
            - ``share`` of entities with a counterpart and whether it was ``estimated``; the ``threshold`` chosen on
              ``num_valid`` links and what it promises; ``least``, the threshold that was used.
            - ``known``: figures of the best answers to ``num_known`` test links, each with and without its counterpart
              among the candidates, weighted by ``share``. Here the truth is known.
            - ``graph``: figures of the matching on all ``num_unseen`` left entities outside the training and validation
              links. Entities without a known link count as having no counterpart, so these figures are too low where
              the known links are incomplete; ``linked`` is the share with a link.

            Both are ``counterpart_figures`` with ``calibration_error`` and the ``reliability`` curve.

        Raises:
            UsageError: no test links, too few validation links to calibrate on, or a threshold out of range.
        """
        learnt, test = self.counterparts, self.compared(self.links.test)
        if learnt is None or len(test) == 0:
            raise UsageError(f"this needs test links and at least {LEAST_TO_CALIBRATE} validation links")
        chosen = learnt.threshold()
        least = chosen.value if threshold is None else threshold
        queries = sample_links(test, self.search.ranked(len(test)), seed=self.seed, label="ranked test links")
        sample = self.sample_of(queries)
        confidence, weights = learnt.calibration.predict(sample.margins), sample.weights(learnt.share)
        found = confidence >= least
        known = counterpart_figures(found, sample.right & found, sample.present, weights)
        rows = self._unseen()
        answers = answers_to(self.sure(matching, least).pairs, test, rows)
        several = np.bincount(test[:, 0], minlength=int(rows.max()) + 1)[rows]
        about = matching if matching.confidence is None else matching.keep(np.isin(matching.left, rows))
        graph: dict[str, Any] = counterpart_figures(*answers, links=several) | {"linked": float(answers[2].mean())}
        if about.confidence is not None:
            graph |= _reliability(about.confidence, answers_to(about.pairs, test, about.left)[1], None)
        return {
            "share": learnt.share,
            "estimated": learnt.estimated,
            "num_valid": int(learnt.sample.present.sum()),
            "threshold": chosen._asdict(),
            "least": least,
            "num_known": len(queries),
            "known": known | _reliability(confidence, sample.right, weights),
            "num_unseen": len(rows),
            "graph": graph,
        }

    @property
    def key(self) -> tuple[Any, ...]:
        """Identifies the calibration among what the embeddings keep: all settings that it depends on."""
        digest = hashlib.sha256(b"".join(part.tobytes() + b"|" for part in (self.links.train, self.links.valid)))
        settings = (self.search.valid_queries, self.search.matchable, self.seed)
        return ("counterparts", self.searcher.csls_k, digest.hexdigest(), *settings)

    def _learn(self) -> Counterparts | None:
        valid = self.compared(self.links.valid)
        number = len(valid) if self.held_out is None else int(self.held_out.present.sum())
        if number < LEAST_TO_CALIBRATE:
            return None
        queries = sample_links(valid, self.search.valid_queries, seed=self.seed, label="validation links")
        sample = self.sample_of(queries) if self.held_out is None else self.held_out
        if self.search.matchable is not None:
            return Counterparts(sample, self.search.matchable, estimated=False)
        rows = self._unseen()
        if len(rows) > UNLABELLED:
            generator = numpy_generator(self.seed, "share with a counterpart")
            rows = rows[np.sort(generator.choice(len(rows), UNLABELLED, replace=False))]
        margins = np.empty(0, np.float32)
        if len(rows):
            nearest = self.searcher.nearest
            margins = best_margins(rows, nearest(rows, 2, "left"), nearest)
        return Counterparts(sample, estimate_share(sample, margins), estimated=True)

    def sample_of(self, links: IntArray) -> HeldOut:
        """Best candidates of the left entities of links that were not learnt from, see ``hold_out``."""
        k = self.searcher.csls_k
        return hold_out(links, self.searcher.nearest, csls_k=k, means=self.searcher.means() if k else None)

    def compared(self, links: IntArray) -> IntArray:
        """The links without those between equal literal nodes, which tell nothing of scores."""
        return links[~self.searcher.embeddings.is_exact(links)]

    def _unseen(self) -> IntArray:
        """Left entities outside the training and validation links, without context."""
        seen = np.concatenate([self.links.train[:, 0], self.links.valid[:, 0]])
        return np.setdiff1d(self.searcher.embeddings.rows("left"), seen)


def check_threshold(threshold: float) -> float:
    """The threshold, if it can be a least confidence.

    Raises:
        UsageError: it is outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold must be in 0..1, got {threshold}")
    return threshold


def _reliability(confidence: FloatArray, right: BoolArray, weights: FloatArray | None) -> dict[str, Any]:
    curve = reliability(confidence, right, weights)
    return {"calibration_error": calibration_error(curve), "reliability": [each._asdict() for each in curve]}
