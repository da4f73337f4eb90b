"""Measures implementations of the weighted sum over neighbours, with gradients for rows and weights.

A synthetic graph with DBP15K's size and skew, two heads as in MCLEA and MEAformer, one process. "mmkg" is
mmkg.encoders.weighted_sum; the others come from torch and PyG. All give the same sums and gradients.
Example: python tools/bench/bench_kernels.py --entities 39000 --width 300
"""

from collections.abc import Callable
from functools import partial

import torch
from harness import gather_rate, measure, parser, report, row, start
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import scatter

from mmkg.data.tensors.adjacency import adjacency
from mmkg.data.tensors.sparse import sparse_rows
from mmkg.encoders import weighted_sum
from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs

Way = Callable[[Tensor, EdgeIndex, Tensor], Tensor]
HEADS = 2


def fused(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """mmkg's: embedding bags of all heads in one pass, sampled products for the gradient of the weights."""
    return weighted_sum(x, edge_index, weight)


def scattered(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """PyG's plain message passing: a tensor of edges x width per head."""
    source, target = edge_index.as_tensor()
    total: Tensor = sum(scatter(w[:, None] * x[source], target, dim=0, dim_size=len(x)) for w in weight.unbind(dim=1))
    return total


def segmented(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """torch.segment_reduce over edges sorted by target, as large as scatter."""
    (offsets, source), _ = edge_index.get_csc()
    parts = [torch.segment_reduce(w[:, None] * x[source], "sum", offsets=offsets, axis=0) for w in weight.unbind(1)]
    return torch.stack(parts).sum(dim=0)


def sparse_product(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """torch.sparse.mm of one CSR matrix per head, with torch's gradient."""
    (offsets, source), _ = edge_index.get_csc()
    shape = (len(offsets) - 1, len(x))
    total: Tensor = sum(torch.sparse.mm(sparse_rows(offsets, source, w, shape), x) for w in weight.unbind(dim=1))
    return total


WAYS: dict[str, Way] = {"mmkg": fused, "torch sparse CSR": sparse_product, "scatter": scattered, "segment": segmented}


def step(way: Way, x: Tensor, edge_index: EdgeIndex, weight: Tensor, pull: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The sum, and the gradients of rows and weights for the output gradient ``pull``."""
    out = way(x, edge_index, weight)
    grad_x, grad_weight = torch.autograd.grad(out, (x, weight), pull)
    return out.detach(), grad_x, grad_weight


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--entities", type=int, default=39_000, help="entities of both graphs together")
    made.add_argument("--width", type=int, default=300)
    made.add_argument("--repeats", type=int, default=3)
    args = start(made)
    entities, width = (1000, 20) if args.small else (args.entities, args.width)
    task = twin_graphs(entities, image_dim=0, names=False, **{**LIKE_DBP15K, "mean_degree": 7})
    edge_index, _ = adjacency(task.left.triples, entities)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(entities, width, generator=generator).requires_grad_()
    weight = torch.rand(edge_index.shape[1], HEADS, generator=generator).requires_grad_()
    pull = torch.randn(entities, width, generator=generator)
    edges = edge_index.shape[1]
    # rows of x forward; rows of the gradient back; both for the weights
    gathered = 4 * width * edges * (1 + 1 + 2)
    floor = gathered / gather_rate(edge_index.as_tensor()[0], rows=entities, width=width)
    rows, mmkg = [], 0.0
    for name, way in WAYS.items():
        _, spent = measure(partial(step, way, x, edge_index, weight, pull), repeats=args.repeats, warmup=1)
        mmkg = mmkg or spent["cpu_s"]
        note = f"{name}, {spent['cpu_s'] / mmkg:.1f} times mmkg's, {spent['above_mb']:,.0f} MB above the data"
        size = f"{entities:,} entities, {edges:,} edges, d={width}, {HEADS} heads"
        rows.append(row("neighbour sum", size, spent, floor_cpu_s=floor, way=name, note=note, headline=True))
    report("kernels", rows, args)


if __name__ == "__main__":
    main()
