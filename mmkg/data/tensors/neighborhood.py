"""The part of a graph that the embeddings of some entities depend on, in full or as a sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import UsageError
from .sparse import row_entries

if TYPE_CHECKING:
    from .pyg import EdgeIndex


@dataclass(frozen=True, eq=False)
class Hop:
    """One round of messages.

    Args:
        edge_index: (position among the sources, position among the targets), ``[2, E]``, sorted by target.
        edge_weight: float32 ``[E]``, ``None`` for encoders that do not read it.
        targets: position of each target among the sources, int64 ``[T]``; ``None`` = targets and sources are the same.
    """

    edge_index: "EdgeIndex"
    edge_weight: Tensor | None = None
    targets: Tensor | None = None

    def of_targets(self, x: Tensor) -> Tensor:
        """Rows of the targets ``[T, d]``, out of rows ``x`` of the sources ``[S, d]``."""
        return x if self.targets is None else x.index_select(0, self.targets)

    def to(self, device: str | torch.device) -> "Hop":
        """A copy on another device."""
        weight, targets = (None if part is None else part.to(device) for part in (self.edge_weight, self.targets))
        return Hop(self.edge_index.to(device), weight, targets)


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """All rounds of messages into some entities.

    Args:
        rows: entities whose embeddings enter the first round, int64 ``[S]``, unique; ``None`` = all, in order.
        hops: the rounds, first to last; the targets of one are the sources of the next.
        picks: position of each requested entity among the last targets, int64 ``[B]``; ``None`` = the targets in order.
    """

    rows: Tensor | None
    hops: tuple[Hop, ...]
    picks: Tensor | None = None

    def to(self, device: str | torch.device) -> "Neighborhood":
        """A copy on another device."""
        rows, picks = (None if part is None else part.to(device) for part in (self.rows, self.picks))
        return Neighborhood(rows, tuple(hop.to(device) for hop in self.hops), picks)


class NeighborSampler:
    """Cuts neighbourhoods out of a graph, in time proportional to their edges (plus one pass over N bits).

    Args:
        edge_index: ``[2, E]``, sorted by target, with exactly one self loop per node, as ``adjacency`` makes it.
        edge_weight: float32 ``[E]``.

    ``around`` keeps the last full neighbourhood, because training on all links at once requests the same every step.
    """

    def __init__(self, edge_index: Tensor, edge_weight: Tensor) -> None:
        from .pyg import EdgeIndex

        assert isinstance(edge_index, EdgeIndex)
        self.whole_hop = Hop(edge_index, edge_weight)
        self._weight = edge_weight
        (self._offsets, self._sources), _ = edge_index.get_csc()
        self._size = len(self._offsets) - 1
        self._loops: Tensor | None = None
        self._last: tuple[Tensor, int, Neighborhood] | None = None

    @property
    def device(self) -> torch.device:
        """Device of the graph."""
        device: torch.device = self._offsets.device
        return device

    def whole(self, depth: int) -> Neighborhood:
        """The whole graph in each of ``depth`` rounds: embeddings of all entities from those of all entities."""
        return Neighborhood(None, (self.whole_hop,) * depth)

    def around(
        self,
        rows: Tensor,
        depth: int,
        *,
        fanout: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Neighborhood:
        """The entities and edges that ``rows`` depend on after ``depth`` rounds.

        Args:
            rows: requested entities, int64 ``[B]`` on the graph's device; may repeat.
            depth: number of rounds of messages.
            fanout: number of neighbours to draw per target besides itself, one number f per round, the last round
                first; empty = all. Of a target with n > f neighbours each is drawn with probability f / n, and its
                weight is multiplied by n / f, so that a weighted sum keeps its expectation.
            generator: random generator of the draws, on the CPU.

        Raises:
            UsageError: ``fanout`` does not have one number >= 1 per round.
        """
        check_fanout(fanout, depth)
        unique, picks = torch.unique(rows, return_inverse=True)
        if not fanout and self._last is not None and self._last[1] == depth and torch.equal(self._last[0], unique):
            return Neighborhood(self._last[2].rows, self._last[2].hops, picks)
        hops, targets = [], unique
        for number in range(depth):
            hop, targets = self._hop(targets, fanout[number] if fanout else 0, generator)
            hops.append(hop)
        found = Neighborhood(targets, tuple(reversed(hops)), picks)
        if not fanout:
            self._last = (unique, depth, found)
        return found

    def into(self, rows: Tensor) -> tuple[Hop, Tensor]:
        """One round into ``rows`` [T], and the entities from which it starts, int64 ``[S]``, ascending."""
        return self._hop(rows, 0, None)

    def _hop(self, rows: Tensor, fanout: int, generator: torch.Generator | None) -> tuple[Hop, Tensor]:
        """The round into ``rows``, and the entities from which it starts, ascending."""
        edges, counts, factor = (
            self._draw(rows, fanout, generator) if fanout else (*row_entries(self._offsets, rows), None)
        )
        sources = self._sources.index_select(0, edges)
        is_source = torch.zeros(self._size, dtype=torch.bool, device=rows.device)
        is_source[sources] = True  # includes the targets, because each has a self loop
        origins = is_source.nonzero()[:, 0]
        place = torch.empty(self._size, dtype=torch.int64, device=rows.device)
        place[origins] = torch.arange(len(origins), device=rows.device)
        targets = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)
        weight = self._weight.index_select(0, edges)
        if factor is not None:
            weight = weight * factor
        edge_index = _edge_index(place.index_select(0, sources), targets, (len(origins), len(rows)))
        return Hop(edge_index, weight, place.index_select(0, rows)), origins

    def _draw(self, rows: Tensor, fanout: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """Systematic sampling: every n/f-th neighbour from a random start, and the self loop.

        Returns edge positions ``[E]``, their number per row ``[T]``, and the factor of each edge's weight ``[E]``.
        """
        if self._loops is None:
            target = torch.arange(self._size).repeat_interleave(self._offsets.diff())
            self._loops = (self._sources == target).nonzero()[:, 0]
        starts = self._offsets.index_select(0, rows)
        others = self._offsets.index_select(0, rows + 1) - starts - 1
        drawn = others.clamp(max=fanout)
        # draws j = 0..f-1 of a row are floor((u + j) n / f): distinct, and all neighbours are equally likely
        owner = torch.arange(len(rows)).repeat_interleave(drawn)
        first = drawn.cumsum(0) - drawn
        number = torch.arange(len(owner)) - first.index_select(0, owner)
        start = torch.rand(len(rows), generator=generator, dtype=torch.float64)
        step = others.double() / drawn.clamp(min=1)
        place = ((start.index_select(0, owner) + number) * step.index_select(0, owner)).long()
        place = torch.minimum(place, others.index_select(0, owner) - 1)
        loops = self._loops.index_select(0, rows)
        edges = starts.index_select(0, owner) + place
        edges += edges >= loops.index_select(0, owner)  # step over the self loop
        all_edges = torch.cat([edges, loops])
        all_owner = torch.cat([owner, torch.arange(len(rows))])
        factor = torch.cat([step.index_select(0, owner), torch.ones(len(rows), dtype=torch.float64)])
        order = all_owner.argsort(stable=True)
        return all_edges.index_select(0, order), drawn + 1, factor.index_select(0, order).float()


def check_fanout(fanout: Sequence[int], depth: int) -> None:
    """Raise UsageError unless ``fanout`` is empty or has one number >= 1 per round."""
    if len(fanout) not in (0, depth) or any(number < 1 for number in fanout):
        raise UsageError(f"expected fanout to be empty or {depth} numbers >= 1, one per layer, got {tuple(fanout)}")


def _edge_index(sources: Tensor, targets: Tensor, shape: tuple[int, int]) -> "EdgeIndex":
    from .pyg import EdgeIndex

    return EdgeIndex(torch.stack([sources, targets]), sparse_size=shape, sort_order="col")
