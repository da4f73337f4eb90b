"""Build the model of an experiment."""

from dataclasses import dataclass

from ..compute.draws import drawing_weights
from ..compute.host import isolated
from ..compute.seeding import derive_seed
from .config import SentimentExperiment
from .data import SIMS
from .model import SentimentModel
from .registry import MODELS


@dataclass(frozen=True)
class Shape:
    """Sizes of the data that a model is built for.

    Args:
        dims: number of features per step, by modality.
        steps: largest number of steps, by modality.
        label_range: lowest and highest label.
    """

    dims: dict[str, int]
    steps: dict[str, int]
    label_range: tuple[float, float]

    @property
    def sims(self) -> bool:
        """Whether metrics follow the conventions of CH-SIMS."""
        return tuple(self.label_range) == SIMS


@isolated
def build_model(experiment: SentimentExperiment, shape: Shape) -> SentimentModel:
    """The model of an experiment with seeded initial weights; torch's global generator is restored."""
    build = MODELS[experiment.model].build
    with drawing_weights(build, derive_seed(experiment.seed, "weights")):
        return build(shape.dims, shape.steps, experiment.options)
