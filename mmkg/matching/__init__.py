"""MATCHING: one-to-one pairs from two sets of embeddings."""

from ..search.never import among, is_in
from .confidence import Calibration
from .counterparts import Counterparts, Threshold
from .greedy import greedy
from .hungarian import hungarian
from .matcher import Matcher
from .matching import Matching
from .mutual import mutual
from .sinkhorn import SinkhornConfig, sinkhorn

MATCHERS: dict[str, Matcher] = {
    "greedy": Matcher(greedy),
    "mutual": Matcher(mutual),
    "hungarian": Matcher(hungarian),
    "sinkhorn": Matcher(sinkhorn, SinkhornConfig),
}

__all__ = [
    "MATCHERS",
    "Calibration",
    "Counterparts",
    "Matcher",
    "Matching",
    "SinkhornConfig",
    "Threshold",
    "among",
    "is_in",
]
