"""EVALUATION: exact ranks, metrics, and the protocol by which they were computed."""

from .curves import auilc
from .evaluate import evaluate, link_ranks
from .filtered import known_pairs, other_answers, several_answers
from .interval import FEW, clopper_pearson, count_text, counted_matching, counted_metrics
from .listed import listed_ranks, matching_figures
from .metrics import all_metrics, hits_at_k, mean_rank, mrr
from .no_counterpart import answers_to, calibration_error, counterpart_figures, reliability
from .protocol import OUT_OF_FOLD, Protocol
from .ranks import Ranks, both_directions, score_ranks
from .reweigh import choose_weights
from .sampled import evaluate_sample, sampled_ranks

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
    "sampled_ranks",
    "score_ranks",
    "several_answers",
]
