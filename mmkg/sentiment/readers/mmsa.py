"""Feature files in the format of MMSA: dictionaries of arrays per split; pickle, npz or safetensors."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...data.arrays.by_id import read_arrays
from ...data.arrays.safe_pickle import read_nested
from ...errors import InputError
from ...files import atomic_path
from ...typing import BoolArray, FloatArray
from ..data import AUDIO, SIMS, SPLITS, TEXT, VISION, SentimentData, SentimentSplit

SUFFIXES = (".pkl", ".pickle", ".npz", ".safetensors")
MODALITIES = (TEXT, AUDIO, VISION)
WIDE = (-3.0, 3.0)


def read_mmsa(path: str | Path, *, label_range: tuple[float, float] | None = None) -> SentimentData:
    """Read an MMSA feature file (MOSI, MOSEI, CH-SIMS, aligned or not).

    The valid steps of a sample are taken from ``audio_lengths`` and ``vision_lengths`` if the file has them, else from
    the attention mask in ``text_bert`` (aligned files), else they end at the last step that is not all zero. Audio
    features that are -inf or NaN (the logarithm of silence) are replaced by the mean over the training split and
    counted in ``notes``; in other modalities they are an error. If a split has no array of a modality, its samples lack
    the modality. ``text_bert`` is used for lengths only, because its token ids are no features: a split with
    ``text_bert`` but without ``text`` has no text, as ``notes`` report. Extract text features first.

    Args:
        path: ``.pkl`` (read without unpickling), or ``.npz`` or ``.safetensors`` with keys such as ``train/audio``.
        label_range: lowest and highest label; by default [-1, 1] if it contains all labels, else [-3, 3].

    Raises:
        InputError: another format, a missing split, lengths larger than arrays, or labels or features out of range.
    """
    path = Path(path)
    content = _content(path)
    missing = [split for split in SPLITS if not isinstance(content.get(split), Mapping)]
    if missing:
        raise InputError(f"expected the splits train, valid and test, {', '.join(missing)} missing", path)
    return from_arrays({split: content[split] for split in SPLITS}, path.name, label_range=label_range, path=path)


def from_arrays(
    splits: Mapping[str, Mapping[str, Any]],
    name: str,
    *,
    label_range: tuple[float, float] | None = None,
    path: Path | None = None,
) -> SentimentData:
    """Build the data from the dictionaries of an MMSA file; see ``read_mmsa``.

    Args:
        splits: dictionary of arrays per split.
        name: name of the data.
        label_range: lowest and highest label, see ``read_mmsa``.
        path: file to name in messages.

    Raises:
        InputError: as ``read_mmsa``.
    """
    shapes: dict[str, tuple[int, int]] = {}
    arrays: dict[str, dict[str, FloatArray]] = {split: {} for split in SPLITS}
    for split in SPLITS:
        for modality in MODALITIES:
            if (array := splits[split].get(modality)) is None:
                continue
            values = _array(array, f"{split} {modality}", path)
            if values.ndim != 3:
                raise InputError(f"{split} {modality}: expected an array [N, T, d], got shape {values.shape}", path)
            arrays[split][modality] = values
            shapes.setdefault(modality, (values.shape[1], values.shape[2]))
    if not shapes:
        bert = " (text_bert holds token ids; mmkg takes extracted text features)"
        raise InputError(f"expected arrays named text, audio or vision, found none{bert}", path)
    parts: dict[str, SentimentSplit] = {}
    notes: dict[str, int] = {}
    for split in SPLITS:
        labels = splits[split].get("regression_labels")
        if labels is None:
            raise InputError(f"{split}: expected regression_labels, found {', '.join(splits[split])}", path)
        labels = _array(labels, f"{split} regression_labels", path).reshape(-1)
        number = len(labels)
        values_of: dict[str, FloatArray] = {}
        valid: dict[str, BoolArray] = {}
        for modality, (steps, dim) in shapes.items():
            found = arrays[split].get(modality)
            if found is None:
                values_of[modality] = np.zeros((number, steps, dim), np.float32)
                valid[modality] = np.zeros((number, steps), bool)
                notes[f"{split}: samples without {modality}"] = number
                continue
            if len(found) != number:
                raise InputError(f"{split} {modality}: expected {number} samples, as labels, got {len(found)}", path)
            values_of[modality] = found
            valid[modality] = _valid(splits[split], split, modality, found, path)
        if splits[split].get("text_bert") is not None and TEXT not in arrays[split]:
            notes[f"{split}: samples with text as token ids only (text_bert), not read"] = number
        ids = splits[split].get("id")
        names = [f"{split}{row}" for row in range(number)] if ids is None else [str(each) for each in ids]
        parts[split] = SentimentSplit(values_of, valid, labels, tuple(names))
    _replace_bad_audio(parts, notes)
    for part in parts.values():
        for modality, mask in part.valid.items():
            part.values[modality] = np.where(mask[..., None], part.values[modality], np.float32(0))
    if label_range is None:
        label_range = SIMS if all((np.abs(part.labels) <= 1).all() for part in parts.values()) else WIDE
    return SentimentData(name, parts["train"], parts["valid"], parts["test"], label_range, notes)


def write_mmsa(data: SentimentData, path: str | Path) -> None:
    """Write an ``.npz`` file that ``read_mmsa`` reads, e.g. to replace a pickle file.

    Valid steps are moved to the front of each sample. A modality that no sample of a split has is left out of that
    split.
    """
    arrays: dict[str, Any] = {}
    for split in SPLITS:
        part = data.split(split)
        arrays[f"{split}/regression_labels"], arrays[f"{split}/id"] = part.labels, np.array(part.ids)
        for name, values in part.values.items():
            if not part.valid[name].any():
                continue
            order = np.argsort(~part.valid[name], axis=1, kind="stable")
            arrays[f"{split}/{name}"] = np.take_along_axis(values, order[..., None], axis=1)
            arrays[f"{split}/{name}_lengths"] = part.valid[name].sum(axis=1)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _content(path: Path) -> dict[str, Any]:
    """The nested dictionary of a file."""
    if not path.is_file():
        raise InputError("no such file; check the path", path)
    if path.suffix in (".pkl", ".pickle"):
        try:
            return read_nested(path.read_bytes())
        except InputError as error:
            raise InputError(f"{error}; if you trust the file, convert it to .npz", path) from None
    nested: dict[str, Any] = {}
    for key, value in read_arrays(path, sys.maxsize).items():
        split, sign, rest = key.partition("/")
        if not sign:
            raise InputError(f"expected keys such as train/audio, got {key!r}", path)
        nested.setdefault(split, {})[rest] = value
    return nested


def _array(value: Any, what: str, path: Path | None) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected an array of numbers", path) from None


def _valid(part: Mapping[str, Any], split: str, modality: str, values: FloatArray, path: Path | None) -> BoolArray:
    """Valid steps of a modality, bool ``[N, T]``."""
    number, steps = values.shape[:2]
    lengths = part.get(f"{modality}_lengths")
    source = f"{modality}_lengths"
    if lengths is None and part.get("text_bert") is not None:
        bert = _array(part["text_bert"], f"{split} text_bert", path)
        if bert.ndim == 3 and bert.shape[1] == 3 and (modality == TEXT or bert.shape[2] == steps):
            lengths, source = bert[:, 1].sum(axis=1), "the mask in text_bert"
    if lengths is None:
        nonzero = (values != 0).any(axis=2)
        lengths = np.where(nonzero.any(axis=1), steps - nonzero[:, ::-1].argmax(axis=1), 0)
    lengths = _array(lengths, f"{split} {source}", path).reshape(-1)
    if len(lengths) != number:
        raise InputError(f"{split} {source}: expected {number} lengths, got {len(lengths)}", path)
    wrong = (lengths < 0) | (lengths > steps) | (lengths != np.round(lengths))
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{split} {source}, sample {row}: expected a length in 0..{steps}, the number of steps of its array, "
            f"got {lengths[row]:g}",
            path,
        )
    found: BoolArray = np.arange(steps) < lengths[:, None]
    return found


def _replace_bad_audio(parts: Mapping[str, SentimentSplit], notes: dict[str, int]) -> None:
    """Replace -inf and NaN in audio by the mean of the feature over the training split, in place."""
    train = parts["train"]
    if AUDIO not in train.values:
        return
    steps = train.values[AUDIO][train.valid[AUDIO]]
    finite = np.isfinite(steps)
    mean = np.where(finite, steps, 0).sum(axis=0, dtype=np.float64) / np.maximum(finite.sum(axis=0), 1)
    for split, part in parts.items():
        values = part.values[AUDIO]
        bad = (np.isneginf(values) | np.isnan(values)) & part.valid[AUDIO][..., None]
        if bad.any():
            notes[f"{split}: audio features that were -inf or NaN"] = int(bad.sum())
            part.values[AUDIO] = np.where(bad, mean.astype(np.float32), values)
