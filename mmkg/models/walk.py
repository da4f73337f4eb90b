"""Random walks from entities to labels, a block of labels at a time: memory does not grow with the number of labels."""

import torch
from torch import Tensor

from ..compute.products import GRAIN, add_product
from ..data.tensors.sparse import (
    copied_rows,
    few_rows,
    random_projection,
    sparse_product,
    sparse_rows,
    transposed,
    weighted_rows,
)
from ..progress import tracked

BLOCK_ROWS = 2048
BLOCK_BYTES = 128 << 20  # of probabilities that are held at a time, if that is enough for LEAST_LABELS
LEAST_LABELS, MOST_LABELS = 32, 256


def walk_to_labels(
    steps: Tensor, labels: Tensor, *, hops: int, seed: int, out: Tensor, rows: Tensor | None = None
) -> Tensor:
    """Which labels the walks of entities end on after 1 to ``hops`` steps, projected at random.

    After h steps, the row of an entity holds the square roots of the probabilities of ending on each label, each label
    divided, from the second step on, by the fourth root of its mean over all entities; scaled to unit length, and
    projected. The rows of all hops are added up.

    Sums over labels and over entities are linear in the probabilities, so that lengths and means come from walks of one
    vector, before any probability of a single label is known. The probabilities themselves are then needed only once,
    a block of labels at a time. If most entities have the same steps as others, as those around a hub, one walk is
    enough for all of these.

    Args:
        steps: step probabilities, CSR ``[N, N]``, see ``walk_steps``.
        labels: labels of the entities, CSR ``[N, C]``.
        hops: number of steps, >= 1.
        seed: random seed of the projections.
        out: ``[B, d]``, written to; may be columns of a wider matrix.
        rows: the B rows that are wanted, int64; ``None`` = all N.

    Returns:
        ``out``: the sums, not of unit length; zero where no label is reached.
    """
    copies, onwards = copied_rows(steps), steps
    if copies is None:
        counts = steps.values().new_ones(steps.shape[0])
        first = sparse_product(steps, labels)
        return _walked(first, onwards, counts, hops, seed, out.zero_(), rows)
    some, place = copies
    steps = few_rows(steps, some)
    onwards = sparse_rows(steps.crow_indices(), place[steps.col_indices()], steps.values(), 2 * (len(some),))
    wanted, picks = (place if rows is None else place[rows]).unique(return_inverse=True)
    counts = torch.bincount(place).to(out.dtype)
    few = out.new_zeros(len(wanted), out.shape[1])
    return out.copy_(_walked(sparse_product(steps, labels), onwards, counts, hops, seed, few, wanted)[picks])


def _walked(
    first: Tensor, onwards: Tensor, counts: Tensor, hops: int, seed: int, out: Tensor, rows: Tensor | None
) -> Tensor:
    """``walk_to_labels`` from the probabilities after one step, CSR ``[U, C]``; each row stands for ``counts`` ones."""
    size, num_labels = first.shape
    scales = first.values().new_ones(hops, num_labels)
    lengths = first.values().new_empty(size, hops)
    means = counts.double() / counts.sum()
    for hop in range(hops):
        if hop:  # near the seeds every label is rare
            means = weighted_rows(means, onwards)
            scales[hop] = (weighted_rows(means, first) + 1e-6).pow(-0.25)
        squares = first @ scales[hop].square()
        for _ in range(hop):
            squares = onwards @ squares
        lengths[:, hop] = squares.sqrt().clamp(min=1e-9)
    turned = torch.stack(
        [random_projection(num_labels, out.shape[1], seed, f"hop {hop}", out.device) for hop in range(hops)]
    ).mul_(scales[:, :, None])
    by_label = transposed(first)
    width = _block_width(size * hops)
    reached = lengths.new_empty(hops, size, min(width, num_labels))
    for start in tracked(range(0, num_labels, width), "spreading labels"):
        stop = min(start + width, num_labels)
        if stop - start < reached.shape[2]:
            reached = lengths.new_empty(hops, size, stop - start)
        _dense(by_label, start, stop, reached[0])
        for hop in range(1, hops):
            torch.mm(onwards, reached[hop - 1], out=reached[hop])
        _add_projected(reached, lengths, turned[:, start:stop].reshape(-1, out.shape[1]), rows, out)
    return out


def _block_width(values_per_label: int) -> int:
    """Number of labels in a block, a multiple of ``GRAIN``."""
    fitting = BLOCK_BYTES // (4 * max(values_per_label, 1)) // GRAIN * GRAIN
    return min(max(fitting, LEAST_LABELS), MOST_LABELS)


def _dense(by_label: Tensor, start: int, stop: int, out: Tensor) -> None:
    """Columns ``start`` to ``stop`` of the transpose of a CSR matrix, written to ``out``."""
    offsets = by_label.crow_indices()[start : stop + 1]
    entries = slice(int(offsets[0]), int(offsets[-1]))
    columns = torch.arange(stop - start, device=offsets.device).repeat_interleave(offsets.diff())
    out.zero_()[by_label.col_indices()[entries], columns] = by_label.values()[entries]


def _add_projected(reached: Tensor, lengths: Tensor, turned: Tensor, rows: Tensor | None, out: Tensor) -> None:
    """Add a block of labels: probabilities ``[H, U, b]``, their lengths ``[U, H]``, projection ``[H b, d]``."""
    hops, _, width = reached.shape
    height = min(BLOCK_ROWS, -(-len(out) // GRAIN) * GRAIN)
    roots = reached.new_zeros(height, hops, width)
    product = reached.new_empty(height, out.shape[1])
    for start in range(0, len(out), height):
        block = slice(start, start + height)
        some = block if rows is None else rows[block]
        here = out[block]
        part = roots[: len(here)]
        torch.sqrt(reached[:, some].transpose(0, 1), out=part)
        part /= lengths[some, :, None]
        add_product(product, roots.flatten(1), turned, beta=0)
        here += product[: len(here)]
