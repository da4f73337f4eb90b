"""The learner of label propagation."""

import torch

from ..data.features.incidence import build_incidence
from ..models import MODELS, AlignmentModel
from ..typing import IntArray
from .setting import Learned, Setting


class Propagated:
    """Label propagation from the links. Every call starts from scratch.

    Args:
        setting: the run.
        model: must be ``None``; a model object is always trained.
        name: name of the model in ``MODELS``; by default that of the experiment, with its options.
    """

    spreads = True  # labels, so that its memory is known before, see ``learning_bytes``

    def __init__(self, setting: Setting, model: AlignmentModel | None = None, *, name: str | None = None) -> None:
        assert model is None
        self.setting, experiment = setting, setting.experiment
        with setting.watch.phase("features"):
            self.inputs = build_incidence(setting.task, experiment.features, seed=experiment.seed).to(setting.device)
        entry = MODELS[name or experiment.model]
        assert entry.build is not None
        self.model = entry.build(entry.config() if name else experiment.options)

    @property
    def least_width(self) -> int:
        """Least width of the embeddings, known before they are learnt."""
        return sum(self.model.widths(self.inputs).values())

    def embed(self, links: IntArray) -> Learned:
        """Spread labels from the links."""
        with self.setting.watch.phase("embed"), torch.no_grad():
            widths, seed = self.model.widths(self.inputs), self.setting.experiment.seed
            dtype = self.setting.held_in(self.inputs.num_entities * sum(widths.values()))
            held = {} if dtype == torch.float32 else {"dtype": dtype}  # which models of others need not know
            joint = self.model.embed(self.inputs, links, seed=seed, **held)
        left, right = joint[: self.inputs.num_left], joint[self.inputs.num_left :]
        return Learned(left, right, widths, selected=False)
