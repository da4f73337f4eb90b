"""EVALUATION: exact ranks, metrics, and the protocol by which they were computed."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .curves import auilc
    from .filtered import known_pairs, other_answers, several_answers
    from .interval import FEW, clopper_pearson, count_text, counted_matching, counted_metrics
    from .listed import listed_ranks, matching_figures
    from .metrics import all_metrics, hits_at_k, mean_rank, mrr
    from .no_counterpart import answers_to, calibration_error, counterpart_figures, reliability, roc_area
    from .protocol import OUT_OF_FOLD, Protocol
    from .ranking import evaluate, link_ranks
    from .ranks import both_directions, score_ranks
    from .record import Ranks
    from .reweigh import choose_weights
    from .sampled import evaluate_sample, sampled_ranks

_HOME = {
    "FEW": ".interval",
    "OUT_OF_FOLD": ".protocol",
    "Protocol": ".protocol",
    "Ranks": ".record",
    "all_metrics": ".metrics",
    "answers_to": ".no_counterpart",
    "auilc": ".curves",
    "both_directions": ".ranks",
    "calibration_error": ".no_counterpart",
    "choose_weights": ".reweigh",
    "clopper_pearson": ".interval",
    "count_text": ".interval",
    "counted_matching": ".interval",
    "counted_metrics": ".interval",
    "counterpart_figures": ".no_counterpart",
    "evaluate": ".ranking",
    "evaluate_sample": ".sampled",
    "hits_at_k": ".metrics",
    "known_pairs": ".filtered",
    "link_ranks": ".ranking",
    "listed_ranks": ".listed",
    "matching_figures": ".listed",
    "mean_rank": ".metrics",
    "mrr": ".metrics",
    "other_answers": ".filtered",
    "reliability": ".no_counterpart",
    "roc_area": ".no_counterpart",
    "sampled_ranks": ".sampled",
    "score_ranks": ".ranks",
    "several_answers": ".filtered",
}

__all__ = [
    "FEW",
    "OUT_OF_FOLD",
    "Protocol",
    "Ranks",
    "all_metrics",
    "answers_to",
    "auilc",
    "both_directions",
    "calibration_error",
    "choose_weights",
    "clopper_pearson",
    "count_text",
    "counted_matching",
    "counted_metrics",
    "counterpart_figures",
    "evaluate",
    "evaluate_sample",
    "hits_at_k",
    "known_pairs",
    "link_ranks",
    "listed_ranks",
    "matching_figures",
    "mean_rank",
    "mrr",
    "other_answers",
    "reliability",
    "roc_area",
    "sampled_ranks",
    "score_ranks",
    "several_answers",
]

__getattr__ = lazy_names(__name__, _HOME)
