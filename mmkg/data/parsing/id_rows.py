"""Rows of entity ids."""

import numpy as np

from ...typing import IntArray


class IdRows:
    """Maps entity ids of a file to the rows 0..n-1, in the order of ``ids``.

    Args:
        ids: unique ids >= 0, int64 ``[n]``.
    """

    def __init__(self, ids: IntArray) -> None:
        self.ids = ids
        self._table: IntArray | None = None  # row by id, for dense ids
        self._order = self._sorted = np.empty(0, np.int64)
        if len(ids) and int(ids.max()) < 8 * len(ids) + (1 << 20):
            self._table = np.full(int(ids.max()) + 1, -1, np.int64)
            self._table[ids] = np.arange(len(ids))
        else:
            self._order = np.argsort(ids, kind="stable")
            self._sorted = ids[self._order]

    def __call__(self, ids: IntArray) -> IntArray:
        """Row of each id, -1 for unknown ids; the shape is that of ``ids``."""
        if self._table is not None:
            inside = (ids >= 0) & (ids < len(self._table))
            return np.where(inside, self._table[np.where(inside, ids, 0)], -1)
        if len(self._sorted) == 0:
            return np.full(ids.shape, -1, np.int64)
        place = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return np.where(self._sorted[place] == ids, self._order[place], -1)
