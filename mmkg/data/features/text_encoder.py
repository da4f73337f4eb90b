"""Vectors of texts: Unicode forms, encoders by name, a cache by content."""

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
BLOCK_TEXTS = 4096  # texts encoded between two writes to the cache


class TextEncoder(Protocol):
    """Computes vectors of texts; a text without any known word gets a row of zeros."""

    @property
    def identity(self) -> str | None:
        """Key of the encoder in the cache; ``None`` = its vectors are not cached."""

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """One row per text, float32 ``[n, d]``."""


def normalized(text: str, form: TextForm) -> str:
    """A text in a Unicode form, with white space collapsed to single spaces.

    Args:
        text: any text.
        form: ``nfkc`` unifies characters that differ in form only (full width, ligatures, composition); ``ascii`` then
            transliterates every script (北京 -> BeiJing); ``plain`` changes no characters.

    Raises:
        MissingPackageError: form ``ascii``, and the package anyascii is not installed.
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
    """An encoder by name.

    Args:
        name: a file of word vectors (``.vec``, ``.txt``, plain or compressed), or a sentence model, see
            ``SentenceModel``.

    Raises:
        InputError: no such file, or the file or model has the wrong format.
        MissingPackageError: a package that the encoder needs is not installed.
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
    """Vectors of texts, float32 ``[n, d]``; cached vectors are not encoded again.

    Args:
        texts: distinct texts.
        encoder: see ``text_encoder``.
        cache: folder in which vectors are stored by text and encoder; ``None`` = no cache. Vectors are stored after
            every 4,096 texts, so that a killed run continues from there.
        progress: show a progress bar, if stderr is a terminal.

    Raises:
        InputError: the encoder does not return a finite matrix with one row per text.
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
            missing = [position for position, vector in enumerate(known) if vector is None]
            if missing:
                encoded = _checked(encoder([block[position] for position in missing]), len(missing))
                if store is not None:
                    store.put([keys[position] for position in missing], encoded)
                for position, vector in zip(missing, encoded, strict=True):
                    known[position] = vector
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
