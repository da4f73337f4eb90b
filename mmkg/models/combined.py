"""Label propagation and a trained model, their embeddings concatenated."""

from dataclasses import dataclass

from ..errors import check_model
from ..settings import configuration
from .registry import ModelEntry, trained_models
from .schedule import TRAINING


@configuration
@dataclass(frozen=True)
class CombinedConfig:
    """Two aligners that make different errors: label propagation, and a trained model.

    The joint embedding is the concatenation of both, modality by modality; each part has unit length times a weight.

    Args:
        trained: name of the trained model. It has its own default options; the experiment's ``training`` applies to it.
        weigh: choose the weights on validation links (``choose_weights``), again in every round, if there are at least
            30; otherwise all are 1.

    Raises:
        UsageError: no trained model has that name.
    """

    trained: str = "mclea"
    weigh: bool = True

    def __post_init__(self) -> None:
        check_model(self.trained, trained_models())


ENTRY = ModelEntry(
    CombinedConfig,
    learner="combined",
    training={**TRAINING, "epochs": 100},
    refinement={"rounds": 4, "compare": True},
)
