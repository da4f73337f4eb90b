"""Names as n-grams, and as vectors of a text encoder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..arrays.cache import cache_folder
from ..task import AlignmentTask
from ..tensors.tables import DenseTable, SparseTable, _norms
from .bags import _num_entities
from .ngrams import ngram_matrix
from .text import TextForm, encode_texts, normalized, text_encoder


def name_table(
    task: AlignmentTask, *, sizes: Sequence[int] = (1, 2, 3), top: int = 10_000, form: TextForm = "nfkc"
) -> SparseTable:
    """Character n-grams of the names of both graphs in a Unicode form, TF-IDF weighted, rows of unit length."""
    texts = _names(task)
    if form != "plain":
        texts = [text if text is None else normalized(text, form).casefold() for text in texts]
    return SparseTable(ngram_matrix(texts, sizes=sizes, top=top))


def text_table(
    task: AlignmentTask, encoder: str, *, form: TextForm = "nfkc", cache: str | Path | None = None
) -> DenseTable:
    """Names of both graphs by word vectors or a sentence model, of unit length; equal names share a vector.

    Args:
        task: the pair.
        encoder: see ``text_encoder``.
        form: see ``normalized``.
        cache: folder in which vectors are kept; ``None`` = that of the user, empty = nowhere.

    Raises:
        InputError: there is no such encoder, or it is damaged.
        MissingPackageError: it needs a package that is not installed.
    """
    texts = [None if text is None else normalized(text, form) or None for text in _names(task)]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    folder = cache_folder() / "text" if cache is None else Path(cache) if cache else None
    vectors = encode_texts(list(distinct), text_encoder(encoder), cache=folder)
    norms = _norms(vectors)
    table = DenseTable(
        np.empty(0, np.int64), vectors, _num_entities(task), divisor=np.maximum(norms, np.float32(1e-12))
    )
    which = np.array([-1 if text is None else distinct[text] for text in texts], np.int64)
    table.position = torch.from_numpy(np.where((which >= 0) & (norms > 0)[which], which, -1))
    table.observed = table.position >= 0
    return table


def _names(task: AlignmentTask) -> list[str | None]:
    return [text for graph in (task.left, task.right) for text in (graph.names or [None] * graph.num_entities)]
