"""Texts and their vectors: Unicode forms, encoders by name, a cache by content."""

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from ...errors import InputError, MissingPackageError
from ...progress import progress_bar
from ...typing import FloatArray
from ..arrays.cache import VectorCache
from ..parsing.columns import stem

TextForm = Literal["plain", "nfkc", "ascii"]
WORD_FILES = (".vec", ".txt")
BLOCK_TEXTS = 4096  # encoded before they are kept


class TextEncoder(Protocol):
    """Makes vectors of texts; a row of zeros where it knows nothing of a text."""

    @property
    def identity(self) -> str | None:
        """Of what makes the vectors, ``None`` if it is not worth while to keep them."""

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """One row per text, float32 ``[n, d]``."""


def normalized(text: str, form: TextForm) -> str:
    """A text in a Unicode form, white space single.

    Args:
        text: any text.
        form: ``nfkc`` makes one of characters that differ in form only (full width, ligatures, composition), ``ascii``
            transliterates every script after that (北京 -> BeiJing), ``plain`` leaves them as they are.

    Raises:
        MissingPackageError: ``ascii`` without the package anyascii.
    """
    if form != "plain":
        text = unicodedata.normalize("NFKC", text)
    if form == "ascii":
        try:
            from anyascii import anyascii
        except ImportError as error:
            raise MissingPackageError("transliteration needs anyascii: pip install 'mmkg[text]'") from error
        text = anyascii(text)
    return " ".join(text.split())


def text_encoder(name: str) -> TextEncoder:
    """A file of word vectors (``.vec``, ``.txt``, plain or compressed), or a sentence model, see ``SentenceModel``.

    Raises:
        InputError: there is no such file, or neither files nor model are what they should be.
        MissingPackageError: a package is not installed.
    """
    path = Path(name)
    if path.is_file() or stem(path).suffix.lower() in WORD_FILES:
        if not path.is_file():
            raise InputError("no such file; check the path of the word vectors", path)
        from .word_vectors import WordVectors

        return WordVectors(path)
    from .sentences import SentenceModel

    return SentenceModel(name)


def encode_texts(
    texts: Sequence[str], encoder: TextEncoder, *, cache: Path | None = None, progress: bool = True
) -> FloatArray:
    """Vectors of texts, float32 ``[n, d]``; what the cache has is not encoded again.

    Args:
        texts: distinct texts.
        encoder: see ``text_encoder``.
        cache: folder in which vectors are kept by text and encoder; ``None`` = nowhere. Blocks of 4,096 texts are kept
            as they come, so that a run that was killed goes on from there.
        progress: show a bar, if stderr is a terminal.

    Raises:
        InputError: what the encoder gives is no finite matrix of the right length.
    """
    if encoder.identity is None:
        return _checked(encoder(texts), len(texts))
    store = None if cache is None else VectorCache(cache, encoder.identity)
    parts = [] if texts else [_checked(encoder(texts), 0)]
    with progress_bar("texts", len(texts), enabled=progress) as advance:
        for start in range(0, len(texts), BLOCK_TEXTS):
            block = texts[start : start + BLOCK_TEXTS]
            keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in block]
            known = [None if store is None else store.get(key) for key in keys]
            fresh = [place for place, vector in enumerate(known) if vector is None]
            if fresh:
                made = _checked(encoder([block[place] for place in fresh]), len(fresh))
                if store is not None:
                    store.put([keys[place] for place in fresh], made)
                for place, vector in zip(fresh, made, strict=True):
                    known[place] = vector
            parts.append(np.stack([vector for vector in known if vector is not None]))
            advance(len(block))
    return np.concatenate(parts)


def _checked(vectors: FloatArray, size: int) -> FloatArray:
    if vectors.ndim != 2 or len(vectors) != size or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise InputError(
            f"expected finite float32 vectors of {size} texts, got {vectors.dtype} {list(vectors.shape)} "
            f"with {int((~np.isfinite(vectors)).sum())} numbers that are not finite"
        )
    return vectors
