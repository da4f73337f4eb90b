"""Attach image features to the entities of a task, from pictures or from stored features."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError, UsageError
from ...files import MAX_BYTES
from ...typing import FloatArray, IntArray
from ..arrays.by_name import SUFFIXES as FEATURE_SUFFIXES
from ..arrays.by_name import read_named
from ..kg import ImageTable, KnowledgeGraph
from ..parsing.columns import Faults, OnError
from ..task import AlignmentTask
from .encode import PictureEncoder, Rejected, encode_pictures, picture_encoder, rejected_text
from .whose import PictureFile, entity_rows, list_pictures, names_of

logger = logging.getLogger(__name__)


def with_images(
    task: AlignmentTask,
    sources: Sequence[str | Path],
    *,
    encoder: str = "classical",
    cache: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
    on_error: OnError = "raise",
    max_bytes: int = MAX_BYTES,
) -> AlignmentTask:
    """Attach image features to a task, from pictures or from a file of features by name.

    Args:
        task: task whose images, if it has any, are replaced.
        sources: one source for both graphs, or one for the left and one for the right graph: a folder or table of
            pictures (see ``list_pictures``), or a file of named features (see ``read_named``). ``entity_rows`` assigns
            pictures and features to entities.
        encoder: see ``picture_encoder``.
        cache: see ``encode_pictures``.
        device: device of a vision model.
        progress: show a progress bar if stderr is a terminal.
        on_error: ``raise`` at the first bad row of a table, or ``skip`` bad rows; bad pictures never raise.
        max_bytes: limit of a table or file of features after decompression, see ``most_bytes``.

    Returns:
        A new task. Its notes count pictures that belong to no entity, and pictures left out, by kind of fault.

    Raises:
        UsageError: no source, more than two sources, or an unknown encoder.
        InputError: a source is missing or breaks its format, or no entity of either graph gets an image.
    """
    if not 1 <= len(sources) <= 2:
        raise UsageError(f"expected one source of images, or one for each graph, got {len(sources)}")
    faults = Faults(on_error, dict(task.notes), max_bytes)
    listed = {
        source: list_pictures(source, faults) for source in dict.fromkeys(map(Path, sources)) if _holds_pictures(source)
    }
    encode: PictureEncoder | None = None
    graphs: list[KnowledgeGraph] = []
    rejected: list[Rejected] = []
    for side, graph in (("left", task.left), ("right", task.right)):
        source = Path(sources[0 if side == "left" else -1])
        if source not in listed:
            names, features = read_named(source, max_bytes)
            rows = entity_rows(graph, map(names_of, names), f"{side} images", faults)
            table = _table(rows, np.arange(len(names)), features)
        else:
            files = listed[source]
            rows = entity_rows(graph, [file.names for file in files], f"{side} images", faults)
            encode = encode or picture_encoder(encoder, device=device)
            chosen = [files[position].path for position in rows.values()]
            encoded = encode_pictures(chosen, encode, cache=cache, progress=progress, label=f"{side} pictures")
            table = _table({row: position for position, row in enumerate(rows)}, encoded.positions, encoded.features)
            for kind, number in Counter(picture.kind for picture in encoded.rejected).items():
                faults.count(f"{side} images left out: {kind}", number)
            rejected += encoded.rejected
            if table is not None:
                paths = dict(zip(rows, chosen, strict=True))
                graph = _shown(graph, {row: paths[row] for row in table.rows.tolist()})
        if table is None:
            logger.warning("no entity of the %s graph gets an image from %s", side, source)
        graphs.append(replace(graph, images=table))
    if all(graph.images is None for graph in graphs):
        labels = f"{task.left.entities[0]!r}, {task.right.entities[0]!r}"
        why = (
            f"{len(rejected)} pictures were left out, first {rejected[0].describe()}"
            if rejected
            else f"no picture{_example(listed)} is named like an entity; entities are named {labels}, ..."
        )
        raise InputError(f"expected pictures of entities, got none: {why}", sources[0])
    if rejected:
        logger.warning("%s", rejected_text(rejected))
    return replace(task, left=graphs[0], right=graphs[1], notes=faults.notes)


def with_own_pictures(
    task: AlignmentTask,
    *,
    encoder: str = "classical",
    cache: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> AlignmentTask:
    """Attach features of the pictures that the graphs themselves name, where these are files.

    Args:
        task: a task; graphs with images stay as they are.
        encoder, cache, device, progress: see ``with_images``.

    Returns:
        The task unchanged if no picture is a file, else a new one. Its notes count the pictures so encoded, those that
        are no file, with one of them, and those left out.
    """
    notes = Faults(notes=dict(task.notes))
    graphs: list[KnowledgeGraph] = []
    encode: PictureEncoder | None = None
    for side, graph in (("left", task.left), ("right", task.right)):
        named = {row: text for row, text in enumerate(graph.pictures or ()) if text and "://" not in text}
        files = {row: Path(text) for row, text in named.items() if Path(text).is_file()}
        if graph.images is not None or not files:
            graphs.append(graph)
            continue
        if gone := [text for row, text in named.items() if row not in files]:
            notes.count(f"{side} pictures that are no file, e.g. {gone[0]!r}", len(gone))
        encode = encode or picture_encoder(encoder, device=device)
        chosen = list(files.values())
        encoded = encode_pictures(chosen, encode, cache=cache, progress=progress, label=f"{side} pictures")
        table = _table({row: position for position, row in enumerate(files)}, encoded.positions, encoded.features)
        notes.count(f"{side} pictures of the data, encoded ({encoder})", len(encoded.positions))
        for kind, number in Counter(picture.kind for picture in encoded.rejected).items():
            notes.count(f"{side} images left out: {kind}", number)
        if encoded.rejected:
            logger.warning("%s", rejected_text(encoded.rejected))
        graphs.append(replace(graph, images=table))
    if graphs[0] is task.left and graphs[1] is task.right:
        return task
    return replace(task, left=graphs[0], right=graphs[1], notes=notes.notes)


def _shown(graph: KnowledgeGraph, paths: Mapping[int, Path]) -> KnowledgeGraph:
    """A graph that shows these pictures, by entity row, where it names none of its own."""
    pictures: list[str | None] = list(graph.pictures or [None] * graph.num_entities)
    for row, path in paths.items():
        pictures[row] = pictures[row] or str(path.absolute())
    return replace(graph, pictures=pictures)


def _holds_pictures(source: Path) -> bool:
    """Whether a source is a folder or table of pictures, not a file of features."""
    return source.is_dir() or source.suffix.lower() not in FEATURE_SUFFIXES


def _example(listed: Mapping[Path, Sequence[PictureFile]]) -> str:
    """The name of one of the pictures, for a message."""
    first = next((file.path.name for files in listed.values() for file in files), None)
    return "" if first is None else f", such as {first!r},"


def _table(position_of: dict[int, int], positions: IntArray, features: FloatArray) -> ImageTable | None:
    """Features by entity row, or ``None`` if no row has any.

    Args:
        position_of: position of the item of each entity row.
        positions: positions of the items with features, ``[P]``.
        features: their features, ``[P, d]``.
    """
    place = {position: index for index, position in enumerate(positions.tolist())}
    rows = [row for row, position in position_of.items() if position in place]
    if not rows:
        return None
    order = [place[position_of[row]] for row in rows]
    return ImageTable(np.array(rows, np.int64), np.ascontiguousarray(features[order], np.float32))
