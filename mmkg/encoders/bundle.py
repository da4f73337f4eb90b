"""One encoder per modality name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from ..data.tensors.sparse import sparse_rows


class EncoderBundle(nn.ModuleDict):
    """Encodes the values of each modality into tokens.

    Args:
        encoders: per modality a module ``[B, T, d_m] -> [B, T, d]`` with an attribute ``dim`` (d).
    """

    def __init__(self, encoders: Mapping[str, nn.Module]) -> None:
        super().__init__(dict(encoders))

    @property
    def dims(self) -> dict[str, int]:
        """Width of the tokens of each modality."""
        return {name: int(encoder.dim) for name, encoder in self.items()}  # type: ignore[arg-type]

    def forward(self, batch: ModalityBatch) -> ModalityBatch:
        """Tokens ``[B, T, d]`` with the same names and masks; masked steps are zero."""
        tokens: dict[str, Tensor] = {}
        for name, encoder in self.items():
            present = (batch.valid[name] & batch.observed[name])[..., None]
            tokens[name] = torch.where(present, encoder(_masked(batch.values[name], present)), 0.0)
        return ModalityBatch(
            tokens, {name: batch.valid[name] for name in tokens}, {name: batch.observed[name] for name in tokens}
        )


def _masked(values: Tensor, present: Tensor) -> Tensor:
    """Values with zeros where ``present`` is false, so that masked values do not reach a gradient."""
    if values.layout == torch.strided:
        return torch.where(present, values, 0.0)
    offsets = values.crow_indices()
    entries = present.flatten().repeat_interleave(offsets.diff(), output_size=len(values.values()))
    kept = torch.where(entries, values.values(), 0.0)
    return sparse_rows(offsets, values.col_indices(), kept, (values.shape[0], values.shape[1]))
