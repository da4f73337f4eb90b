"""Facts about Chinese characters, read from cjk-decomp and CC-CEDICT; part of build_characters_pair.py."""

import re
from collections.abc import Iterable, Iterator

from character_parts import Part, has_han

RELATIONS = {  # first letter of a configuration of cjk-decomp -> relation to its first part, to the others
    "a": ("acrossFirst", "acrossNext"),
    "d": ("downFirst", "downNext"),
    "s": ("surroundedBy", "surrounds"),
    "w": ("holder", "held"),
    "b": ("outer", "between"),
    "l": ("lockedWith", "lockedWith"),
    "r": ("repeated", "repeated"),
    "m": ("modified", "modified"),
}
NO_MEANING = re.compile(
    r"variant of|used in|used for|used before|used as|^abbr\.|^see |^CL:|Taiwan pr\.|^surname |^also |^same as|"
    r"\[|particle|^Japanese |component in|radical in|^erhua "
)


def decompositions(text: str) -> dict[str, list[Part]]:
    """Direct parts of each character and of each piece without a code point, which is a number of five digits."""
    found = {}
    for name, kind, parts in re.findall(r"^(.+?):([a-z0-9/]+)\((.*)\)$", text, re.MULTILINE):
        if kind[0] in RELATIONS:
            first, others = RELATIONS[kind[0]]
            pieces = [piece for piece in parts.split(",") if piece]
            found[name] = [Part(others if place else first, piece) for place, piece in enumerate(pieces)]
    return found


def dictionary(lines: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Meanings, and readings in pinyin, of each simplified character of CC-CEDICT.

    Entries of proper names, whose pinyin has a capital, are left out.
    """
    meanings: dict[str, dict[str, None]] = {}
    readings: dict[str, dict[str, None]] = {}
    for line in lines:
        match = re.match(r"^\S (\S) \[([a-z:]+[1-5])\] /(.*)/\s*$", line)
        if match is not None:
            character, reading, text = match.groups()
            readings.setdefault(character, {})[reading] = None
            meanings.setdefault(character, {}).update(dict.fromkeys(clean_meanings(text)))
    return {c: list(each) for c, each in meanings.items()}, {c: list(each) for c, each in readings.items()}


def clean_meanings(text: str) -> Iterator[str]:
    """Meanings of an entry, without remarks in brackets, references to other words, and any text with a character."""
    text, count = re.subn(r"\([^()]*\)", " ", text)
    while count:  # brackets inside of brackets
        text, count = re.subn(r"\([^()]*\)", " ", text)
    for piece in re.split(r"[/;]", text):
        meaning = " ".join(piece.split()).strip(" ,:")
        if meaning and not NO_MEANING.search(meaning) and not has_han(meaning):
            yield meaning
