"""From pictures to the image features of a task."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ...errors import InputError, UsageError, nearest
from ...files import write_text
from ...progress import progress_bar
from ...typing import FloatArray, IntArray
from ..arrays.by_name import SUFFIXES as FEATURE_SUFFIXES
from ..arrays.by_name import check_suffix, read_named, write_named
from ..arrays.cache import VectorCache
from ..kg import ImageTable, KnowledgeGraph
from ..parsing.columns import Faults, OnError
from ..task import AlignmentTask
from .decode import PictureError, decode, read_file
from .descriptor import Descriptor
from .whose import entity_rows, list_pictures, names_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

logger = logging.getLogger(__name__)

SHOWN = 5  # bad pictures that a warning names
KEPT = 1024  # pictures after which vectors go to the cache


class PictureEncoder(Protocol):
    """Makes vectors of pictures, ``[B]`` in RGB -> float32 ``[B, d]``; ``identity`` changes when its vectors do."""

    identity: str
    batch_size: int

    def __call__(self, pictures: Sequence["Picture"]) -> FloatArray:
        """The vectors."""
        ...


ENCODERS: dict[str, Callable[[], PictureEncoder]] = {"classical": Descriptor}


class Rejected(NamedTuple):
    """A picture that gave no features, and why."""

    path: Path
    kind: str
    reason: str


class Encoded(NamedTuple):
    """Features ``[P, d]`` of the good pictures, their positions among those given ``[P]``, and the bad ones."""

    positions: IntArray
    features: FloatArray
    rejected: list[Rejected]


def picture_encoder(name: str | Path, *, device: str = "cpu") -> PictureEncoder:
    """``classical``, a folder with a vision model, or the name of one on the Hugging Face hub (``owner/model``).

    Raises:
        UsageError: none of these.
        InputError: the folder or the name holds no vision model with weights in safetensors.
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
    """Features of pictures, a batch at a time; a bad one is left out and named, and never stops the others.

    Memory holds the features and one batch of pictures of at most 1,024 x 1,024. Equal files are encoded once.

    Args:
        paths: files of pictures.
        encoder: see ``picture_encoder``.
        cache: folder in which vectors are kept by the content of the file and the encoder; ``None`` = nowhere.
        progress: show a bar, if stderr is a terminal.
        label: of the bar.

    Raises:
        InputError: what the encoder gives is no matrix of the right length, or its width changes.
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
        work.keep()
    return work.result()


class _Encoding:
    """The state of one run over pictures."""

    def __init__(self, encoder: PictureEncoder, store: VectorCache | None, size: int) -> None:
        self.encoder, self.store, self.size = encoder, store, size
        self.features: FloatArray | None = None
        self.first: dict[bytes, int] = {}  # content -> position of the first picture that has it
        self.again: list[tuple[int, Path, int]] = []  # position and path of another one, position of the first
        self.bad: dict[int, Rejected] = {}
        self.batch: list[tuple[int, Path, bytes, Picture]] = []
        self.fresh: list[tuple[bytes, int]] = []

    def add(self, position: int, path: Path) -> None:
        try:
            content = read_file(path)
            key = hashlib.sha256(content).digest()
            if key in self.first:
                self.again.append((position, path, self.first[key]))
                return
            vector = None if self.store is None else self.store.get(key)
            if vector is None:
                self.batch.append((position, path, key, decode(content)))
            else:
                self._write(position, vector)
        except PictureError as error:
            self.bad[position] = Rejected(path, error.kind, str(error))
            return
        self.first[key] = position
        if len(self.batch) >= self.encoder.batch_size:
            self.flush()

    def flush(self) -> None:
        if not self.batch:
            return
        vectors = self.encoder([picture for *_, picture in self.batch])
        if vectors.ndim != 2 or len(vectors) != len(self.batch):
            raise InputError(f"expected one vector for each of {len(self.batch)} pictures, got {vectors.shape}")
        finite = np.isfinite(vectors).min(axis=1)
        for (position, path, key, _), vector, fine in zip(self.batch, vectors, finite.tolist(), strict=True):
            if fine:
                self._write(position, vector)
                self.fresh.append((key, position))
            else:
                self.bad[position] = Rejected(path, "no finite features", "the encoder gave NaN or infinity")
        self.batch.clear()
        if len(self.fresh) >= KEPT:
            self.keep()

    def keep(self) -> None:
        """Hand new vectors to the cache."""
        if self.store is not None and self.fresh and self.features is not None:
            positions = [position for _, position in self.fresh]
            self.store.put([key for key, _ in self.fresh], self.features[positions])
        self.fresh.clear()

    def result(self) -> Encoded:
        source = np.arange(self.size)
        for position, path, first in self.again:
            source[position] = first
            if first in self.bad:
                self.bad[position] = self.bad[first]._replace(path=path)
        positions = np.setdiff1d(np.arange(self.size), list(self.bad))
        features = np.empty((0, 0), np.float32) if self.features is None else self.features[source[positions]]
        return Encoded(positions, features, [self.bad[position] for position in sorted(self.bad)])

    def _write(self, position: int, vector: FloatArray) -> None:
        if self.features is None:
            self.features = np.zeros((self.size, len(vector)), np.float32)
        if len(vector) != self.features.shape[1]:
            raise InputError(f"expected vectors of {self.features.shape[1]} numbers, got {len(vector)}")
        self.features[position] = vector


def with_images(
    task: AlignmentTask,
    sources: Sequence[str | Path],
    *,
    encoder: str = "classical",
    cache: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
    on_error: OnError = "raise",
) -> AlignmentTask:
    """The task with image features that are made of pictures, or read from a file by the names in it.

    Args:
        task: whose images, if it has any, are replaced.
        sources: one for both graphs, or one for the left and one for the right: a folder or table of pictures (see
            ``list_pictures``), or a file of named features (see ``read_named``). ``entity_rows`` says whose they are.
        encoder: see ``picture_encoder``.
        cache: see ``encode_pictures``.
        device: where a vision model runs.
        progress: show a bar, if stderr is a terminal.
        on_error: ``raise`` at the first bad row of a table, or ``skip`` bad rows; bad pictures never raise.

    Returns:
        The task; its notes tell how many pictures were of no entity, or left out and why.

    Raises:
        UsageError: more than two sources, or an unknown encoder.
        InputError: a source is missing or breaks its format, or no entity of either graph gets an image.
    """
    if not 1 <= len(sources) <= 2:
        raise UsageError(f"expected one source of images, or one for each graph, got {len(sources)}")
    faults = Faults(on_error, dict(task.notes))
    listed = {
        source: list_pictures(source, faults) for source in dict.fromkeys(map(Path, sources)) if _pictured(source)
    }
    made: PictureEncoder | None = None
    graphs: list[KnowledgeGraph] = []
    rejected: list[Rejected] = []
    for side, graph in (("left", task.left), ("right", task.right)):
        source = Path(sources[0 if side == "left" else -1])
        if source not in listed:
            names, features = read_named(source)
            rows = entity_rows(graph, map(names_of, names), f"{side} images", faults)
            table = _table(rows, np.arange(len(names)), features)
        else:
            files = listed[source]
            rows = entity_rows(graph, [file.names for file in files], f"{side} images", faults)
            made = made or picture_encoder(encoder, device=device)
            chosen = [files[position].path for position in rows.values()]
            encoded = encode_pictures(chosen, made, cache=cache, progress=progress, label=f"{side} pictures")
            table = _table({row: position for position, row in enumerate(rows)}, encoded.positions, encoded.features)
            for kind, number in Counter(bad.kind for bad in encoded.rejected).items():
                faults.count(f"{side} images left out: {kind}", number)
            rejected += encoded.rejected
        if table is None:
            logger.warning("no entity of the %s graph gets an image from %s", side, source)
        graphs.append(replace(graph, images=table))
    if all(graph.images is None for graph in graphs):
        labels = f"{task.left.entities[0]!r}, {task.right.entities[0]!r}"
        why = (
            f"{len(rejected)} pictures were left out, first {_said(rejected[0])}"
            if rejected
            else (f"no picture is called like an entity; entities are called {labels}, ...")
        )
        raise InputError(f"expected pictures of entities, got none: {why}", sources[0])
    if rejected:
        logger.warning("%s", rejected_text(rejected))
    return replace(task, left=graphs[0], right=graphs[1], notes=faults.notes)


def rejected_text(rejected: Sequence[Rejected]) -> str:
    """Sentence that counts bad pictures and names the first ones with their reasons."""
    more = f"; and {len(rejected) - SHOWN} more" if len(rejected) > SHOWN else ""
    named = "; ".join(_said(bad) for bad in rejected[:SHOWN])
    return f"{len(rejected)} pictures left out, their entities count as without an image: {named}{more}"


def store_features(
    source: str | Path,
    out: str | Path,
    *,
    encoder: str = "classical",
    cache: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Encoded:
    """Encode all pictures of a folder or table and store the features by name; no graph is needed.

    Args:
        source: see ``list_pictures``.
        out: see ``write_named``; the name of a picture is its entity in a table, or its path in a folder without the
            suffix. Bad pictures are listed with their reasons in a file ``OUT.rejected.tsv``, if there are any.
        encoder: see ``picture_encoder``.
        cache: see ``encode_pictures``.
        device: where a vision model runs.
        progress: show a bar, if stderr is a terminal.

    Raises:
        UsageError: an unknown encoder, or ``out`` ends otherwise.
        InputError: there is no picture, or none that gives features.
    """
    source, out = Path(source), Path(out)
    check_suffix(out)
    files: dict[str, Path] = {}
    for file in list_pictures(source, Faults()):
        files.setdefault(file.names[0], file.path)  # a picture in two formats, or a second one of an entity
    made = picture_encoder(encoder, device=device)
    encoded = encode_pictures(list(files.values()), made, cache=cache, progress=progress)
    if not len(encoded.positions):
        first = f", first {_said(encoded.rejected[0])}" if encoded.rejected else ""
        raise InputError(f"expected pictures, {len(files)} found and none of them good{first}", source)
    names = list(files)
    write_named(out, [names[position] for position in encoded.positions.tolist()], encoded.features)
    if encoded.rejected:
        rows = [(str(bad.path), bad.kind, bad.reason) for bad in encoded.rejected]
        clean = [[" ".join(field.split()) for field in row] for row in rows]
        write_text(
            rejected_file(out), "".join("\t".join(row) + "\n" for row in [["picture", "kind", "reason"], *clean])
        )
    return encoded


def rejected_file(out: Path) -> Path:
    """Where ``store_features`` lists bad pictures."""
    return out.with_name(out.name + ".rejected.tsv")


def _pictured(source: Path) -> bool:
    """Whether a source holds pictures, not features."""
    return source.is_dir() or source.suffix.lower() not in FEATURE_SUFFIXES


def _said(bad: Rejected) -> str:
    return f"{bad.path} ({bad.reason})"


def _table(position_of: dict[int, int], positions: IntArray, features: FloatArray) -> ImageTable | None:
    """Features by entity row; ``position_of`` holds the position of each row, ``positions`` those with features."""
    place = {position: index for index, position in enumerate(positions.tolist())}
    rows = [row for row, position in position_of.items() if position in place]
    if not rows:
        return None
    order = [place[position_of[row]] for row in rows]
    return ImageTable(np.array(rows, np.int64), np.ascontiguousarray(features[order], np.float32))
