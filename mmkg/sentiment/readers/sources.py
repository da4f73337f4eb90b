"""Load sentiment data; the format is detected from the files."""

from pathlib import Path

from ...errors import InputError, UsageError
from ..config import SentimentDataConfig
from ..data import SentimentData
from .folders import read_utterances, read_words
from .mmsa import SUFFIXES, read_mmsa
from .planted import synthetic

SYNTHETIC = "synthetic"


def load(source: str | Path, config: SentimentDataConfig | None = None) -> SentimentData:
    """Load sentiment data.

    Args:
        source: ``synthetic``; an MMSA feature file (pickle, npz, safetensors); a folder of csv files with one vector
            per utterance, or of HDF5 files with sequences of words. See the readers in this folder.
        config: settings of the readers.

    Raises:
        UsageError: ``source`` is neither a known name nor an existing path.
        InputError: the files break their format.
    """
    config = config or SentimentDataConfig()
    path = Path(source)
    if str(source) == SYNTHETIC:
        return synthetic(seed=config.split_seed)
    if path.is_file() and path.suffix in SUFFIXES:
        return read_mmsa(path, label_range=config.label_range)
    if (path / "transcripts.csv").is_file():
        return read_utterances(path, context=config.context, valid_ratio=config.valid_ratio, seed=config.split_seed)
    if (path / "y_train.h5").is_file():
        return read_words(path)
    if not path.exists():
        raise UsageError(f"{str(source)!r} is neither a file, a folder nor the word {SYNTHETIC!r}")
    raise InputError(
        f"expected an MMSA file ({', '.join(SUFFIXES)}), a folder with transcripts.csv, or one with y_train.h5", path
    )
