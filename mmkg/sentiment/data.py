"""Sentiment data: samples with text, audio and vision, any of them absent, in three splits."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..data.tensors.batch import ModalityBatch
from ..errors import InputError, UsageError, nearest
from ..records import Record
from ..typing import BoolArray, FloatArray, IntArray

TEXT, AUDIO, VISION = "text", "audio", "vision"
SPLITS = ("train", "valid", "test")
SIMS = (-1.0, 1.0)  # label range of CH-SIMS


@dataclass(frozen=True, eq=False, repr=False)
class SentimentSplit(Record):
    """N samples.

    Args:
        values: features per modality, float32 ``[N, T_m, d_m]``; zero at steps that are not valid.
        valid: valid steps per modality, bool ``[N, T_m]``; all others are padding. A sample without valid steps lacks
            the modality.
        labels: float32 ``[N]``.
        ids: one name per sample.
    """

    values: dict[str, FloatArray]
    valid: dict[str, BoolArray]
    labels: FloatArray
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: IntArray) -> "SentimentSplit":
        """The samples at some rows, int64 ``[n]``."""
        return SentimentSplit(
            {name: values[rows] for name, values in self.values.items()},
            {name: valid[rows] for name, valid in self.valid.items()},
            self.labels[rows],
            tuple(self.ids[row] for row in rows.tolist()),
        )

    def select(self, names: Sequence[str]) -> "SentimentSplit":
        """The same samples with some of the modalities."""
        values, valid = {name: self.values[name] for name in names}, {name: self.valid[name] for name in names}
        return replace(self, values=values, valid=valid)

    def batch(self, observed: Mapping[str, BoolArray] | None = None, rows: IntArray | None = None) -> ModalityBatch:
        """The samples as a batch.

        Args:
            observed: observed steps per modality, bool ``[N, T_m]``; by default all valid steps.
            rows: rows of the samples, int64 ``[B]``; by default all.
        """
        rows = np.arange(len(self)) if rows is None else rows
        masks = self.valid if observed is None else observed
        return ModalityBatch(
            {name: torch.from_numpy(values[rows]) for name, values in self.values.items()},
            {name: torch.from_numpy(valid[rows]) for name, valid in self.valid.items()},
            {name: torch.from_numpy(masks[name][rows]) for name in self.values},
        )


@dataclass(frozen=True, eq=False, repr=False)
class SentimentData(Record):
    """Three splits of the same modalities.

    Args:
        name: name of the data, shown with metrics.
        train, valid, test: the splits.
        label_range: lowest and highest allowed label; (-1, 1) selects the conventions of CH-SIMS.
        notes: counts of what the reader changed or left out, by description.

    Raises:
        InputError: an empty split, labels out of range, values that are not finite, or splits that differ in their
            modalities or widths.
    """

    name: str
    train: SentimentSplit
    valid: SentimentSplit
    test: SentimentSplit
    label_range: tuple[float, float] = (-3.0, 3.0)
    notes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = self.label_range
        for split in SPLITS:
            part = self.split(split)
            if not len(part):
                raise InputError(f"{self.name}: the split {split} has no samples")
            if part.values.keys() != self.train.values.keys():
                raise InputError(f"{self.name}: {split} has {list(part.values)}, train has {list(self.train.values)}")
            bad = ~((part.labels >= low) & (part.labels <= high))
            if bad.any():
                row = int(bad.argmax())
                raise InputError(
                    f"{self.name}: {split} sample {part.ids[row]!r}: expected a label in [{low:g}, {high:g}], "
                    f"got {part.labels[row]:g}"
                )
            for name, values in part.values.items():
                self._check(split, name, values, part.valid[name])

    def _check(self, split: str, name: str, values: FloatArray, valid: BoolArray) -> None:
        """Check the shapes and features of one modality of a split."""
        part = self.split(split)
        if values.ndim != 3 or values.shape[:2] != valid.shape or len(values) != len(part):
            raise InputError(
                f"{self.name}: {split} {name}: expected [{len(part)}, T, d] and a mask of its steps, "
                f"got {values.shape} and {valid.shape}"
            )
        if values.shape[2] != self.dims[name]:
            raise InputError(f"{self.name}: {split} {name} has {values.shape[2]} features, train has {self.dims[name]}")
        finite = np.isfinite(values).all(axis=2)
        if not finite.all():
            row, step = np.argwhere(~finite)[0]
            raise InputError(
                f"{self.name}: {split} {name}, sample {part.ids[row]!r}, step {step}: expected finite features"
            )

    def split(self, name: str) -> SentimentSplit:
        """The split of a name, one of ``SPLITS``."""
        found: SentimentSplit = getattr(self, name)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.train.values)

    @property
    def dims(self) -> dict[str, int]:
        """Number of features per step, by modality."""
        return {name: values.shape[2] for name, values in self.train.values.items()}

    @property
    def lengths(self) -> dict[str, int]:
        """Largest number of steps T_m in any split, by modality."""
        return {name: max(self.split(s).values[name].shape[1] for s in SPLITS) for name in self.names}

    @property
    def sims(self) -> bool:
        """Whether metrics follow the conventions of CH-SIMS."""
        return self.label_range == SIMS

    def select(self, names: Sequence[str]) -> "SentimentData":
        """The same samples with some of the modalities.

        Raises:
            UsageError: the data have no modality of such a name.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise UsageError(f"{self.name} has no modality {unknown[0]!r}; {nearest(unknown[0], self.names)}")
        return replace(
            self, train=self.train.select(names), valid=self.valid.select(names), test=self.test.select(names)
        )

    def learnable(self) -> "SentimentData":
        """The data without modalities that no training sample has, from which nothing can be learnt.

        Raises:
            InputError: no training sample has any modality.
        """
        kept = [name for name in self.names if self.train.valid[name].any()]
        if not kept:
            raise InputError(f"{self.name}: no training sample has any modality")
        return self if len(kept) == len(self.names) else self.select(kept)

    def fingerprint(self) -> str:
        """SHA-256 of all splits and of the label range."""
        digest = hashlib.sha256(f"{self.label_range}".encode())
        for split in SPLITS:
            part = self.split(split)
            digest.update("\n".join(part.ids).encode())
            digest.update(np.ascontiguousarray(part.labels).tobytes())
            for name in self.names:
                digest.update(f"|{split} {name} {part.values[name].shape}|".encode())
                digest.update(np.ascontiguousarray(part.values[name]).data)
                digest.update(np.ascontiguousarray(part.valid[name]).tobytes())
        return digest.hexdigest()


def feature_statistics(split: SentimentSplit, *, block: int = 512) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Mean and standard deviation of each feature over the valid steps, float32 ``[d_m]`` each, by modality.

    The standard deviation of a constant feature is set to 1.

    Args:
        split: the training split.
        block: number of samples to process at a time.
    """
    found = {}
    for name, values in split.values.items():
        valid, dim = split.valid[name], values.shape[2]
        number = max(int(valid.sum()), 1)
        mean, square = np.zeros(dim), np.zeros(dim)
        for start in range(0, len(values), block):
            mean += values[start : start + block][valid[start : start + block]].sum(axis=0, dtype=np.float64)
        mean /= number
        for start in range(0, len(values), block):
            square += ((values[start : start + block][valid[start : start + block]] - mean) ** 2).sum(axis=0)
        spread = np.sqrt(square / number)
        found[name] = mean.astype(np.float32), np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
    return found
