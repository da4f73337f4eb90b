"""LEARN: from links to embeddings of all entities. To add a learner, add its file and one line in ``registry``."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .registry import LEARNERS, LIGHT
    from .setting import Learned, Learner, Setting

_HOME = {
    "LEARNERS": ".registry",
    "LIGHT": ".registry",
    "Learned": ".setting",
    "Learner": ".setting",
    "Setting": ".setting",
}

__all__ = ["LEARNERS", "LIGHT", "Learned", "Learner", "Setting"]

__getattr__ = lazy_names(__name__, _HOME)
