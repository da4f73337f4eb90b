"""Reader and writer of folders in the OpenEA layout."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from ...errors import InputError
from ...typing import IntArray
from ..kg import KnowledgeGraph
from ..links.checked import LabelLinks
from ..links.pairs import PairData, make_task
from ..parsing.builder import GraphBuilder
from ..parsing.cells import cells_of
from ..parsing.coded import Coded
from ..parsing.columns import Faults, cut_fields, cut_strings, member, read_blocks, read_fields
from ..parsing.terms import literal_of, plain_or_literal
from ..parsing.words import Words
from ..split import SplitConfig, SplitSettings
from ..task import AlignmentTask
from ..texts.labels import Labels
from ..texts.packed import Texts
from .tab_lines import write_tab_lines

FOLD_FILES = {"train": "train_links", "valid": "valid_links", "test": "test_links"}


def read_openea(folder: str | Path, *, fold: str | None = None, **split: Unpack[SplitSettings]) -> AlignmentTask:
    """Read a pair of graphs in the OpenEA layout.

    Files (UTF-8, tab-separated, no header, plain or with ``.gz`` or ``.bz2``; k is 1 for the left and 2 for the right
    graph):

    - ``rel_triples_k``: head, relation, tail.
    - ``attr_triples_k`` (optional): entity, attribute, value; everything after the second tab is the value. A
      value written as a literal (``"1.5"^^<IRI>``, ``"text"@en``) is parsed into text and type; an empty
      one is a missing value.
    - ``ent_links``: left entity, right entity; or ``FOLD/train_links``, ``valid_links``, ``test_links``.

    Entities are those of the triples, then those of the attributes, in order of appearance.

    Args:
        folder: folder with these files.
        fold: folder below it whose own split is used, for instance ``721_5fold/1``; by default the links of
            ``ent_links`` are split by ratio.
        split: fields of ``SplitConfig``, see ``read_dbp15k``; the ratios and the seed are not used with ``fold``.

    Raises:
        InputError: a file is missing or breaks the format; the message holds file and line.
        UsageError: a value of the split is out of range.
    """
    config = SplitConfig(**split)
    return make_task(read_openea_pair(Path(folder), Faults(config.on_error), fold=fold), config)


def read_openea_pair(folder: Path, faults: Faults, *, fold: str | None = None) -> PairData:
    """Graphs and links of a folder, see ``read_openea``."""
    if not folder.is_dir():
        raise InputError("expected a folder in OpenEA layout, found none; check the path", folder)
    left, right = (_read_graph(folder, k, faults) for k in (1, 2))
    links = [_read_links(member(folder, "ent_links"), faults)] if fold is None else _read_fold(folder, fold, faults)
    return PairData(left, right, links, folder.resolve().name, faults.notes)


def write_openea(task: AlignmentTask, folder: str | Path, *, fold: str | None = None) -> Path:
    """Write a pair in the OpenEA layout; ``read_openea`` reads triples, attributes and links back.

    The layout holds no names, no images and no entities without a triple or attribute; entities are read back in the
    order of the triples. A missing value is written as an empty literal.

    Args:
        task: the pair.
        folder: made if it does not exist; each file is written completely or not at all.
        fold: folder below it for the split of the task.

    Raises:
        InputError: a label or attribute name that holds a tab or a line end, or is empty; a link of an entity without
            triple and attribute.
    """
    folder = Path(folder)
    for side, graph in enumerate((task.left, task.right)):
        known = np.zeros(graph.num_entities, bool)
        known[graph.triples[:, ::2]] = True
        known[graph.attributes.entity] = True
        linked = task.links.all()[:, side]
        if not known[linked].all():
            label = graph.entities[int(linked[~known[linked]][0])]
            raise InputError(
                f"expected triples or attributes of every linked entity, got none of {label!r}; "
                "the OpenEA layout has no place for it: choose another format",
                folder,
            )
    for k, graph in enumerate((task.left, task.right), start=1):
        labels, relations, facts = list(graph.entities), graph.relations, graph.attributes
        triples = ((labels[h], relations[r], labels[t]) for h, r, t in graph.triples.tolist())
        write_tab_lines(folder / f"rel_triples_{k}", triples)
        types = facts.types or (None,) * len(facts)
        rows = zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, types, strict=True)
        if len(facts):
            written = ((labels[e], facts.names[a], plain_or_literal(v or "", kind)) for e, a, v, kind in rows)
            write_tab_lines(folder / f"attr_triples_{k}", written)
    pairs = {part: getattr(task.links, part).tolist() for part in FOLD_FILES}
    named = {part: [(task.left.entities[i], task.right.entities[j]) for i, j in rows] for part, rows in pairs.items()}
    write_tab_lines(folder / "ent_links", (pair for part in named.values() for pair in part))
    if fold is not None:
        for part, file in FOLD_FILES.items():
            write_tab_lines(folder / fold / file, named[part])
    return folder


def _read_graph(folder: Path, k: int, faults: Faults) -> KnowledgeGraph:
    path = member(folder, f"rel_triples_{k}")
    builder = GraphBuilder(path, faults)
    _read_triples(path, builder, faults)
    path = member(folder, f"attr_triples_{k}")
    if path.exists():
        for lines, entities, attributes, values in _attribute_blocks(path, faults):
            texts = Labels.of(values)
            types: list[str | None] | None = None
            if texts.beginning_with('"').any():
                found = [literal_of(value) for value in texts]
                texts, types = Labels.of([value for value, _ in found]), [kind for _, kind in found]
            builder.add_facts(entities, attributes, Texts.filled(texts), types, path, lines)
    return builder.build()


def _read_triples(path: Path, builder: GraphBuilder, faults: Faults) -> None:
    words = Words()
    for first, raw in read_blocks(path, faults):
        cells = cells_of(raw, 3, "\t")
        codes = None if cells is None else cells.codes((0, 1, 2), words)
        if codes is None:
            lines, fields = cut_fields(path, first, raw, 3, faults, "\t", False)
            relations = fields[1::3]
            del fields[1::3]
            builder.add_triples(fields, relations, path, lines)
        else:
            builder.add_triples(Coded(words, codes[:, ::2].ravel()), Coded(words, codes[:, 1]), path)


def _attribute_blocks(
    path: Path, faults: Faults
) -> Iterator[tuple[IntArray, Sequence[str], Sequence[str], Sequence[str]]]:
    """Lines, entities, attributes and values; well-formed blocks of three fields are split as a whole."""
    words = Words()
    for first, block in read_blocks(path, faults):
        cells = cells_of(block, 3, "\t")
        codes = None if cells is None else cells.codes((0, 1), words)
        if cells is not None and codes is not None:
            numbers = np.arange(first, first + len(codes), dtype=np.int64)
            yield numbers, Coded(words, codes[:, 0]), Coded(words, codes[:, 1]), cells.texts(2)
            continue
        lines: list[int] = []
        columns: tuple[list[str], list[str], list[str]] = ([], [], [])
        for line, (entity, attribute, *rest) in cut_strings(path, first, block, 3, faults, more=True):
            value = "\t".join(rest)
            if not entity or not attribute or not value:
                faults.bad("expected entity, attribute and value, got an empty field", path, line)
                continue
            lines.append(line)
            for column, item in zip(columns, (entity, attribute, value), strict=True):
                column.append(item)
        yield np.array(lines, np.int64), *columns


def _read_links(path: Path, faults: Faults) -> LabelLinks:
    left, right, lines = [], [], [np.empty(0, np.int64)]
    for block in read_fields(path, 2, faults):
        left += block.fields[::2]
        right += block.fields[1::2]
        lines.append(block.lines)
    return LabelLinks(path, left, right, np.concatenate(lines))


def _read_fold(folder: Path, fold: str, faults: Faults) -> list[LabelLinks]:
    place = folder / fold
    if not place.is_dir():
        found = sorted(str(path.parent.relative_to(folder)) for path in folder.glob("**/train_links*"))
        known = f"folds here: {', '.join(found[:8])}" if found else "there are no folds here"
        raise InputError(f"expected a fold, a folder of {', '.join(FOLD_FILES.values())}; {known}", place)
    links = {part: _read_links(member(place, file), faults) for part, file in FOLD_FILES.items()}
    return [each._replace(parts=[part] * len(each.left)) for part, each in links.items()]
