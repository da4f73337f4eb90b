"""MATCHING: from two sets of embeddings to pairs, one-to-one."""

from collections.abc import Callable

from .confidence import Calibration
from .counterparts import Counterparts, Threshold
from .greedy import greedy
from .hungarian import hungarian
from .matching import Matching
from .mutual import mutual
from .sinkhorn import SinkhornConfig, sinkhorn

MATCHERS: dict[str, Callable[..., Matching]] = {
    "greedy": greedy,
    "mutual": mutual,
    "hungarian": hungarian,
    "sinkhorn": sinkhorn,
}

__all__ = ["MATCHERS", "Calibration", "Counterparts", "Matching", "SinkhornConfig", "Threshold"]
