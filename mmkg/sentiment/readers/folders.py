"""Two folder layouts: csv files with one vector per utterance, and HDF5 files with sequences of words."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...compute.seeding import numpy_generator
from ...errors import InputError, MissingPackageError
from ...typing import BoolArray, FloatArray, IntArray
from ..data import AUDIO, SPLITS, TEXT, VISION, SentimentData, SentimentSplit

FILES = {TEXT: "text", AUDIO: "audio", VISION: "video"}


def read_utterances(folder: str | Path, *, context: int = 3, valid_ratio: float = 0.15, seed: int = 0) -> SentimentData:
    """Read csv files with one vector per utterance, as in the context-dependent release of CMU-MOSI.

    A sample is an utterance with its neighbours in the video: ``2 context + 1`` steps in the order of the clip numbers.
    The utterance itself is the middle step, marked by an additional feature that is 1 there and 0 elsewhere. Test
    samples contain test utterances only. Some training videos become the validation split.

    Args:
        folder: ``text_{train,test}.csv`` (column 0 is a row of ``transcripts.csv``), ``audio_{train,test}0.csv`` and
            ``video_{train,test}0.csv`` (the last column is the binary label), ``transcripts.csv``,
            ``continuous_labels.tsv``.
        context: number of neighbouring utterances on either side.
        valid_ratio: share of the training videos that become the validation split; at least one video.
        seed: random seed of this split.

    Raises:
        InputError: a file is missing or malformed, or files contradict each other.
    """
    folder = Path(folder)
    clips = [row[0] for row in _rows(folder / "transcripts.csv", ",")]
    labels = _labels(folder / "continuous_labels.tsv")
    found: dict[str, tuple[list[str], dict[str, FloatArray], FloatArray]] = {}
    for split in ("train", "test"):
        text = _numbers(folder / f"text_{split}.csv")
        values = {TEXT: text[:, 1:]}
        ids = [_clip(clips, row, folder / f"text_{split}.csv", line) for line, row in enumerate(text[:, 0], start=1)]
        y = np.array([_label(labels, each, folder) for each in ids], np.float32)
        for name in (AUDIO, VISION):
            path = folder / f"{FILES[name]}_{split}0.csv"
            table = _numbers(path)
            if len(table) != len(ids):
                raise InputError(f"expected {len(ids)} rows, as the text has, got {len(table)}", path)
            if (wrong := (table[:, -1] > 0.5) != (y >= 0)).any():
                line = int(wrong.argmax()) + 1
                raise InputError(
                    f"binary label {table[line - 1, -1]:g} contradicts the label {y[line - 1]:g}", path, line
                )
            values[name] = table[:, :-1]
        found[split] = (ids, values, y)
    videos = sorted({_video(each) for each in found["train"][0]})
    number = max(1, round(valid_ratio * len(videos)))
    held_out = set(numpy_generator(seed, "validation videos").permutation(videos)[:number].tolist())
    parts = {}
    for split in SPLITS:
        ids, values, y = found["test" if split == "test" else "train"]
        chosen = [
            row for row, each in enumerate(ids) if split == "test" or (_video(each) in held_out) == (split == "valid")
        ]
        parts[split] = _windows([ids[row] for row in chosen], values, y, np.array(chosen, np.int64), context)
    return SentimentData(folder.name, parts["train"], parts["valid"], parts["test"])


def read_words(folder: str | Path) -> SentimentData:
    """Read HDF5 files with sequences of words, as in the MMMO release of MFN.

    Files ``{text,audio,video}_{train,valid,test}.h5`` (for text also ``_emb.h5``) hold float ``[N, T, d]``, and
    ``y_{train,valid,test}.h5`` hold labels from 1 to 5, all under the key ``d1``. Labels are shifted by -3, so that 0
    is neutral. Steps of zeros are padding. If a feature file is missing, the split lacks this modality.

    Raises:
        InputError: a label file is missing, a file is malformed.
        MissingPackageError: h5py is not installed.
    """
    folder = Path(folder)
    arrays = {split: {name: _words(folder, f"{stem}_{split}") for name, stem in FILES.items()} for split in SPLITS}
    shapes = {
        name: next((array.shape[1:] for part in arrays.values() if (array := part[name]) is not None), None)
        for name in FILES
    }
    parts: dict[str, SentimentSplit] = {}
    notes: dict[str, int] = {}
    for split in SPLITS:
        labels = _words(folder, f"y_{split}")
        if labels is None:
            raise InputError(f"expected y_{split}.h5", folder)
        values: dict[str, FloatArray] = {}
        valid: dict[str, BoolArray] = {}
        for name, shape in shapes.items():
            if shape is None:
                continue
            array = arrays[split][name]
            if array is None:
                notes[f"{split}: samples without {name}"] = len(labels)
                array = np.zeros((len(labels), *shape), np.float32)
            if array.ndim != 3 or len(array) != len(labels):
                raise InputError(f"{split} {name}: expected [{len(labels)}, T, d], got {array.shape}", folder)
            values[name], valid[name] = array, (array != 0).any(axis=2)
        ids = tuple(f"{split}{row}" for row in range(len(labels)))
        parts[split] = SentimentSplit(values, valid, labels.reshape(-1) - 3, ids)
    return SentimentData(folder.name, parts["train"], parts["valid"], parts["test"], (-2.0, 2.0), notes)


def _windows(
    ids: list[str], values: Mapping[str, FloatArray], labels: FloatArray, rows: IntArray, context: int
) -> SentimentSplit:
    """Each utterance with its neighbours; ``rows`` are the rows of the utterances ``ids`` in ``values``."""
    order = np.array(sorted(range(len(ids)), key=lambda k: _video_and_number(ids[k])), np.int64)
    video = np.array([_video(ids[k]) for k in order.tolist()])
    steps = np.arange(len(ids))[:, None] + np.arange(-context, context + 1)
    inside = (steps >= 0) & (steps < len(ids))
    steps = steps.clip(0, max(len(ids) - 1, 0))
    valid = inside & (video[steps] == video[:, None])
    marks = np.broadcast_to((np.arange(-context, context + 1) == 0).astype(np.float32)[:, None], (*steps.shape, 1))
    found = {}
    for name, table in values.items():
        windows = np.concatenate([table[rows[order]][steps], marks], axis=2)
        found[name] = np.where(valid[..., None], windows, np.float32(0)).astype(np.float32)
    return SentimentSplit(
        found, {name: valid.copy() for name in found}, labels[rows[order]], tuple(ids[k] for k in order.tolist())
    )


def _video(clip: str) -> str:
    """Name of the video of a clip."""
    return clip.rsplit("_", 1)[0]


def _video_and_number(clip: str) -> tuple[str, int]:
    video, _, number = clip.rpartition("_")
    if not video or not number.isdigit():
        raise InputError(f"expected an utterance named VIDEO_NUMBER, got {clip!r}")
    return video, int(number)


def _clip(clips: list[str], row: float, path: Path, line: int) -> str:
    if row != int(row) or not 0 <= row < len(clips):
        raise InputError(f"expected a row of transcripts.csv in 0..{len(clips) - 1}, got {row:g}", path, line)
    return clips[int(row)]


def _label(labels: Mapping[str, float], clip: str, folder: Path) -> float:
    if clip not in labels:
        raise InputError(f"no label for the utterance {clip!r}", folder / "continuous_labels.tsv")
    return labels[clip]


def _labels(path: Path) -> dict[str, float]:
    found = {}
    for line, row in enumerate(_rows(path, "\t"), start=1):
        try:
            found[row[0]] = float(row[2])
        except (IndexError, ValueError):
            raise InputError(f"expected id, fold and label, got {row}", path, line) from None
    return found


def _rows(path: Path, delimiter: str) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file, delimiter=delimiter) if row]
    except FileNotFoundError:
        raise InputError("no such file; the layout needs it", path) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", path) from None


def _numbers(path: Path) -> FloatArray:
    rows = _rows(path, ",")
    width = len(rows[0]) if rows else 0
    for line, row in enumerate(rows, start=1):
        if len(row) != width:
            raise InputError(f"expected {width} columns, got {len(row)}", path, line)
    try:
        table = np.array(rows, dtype=np.float32)
    except ValueError:
        for line, row in enumerate(rows, start=1):
            try:
                np.array(row, dtype=np.float32)
            except ValueError as error:
                raise InputError(f"expected numbers: {error}", path, line) from None
        raise
    if table.ndim != 2 or table.shape[1] < 2:
        raise InputError("expected rows of numbers", path)
    return table


def _words(folder: Path, stem: str) -> FloatArray | None:
    """The array of an HDF5 file, or ``None`` if there is no such file."""
    try:
        import h5py
    except ImportError:
        raise MissingPackageError("reading HDF5 needs h5py: pip install 'mmkg[hdf5]'") from None
    path = next((folder / name for name in (f"{stem}_emb.h5", f"{stem}.h5") if (folder / name).is_file()), None)
    if path is None:
        return None
    try:
        with h5py.File(path) as file:
            return np.asarray(file["d1"][:], dtype=np.float32)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected an HDF5 file with a dataset d1 of numbers: {error}", path) from None
