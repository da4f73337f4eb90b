"""Reader and writer of the raw files of MMKB: FB15K, DB15K and YAGO15K with numbers and pictures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from ...errors import Advice, InputError, Setting, UsageError
from ...files import atomic_path
from ..arrays.hdf5 import open_h5py, read_hdf5_vectors
from ..kg import ImageTable, KnowledgeGraph
from ..links.checked import LabelLinks
from ..links.pairs import PairData, make_task
from ..parsing.builder import GraphBuilder
from ..parsing.columns import COMPRESSED, ByteStream, Faults, member, read_blocks, read_fields
from ..parsing.terms import literal_of, literal_text
from ..split import SplitConfig, SplitSettings
from ..task import AlignmentTask
from .tab_lines import write_tab_lines

TRIPLES, NUMBERS, LINKS = "_EntityTriples.txt", "_NumericalTriples.txt", "_SameAsLink.txt"
INDEX, FEATURES = "_ImageIndex.txt", "_ImageData.h5"
# a literal, a date (parts of it may be unknown: 1982-##-##), or a number
_VALUE = re.compile(
    r'".*"(?:@[A-Za-z0-9-]+|\^\^\S+)?$'
    r"|(?:-?[0-9]{1,9}|####)(?:-(?:[0-9]{1,2}|##)){1,2}(?:T\S+)?$"
    r"|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?(?:INF|inf)$",
    re.DOTALL,
)


def read_mmkb(folder: str | Path, *, graphs: Sequence[str] = (), **split: Unpack[SplitSettings]) -> AlignmentTask:
    """Read a pair of graphs from MMKB's own files.

    Files, here or one folder below (UTF-8, fields separated by tabs or by spaces, plain or with ``.gz`` or ``.bz2``;
    ``X`` is FB15K, DB15K, ...):

    - ``X_EntityTriples.txt``: head, relation, tail and a dot. Rows follow the order of appearance.
    - ``X_NumericalTriples.txt`` (optional): entity, attribute, value, with or without a dot. A value is a
      number, a date or a literal in quotes.
    - ``X_SameAsLink.txt`` of one of the two graphs: entity of the other graph, ``SameAs``, entity of X, a dot.
    - ``X_ImageIndex.txt`` (optional): entity, name of the picture; the first picture of an entity is used.
    - ``X_ImageData.h5`` (optional, with the index): one array for each name.

    Angle brackets around IRIs are removed. Numbers and pictures of entities without triples are left out
    and counted.

    Args:
        folder: folder with these files.
        graphs: names of the left and the right graph; required if the folder holds more than two. By default the
            right graph is the one with the links.
        split: fields of ``SplitConfig``, see ``read_dbp15k``.

    Raises:
        InputError: a file is missing or breaks the format; the message holds file and line.
        MissingPackageError: the folder holds image features, and h5py is not installed.
        UsageError: ``graphs`` does not name two graphs of the folder; a value of the split is out of range.
    """
    config = SplitConfig(**split)
    return make_task(read_mmkb_pair(Path(folder), Faults(config.on_error), graphs=graphs), config)


def read_mmkb_pair(folder: Path, faults: Faults, *, graphs: Sequence[str] = ()) -> PairData:
    """Graphs and links of a folder, see ``read_mmkb``."""
    found = find_graphs(folder)
    if graphs:
        unknown = [name for name in graphs if name not in found]
        if unknown or len(set(graphs)) != 2:
            raise UsageError(f"graphs: expected two of {', '.join(sorted(found))}, got {', '.join(graphs)}")
        names = list(graphs)
    else:
        names = sorted(found, key=lambda name: (_file(found[name], name, LINKS) is not None, name))
        if len(names) != 2:
            two = Advice("name two of them: {}", Setting("data.graphs", ("LEFT", "RIGHT")))
            raise InputError(
                f"expected two graphs (NAME{TRIPLES}), found {', '.join(names) or 'none'}",
                folder,
                advice=two if len(names) > 2 else None,
            )
    left, right = (_read_graph(found[name], name, faults) for name in names)
    return PairData(left, right, [_read_links(found, names, faults)], "_".join(names), faults.notes)


def write_mmkb(task: AlignmentTask, folder: str | Path) -> Path:
    """Write a pair as MMKB's own files; ``read_mmkb`` reads it back with another split.

    A task named ``A_B`` gives the graphs ``A`` and ``B``, any other name ``LEFT`` and ``RIGHT``; the right graph holds
    the links. Fields are separated by tabs. Values without a type that are numbers or dates are written as plain text,
    the others as literals. The format holds no names, no display texts, and no split.

    Args:
        task: the pair.
        folder: made if it does not exist; each file is written completely or not at all.

    Raises:
        InputError: an entity without triples, a fact without value, images without pictures, or a label that these
            files cannot hold.
        MissingPackageError: the task has image features, and h5py is not installed.
    """
    folder = Path(folder)
    halves = task.name.split("_")
    names = halves if len(halves) == 2 and all(halves) and len(set(halves)) == 2 else ["LEFT", "RIGHT"]
    for name, graph in zip(names, (task.left, task.right), strict=True):
        _check_writable(graph, folder / (name + TRIPLES))
    for name, graph in zip(names, (task.left, task.right), strict=True):
        labels, relations, facts = list(graph.entities), graph.relations, graph.attributes
        write_tab_lines(
            folder / (name + TRIPLES),
            ((labels[h], relations[r], labels[t], ".") for h, r, t in graph.triples.tolist()),
        )
        if len(facts):
            types = facts.types or (None,) * len(facts)
            rows = zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, types, strict=True)
            values = ((labels[e], facts.names[a], _written(v or "", kind), ".") for e, a, v, kind in rows)
            write_tab_lines(folder / (name + NUMBERS), values)
        pictures = [(label, picture) for label, picture in zip(labels, graph.pictures or (), strict=False) if picture]
        if pictures:
            write_tab_lines(folder / (name + INDEX), pictures)
        if graph.images is not None:
            _write_features(graph, folder / (name + FEATURES))
    ends = ((task.left.entities[i], task.right.entities[j]) for i, j in task.links.all().tolist())
    write_tab_lines(folder / (names[1] + LINKS), ((left, "SameAs", right, ".") for left, right in ends))
    return folder


def _written(value: str, kind: str | None) -> str:
    return value if kind is None and value[:1] != '"' and _VALUE.match(value) else literal_text(value, kind)


def _check_writable(graph: KnowledgeGraph, path: Path) -> None:
    """Refuse a graph that these files cannot hold."""
    known = np.zeros(graph.num_entities, bool)
    known[graph.triples[:, ::2]] = True
    if not known.all():
        label = graph.entities[int(np.flatnonzero(~known)[0])]
        raise InputError(f"expected triples of every entity, got none of {label!r}; choose another format", path)
    for label in (*graph.entities, *graph.relations, *graph.attributes.names):
        if _bare(label) != label:
            raise InputError(f"expected labels without angle brackets around them, got {label!r:.60}", path)
    if any(kind is None and not value for value, kind in zip(graph.attributes.values, _kinds(graph), strict=True)):
        raise InputError("expected a value of every fact, got none; choose another format", path)
    if graph.images is not None:
        pictures = graph.pictures or (None,) * graph.num_entities
        named = [pictures[row] for row in graph.images.rows.tolist()]
        if not all(named) or len(set(named)) != len(named):
            raise InputError("expected a picture of its own for every image feature; choose another format", path)


def _kinds(graph: KnowledgeGraph) -> Sequence[str | None]:
    return graph.attributes.types or (None,) * len(graph.attributes)


def _write_features(graph: KnowledgeGraph, path: Path) -> None:
    h5py = open_h5py()
    images, pictures = graph.images, graph.pictures
    assert images is not None and pictures is not None  # checked before
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for row, vector in zip(images.rows.tolist(), images.features, strict=True):
            try:
                file.create_dataset(pictures[row], data=vector)
            except (OSError, TypeError, ValueError) as error:
                what = f"expected a name that HDF5 can hold, got {pictures[row]!r:.60}: {error}"
                raise InputError(what, path) from None


def find_graphs(folder: Path) -> dict[str, Path]:
    """The graphs in a folder or one folder below: the folder of each by its name."""
    patterns = [place + "*" + TRIPLES + end for place in ("", "*/") for end in ("", *COMPRESSED)]
    files = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return {path.name.partition(TRIPLES)[0]: path.parent for path in reversed(files)}


def _file(place: Path, name: str, kind: str) -> Path | None:
    path = member(place, name + kind)
    return path if path.exists() else None


def _read_graph(place: Path, name: str, faults: Faults) -> KnowledgeGraph:
    path = member(place, name + TRIPLES)
    builder = GraphBuilder(path, faults)
    for block in read_fields(path, 4, faults, separator=_separator(path)):
        fields, lines = block.fields, block.lines
        if fields[3::4].count(".") != len(lines):
            good = [dot == "." for dot in fields[3::4]]
            for index in np.flatnonzero(~np.array(good)).tolist():
                text = f"expected head, relation, tail and a dot, got {fields[4 * index + 3]!r} at the end"
                faults.bad(text, path, int(lines[index]))
            fields = [field for k, field in enumerate(fields) if good[k // 4]]
            lines = lines[good]
        ends: list[str] = [""] * (len(fields) // 2)
        ends[::2], ends[1::2] = map(_bare, fields[::4]), map(_bare, fields[2::4])
        builder.add_triples(ends, list(map(_bare, fields[1::4])), path, lines)
    if (numbers := _file(place, name, NUMBERS)) is not None:
        _read_numbers(numbers, builder, faults)
    images = None
    if (pictures_file := _file(place, name, INDEX)) is not None:
        pictures = _read_index(pictures_file, builder, faults)
        if (features := _file(place, name, FEATURES)) is not None:
            images = _read_features(features, pictures, faults)
    return builder.build(images=images)


def _read_numbers(path: Path, builder: GraphBuilder, faults: Faults) -> None:
    """Attribute facts with their values; lines of unknown entities are counted."""
    separator = _separator(path)
    kept: tuple[list[str], list[str], list[str], list[str | None], list[int]] = ([], [], [], [], [])
    unknown = 0
    for first, block in read_blocks(path, faults):
        for line, raw in enumerate(block.split(b"\n")[:-1], start=first):
            try:
                fields = raw.decode().split(separator)
            except UnicodeDecodeError as error:
                faults.bad(f"expected UTF-8, got byte {raw[error.start]:#04x} in column {error.start + 1}", path, line)
                continue
            if fields[-1] == ".":
                fields.pop()
            if len(fields) != 3 or not all(fields) or b"\0" in raw:
                text = raw.decode()[:60]
                faults.bad(f"expected entity, attribute, value (and a dot), got {text!r}", path, line)
                continue
            entity, attribute = _bare(fields[0]), _bare(fields[1])
            if entity not in builder.entities:
                unknown += 1
                continue
            if not _VALUE.match(fields[2]):
                what = f"expected a number, a date or a literal in quotes as the value, got {fields[2]!r:.60}"
                faults.bad(what, path, line)
                continue
            value, kind = literal_of(fields[2])
            for column, item in zip(kept, (entity, attribute, value, kind, line), strict=True):
                column.append(item)  # type: ignore[attr-defined]
    faults.count(f"{path.name}: lines of unknown entities", unknown)
    builder.add_facts(*kept[:4], path, np.array(kept[4], np.int64))


def _read_index(path: Path, builder: GraphBuilder, faults: Faults) -> dict[str, int]:
    """Entity row of each picture by its name; the names are also added to ``builder.pictures``."""
    rows: dict[str, int] = {}
    unknown = repeated = 0
    for block in read_fields(path, 2, faults, separator=_separator(path)):
        for entity, picture in zip(map(_bare, block.fields[::2]), block.fields[1::2], strict=True):
            row = builder.entities.get(entity)
            if row is None:
                unknown += 1
            elif row in builder.pictures:
                repeated += 1
            else:
                builder.pictures[row] = picture
                rows[picture] = row
    faults.count(f"{path.name}: pictures of unknown entities", unknown)
    faults.count(f"{path.name}: more pictures of one entity", repeated)
    return rows


def _read_features(path: Path, rows: dict[str, int], faults: Faults) -> ImageTable | None:
    """The vectors of the pictures in the index."""
    vectors = read_hdf5_vectors(path, rows, faults.max_bytes)
    found = {rows[picture]: vector for picture, vector in vectors.items()}
    faults.count(f"{path.name}: pictures of the index without features", len(rows) - len(found))
    if not found:
        return None
    order = sorted(found)
    return ImageTable(np.array(order, np.int64), np.stack([found[row] for row in order]))


def _read_links(found: dict[str, Path], names: Sequence[str], faults: Faults) -> LabelLinks:
    owners = [name for name in names if _file(found[name], name, LINKS) is not None]
    if len(owners) != 1:
        raise InputError(
            f"expected one file of links, {' or '.join(name + LINKS for name in names)}, found {len(owners)}",
            found[names[1]],
        )
    path = member(found[owners[0]], owners[0] + LINKS)
    first, second, lines = [], [], [np.empty(0, np.int64)]
    for block in read_fields(path, 4, faults, separator=_separator(path)):
        for index, (word, dot) in enumerate(zip(block.fields[1::4], block.fields[3::4], strict=True)):
            if "sameas" not in word.lower() or dot != ".":
                text = f"expected an entity, SameAs, an entity and a dot, got {word!r} and {dot!r}"
                faults.bad(text, path, int(block.lines[index]))
                continue
            first.append(_bare(block.fields[4 * index]))
            second.append(_bare(block.fields[4 * index + 2]))
            lines.append(block.lines[index : index + 1])
    sides = (first, second) if owners[0] == names[1] else (second, first)
    return LabelLinks(path, *sides, np.concatenate(lines))


def _separator(path: Path) -> str:
    """Tab if the first line of the file has a tab, else a space."""
    with ByteStream(path) as stream:
        return "\t" if b"\t" in stream.read(1 << 16).partition(b"\n")[0] else " "


def _bare(term: str) -> str:
    return term[1:-1] if term[:1] == "<" and term[-1:] == ">" else term
