"""Who has no counterpart: what a run learns about that from its validation links, and how right it is on test links."""

from typing import Any

import numpy as np

from ..compute.seeding import numpy_generator
from ..data.split import sample_links
from ..errors import UsageError
from ..evaluation import answers_to, calibration_error, counterpart_figures, reliability
from ..matching import Counterparts, Matching
from ..matching.counterparts import HeldOut, best_margins, estimate_share, hold_out
from ..typing import BoolArray, FloatArray, IntArray
from .result import AlignmentResult

LEAST_TO_CALIBRATE = 10
UNLABELLED = 2000  # entities whose answers tell how many have a counterpart


def learn_counterparts(result: AlignmentResult) -> Counterparts | None:
    """Calibrate confidences on the validation links of a run; ``None`` with fewer than ten of them.

    Each validation link (of more than ``search.valid_queries`` a sample) asks twice, with its counterpart among the
    candidates and without it, see ``hold_out``. Candidates are all right entities. How many entities have a counterpart
    is ``search.matchable``; else it is estimated from the answers of at most 2,000 left entities outside the training
    and validation links, see ``estimate_share``.
    """
    if len(result.links.valid) < LEAST_TO_CALIBRATE:
        return None
    search, seed = result.experiment.search, result.experiment.seed
    sample = _held_out(
        result, sample_links(result.links.valid, search.valid_queries, seed=seed, label="validation links")
    )
    if search.matchable is not None:
        return Counterparts(sample, search.matchable, estimated=False)
    rows = _unseen(result)
    if len(rows) > UNLABELLED:
        chosen = numpy_generator(seed, "share with a counterpart").choice(len(rows), UNLABELLED, replace=False)
        rows = rows[np.sort(chosen)]
    margins = np.empty(0, np.float32)
    if len(rows):
        margins = best_margins(rows, result.nearest(rows, 2, "left"), result.nearest)
    return Counterparts(sample, estimate_share(sample, margins), estimated=True)


def judge_counterparts(
    result: AlignmentResult, matching: Matching | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """How well a run tells links from entities without a counterpart, among all entities; nothing is chosen here.

    Args:
        result: with test links.
        matching: with confidences; by default the run's.
        threshold: least confidence; ``None`` = that with the best F1 on validation links.

    Returns:
        - ``share`` with a counterpart and whether it was ``estimated``; the ``threshold`` chosen on ``num_valid`` links
          and what it promises; ``least``, the one used.
        - ``known``: figures of the best answers to ``num_known`` test links, each with and without its counterpart
          among the candidates, weighed by ``share``: here the truth is known.
        - ``graph``: figures of the matching on all ``num_unseen`` left entities outside the training and validation
          links. Those without a known link count as having no counterpart, so that these figures are too low where
          known links are not all there are; ``linked`` is the share with a link.

        Both are ``counterpart_figures`` with ``calibration_error`` and the ``reliability`` curve.

    Raises:
        UsageError: no test links, too few validation links to calibrate on, or a threshold out of range.
    """
    learnt, test = result.counterparts, result.links.test
    if learnt is None or len(test) == 0:
        raise UsageError(f"this needs test links and at least {LEAST_TO_CALIBRATE} validation links")
    chosen = learnt.threshold()
    least = chosen.value if threshold is None else threshold
    ranked = result.experiment.search.ranked(len(test))
    asked = sample_links(test, ranked, seed=result.experiment.seed, label="ranked test links")
    sample = _held_out(result, asked)
    confidence, weights = learnt.calibration.predict(sample.margins), sample.weights(learnt.share)
    found = confidence >= least
    known = counterpart_figures(found, sample.right & found, sample.present, weights)
    rows, matching = _unseen(result), result.matching if matching is None else matching
    answers = answers_to(result.believed(matching, least).pairs, test, rows)
    about = matching if matching.confidence is None else matching.keep(np.isin(matching.left, rows))
    graph: dict[str, Any] = counterpart_figures(*answers) | {"linked": float(answers[2].mean())}
    if about.confidence is not None:
        graph |= _reliability(about.confidence, answers_to(about.pairs, test, about.left)[1], None)
    return {
        "share": learnt.share,
        "estimated": learnt.estimated,
        "num_valid": int(learnt.sample.present.sum()),
        "threshold": chosen._asdict(),
        "least": least,
        "num_known": len(asked),
        "known": known | _reliability(confidence, sample.right, weights),
        "num_unseen": len(rows),
        "graph": graph,
    }


def _held_out(result: AlignmentResult, links: IntArray) -> HeldOut:
    k = result.protocol.csls_k
    return hold_out(links, result.nearest, csls_k=k, means=result.csls_means if k else None)


def _unseen(result: AlignmentResult) -> IntArray:
    """Left entities outside the training and validation links."""
    seen = np.concatenate([result.links.train[:, 0], result.links.valid[:, 0]])
    return np.setdiff1d(np.arange(len(result.left)), seen)


def _reliability(confidence: FloatArray, right: BoolArray, weights: FloatArray | None) -> dict[str, Any]:
    curve = reliability(confidence, right, weights)
    return {"calibration_error": calibration_error(curve), "reliability": [each._asdict() for each in curve]}
