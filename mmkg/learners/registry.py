"""The learners by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..registry import Registry

if TYPE_CHECKING:
    from ..models.model import AlignmentModel
    from .setting import Learner, Setting

# called as LEARNERS[name](setting, model), where the model is an object or None
LEARNERS: "Registry[Callable[[Setting, AlignmentModel | None], Learner]]" = Registry(
    {
        "combined": ".combined:Combined",
        "propagated": ".propagated:Propagated",
        "trained": ".trained:Trained",
    },
    __name__,
)

LIGHT = ("propagated",)  # learners that cost little enough to learn once per held-out fold
