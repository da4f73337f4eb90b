"""Image features of pictures: decode each file, encode a batch at a time, keep the vectors in a cache."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ...errors import InputError, UsageError, nearest
from ...progress import progress_bar
from ...typing import FloatArray, IntArray
from ..arrays.cache import VectorCache
from .decode import PictureError, decode, read_file
from .descriptor import Descriptor

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SHOWN = 5  # number of bad pictures that a warning lists
CACHE_EVERY = 1024  # number of new vectors after which they are written to the cache


class PictureEncoder(Protocol):
    """Encodes pictures as vectors.

    Args:
        identity: name and version; encoders with the same identity give the same vectors (key of the cache).
        batch_size: number of pictures to encode at a time.
    """

    identity: str
    batch_size: int

    def __call__(self, pictures: Sequence["Picture"]) -> FloatArray:
        """Vectors of B pictures in RGB, float32 ``[B, d]``."""
        ...


ENCODERS: dict[str, Callable[[], PictureEncoder]] = {"classical": Descriptor}


class Rejected(NamedTuple):
    """A picture without features: its file, a short ``kind`` of fault to count by, and the reason in a sentence."""

    path: Path
    kind: str
    reason: str

    def describe(self) -> str:
        """File and reason, for messages."""
        return f"{self.path} ({self.reason})"


class Encoded(NamedTuple):
    """Features of pictures.

    Args:
        positions: positions of the encoded pictures in the given list, int64 ``[P]``, ascending.
        features: their features, float32 ``[P, d]``.
        rejected: pictures without features.
    """

    positions: IntArray
    features: FloatArray
    rejected: list[Rejected]


def picture_encoder(name: str | Path, *, device: str = "cpu") -> PictureEncoder:
    """The encoder of a name.

    Args:
        name: ``classical`` (see ``Descriptor``), a folder with a vision model, or the name of one on the Hugging Face
            hub (``owner/model``), see ``VisionModel``.
        device: device of a vision model.

    Raises:
        UsageError: ``name`` is none of these.
        InputError: the folder or the hub has no such vision model with weights in safetensors.
        MissingPackageError: a package is not installed.
    """
    if str(name) in ENCODERS:
        return ENCODERS[str(name)]()
    if not Path(name).is_dir() and str(name).count("/") != 1:
        raise UsageError(
            f"unknown encoder of pictures {str(name)!r}; {nearest(str(name), ENCODERS)}, a folder with a vision model, "
            "or owner/model on the Hugging Face hub"
        )
    from .vision import VisionModel

    return VisionModel(name, device=device)


def encode_pictures(
    paths: Sequence[Path],
    encoder: PictureEncoder,
    *,
    cache: Path | None = None,
    progress: bool = True,
    label: str = "pictures",
) -> Encoded:
    """Encode pictures, a batch at a time. A picture that cannot be encoded is reported and skipped.

    Memory use: the features and one batch of pictures of at most 1,024 x 1,024 pixels. Equal files are encoded once.

    Args:
        paths: picture files.
        encoder: see ``picture_encoder``.
        cache: folder that keeps vectors by encoder and content of the file; ``None`` = no cache.
        progress: show a progress bar if stderr is a terminal.
        label: title of the progress bar.

    Raises:
        InputError: the encoder returns no matrix of one row per picture, or its width changes.
    """
    store = None if cache is None else VectorCache(cache, encoder.identity)
    work = _Encoding(encoder, store, len(paths))
    try:
        with progress_bar(label, len(paths), enabled=progress) as advance:
            for position, path in enumerate(paths):
                work.add(position, path)
                advance(1)
            work.flush()
    finally:
        work.write_cache()
    return work.result()


class _Encoding:
    """State of one call of ``encode_pictures``."""

    def __init__(self, encoder: PictureEncoder, store: VectorCache | None, size: int) -> None:
        self.encoder, self.store, self.size = encoder, store, size
        self.features: FloatArray | None = None
        self.first: dict[bytes, int] = {}  # hash of the content -> position of the first picture with it
        self.repeated: list[tuple[int, Path, int]] = []  # position and path of a copy, position of the first
        self.rejected: dict[int, Rejected] = {}
        self.batch: list[tuple[int, Path, bytes, Picture]] = []
        self.fresh: list[tuple[bytes, int]] = []  # hash and position of vectors that the cache lacks

    def add(self, position: int, path: Path) -> None:
        """Read a picture; encode the batch if it is full."""
        try:
            content = read_file(path)
            key = hashlib.sha256(content).digest()
            if key in self.first:
                self.repeated.append((position, path, self.first[key]))
                return
            vector = None if self.store is None else self.store.get(key)
            if vector is None:
                self.batch.append((position, path, key, decode(content)))
            else:
                self._write(position, vector)
        except PictureError as error:
            self.rejected[position] = Rejected(path, error.kind, str(error))
            return
        self.first[key] = position
        if len(self.batch) >= self.encoder.batch_size:
            self.flush()

    def flush(self) -> None:
        """Encode the pictures of the batch."""
        if not self.batch:
            return
        vectors = self.encoder([picture for *_, picture in self.batch])
        if vectors.ndim != 2 or len(vectors) != len(self.batch):
            raise InputError(f"expected one vector for each of {len(self.batch)} pictures, got {vectors.shape}")
        finite = np.isfinite(vectors).min(axis=1)
        for (position, path, key, _), vector, is_finite in zip(self.batch, vectors, finite.tolist(), strict=True):
            if is_finite:
                self._write(position, vector)
                self.fresh.append((key, position))
            else:
                self.rejected[position] = Rejected(path, "no finite features", "the encoder gave NaN or infinity")
        self.batch.clear()
        if len(self.fresh) >= CACHE_EVERY:
            self.write_cache()

    def write_cache(self) -> None:
        """Write new vectors to the cache."""
        if self.store is not None and self.fresh and self.features is not None:
            positions = [position for _, position in self.fresh]
            self.store.put([key for key, _ in self.fresh], self.features[positions])
        self.fresh.clear()

    def result(self) -> Encoded:
        """Features of all pictures that were added."""
        source = np.arange(self.size)
        for position, path, first in self.repeated:
            source[position] = first
            if first in self.rejected:
                self.rejected[position] = self.rejected[first]._replace(path=path)
        positions = np.setdiff1d(np.arange(self.size), list(self.rejected))
        features = np.empty((0, 0), np.float32) if self.features is None else self.features[source[positions]]
        return Encoded(positions, features, [self.rejected[position] for position in sorted(self.rejected)])

    def _write(self, position: int, vector: FloatArray) -> None:
        if self.features is None:
            self.features = np.zeros((self.size, len(vector)), np.float32)
        if len(vector) != self.features.shape[1]:
            raise InputError(f"expected vectors of {self.features.shape[1]} numbers, got {len(vector)}")
        self.features[position] = vector


def rejected_text(rejected: Sequence[Rejected]) -> str:
    """One sentence: the number of pictures without features, and the first of them with their reasons."""
    more = f"; and {len(rejected) - SHOWN} more" if len(rejected) > SHOWN else ""
    named = "; ".join(picture.describe() for picture in rejected[:SHOWN])
    return f"{len(rejected)} pictures left out, their entities count as having no image: {named}{more}"
