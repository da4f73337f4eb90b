"""MATCHING: one-to-one pairs from two sets of embeddings."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from ..search.never import among, is_in
    from .confidence import Calibration
    from .counterparts import Counterparts, Threshold
    from .matcher import Matcher
    from .matching import Matching
    from .registry import MATCHERS
    from .sinkhorn import SinkhornConfig

_HOME = {
    "MATCHERS": ".registry",
    "Calibration": ".confidence",
    "Counterparts": ".counterparts",
    "Matcher": ".matcher",
    "Matching": ".matching",
    "SinkhornConfig": ".sinkhorn",
    "Threshold": ".counterparts",
    "among": "..search.never",
    "is_in": "..search.never",
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

__getattr__ = lazy_names(__name__, _HOME)
