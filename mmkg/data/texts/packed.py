"""A sequence of texts, held as bytes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import index as as_index
from typing import Any, Generic, Self, TypeVar, cast, overload

import numpy as np

from ...typing import BoolArray, IntArray
from .pieces import LONGEST, PADDING, Bytes, Longs, begin_with, gathered, hashes_of, pieces_of

T = TypeVar("T", bound="str | None")
P = TypeVar("P", bound="Packed[Any]")

SEPARATOR = "\x1f"  # behind each text
_END = ord(SEPARATOR)
_BLOCK = 1 << 14  # texts that are worked on at a time
LOSSLESS = "surrogatepass"  # half a surrogate pair is a character of a Python string, too


class Packed(Sequence[T], Generic[T]):
    """Texts in UTF-8, one after the other, and where each begins: one byte and eight for an offset besides its text.

    Use ``Labels`` or ``Texts``. It is immutable, equal to a tuple or list of the same texts, and makes a string only of
    a text that is looked at. A slice, or the texts at some rows, are of the same class; a slice copies nothing.

    Args:
        store: bytes of all texts, each with a ``SEPARATOR`` behind it, and ``PADDING`` more bytes.
        offsets: first byte of each text, and the end of the last with its separator, int64 ``[n + 1]``.
        missing: which texts are ``None``, bool ``[n]``; these are stored as empty texts. ``None`` = all are there.
    """

    def __init__(self, store: Bytes, offsets: IntArray, missing: BoolArray | None = None) -> None:
        self.store, self.offsets, self.missing = store, offsets, missing
        self._view = memoryview(cast(Any, store))

    @classmethod
    def of(cls, texts: Iterable[T]) -> Self:
        """The texts of a sequence; itself if it is of this class.

        Raises:
            TypeError: an item is no text.
        """
        if isinstance(texts, cls):
            return texts
        items = texts if isinstance(texts, (list, tuple)) else list(texts)
        missing = cls._missing(items)
        given = cast(list[str], items if missing is None else ["" if text is None else text for text in items])
        raw = SEPARATOR.join([*given, PADDING * "\0"]).encode(errors=LOSSLESS)
        store = np.frombuffer(raw, np.uint8)
        ends = np.flatnonzero(store == _END) + 1
        if len(ends) != len(items):  # a text holds the separator
            ends = np.cumsum([len(text.encode(errors=LOSSLESS)) + 1 for text in given], dtype=np.int64)
        return cls(store, np.concatenate([np.zeros(1, np.int64), ends]), missing)

    @classmethod
    def _missing(cls, texts: Sequence[T]) -> BoolArray | None:
        """Which texts are ``None``, where the class allows it."""
        return None

    @classmethod
    def chained(cls, parts: Iterable["Packed[T]"]) -> Self:
        """The texts of several sequences, one after the other."""
        stores, offsets, missing, end = [], [np.zeros(1, np.int64)], [], 0
        for part in parts:
            first, last = part._bounds()
            stores.append(part.store[first:last])
            offsets.append(part.offsets[1:] - first + end)
            missing.append(np.zeros(len(part), bool) if part.missing is None else part.missing)
            end += last - first
        store = np.concatenate([*stores, np.zeros(PADDING, np.uint8)])
        return cls(store, np.concatenate(offsets), _some(np.concatenate([np.zeros(0, bool), *missing])))

    def or_else(self, others: "P") -> "P":
        """These texts, and another one for each that is missing or empty."""
        rows = np.arange(len(self))
        chosen = type(self).chained([self, others]).take(np.where(self.lengths > 0, rows, rows + len(self)))
        return type(others)(chosen.store, chosen.offsets, _some(chosen.missing))

    @classmethod
    def cut(cls, text: Bytes, starts: IntArray, ends: IntArray) -> Self:
        """Texts out of bytes in UTF-8, by where each begins and ends, int64 ``[n]``; each has a byte behind its end."""
        sizes = ends - starts + 1
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        blocks = (slice(start, start + _BLOCK) for start in range(0, len(starts), _BLOCK))
        parts = [gathered(text, starts[block], sizes[block]) for block in blocks]
        store = np.concatenate([*parts, np.zeros(PADDING, np.uint8)])
        store[offsets[1:] - 1] = _END
        return cls(store, offsets)

    def take(self, rows: IntArray | BoolArray) -> Self:
        """The texts at some rows, or those that a mask selects."""
        found = self.cut(self.store, self.offsets[:-1][rows], self.offsets[1:][rows] - 1)
        found.missing = None if self.missing is None else _some(self.missing[rows])
        return found

    def distinct(self) -> tuple[Self, IntArray]:
        """Each different text once, in the order of their first appearance, and the number of each text in these."""
        if self.missing is not None and self.missing.all():
            return self[:1], np.zeros(len(self), np.int64)
        hashes = self.hashes()
        if self.missing is not None:
            hashes[self.missing] = ~hashes[self.missing]
        _, first, codes = np.unique(hashes, return_index=True, return_inverse=True)
        same = self.equal_at(np.arange(len(self)), self, first[codes])
        if self.missing is not None:
            same &= self.missing == self.missing[first[codes]]
        if not same.all():  # different texts with one hash
            numbers: dict[T, int] = {}
            codes = np.array([numbers.setdefault(text, len(numbers)) for text in self], np.int64)
            first = np.unique(codes, return_index=True)[1]
        order = np.argsort(first)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return self.take(first[order]), rank[codes]

    def to_list(self) -> list[T]:
        """All texts."""
        return list(self)

    @property
    def lengths(self) -> IntArray:
        """Bytes of each text, 0 for a missing one, int64 ``[n]``."""
        found: IntArray = np.diff(self.offsets) - 1
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        first, last = self._bounds()
        return last - first + self.offsets.nbytes + (0 if self.missing is None else self.missing.nbytes)

    def beginning_with(self, *prefixes: str) -> BoolArray:
        """Which texts begin with one of these, bool ``[n]``."""
        found = np.zeros(len(self), bool)
        for prefix in prefixes:
            found |= begin_with(self.store, self.offsets[:-1], self.lengths, prefix.encode())
        return found

    def raw(self) -> memoryview:
        """The bytes of all texts, with a separator between them."""
        first, last = self._bounds()
        return self._view[first : max(last - 1, first)]

    def hashes(self) -> Longs:
        """A hash of each text; equal texts have equal hashes, uint64 ``[n]``."""

        def block(start: int) -> Longs:
            part = self[start : start + _BLOCK]
            return hashes_of(pieces_of(part.store, part.offsets[:-1], part.lengths), part.lengths)

        return np.concatenate([np.zeros(0, np.uint64), *map(block, range(0, len(self), _BLOCK))])

    def equal_at(self, rows: IntArray, other: "Packed[Any]", others: IntArray) -> BoolArray:
        """Whether the texts at ``rows`` ``[P]`` are those of another sequence at ``others`` ``[P]``, bool ``[P]``."""
        if len(rows) > _BLOCK:
            cuts = (slice(start, start + _BLOCK) for start in range(0, len(rows), _BLOCK))
            return np.concatenate([self.equal_at(rows[cut], other, others[cut]) for cut in cuts])
        found: BoolArray = self._lengths_at(rows) == other._lengths_at(others)
        some = np.flatnonzero(found)
        lengths = self._lengths_at(rows[some])
        mine = pieces_of(self.store, self.offsets[rows[some]], lengths)
        theirs = pieces_of(other.store, other.offsets[others[some]], lengths)
        equal = np.ones(len(some), bool)
        for (begin, part), (_, their) in zip(mine.parts, theirs.parts, strict=True):
            equal[begin:] &= part == their
        found[some[mine.order]] = equal
        for place in some[lengths > LONGEST].tolist():
            found[place] &= self[rows[place]] == other[others[place]]
        return found

    def _lengths_at(self, rows: IntArray) -> IntArray:
        found: IntArray = self.offsets[1:][rows] - self.offsets[:-1][rows] - 1
        return found

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: "slice | IntArray | BoolArray") -> Self: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            stop = max(start, stop)
            missing = None if self.missing is None else _some(self.missing[start:stop])
            return type(self)(self.store, self.offsets[start : stop + 1], missing)
        if isinstance(index, np.ndarray) and index.ndim:
            return self.take(index)
        row = as_index(index)
        row += len(self) if row < 0 else 0
        if not 0 <= row < len(self):
            raise IndexError(f"expected a position in {-len(self)}..{len(self) - 1}, got {index}")
        if self.missing is not None and self.missing[row]:
            return None
        return str(self._view[self.offsets[row] : self.offsets[row + 1] - 1], "utf-8", LOSSLESS)

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(map(self._block, range(0, len(self), _BLOCK)))

    def _block(self, start: int) -> list[T]:
        """Some thousand texts."""
        part = self[start : start + _BLOCK]
        found: list[Any] = str(part.raw(), "utf-8", LOSSLESS).split(SEPARATOR)
        if len(found) != len(part):  # a text holds the separator
            places = part.offsets.tolist()
            cuts = zip(places[:-1], places[1:], strict=True)
            found = [str(self._view[start : stop - 1], "utf-8", LOSSLESS) for start, stop in cuts]
        if part.missing is not None:
            for row in np.flatnonzero(part.missing).tolist():
                found[row] = None
        return found

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packed):
            return self is other or (
                len(self) == len(other)
                and self.raw() == other.raw()
                and bool((self.lengths == other.lengths).all())
                and np.array_equal(_absent(self), _absent(other))
            )
        if not isinstance(other, (tuple, list)):
            return NotImplemented
        return len(self) == len(other) and all(mine == their for mine, their in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        first, last = self._bounds()
        return type(self), (self.store[first : last + PADDING].copy(), self.offsets - first, self.missing)

    def __repr__(self) -> str:
        few = ", ".join(map(repr, self[:3]))
        return f"{type(self).__name__}({len(self):,}: {few}{', ...' if len(self) > 3 else ''})"

    def _bounds(self) -> tuple[int, int]:
        """First byte of the first text, and end of the last with its separator."""
        return int(self.offsets[0]), int(self.offsets[-1])


class Texts(Packed["str | None"]):
    """Texts some of which may be missing, see ``Packed``: ``None`` is not the empty text."""

    @classmethod
    def _missing(cls, texts: Sequence[str | None]) -> BoolArray | None:
        if not texts.count(None):
            return None
        return np.fromiter((text is None for text in texts), bool, len(texts))

    @classmethod
    def nothing(cls, size: int) -> "Texts":
        """So many missing texts."""
        store = np.full(size + PADDING, _END, np.uint8)
        return cls(store, np.arange(size + 1), np.ones(size, bool))

    def count(self, value: Any) -> int:
        """How many texts are equal to a value; ``None`` for the missing ones."""
        return int(_absent(self).sum()) if value is None else super().count(value)

    def take_or_none(self, rows: IntArray) -> "Texts":
        """The texts at some rows, and a missing one for each row -1."""
        return Texts.chained([self, Texts.nothing(1)]).take(rows)

    @classmethod
    def filled(cls, texts: Iterable[str]) -> "Texts":
        """Texts of which the empty ones are missing."""
        held: Packed[Any] = texts if isinstance(texts, Packed) else Texts.of(texts)
        return cls(held.store, held.offsets, _some(held.lengths == 0))

    @property
    def is_nothing(self) -> bool:
        """Whether all texts are missing."""
        return not len(self) or (self.missing is not None and bool(self.missing.all()))

    @property
    def given(self) -> BoolArray:
        """Which texts are neither missing nor empty, bool ``[n]``."""
        return self.lengths > 0


def _some(missing: BoolArray | None) -> BoolArray | None:
    """Which texts are missing, ``None`` if none is."""
    return missing if missing is not None and missing.any() else None


def _absent(texts: Packed[Any]) -> BoolArray:
    """Which texts are missing, bool ``[n]``."""
    return np.zeros(len(texts), bool) if texts.missing is None else texts.missing
