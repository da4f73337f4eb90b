"""The two fusion heads: global weights (EVA, MCLEA) and meta-modality weights (MEAformer)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import nn

from ..data.tensors.batch import ModalityBatch
from .attention import CrossModalBlock, stack_tokens
from .combine import joint_scale, weighted_concat
from .output import FusionOutput
from .pool import mean_pool
from .weights import GlobalWeights, meta_modality_weights


class FusionHead(nn.Module, ABC):
    """Fuses the tokens of several modalities into one joint embedding.

    Args:
        names: modality names, in the order of the parts of the joint embedding.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    @abstractmethod
    def forward(self, batch: ModalityBatch) -> FusionOutput:
        """Tokens ``[B, T, d_m]`` per modality -> joint ``[B, D]``."""


class GlobalFusion(FusionHead):
    """Weighted concatenation with one weight per modality, the same for all items.

    Args:
        names: modality names, in the order of the parts of the joint embedding.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.weights = GlobalWeights(len(self.names))

    def forward(self, batch: ModalityBatch) -> FusionOutput:
        """Tokens ``[B, T, d_m]`` per modality -> joint ``[B, sum of d_m]``."""
        batch = batch.select(self.names)
        pooled = {name: mean_pool(batch, name) for name in self.names}
        present = batch.present
        weights = self.weights(present)
        joint = weighted_concat(pooled, joint_scale(weights, present), self.names)
        return FusionOutput(joint, batch.values, pooled, weights, present, self.names)


class MetaModalityFusion(FusionHead):
    """Weights per item, computed by attention among the modalities; the joint is built from the unrefined tokens.

    ``pooled`` of the output are the embeddings before attention (early fusion, the parts of the joint); ``tokens`` are
    those after attention (late fusion, which only the loss reads), ``[B, 1, d]``.

    Args:
        names: modality names, in the order of the parts of the joint embedding.
        block: attention among the modalities, which all have one width.
    """

    def __init__(self, names: Sequence[str], block: CrossModalBlock) -> None:
        super().__init__(names)
        self.block = block

    def forward(self, batch: ModalityBatch) -> FusionOutput:
        """Tokens ``[B, T, d]`` per modality -> joint ``[B, M d]``."""
        batch = batch.select(self.names)
        pooled = {name: mean_pool(batch, name) for name in self.names}
        present = batch.present
        refined, attention = self.block(stack_tokens(pooled, self.names), present)
        weights = meta_modality_weights(attention, present)
        joint = weighted_concat(pooled, joint_scale(weights, present), self.names)
        tokens = {name: refined[:, m, None, :] for m, name in enumerate(self.names)}
        return FusionOutput(joint, tokens, pooled, weights, present, self.names)
