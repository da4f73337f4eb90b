"""Which columns of a table, or keys of an object, hold a link: names that programs give them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

# names of the left and of the right column, in lower case and without spaces and signs
PAIRS = (
    ("left", "right"),
    ("entity1", "entity2"),
    ("srcentity", "tgtentity"),  # DeepOnto
    ("source", "target"),
    ("sourceuri", "targeturi"),  # AgreementMakerLight
    ("sourceiri", "targetiri"),
    ("sourceid", "targetid"),
    ("sourceentity", "targetentity"),
    ("src", "tgt"),
    ("subjectid", "objectid"),
    ("subject", "object"),
    ("head", "tail"),
    ("ltableid", "rtableid"),  # Magellan, DeepMatcher
    ("leftid", "rightid"),
    ("e1", "e2"),
    ("ent1", "ent2"),
    ("id1", "id2"),
    ("uri1", "uri2"),
    ("iri1", "iri2"),
)
_PART, _RELATION = ("part", "split"), ("relation", "predicate", "predicateid")
_FLAG = ("label", "match", "ismatch")  # 1 for a link, 0 for a pair that is none
_SIGNS = re.compile(r"[\W_]+")


class Columns(NamedTuple):
    """Positions in a header; ``others`` are columns that links do not use."""

    left: int
    right: int
    part: int | None = None
    relation: int | None = None
    flag: int | None = None
    others: tuple[int, ...] = ()


def find_columns(names: Sequence[str], path: Path, line: int | None = None) -> Columns | None:
    """The columns of a link; ``None`` if the names are not those of a header.

    Raises:
        InputError: several pairs of columns may be the link, or several columns have one name.
    """
    plain = [_SIGNS.sub("", name.lower()) for name in names]
    pairs = [pair for pair in PAIRS if pair[0] in plain and pair[1] in plain]
    if not pairs:
        return None
    left, right = (plain.index(end) for end in pairs[0])
    if len(pairs) > 1 and pairs[0] != PAIRS[0]:
        shown = " or ".join(f"{names[plain.index(a)]!r} and {names[plain.index(b)]!r}" for a, b in pairs)
        raise InputError(
            f"expected one pair of columns for the link, got {shown}; call them left and right", path, line
        )
    for place in (left, right):
        if plain.count(plain[place]) > 1:
            raise InputError(f"expected one column {names[place]!r}, got several of this name", path, line)
    taken = {left, right}

    def place_of(known: Sequence[str]) -> int | None:
        found = next((plain.index(name) for name in known if name in plain), None)
        taken.add(-1 if found is None else found)
        return found

    part, relation, flag = place_of(_PART), place_of(_RELATION), place_of(_FLAG)
    return Columns(left, right, part, relation, flag, tuple(k for k in range(len(names)) if k not in taken))


def names_shown(names: Sequence[str]) -> str:
    """Names in quotes, for messages."""
    return ", ".join(repr(name[:40]) for name in names[:8]) + (", ..." if len(names) > 8 else "")
