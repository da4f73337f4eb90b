"""Facts about Japanese characters, read from KANJIDIC2 and KanjiVG; part of build_characters_pair.py."""

import re
import sqlite3
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from character_parts import Part, is_han

NAMESPACE = "{http://kanjivg.tagaini.net}", "{https://kanjivg.tagaini.net/}"
GROUP = "{http://www.w3.org/2000/svg}g"


class Entry(NamedTuple):
    """A character of KANJIDIC2; ``variants`` are other forms of it, in either direction."""

    strokes: str
    grade: int  # 1-6 taught at school, 8 other characters in common use, 9 and 10 for names, 0 all others
    jlpt: str
    radical: int
    meanings: tuple[str, ...]
    on: tuple[str, ...]
    kun: tuple[str, ...]
    variants: tuple[str, ...]


def read_kanjidic(path: Path) -> dict[str, Entry]:
    """All characters of the database of jamdict-data."""
    with sqlite3.connect(path) as base:
        rows = base.execute("select ID, literal, stroke_count, grade, jlpt from character order by ID").fetchall()
        radicals = dict(base.execute("select cid, value from radical where rad_type = 'classical' order by rowid desc"))
        query = "select g.cid, t.value from {} t join rm_group g on g.ID = t.gid where {} order by g.ID, t.rowid"
        lists = [
            _lists(base.execute(query.format(table, condition)))
            for table, condition in (
                ("meaning", "t.m_lang = ''"),
                ("reading", "t.r_type = 'ja_on'"),
                ("reading", "t.r_type = 'ja_kun'"),
            )
        ]
        named = {(kind, code): cid for cid, kind, code in base.execute("select cid, cp_type, value from codepoint")}
        pairs = base.execute("select cid, var_type, value from variant order by cid, rowid").fetchall()
    literal = {row[0]: row[1] for row in rows}
    pairs = [(cid, named[kind, code]) for cid, kind, code in pairs if (kind, code) in named]
    forms = _lists((one, literal[other]) for pair in pairs for one, other in (pair, pair[::-1]))
    return {
        character: Entry(
            str(strokes),
            int(grade or 0),
            jlpt or "",
            int(radicals[cid]),
            *(each.get(cid, ()) for each in (*lists, forms)),
        )
        for cid, character, strokes, grade, jlpt in rows
    }


def _lists(rows: Iterable[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, dict[str, None]] = {}
    for key, value in rows:
        found.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in found.items()}


def clean_meaning(meaning: str) -> str:
    """A meaning without remarks in brackets, such as the number of a radical."""
    return " ".join(re.sub(r"\([^()]*\)", " ", meaning).split())


def decompositions(drawings: Mapping[str, bytes]) -> dict[str, list[Part]]:
    """Direct parts of each drawn character, and of each element of one that has no drawing of its own.

    Relations are the positions of KanjiVG (``part`` without one), ``phonetic`` to the part that gives the sound, and
    ``original`` from a form of an element to the character that it stands for.
    """
    own: dict[str, list[Part]] = {}
    inside: dict[str, list[Part]] = {}
    originals: dict[str, dict[Part, None]] = {}
    for character, content in drawings.items():
        strokes = ElementTree.fromstring(content)[0]
        own[character] = list(_parts(strokes[0], ""))
        for group in strokes[0].iter(GROUP):
            element, original = _attribute(group, "element"), _attribute(group, "original")
            if group is not strokes[0] and is_han(element) and not _attribute(group, "part"):
                inside.setdefault(element, list(_parts(group, "")))
                if is_han(original) and original != element:
                    originals.setdefault(element, {})[Part("original", original)] = None
    return {name: [*parts, *originals.get(name, ())] for name, parts in {**inside, **own}.items()}


def _parts(group: ElementTree.Element, position: str) -> Iterator[Part]:
    """Elements below a group; a group that is no element passes its position on."""
    for child in group.iterfind(GROUP):
        element, place = _attribute(child, "element"), _attribute(child, "position") or position
        place = place if place.isascii() else ""
        if is_han(_attribute(child, "phon")):
            yield Part("phonetic", _attribute(child, "phon"))
        if not is_han(element):
            yield from _parts(child, place)
        elif _attribute(child, "part") in ("", "1"):  # an element in several parts is one
            yield Part(place or "part", element)


def _attribute(group: ElementTree.Element, name: str) -> str:
    return next((group.attrib[space + name] for space in NAMESPACE if space + name in group.attrib), "")
