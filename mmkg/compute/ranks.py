"""Processes that train one model together: each computes a share of the rows, and all take the same step.

Every process (rank) runs the same program on the same data with the same seeds. Inside ``together`` the training loop
cuts the entities of a batch into one share per rank. A rank embeds its share, and the shares are gathered, so that the
losses see the batch of one process, with all its negatives. The gradient of what was gathered is the same on every
rank; ``Share.gathered`` hands each rank its own rows of it, times the number of ranks, and ``average_`` averages the
gradients of the weights. The step is then that of one process, up to the order of the sums.
"""

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..errors import MmkgError

LOST = ("gloo", "nccl", "connection closed by peer", "connection reset by peer")
LARGE = 1 << 18  # elements from which a gradient is averaged by itself, in place


class LostRankError(MmkgError):
    """A process that trains together with this one has ended."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that compute together.

    Args:
        number: number of this rank, from 0.
        size: number of ranks.
        on_saved: called on every rank after rank 0 has written a checkpoint, with its path.
    """

    number: int = 0
    size: int = 1
    on_saved: Callable[[Path], None] = lambda path: None

    def tiles(self, tiles: list[Any]) -> list[Any]:
        """Every ``size``-th element, from ``number`` on: the part of some work that this rank does."""
        return tiles if self.size == 1 else tiles[self.number :: self.size]

    def summed_(self, *parts: Tensor | None) -> None:
        """Replace each tensor by its sum over the ranks, in place."""
        if self.size > 1:
            for part in parts:
                if part is not None and part.numel():
                    dist.all_reduce(part)

    def agreed(self, value: float) -> float:
        """The value of rank 0, so that a difference in the last bit between machines leads to no other decision."""
        if self.size == 1:
            return value
        found = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(found, src=0)
        return float(found)

    def agreed_rows(self, rows: Tensor) -> Tensor:
        """The rows of rank 0, ``[N, d]`` of any N, on every rank."""
        if self.size == 1:
            return rows
        rows = rows.contiguous() if self.number == 0 else rows.new_empty(0, *rows.shape[1:])
        count = int(self.agreed(len(rows)))
        found = rows if self.number == 0 else rows.new_empty(count, *rows.shape[1:])
        dist.broadcast(_bytes(found), src=0)
        return found

    @contextmanager
    def received(self, path: Path) -> Iterator[Path | None]:
        """The file of rank 0, or on other ranks a copy of it; ``None`` if rank 0 has no such file."""
        there = bool(self.agreed(float(path.is_file())))
        if not there or self.size == 1:
            yield path if there else None
            return
        data = np.fromfile(path, np.uint8) if self.number == 0 else np.empty(0, np.uint8)
        whole = self.agreed_rows(torch.from_numpy(data)).numpy()
        if self.number == 0:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            whole.tofile(copy)
            yield copy

    def average_(self, parameters: Iterable[nn.Parameter], loss: Tensor) -> Tensor:
        """Replace gradients by their mean over the ranks, in place; returns the mean loss."""
        if self.size == 1:
            return loss
        grads = [parameter for parameter in parameters if parameter.grad is not None]
        small = [loss.detach().clone().reshape(1)]
        for parameter in grads:
            grad = parameter.grad
            assert grad is not None
            if grad.is_sparse:
                parameter.grad = self._mean_of_rows(grad)
            elif grad.numel() < LARGE:
                small.append(grad)
            else:
                dist.all_reduce(grad.div_(self.size))
        kind = torch.float64 if any(each.dtype == torch.float64 for each in small) else torch.float32
        flat = torch.cat([each.reshape(-1).to(kind) for each in small]).div_(self.size)
        dist.all_reduce(flat)
        for each, mean in zip(small, flat.split([each.numel() for each in small]), strict=True):
            each.copy_(mean.view_as(each))
        return small[0][0]

    def _mean_of_rows(self, grad: Tensor) -> Tensor:
        """Mean of a sparse gradient, whose rows differ between the ranks."""
        grad = grad.coalesce()
        counts = torch.zeros(self.size, dtype=torch.int64, device=grad.device)
        counts[self.number] = grad._nnz()
        dist.all_reduce(counts)
        sizes, most = counts.tolist(), int(counts.max())
        rows, values = (
            gathered_rows(torch.cat([part, part.new_zeros(most - len(part), *part.shape[1:])]), self.size)
            for part in (grad.indices()[0], grad.values() / self.size)
        )
        kept = torch.cat([torch.arange(size, device=rows.device) + most * n for n, size in enumerate(sizes)])
        return torch.sparse_coo_tensor(rows[kept][None], values[kept], grad.shape).coalesce()


_here = threading.local()
ALONE = Ranks()


def ranks() -> Ranks:
    """The ranks that compute together in this thread; one outside of ``together``."""
    found: Ranks = getattr(_here, "ranks", ALONE)
    return found


@contextmanager
def together(on_saved: Callable[[Path], None] = lambda path: None) -> Iterator[Ranks]:
    """Share all training inside with the other processes of the default group of ``torch.distributed``.

    Each of them must run the same program on the same data with the same seeds.

    Args:
        on_saved: see ``Ranks``.

    Raises:
        LostRankError: another process has ended.
    """
    before = ranks()
    _here.ranks = Ranks(dist.get_rank(), dist.get_world_size(), on_saved)
    try:
        yield ranks()
    except RuntimeError as error:  # the collective operations raise no type of their own
        if isinstance(error, dist.DistError) or any(word in str(error).lower() for word in LOST):
            text = "another process of this run has ended; start the same command again"
            raise LostRankError(f"{text}, it continues from its last checkpoint") from error
        raise
    finally:
        _here.ranks = before


@dataclass(frozen=True)
class Share:
    """The rows that this rank computes: ``start`` to ``stop`` of ``total``; all of them where ranks share nothing.

    Args:
        start, stop: first row, and the row after the last one.
        total: number of rows of all ranks.
        height: rows of every rank but the last ones.
        size: number of ranks that have a share.
    """

    start: int
    stop: int
    total: int
    height: int
    size: int = 1

    def of(self, rows: Tensor) -> Tensor:
        """The part of ``rows`` ``[total, ...]`` that this rank computes."""
        return rows if self.size == 1 else rows[self.start : self.stop]

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows of all ranks in order, ``[total, ...]``, from those of this rank; with gradient."""
        if self.size == 1:
            return rows
        found: Tensor = _Gathered.apply(rows, self)  # type: ignore[no-untyped-call]
        return found

    def fill_(self, whole: Tensor) -> None:
        """Write the rows of the other ranks into ``whole`` ``[total, ...]``, which has those of this rank."""
        if self.size > 1:
            for number in range(self.size):
                part = whole[self.height * number : min(self.height * (number + 1), self.total)]
                dist.broadcast(_bytes(part), src=number)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Inside, tensors with as many rows as the share are part of ``total`` rows, see ``draws.dropout``."""
        before = sharing()
        _here.share = self if self.size > 1 else None
        try:
            yield
        finally:
            _here.share = before


def share_of(total: int) -> Share:
    """The rows of ``total`` that this rank computes; all of them if there are too few for every rank to have some."""
    own = ranks()
    height = -(-total // own.size)
    if own.size == 1 or height * (own.size - 1) >= total:
        return Share(0, total, total, total)
    start = height * own.number
    return Share(start, min(start + height, total), total, height, own.size)


def sharing() -> Share | None:
    """The share that is being computed in this thread, if any."""
    found: Share | None = getattr(_here, "share", None)
    return found


class _Gathered(torch.autograd.Function):
    """All-gather of rows. The gradient is the same on every rank: no rank has to send its own to the others."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, share: Share) -> Tensor:
        ctx.share = share
        missing = share.height - len(rows)
        padded = torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows
        return gathered_rows(padded, share.size)[: share.total]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.share.of(grad) * ctx.share.size, None


def gathered_rows(rows: Tensor, size: int) -> Tensor:
    """The rows of all ranks, which have the same number of them, ``[size * len(rows), ...]``."""
    found = rows.new_empty(size * len(rows), *rows.shape[1:])
    dist.all_gather(list(_bytes(found).chunk(size)), _bytes(rows.contiguous()))
    return found


def _bytes(rows: Tensor) -> Tensor:
    """The memory of a tensor as bytes; groups of processes do not transport every type."""
    return rows.detach().reshape(-1).view(torch.uint8)
