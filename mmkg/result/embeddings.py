"""Embeddings of both graphs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..compute.host import isolated_class
from ..data.entities import EntityTable, is_among
from ..data.kg import SIDES as SIDES
from ..data.literals import pool_of
from ..data.task import LinkSplit
from ..errors import UsageError, brief, nearest
from ..records import Shown
from ..search.never import NO_PAIRS, among, is_in
from ..settings import names_in
from ..typing import BoolArray, FloatArray, IntArray
from .eight_bits import rounded

if TYPE_CHECKING:
    import torch

BLOCK_PAIRS = 1 << 16  # pairs whose shares are computed at a time
BLOCK_ROWS = 1 << 18  # rows of which columns are taken at a time

T = TypeVar("T")


@isolated_class
class Embeddings(Shown):
    """Unit rows of both graphs. What was computed from them is kept, under the settings that it was computed with.

    Args:
        left, right: unit rows, float32 or float16 ``[n1, D]`` and ``[n2, D]``; may be mapped from a file.
        widths: width of each modality's part of D, in order.
        matched: rows of either graph that are queries and candidates, int64, ascending; ``None`` = all. The others are
            context, see ``KnowledgeGraph.context``, or literal nodes.
        exact: pairs of literal nodes that are equal, int64 ``[E, 2]``, one to one, in no ``matched``: each is the only
            answer to the other, see ``pool_of``.
        never: pairs that are known to be wrong, int64 ``[W, 2]``: neither is an answer to the other.
    """

    def __init__(
        self,
        left: FloatArray,
        right: FloatArray,
        widths: Mapping[str, int],
        matched: tuple[IntArray | None, IntArray | None] = (None, None),
        exact: IntArray = NO_PAIRS,
        never: IntArray = NO_PAIRS,
    ) -> None:
        self.left, self.right, self.widths, self.matched, self.never = left, right, dict(widths), matched, never
        self.exact = exact[~is_in(exact, never)]
        self._kept: dict[Hashable, Any] = {}

    def _facts(self) -> dict[str, int]:
        sides = {"left_rows": len(self.left), "right_rows": len(self.right), "columns": self.left.shape[1]}
        return sides | {"modalities": len(self.widths)}

    def kept(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value that ``compute`` gives; computed once per key.

        Args:
            key: names the value and every setting that it depends on besides the embeddings.
            compute: makes the value.
        """
        if key not in self._kept:
            self._kept[key] = compute()
        found: T = self._kept[key]
        return found

    def keep(self, key: Hashable, value: Any) -> None:
        """Keep a value that was computed before, e.g. one that was read from a run folder."""
        self._kept[key] = value

    def has(self, key: Hashable) -> bool:
        """Whether a value is kept."""
        return key in self._kept

    def known(self, key: Hashable) -> Any:
        """A kept value; ``None`` if there is none."""
        return self._kept.get(key)

    def sides(self, side: str) -> tuple[FloatArray, FloatArray]:
        """Rows of the querying graph and of the answering graph.

        Raises:
            UsageError: ``side`` is neither ``left`` nor ``right``.
        """
        if side not in SIDES:
            raise UsageError(f"unknown side {brief(side)}; {nearest(side, SIDES)}")
        return (self.left, self.right) if side == "left" else (self.right, self.left)

    @property
    def without_context(self) -> "Embeddings":
        """The embeddings of the matched rows; this object itself if all rows are matched."""
        if all(rows is None for rows in self.matched):
            return self
        return self.kept("without context", self._without_context)

    def _without_context(self) -> "Embeddings":
        left, right = (rows if some is None else rows[some] for rows, some in self._sides_and_rows())
        return Embeddings(left, right, self.widths, never=among(self.never, *self.matched))

    def excluding(self, pairs: IntArray) -> "Embeddings":
        """The same embeddings with further pairs that are known to be wrong; indexes and means are kept."""
        never = np.unique(np.concatenate([self.never, pairs]), axis=0)
        found = Embeddings(self.left, self.right, self.widths, self.matched, self.exact, never)
        for key, value in self._kept.items():
            if key == "without context":
                found.keep(key, value.excluding(among(pairs, *self.matched)))
            elif not (isinstance(key, tuple) and key[0] == "matching"):
                found.keep(key, value)
        return found

    def _sides_and_rows(self) -> list[tuple[FloatArray, IntArray | None]]:
        return list(zip((self.left, self.right), self.matched, strict=True))

    def rows(self, side: str) -> IntArray:
        """Rows of the graph ``side`` that are matched, int64, ascending."""
        self.sides(side)
        some = self.matched[SIDES.index(side)]
        return np.arange(len(self.sides(side)[0])) if some is None else some

    def is_exact(self, pairs: IntArray) -> BoolArray:
        """Which pairs ``[P, 2]`` are equal literal nodes, bool ``[P]``."""
        return is_among(pairs, self.exact)

    @property
    def num_matched(self) -> list[int]:
        """Number of matched rows of the left and of the right graph."""
        return [len(self.rows(side)) for side in SIDES]

    def shares(self, pairs: IntArray) -> dict[str, FloatArray]:
        """Share of each modality in the cosine of each pair, ``[M]``; the shares sum to the cosine.

        Args:
            pairs: rows of either graph, int64 ``[M, 2]``.
        """
        ends = np.cumsum([0, *self.widths.values()]).tolist()
        parts = np.empty((len(pairs), len(self.widths)), np.float32)
        for start in range(0, len(pairs), BLOCK_PAIRS):
            block = pairs[start : start + BLOCK_PAIRS]
            left, right = (
                rows[block[:, column]].astype(np.float32, copy=False)
                for column, rows in enumerate((self.left, self.right))
            )
            products = left * right
            for m, (first, end) in enumerate(zip(ends, ends[1:], strict=False)):
                parts[start : start + len(block), m] = products[:, first:end].sum(axis=1)
        return {name: parts[:, m] for m, name in enumerate(self.widths)}

    def restrict(self, modalities: str | Sequence[str]) -> "Embeddings":
        """The parts of some modalities only, scaled to unit length.

        Raises:
            UsageError: no modality is named, or one that is not in the embeddings.
        """
        modalities = names_in(modalities, "modalities")
        if not modalities:
            raise UsageError(f"name at least one modality; this run has {', '.join(self.widths)}")
        for name in modalities:
            if name not in self.widths:
                raise UsageError(f"this run has no modality {brief(name)}; {nearest(name, self.widths)}")
        starts = dict(zip(self.widths, np.cumsum([0, *self.widths.values()]).tolist(), strict=False))
        widths = {name: width for name, width in self.widths.items() if name in modalities}
        columns = np.concatenate([np.arange(starts[name], starts[name] + width) for name, width in widths.items()])
        sides = _columns(self.left, columns), _columns(self.right, columns)
        return Embeddings(*sides, widths, self.matched, self.exact, self.never)


def embeddings_of(
    left: "torch.Tensor",
    right: "torch.Tensor",
    widths: Mapping[str, int],
    entities: tuple[EntityTable, EntityTable],
    links: LinkSplit,
    store: str,
    never: IntArray = NO_PAIRS,
) -> Embeddings:
    """Embeddings of a run from what was learnt.

    Args:
        left, right: unit rows of all entities.
        widths: width of each modality's part.
        entities: tables of both graphs.
        links: known links, whose entities are matched even if they are context.
        store: type in which embeddings are stored, see ``rounded``.
        never: pairs that are known to be wrong, int64 ``[W, 2]``.
    """
    sides = [rounded(side.cpu().numpy(), store) for side in (left, right)]
    pool = pool_of(*entities, links.all())
    return Embeddings(sides[0], sides[1], widths, pool.matched, pool.exact, never)


def _columns(rows: FloatArray, columns: IntArray) -> FloatArray:
    """Some columns of the rows, scaled to unit length, in the type of ``rows``; computed in blocks."""
    import torch

    from ..search.vectors import unit_rows

    out = np.empty((len(rows), len(columns)), rows.dtype)
    for start in range(0, len(rows), BLOCK_ROWS):
        part = rows[start : start + BLOCK_ROWS, columns].astype(np.float32, copy=False)
        out[start : start + len(part)] = unit_rows(torch.from_numpy(part)).numpy()
    return out
