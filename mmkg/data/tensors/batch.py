"""Values per modality, and masks that mark padding and missing parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ModalityBatch:
    """B items with values per modality; modalities are looked up by name, never by position.

    Args:
        values: per name ``[B, T, d_m]``, float32. With T = 1 it may be sparse CSR ``[B, d_m]``.
        valid: per name bool ``[B, T]``, true = not padding.
        observed: per name bool ``[B, T]``, true = present. Values that are not observed are never read: whatever
            ``values`` holds there changes no result.

    Raises:
        ValueError: a mask is missing, or its shape does not fit the values.
    """

    values: Mapping[str, Tensor]
    valid: Mapping[str, Tensor]
    observed: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for name, values in self.values.items():
            shape = (values.shape[0], 1) if values.layout == torch.sparse_csr else tuple(values.shape[:2])
            for what, masks in (("valid", self.valid), ("observed", self.observed)):
                if name not in masks or tuple(masks[name].shape) != shape:
                    got = tuple(masks[name].shape) if name in masks else "none"
                    raise ValueError(f"expected a mask {what}[{name!r}] of shape {shape}, got {got}")

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names, in the order in which they were given."""
        return tuple(self.values)

    def select(self, names: Sequence[str]) -> "ModalityBatch":
        """The batch with the named modalities only, in the order of ``names``.

        Raises:
            ValueError: the batch lacks one of them.
        """
        missing = [name for name in names if name not in self.values]
        if missing:
            raise ValueError(f"expected modalities {tuple(names)}, the batch has {self.names}")
        return ModalityBatch(
            {name: self.values[name] for name in names},
            {name: self.valid[name] for name in names},
            {name: self.observed[name] for name in names},
        )

    def extended(self, name: str, values: Tensor, observed: Tensor) -> "ModalityBatch":
        """The batch with one more modality, whose steps are all valid.

        Args:
            name: the modality.
            values: ``[B, T, d_m]``.
            observed: bool ``[B, T]``.
        """
        return ModalityBatch(
            {**self.values, name: values},
            {**self.valid, name: torch.ones_like(observed)},
            {**self.observed, name: observed},
        )

    @property
    def present(self) -> Tensor:
        """Whether a modality has any observed, valid step, bool ``[B, M]`` in the order of ``names``."""
        columns = [(self.valid[name] & self.observed[name]).any(dim=1) for name in self.names]
        return torch.stack(columns, dim=1)
