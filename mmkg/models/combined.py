"""Label propagation and a trained model side by side."""

from dataclasses import dataclass

from ..errors import check_model

TRAINED = ("mclea", "meaformer", "dual-amn", "eva")


@dataclass(frozen=True)
class CombinedConfig:
    """Two aligners that err differently: where labels come from the seed links, and where vectors are learnt.

    The joint embedding is the concatenation of both, modality by modality, each part of unit length times a weight.

    Args:
        trained: the model that is trained, with its own defaults; the experiment's ``training`` is its schedule.
        weigh: choose the weights on validation links (``choose_weights``), anew in every round; else all are 1.

    Raises:
        UsageError: no such model.
    """

    trained: str = "mclea"
    weigh: bool = True

    def __post_init__(self) -> None:
        check_model(self.trained, TRAINED)
