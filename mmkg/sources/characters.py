"""The embedded pair of Chinese and Japanese characters (datasets/README.md)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..compute.seeding import numpy_generator
from ..data.kg import AttributeTriples, KnowledgeGraph
from ..data.links.checked import LabelLinks
from ..data.links.pairs import PairData
from ..errors import UsageError
from .embedded import EmbeddedFiles, embedded_folder, kept_images

CHARACTERS_PAIR = "characters-zh-ja"
_STEP = 1 / 255  # of a descriptor of a drawing
_TABLES = {"zh": ("dictionary", "strokes"), "ja": ("dictionary",)}


def read_characters(*, image_ratio: float = 1.0, seed: int = 0, folder: str | Path | None = None) -> PairData:
    """Graphs and links of characters and of the parts they are made of, by independent Chinese and Japanese sources.

    Left: the 3,500 most common characters of China, their parts by cjk-decomp, meanings and readings by CC-CEDICT,
    drawings in brush strokes. Right: 2,786 characters of Japan, their parts by KanjiVG, facts of KANJIDIC2, drawings
    in thin lines. Labels are numbers in a random order; names are meanings in English. No label, name, relation or
    value holds a character or a code point, only ``display`` does.

    Args:
        image_ratio: share of pictures kept on each side, in [0, 1], drawn with ``seed``.
        seed: random seed of the choice of pictures.
        folder: folder of the data; by default the place they are shipped in.

    Returns:
        A pair named ``characters-zh-ja`` with 2,527 links, one to one; image features are float32 ``[3695, 144]`` and
        ``[2953, 144]``, in [0, 1].

    Raises:
        UsageError: the ratio is out of range.
        InputError: the data are missing or damaged.

    Source:
        hanzi 3.2.0, hanzi-writer-data 2.0.1, jamdict-data 1.5, kanjivg 20260714, Unihan 14; licences in
        datasets/characters/NOTICE.
    """
    if not 0 <= image_ratio <= 1:
        raise UsageError(f"image_ratio must be in [0, 1], got {image_ratio}")
    files = EmbeddedFiles(embedded_folder("characters") if folder is None else Path(folder))
    generator = numpy_generator(seed, "images")
    left, right = (_read_graph(files, language, image_ratio, generator) for language in ("zh", "ja"))
    links = files.table("links.tsv")
    first, second = ([link[side] for link in links] for side in ("left", "right"))
    return PairData(
        left,
        right,
        [LabelLinks(files.folder / "links.tsv", first, second, np.arange(len(links)) + 2)],
        name=CHARACTERS_PAIR,
        notes={
            "left entities without triple": int((~left.has_triple).sum()),
            "right entities without triple": int((~right.has_triple).sum()),
        },
    )


def _read_graph(
    files: EmbeddedFiles, language: str, image_ratio: float, generator: np.random.Generator
) -> KnowledgeGraph:
    entities = files.table(f"{language}_entities.tsv")
    row_of = {item["entity"]: row for row, item in enumerate(entities)}
    triples = files.table(f"{language}_triples.tsv")
    relations = {relation: place for place, relation in enumerate(dict.fromkeys(item["relation"] for item in triples))}
    numbers = [(row_of[item["head"]], relations[item["relation"]], row_of[item["tail"]]) for item in triples]
    tables = [files.table(f"{language}_{name}.tsv") for name in _TABLES[language]]
    names = {item["entity"]: item["name"] for item in tables[0] if item["name"]}
    pictures = files.arrays(f"{language}_drawings.npz")
    drawn = np.array([row_of[label] for label in pictures["entities"].tolist()], dtype=np.int64)
    return KnowledgeGraph(
        entities=tuple(row_of),
        relations=tuple(relations),
        triples=np.array(numbers, dtype=np.int64),
        attributes=_attributes(tables, row_of),
        names=tuple(names.get(label) for label in row_of),
        images=kept_images(drawn, pictures["codes"], _STEP, image_ratio, generator),
        display=tuple(
            " ".join(filter(None, (item["display"] or item["entity"], names.get(item["entity"])))) for item in entities
        ),
    )


def _attributes(tables: Sequence[Sequence[Mapping[str, str]]], row_of: Mapping[str, int]) -> AttributeTriples:
    """An attribute triple per value of each cell, by entity row; names are no attribute."""
    columns = [column for table in tables for column in table[0] if column not in ("entity", "name")]
    facts = sorted(
        (row_of[item["entity"]], columns.index(column), value)
        for table in tables
        for item in table
        for column, cell in item.items()
        if column in columns
        for value in filter(None, cell.split("|"))
    )
    entity, attribute, values = zip(*facts, strict=True)
    return AttributeTriples(np.array(entity, np.int64), np.array(attribute, np.int64), tuple(columns), values)
