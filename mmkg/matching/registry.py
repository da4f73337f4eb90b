"""The matchers by name."""

from ..registry import Registry
from .matcher import Matcher

MATCHERS: Registry[Matcher] = Registry(
    {
        "greedy": ".greedy:MATCHER",
        "mutual": ".mutual:MATCHER",
        "hungarian": ".hungarian:MATCHER",
        "sinkhorn": ".sinkhorn:MATCHER",
        "gromov-wasserstein": ".gromov_wasserstein:MATCHER",
    },
    __name__,
)
