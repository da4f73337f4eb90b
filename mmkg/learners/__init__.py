"""LEARN: from links to embeddings of all entities. To add a learner, add its file and one line here."""

from collections.abc import Callable

from ..models import AlignmentModel
from .combined import Combined
from .propagated import Propagated
from .setting import Learned, Learner, Setting
from .trained import Trained

# called as LEARNERS[name](setting, model), where the model is an object or None
LEARNERS: dict[str, Callable[[Setting, AlignmentModel | None], Learner]] = {
    "combined": Combined,
    "propagated": Propagated,
    "trained": Trained,
}

LIGHT = ("propagated",)  # learners that cost little enough to learn once per held-out fold

__all__ = ["LEARNERS", "LIGHT", "Learned", "Learner", "Setting"]
