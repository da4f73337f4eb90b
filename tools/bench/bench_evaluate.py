"""Measures exact evaluation with CSLS, both directions: CPU-seconds, peak memory, distance from the GEMM floor.

The floor is one product of all left and right rows at the sgemm rate of the same process. Input: random unit vectors.
The last rows rank the links of a run, whose CSLS means and lists of nearest neighbours are known already.
Compare ratios within one run, not seconds across machines.
Example: python tools/bench/bench_evaluate.py --size 10500 --width 600
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from harness import measure, parser, report, row, sgemm_rate, start

from mmkg.evaluation import evaluate, evaluate_sample
from mmkg.search.both_ways import nearest_both_ways

LISTED = 10


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--size", type=int, default=10_500, help="number of test links, and of candidates on each side")
    made.add_argument("--width", type=int, default=600, help="width of the joint embedding")
    made.add_argument("--repeats", type=int, default=3)
    args = start(made)
    size, width = (1500, 100) if args.small else (args.size, args.width)

    generator = torch.Generator().manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(size, width, generator=generator), dim=1)
    right = torch.nn.functional.normalize(left + 0.12 * torch.randn(left.shape, generator=generator), dim=1)
    links = np.stack([np.arange(size)] * 2, axis=1)
    floor = 2 * size**2 * width / sgemm_rate()
    dense = 4 * size**2

    rows = []
    for csls_k, memory_bytes, how in (
        (3, dense + (1 << 20) * width, "scores kept"),
        (3, 64 << 20 if dense > 64 << 20 else dense // 4, "scores computed twice"),
        (0, dense + (1 << 20) * width, "scores kept"),
    ):
        metrics, spent = measure(
            partial(evaluate, left, right, links, csls_k=csls_k, device="cpu", memory_bytes=memory_bytes),
            repeats=1 if args.small else args.repeats,
        )
        rows.append(
            row(
                "evaluation",
                f"{size:,} x {size:,}, d={width}",
                spent,
                floor_cpu_s=floor,
                csls_k=csls_k,
                how=how,
                note=f"CSLS k = {csls_k}, both directions, {spent['wall_s']:.2f} s wall",
                hits_at_1=metrics["left_to_right"]["hits@1"],
                dense_mb=dense / 1e6,
                headline=csls_k == 3 and how == "scores kept",
            )
        )
    both = nearest_both_ways(left, right, LISTED, csls_k=3, device="cpu")
    known: dict[str, Any] = {"csls_k": 3, "candidates": "all", "means": both.means, "device": "cpu"}
    for lists, how in ((None, "means known"), ((both.left, both.right), "means and lists known")):
        metrics, spent = measure(partial(evaluate_sample, left, right, links, links, lists=lists, **known))
        note = f"CSLS k = 3, both directions, {how}"
        more = {"csls_k": 3, "how": how, "note": note, "hits_at_1": metrics["left_to_right"]["hits@1"]}
        rows.append(row("evaluation", f"{size:,} x {size:,}, d={width}", spent, floor_cpu_s=floor, **more))
    report("evaluate", rows, args)


if __name__ == "__main__":
    main()
