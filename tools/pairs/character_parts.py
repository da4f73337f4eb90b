"""Which parts of characters are entities, and the triples between them; part of build_characters_pair.py."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

STROKES = range(0x31C0, 0x31F0)  # single strokes: no entities
RADICALS = range(0x2E80, 0x2FE0)


class Part(NamedTuple):
    """A direct part of a character: its relation to the whole, and its character, or its number if it has none."""

    relation: str
    piece: str


Parts = Mapping[str, Sequence[Part]]


def is_han(text: str) -> bool:
    """Whether a text is a single Chinese character or radical; a stroke is not."""
    code = ord(text) if len(text) == 1 else 0
    return code in RADICALS or 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000


def has_han(text: str) -> bool:
    """Whether a text holds a Chinese character, a radical or a stroke."""
    return any(is_han(character) or ord(character) in STROKES for character in text)


def shared_pieces(characters: Sequence[str], parts: Parts) -> list[str]:
    """Pieces inside of the characters that are direct parts of two or more characters or other pieces, sorted."""
    owners: dict[str, set[str]] = {}
    todo, known = list(characters), set(characters)
    seen = set(known)
    while todo:
        owner = todo.pop()
        for part in parts.get(owner, ()):
            owners.setdefault(part.piece, set()).add(owner)
            if part.piece not in seen:
                seen.add(part.piece)
                todo.append(part.piece)
    shared = (piece for piece, users in owners.items() if len(users) > 1 and piece not in known)
    return sorted(piece for piece in shared if not (len(piece) == 1 and ord(piece) in STROKES))


def triples_between(entities: Iterable[str], parts: Parts) -> list[tuple[str, str, str]]:
    """Triples (whole, relation, part), each once; a part that is no entity is replaced by its own parts."""
    entities = list(entities)
    known = set(entities)
    found: dict[tuple[str, str, str], None] = {}

    def add(whole: str, piece: str, relation: str, above: tuple[str, ...]) -> None:
        for part in parts.get(piece, ()):
            if part.piece in known and part.piece != whole:
                found[whole, relation or part.relation, part.piece] = None
            elif part.piece not in above:
                add(whole, part.piece, relation or part.relation, (*above, part.piece))

    for entity in entities:
        add(entity, entity, "", (entity,))
    return list(found)
