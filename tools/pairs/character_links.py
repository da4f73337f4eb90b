"""Which Chinese and Japanese characters are the same; part of build_characters_pair.py."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kanji_facts import Entry


class Unihan(NamedTuple):
    """What Unicode says about characters: their forms, the radicals, the characters that radicals stand for."""

    simplified: dict[str, list[str]]
    traditional: dict[str, list[str]]
    same_shape: dict[str, list[str]]
    same_meaning: dict[str, list[str]]
    radicals: dict[int, str]
    unified: dict[str, str]


def field(text: str, name: str) -> dict[str, str]:
    """Value of a field of Unihan by character."""
    rows = re.findall(rf"^U\+([0-9A-F]+)\t{name}\t(.*)$", text, re.MULTILINE)
    return {chr(int(code, 16)): value for code, value in rows}


def read_unihan(variants: str, radicals: str, unified: str) -> Unihan:
    """From the texts of Unihan_Variants.txt, CJKRadicals.txt and EquivalentUnifiedIdeograph.txt."""

    def forms(name: str, *, both_ways: bool = False) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for character, values in field(variants, name).items():
            for value in values.split():
                other = chr(int(value.partition("<")[0][2:], 16))
                found.setdefault(character, []).append(other)
                if both_ways:
                    found.setdefault(other, []).append(character)
        return found

    ranges = re.findall(r"^([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*; ([0-9A-F]+)", unified, re.MULTILINE)
    numbers = re.findall(r"^(\d+); [0-9A-F]+; ([0-9A-F]+)", radicals, re.MULTILINE)
    return Unihan(
        forms("kSimplifiedVariant"),
        forms("kTraditionalVariant"),
        forms("kZVariant", both_ways=True),
        forms("kSemanticVariant", both_ways=True),
        {int(number): chr(int(code, 16)) for number, code in numbers},
        {
            chr(code): chr(int(target, 16))
            for first, last, target in ranges
            for code in range(int(first, 16), int(last or first, 16) + 1)
        },
    )


def linked(
    chinese: Sequence[str],
    japanese: Sequence[str],
    pieces: tuple[Iterable[str], Iterable[str]],
    entries: Mapping[str, Entry],
    unihan: Unihan,
) -> dict[str, tuple[str, str]]:
    """Chinese counterpart of a Japanese character or piece, and why they are the same; one to one.

    A link is certain in this order, and an earlier one excludes a later one: ``equal`` code points; ``simplified``, the
    Chinese one is the simplified form; ``form``, it is another form by Unihan or KANJIDIC2, or the simplified form of
    one; ``meaning``, it has the same meaning by Unihan (kSemanticVariant). Within a step, characters that are taught
    earlier come first. Then pieces with equal code points are linked (``piece``), radicals as the characters they
    stand for.
    """
    known, found, taken = set(chinese), {}, set()
    pending = sorted(japanese, key=lambda c: (entries[c].grade, c))

    for step in ("equal", "simplified", "form", "meaning"):
        for character in pending:
            options = [each for each in _options(character, step, entries[character], unihan) if each in known]
            free = [each for each in options if each not in taken]
            if free and character not in found:
                found[character] = (free[0], step)
                taken.add(free[0])
    places = {unihan.unified.get(name, name): name for name in (*pieces[0], *chinese) if name not in taken}
    for name in (*pieces[1], *japanese):
        place = places.get(unihan.unified.get(name, name))
        if name not in found and place is not None and place not in taken:
            found[name] = (place, "piece")
            taken.add(place)
    return found


def _options(character: str, step: str, entry: Entry, unihan: Unihan) -> list[str]:
    """Characters that may be the counterpart at a step, the most certain first."""
    if step == "equal":
        return [character]
    forms = [character]
    if step != "simplified":
        forms += [*unihan.traditional.get(character, ()), *unihan.same_shape.get(character, ()), *entry.variants]
    if step == "meaning":
        forms += unihan.same_meaning.get(character, ())
    return [option for form in forms for option in (*unihan.simplified.get(form, ()), form)]
