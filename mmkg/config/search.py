"""How entities are ranked, indexed and matched."""

from dataclasses import dataclass, field
from typing import Literal

from ..errors import UsageError, nearest
from ..matching import MATCHERS, SinkhornConfig
from ..search import INDEXES
from ..search.config import IndexConfig

LARGEST_UNSAMPLED = 100_000  # test links that are all ranked, and how many are where there are more
TEST_SAMPLE = 10_000


@dataclass(frozen=True)
class SearchConfig:
    """How entities are ranked, indexed and matched.

    Args:
        csls_k: neighbourhood of CSLS in evaluation, search and matching; 3 in the papers, 0 = off.
        index: kind of index, see ``mmkg.search.INDEXES``.
        matcher: see ``mmkg.matching.MATCHERS``.
        options: settings of the index kind.
        sinkhorn: settings of the matcher of that name.
        test_queries: test links that are ranked, a seeded sample of them, among all candidates; ``None`` = all
            up to 100,000, 10,000 of more; 0 = all.
        valid_queries: validation links that are ranked at each validation and that confidences are calibrated
            on, a seeded sample of them; 0 = all.
        valid_candidates: entities of each side that a validation link is ranked among: its own ends, those of
            the other ranked links, and a seeded sample of the entities outside the training links; 0 = all of
            these.
        store: type of the embeddings, in memory and in the run folder: ``float16`` takes half the room and
            moves a cosine by less than 0.001.
        matchable: share in [0, 1] of the left entities outside the training links that have a counterpart, on which
            confidences depend; ``None`` = estimated, see ``estimate_share``.

    Raises:
        UsageError: an unknown index or matcher, a negative number, a share outside [0, 1].
    """

    csls_k: int = 3
    index: str = "auto"
    matcher: str = "mutual"
    options: IndexConfig = field(default_factory=IndexConfig)
    sinkhorn: SinkhornConfig = field(default_factory=SinkhornConfig)
    test_queries: int | None = None
    valid_queries: int = 1000
    valid_candidates: int = 50_000
    store: Literal["float32", "float16"] = "float32"
    matchable: float | None = None

    def __post_init__(self) -> None:
        for what, value, known in (("index", self.index, INDEXES), ("matcher", self.matcher, MATCHERS)):
            if value not in known:
                raise UsageError(f"unknown {what} {value!r}; {nearest(str(value), known)}")
        for name in ("csls_k", "test_queries", "valid_queries", "valid_candidates"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} must be >= 0, got {value}")
        if self.matchable is not None and not 0 <= self.matchable <= 1:
            raise UsageError(f"matchable must be in 0..1, got {self.matchable}")

    def ranked(self, num_test: int) -> int:
        """How many of so many test links are ranked."""
        if self.test_queries is None:
            return num_test if num_test <= LARGEST_UNSAMPLED else TEST_SAMPLE
        return min(num_test, self.test_queries) or num_test
