"""Confidence of matches and entities without a counterpart, from held-out links or without, judged on test links."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compute.host import isolated_class
from ..compute.seeding import numpy_generator
from ..config.search import SearchConfig
from ..data.split import sample_links
from ..data.task import LinkSplit
from ..errors import Advice, Setting, UsageError
from ..evaluation import answers_to, calibration_error, counterpart_figures, reliability, roc_area
from ..matching import Counterparts, Matching
from ..matching.counterparts import ENOUGH
from ..matching.held_out import HeldOut, best_margins, hold_out, pair_margins
from ..matching.rough import LEAST_MATCHES, rough_curve
from ..records import Shown
from ..search import Neighbors
from ..typing import BoolArray, FloatArray, IntArray
from .embeddings import SIDES
from .rough import agreement
from .searcher import EXACT, EmbeddingSearch

UNLABELLED = 2000  # entities in question from whose answers the rough curve and the share are estimated
LEAST_LINKS = 10  # held-out links that calibrate alone, in a run with hardly any other matches
DECOYS = 1000  # matches of the run that are removed to see what takes their place
SAME_AS_PRECISION = 0.95  # precision of links that are exported as owl:sameAs and not as skos:closeMatch
NO_CONFIDENCES = f"and this run has none: it found fewer than {LEAST_MATCHES} matches, and has too few links"
MORE_LINKS = Advice(
    f"give about {ENOUGH} known links, {{}}, or take all matches with threshold=0",
    Setting("data.links", "FILE", option="--links"),
    command_line=f"align with about {ENOUGH} known links, {{}}, or take all matches with --threshold 0",
)
JUDGED_BY = Advice(
    "judge by others: result.tested_on(result.gold({}).links)",
    Setting("links", "FILE", option="--links"),
    command_line="judge by others, {}",
)


@isolated_class
@dataclass(frozen=True, repr=False)
class Confidences(Shown):
    """Confidences of a run. What has been learnt for them is kept by the embeddings.

    Args:
        searcher: search of the run's embeddings.
        links: the split of the run.
        search: settings of the run.
        seed: random seed of the run.
        held_out: answers to links that were held out, in folds or by other embeddings, see ``mmkg.crossfit``; ``None``
            = the validation links calibrate by the embeddings of the run.
        guessed: whether the validation links were found by names or images, and are no known links.
        judged: best candidates that people decided about; ``None`` = none.
    """

    searcher: EmbeddingSearch
    links: LinkSplit
    search: SearchConfig
    seed: int
    held_out: HeldOut | None = None
    guessed: bool = False
    judged: HeldOut | None = None

    @property
    def counterparts(self) -> Counterparts | None:
        """Calibration of confidences and thresholds; ``None`` in a run of fewer than five matches and ten links.

        Without held-out links it is rough, see ``rough_curve``; each held-out link corrects it. Such a link (of more
        than ``search.valid_queries`` a sample) is queried twice, with and without its counterpart among the
        candidates, see ``hold_out``. Candidates are all right entities. The share of entities with a counterpart is
        ``search.matchable``; otherwise it is estimated from the answers of at most 2,000 left entities outside the
        training and validation links.
        """
        return self.searcher.embeddings.kept(self.key, self._learn)

    def keep(self, counterparts: Counterparts | None) -> None:
        """Keep a calibration that was made before."""
        self.searcher.embeddings.keep(self.key, counterparts)

    def of_pairs(self, pairs: IntArray, scores: FloatArray) -> FloatArray:
        """Probability that each pair is right, float32 ``[P]``; scores are by the run's measure.

        Raises:
            UsageError: there are no confidences.
        """
        if self.counterparts is None:
            raise UsageError(f"this needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
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
        """The least confidence with the best expected F1, or with a given precision; 0 without confidences.

        Known links promise that precision, or it is expected where they cannot: ``Counterparts.promise`` says which.

        Raises:
            UsageError: no confidence reaches that precision, or there are none.
        """
        if self.counterparts is not None:
            return self.counterparts.threshold(min_precision).value
        if min_precision is not None:
            raise UsageError(f"a precision needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
        return 0.0

    def same_as_threshold(self, threshold: float = 0.0) -> float:
        """The least confidence of links exported as ``owl:sameAs``: that of precision 0.95, at most 1.

        Args:
            threshold: least confidence of all exported links; the result is not below it.
        """
        if self.counterparts is None:
            return 1.0
        try:
            return max(threshold, self.counterparts.threshold(SAME_AS_PRECISION).value)
        except UsageError:  # no confidence reaches that precision
            return 1.0

    def text(self) -> str:
        """Where the confidences come from, in one line."""
        if self.counterparts is None:
            more = f"about {ENOUGH} known links would calibrate it"
            return f"confidence: none, fewer than {LEAST_MATCHES} matches; {more}"
        return self.counterparts.text()

    def sure(self, matching: Matching, threshold: float | None = None) -> Matching:
        """The matches whose confidence reaches the threshold; see ``AlignmentResult.believed``."""
        threshold = self.threshold() if threshold is None else threshold
        if check_threshold(threshold) == 0:
            return matching
        if matching.confidence is None:
            raise UsageError(f"a threshold needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
        return matching.keep(matching.confidence >= threshold)

    def judge(self, matching: Matching, threshold: float | None = None) -> dict[str, Any]:
        """How well the run separates links from entities without a counterpart, among all entities.

        Nothing is chosen here.

        Args:
            matching: with confidences.
            threshold: least confidence; ``None`` = that with the best expected F1.

        Returns:
            - ``share`` of entities with a counterpart and whether it was ``estimated``; the ``threshold`` chosen on
              ``num_valid`` held-out links and what it promises; ``least``, the threshold that was used; the ``source``
              of the confidences in words.
            - ``known``: figures of the best answers to ``num_known`` test links, each with and without its counterpart
              among the candidates, weighted by ``share``. Here the truth is known.
            - ``graph``: figures of the matching on all ``num_unseen`` left entities outside the training and validation
              links. Entities without a known link count as having no counterpart, so these figures are too low where
              the known links are incomplete; ``linked`` is the share with a link. ``graph_right``: the same of right
              entities.

            All are ``counterpart_figures`` with ``auc``, the ``roc_area`` of best answers; the first two also have
            ``calibration_error`` and the ``reliability`` curve. ``interval`` is that of an estimated share.

        Raises:
            UsageError: no test links, no confidences, or a threshold out of range.
        """
        learnt, test = self.counterparts, self.compared(self.links.test)
        if learnt is None:
            raise UsageError(f"this needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
        if len(test) == 0:
            raise UsageError("this needs links that the run has not learnt from", advice=JUDGED_BY)
        chosen = learnt.threshold()
        least = chosen.value if threshold is None else threshold
        queries = sample_links(test, self.search.ranked(len(test)), seed=self.seed, label="ranked test links")
        sample = self.sample_of(queries)
        confidence, weights = learnt.calibration.predict(sample.margins), sample.weights(learnt.share)
        found = confidence >= least
        known = counterpart_figures(found, sample.right & found, sample.present, weights)
        known["auc"] = roc_area(confidence, sample.present)
        pairs, rows = self.sure(matching, least).pairs, self._unseen()
        graph: dict[str, Any] = self._graph_figures(pairs, test, "left")
        about = matching if matching.confidence is None else matching.keep(np.isin(matching.left, rows))
        if about.confidence is not None:
            graph |= _reliability(about.confidence, answers_to(about.pairs, test, about.left)[1], None)
        return {
            "share": learnt.share,
            "estimated": learnt.estimated,
            "interval": learnt.interval,
            "num_valid": learnt.num_links,
            "source": learnt.text(),
            "threshold": chosen._asdict(),
            "least": least,
            "num_known": len(queries),
            "known": known | _reliability(confidence, sample.right, weights),
            "num_unseen": len(rows),
            "graph": graph,
            "graph_right": self._graph_figures(pairs, test, "right"),
        }

    def best_confidences(self, rows: IntArray, side: str) -> FloatArray:
        """Confidence of the best answer of each of some entities of a side, float32 ``[Q]``; 0 without any answer.

        Raises:
            UsageError: there are no confidences.
        """
        found = self.of_lists(rows, self.searcher.nearest(rows, 1, side), side)
        if found is None:
            raise UsageError(f"this needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
        return found[:, 0] if found.shape[1] else np.zeros(len(rows), np.float32)

    def _graph_figures(self, pairs: IntArray, links: IntArray, side: str) -> dict[str, float]:
        """Figures of pairs found, of all entities of a side outside the training and validation links."""
        rows, ends = self._unseen(side), slice(None) if side == "left" else slice(None, None, -1)
        answers = answers_to(pairs[:, ends], links[:, ends], rows)
        several = np.bincount(links[:, ends][:, 0], minlength=int(rows.max(initial=0)) + 1)[rows]
        figures = counterpart_figures(*answers, links=several)
        linked = float(answers[2].mean()) if len(rows) else 0.0
        return figures | {"linked": linked, "auc": roc_area(self.best_confidences(rows, side), answers[2])}

    @property
    def key(self) -> tuple[Any, ...]:
        """Identifies the calibration among what the embeddings keep: all settings that it depends on."""
        settings = (self.search.valid_queries, self.search.matchable, self.seed)
        judged = () if self.judged is None else (self.judged.margins.tobytes(), self.judged.right.tobytes())
        return ("counterparts", self.searcher.csls_k, self.links.learnt_digest, *settings, *judged)

    def _learn(self) -> Counterparts | None:
        sample, matchable = self._known_sample(), self.search.matchable
        rows = self._in_question()
        nearest = self.searcher.nearest
        found = nearest(rows, 2, "left") if len(rows) else None
        answers = best_margins(rows, found, nearest) if found is not None else np.empty(0, np.float32)
        matched = answers > 0
        if found is None or matched.sum() < LEAST_MATCHES:
            if sample.present.sum() < LEAST_LINKS:
                return None
            share = 0.5 if matchable is None else matchable
            return Counterparts(sample, share, matchable is None, source=self._source, judged=self.judged)
        pairs = np.stack([rows[matched], found.ids[matched, 0]], axis=1)
        pairs = sample_links(pairs, DECOYS, seed=self.seed, label="matches to remove")
        removed = self.sample_of(pairs)
        agreed = agreement(self.searcher.embeddings, pairs, seed=self.seed)
        prior = rough_curve(answers[matched], removed.margins[~removed.present], agreed)
        return Counterparts.of(
            sample, prior, answers, share=matchable, source=self._source, seed=self.seed, judged=self.judged
        )

    @property
    def _source(self) -> str:
        return "validation" if self.held_out is None or len(self.links.valid) else "folds"

    def _known_sample(self) -> HeldOut:
        """Held-out entities of known links; perhaps none."""
        if self.held_out is not None:
            return self.held_out
        valid = self.compared(self.links.valid)
        if self.guessed or len(valid) == 0:
            return HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))
        queries = sample_links(valid, self.search.valid_queries, seed=self.seed, label="validation links")
        return self.sample_of(queries)

    def margins_in_question(self, most: int) -> FloatArray:
        """Margins of the best candidates of at most ``most`` entities in question, float32 ``[U]``."""
        rows, nearest = self._in_question(most), self.searcher.nearest
        return best_margins(rows, nearest(rows, 2, "left"), nearest) if len(rows) else np.empty(0, np.float32)

    def _in_question(self, most: int = UNLABELLED) -> IntArray:
        """At most ``most`` left entities outside the links; of all, if hardly any are outside."""
        rows = self._unseen()
        if len(rows) < LEAST_MATCHES:
            rows = self.searcher.embeddings.rows("left")
        if len(rows) > most:
            generator = numpy_generator(self.seed, "share with a counterpart")
            rows = rows[np.sort(generator.choice(len(rows), most, replace=False))]
        return rows

    def sample_of(self, links: IntArray) -> HeldOut:
        """Best candidates of the left entities of links that were not learnt from, see ``hold_out``."""
        k = self.searcher.csls_k
        return hold_out(links, self.searcher.nearest, csls_k=k, means=self.searcher.means() if k else None)

    def compared(self, links: IntArray) -> IntArray:
        """The links without those between equal literal nodes, which tell nothing of scores."""
        return links[~self.searcher.embeddings.is_exact(links)]

    def _unseen(self, side: str = "left") -> IntArray:
        """Entities of a side outside the training and validation links, without context."""
        place = SIDES.index(side)
        seen = np.concatenate([self.links.train[:, place], self.links.valid[:, place]])
        return np.setdiff1d(self.searcher.embeddings.rows(side), seen)


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
