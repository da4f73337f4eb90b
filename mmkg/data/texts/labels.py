"""Labels: texts that are all there, and the rows of some of them."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from ...typing import BoolArray, IntArray
from .packed import LOSSLESS, Packed
from .pieces import hash_of


class Labels(Packed[str]):
    """Texts that are all there, see ``Packed``. Rows of labels are found by their hashes, which are sorted once."""

    def rows(self, labels: Iterable[str]) -> IntArray:
        """The first row of each of some labels, -1 for one that is not here, int64."""
        wanted = Labels.of(labels)
        rows, apart = self._candidates(wanted)
        for place in apart.tolist():
            rows[place] = self._alike.get(wanted[place], -1)
        return rows

    def rows_of(self, label: str) -> list[int]:
        """All rows of a label, ascending."""
        hashes, order = self._sorted
        wanted = np.uint64(hash_of(label.encode(errors=LOSSLESS)))
        first, last = (int(hashes.searchsorted(wanted, side)) for side in ("left", "right"))
        if last - first < 2:
            return [row for row in order[first:last].tolist() if self[row] == label]
        rows = np.sort(order[first:last])
        return [row for row, each in zip(rows.tolist(), self.take(rows), strict=True) if each == label]

    def repeated(self) -> str | None:
        """The first label that comes more than once; ``None`` if each comes once."""
        hashes = self.hashes()
        ordered = np.sort(hashes)
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(again):
            return None
        alike = self.take(np.flatnonzero(np.isin(hashes, again)))
        return next((label for label, count in Counter(alike).items() if count > 1), None)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The first row of a label.

        Raises:
            ValueError: it is not here.
        """
        rows = self.rows_of(value) if isinstance(value, str) else []
        inside = range(*slice(start, stop).indices(len(self)))
        if found := [row for row in rows if row in inside]:
            return found[0]
        raise ValueError(f"{value!r} is not among {len(self):,} labels")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and bool(self.rows_of(value))

    def _candidates(self, wanted: "Labels") -> tuple[IntArray, IntArray]:
        """The row of each label, and the places of those whose hash is that of another label."""
        hashes, order = self._sorted
        rows = np.full(len(wanted), -1, np.int64)
        if not len(self) or not len(wanted):
            return rows, rows[:0]
        looked = wanted.hashes()
        turn = np.argsort(looked)  # found in their order, neighbours are near each other in memory
        place = np.empty_like(rows)
        place[turn] = np.minimum(np.searchsorted(hashes, looked[turn]), len(hashes) - 1)
        known = np.flatnonzero(hashes[place] == looked)
        found = order[place[known]]
        equal: BoolArray = self.equal_at(found, wanted, known)
        rows[known[equal]] = found[equal]
        return rows, known[~equal]

    @cached_property
    def _sorted(self) -> tuple[Any, IntArray]:
        """Hashes in ascending order, and the row of each; equal hashes in the order of their rows."""
        hashes = self.hashes()
        order = np.argsort(hashes)
        ordered = hashes[order]
        if (ordered[1:] == ordered[:-1]).any():
            order = np.argsort(hashes, kind="stable")
        return ordered, order

    @cached_property
    def _alike(self) -> dict[str, int]:
        """The first row of each label whose hash several rows have."""
        hashes, order = self._sorted
        same = np.append(hashes[1:] == hashes[:-1], False)
        rows = np.sort(order[same | np.append(False, same[:-1])])
        found: dict[str, int] = {}
        for row, label in zip(rows.tolist(), self.take(rows), strict=True):
            found.setdefault(label, row)
        return found
