"""What the encoders read: values per modality, with masks that say what is there."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def sparse_rows(offsets: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of parts that are known to be sound, without torch's note that CSR is in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)


def sparse_entries(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of entries in any order; those of one row keep theirs, and none is summed with another."""
    order = torch.argsort(rows, stable=True)
    counts = torch.bincount(rows, minlength=shape[0])
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return sparse_rows(offsets, columns[order], values[order], shape)


def row_entries(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of some rows of a CSR matrix lie, row after row ``[E]``, and how many each row has ``[B]``."""
    starts = offsets.index_select(0, rows)
    counts = offsets.index_select(0, rows + 1) - starts
    entries = (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)
    return entries + torch.arange(len(entries), device=rows.device), counts


def ship(tensor: Tensor, device: str | torch.device) -> Tensor:
    """A tensor of the host on ``device``; on CUDA out of pinned memory, so that the host need not wait for it."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    if tensor.layout == torch.sparse_csr:
        parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
        offsets, columns, values = (ship(part, device) for part in parts)
        return sparse_rows(offsets, columns, values, (tensor.shape[0], tensor.shape[1]))
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class ModalityBatch:
    """B items with values per modality; modalities are looked up by name, never by position.

    Args:
        values: per name ``[B, T, d_m]``, float32. With T = 1 it may be sparse CSR ``[B, d_m]``.
        valid: per name bool ``[B, T]``, true = not padding.
        observed: per name bool ``[B, T]``, true = present. What is not observed is never read:
            whatever ``values`` holds there changes no result.
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
        """Modality names in the order given."""
        return tuple(self.values)

    def select(self, names: Sequence[str]) -> "ModalityBatch":
        """The named modalities alone, in the order given."""
        missing = [name for name in names if name not in self.values]
        if missing:
            raise ValueError(f"expected modalities {tuple(names)}, the batch has {self.names}")
        return ModalityBatch(
            {name: self.values[name] for name in names},
            {name: self.valid[name] for name in names},
            {name: self.observed[name] for name in names},
        )

    @property
    def num_items(self) -> int:
        """B."""
        return next(iter(self.values.values())).shape[0]

    @property
    def present(self) -> Tensor:
        """Whether a modality has any observed, valid step, bool ``[B, M]`` in the order of ``names``."""
        columns = [(self.valid[name] & self.observed[name]).any(dim=1) for name in self.names]
        return torch.stack(columns, dim=1)
