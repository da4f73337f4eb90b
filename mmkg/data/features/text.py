"""The modality ``text``: entity names as vectors of a text encoder."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...modalities import TEXT
from ..arrays.cache import cache_folder
from ..task import AlignmentTask
from .config import FeatureConfig
from .modality import Modality
from .name import has_name, names_of
from .text_encoder import TextForm, encode_texts, normalized, text_encoder

if TYPE_CHECKING:
    from ..tensors.tables import DenseTable


def text_table(
    task: AlignmentTask, encoder: str, *, form: TextForm = "nfkc", cache: str | Path | None = None
) -> "DenseTable":
    """Names of both graphs as vectors of unit length; equal names share a vector.

    Args:
        task: the pair.
        encoder: word vectors or a sentence model, see ``text_encoder``.
        form: Unicode form, see ``normalized``.
        cache: folder in which vectors are kept; ``None`` = the user's cache folder, empty = no cache.

    Raises:
        InputError: no such encoder, or its files are damaged.
        MissingPackageError: a package that the encoder needs is not installed.
    """
    from ..tensors.tables import DenseTable, row_lengths

    texts = [None if text is None else normalized(text, form) or None for text in names_of(task)]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    folder = cache_folder() / "text" if cache is None else Path(cache) if cache else None
    vectors = encode_texts(list(distinct), text_encoder(encoder), cache=folder)
    lengths = row_lengths(vectors)
    number = np.array([-1 if text is None else distinct[text] for text in texts], np.int64)
    position = np.where((number >= 0) & (lengths > 0)[number], number, -1)
    return DenseTable(position, vectors, divisor=np.maximum(lengths, np.float32(1e-12)))


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "DenseTable":
    return text_table(task, config.text_encoder, form=config.name_form, cache=config.text_cache)


MODALITY = Modality(TEXT, has_name, _build, gives_seeds=True, reads_names=True, setting="text_encoder")
