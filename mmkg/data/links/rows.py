"""Collects the links of a table: TSV, CSV, JSON Lines and Parquet."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..parsing.columns import Faults
from .checked import PARTS, LabelLinks
from .equal import is_equal, tally

_FLAGS = {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}


class _Row(NamedTuple):
    line: int
    left: str
    right: str
    part: str | None
    relation: str | None
    flag: str | None


class LinkRows:
    """Collects links row by row.

    Args:
        path: the file, for messages.
        faults: policy for bad rows.
    """

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.read = 0
        self._rows: list[_Row] = []

    def add(
        self,
        line: int,
        left: str,
        right: str,
        *,
        part: str | None = None,
        relation: str | None = None,
        flag: str | None = None,
        place: int | None = None,
    ) -> None:
        """Add a row.

        Args:
            line: its line, or its position in a file without lines.
            left: label of the left entity.
            right: label of the right entity.
            part: train, valid or test; ``None`` in a file without parts.
            relation: relation between the two; a row of another one than equality is no link.
            flag: 1 for a link, 0 for a pair that is none; ignored if the file has other values.
            place: line for messages, if the file has lines.
        """
        self.read += 1
        if not left or not right:
            self.faults.bad(f"expected the {'right' if left else 'left'}, got an empty field", self.path, place)
        elif part is not None and part not in PARTS:
            self.faults.bad(f"expected the part train, valid or test, got {part or None!r:.40}", self.path, place)
        else:
            self._rows.append(_Row(line, left, right, part, relation, flag))

    def links(self) -> LabelLinks:
        """The links; rows of other relations, and rows that are marked as no link, are counted."""
        flags = [(row.flag or "").strip().lower() for row in self._rows if row.flag is not None]
        flagged = bool(flags) and set(flags) <= set(_FLAGS)
        equal = [row for row in self._rows if row.relation is None or is_equal(row.relation)]
        rows = [row for row in equal if not flagged or row.flag is None or _FLAGS[row.flag.strip().lower()]]
        self.faults.count(f"{self.path.name}: rows of another relation than =", len(self._rows) - len(equal))
        self.faults.count(f"{self.path.name}: rows marked as no link", len(equal) - len(rows))
        seen = f"{self.read} rows"
        if len(equal) < len(self._rows):
            seen += f" with the relations {tally(row.relation or '' for row in self._rows)}"
        if flagged and len(rows) < len(equal):
            seen += f", {len(equal) - len(rows)} of them marked as no link"
        return LabelLinks(
            self.path,
            [row.left for row in rows],
            [row.right for row in rows],
            np.array([row.line for row in rows], np.int64),
            [row.part for row in rows if row.part is not None] or None,
            seen,
        )
