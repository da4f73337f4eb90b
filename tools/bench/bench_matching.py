"""Measures matching of planted counterparts: CPU-seconds, peak memory, and how many pairs are right.

The floor is the matrix products that any exact method needs: one of all rows for the CSLS means and one per direction
for the neighbours, at the sgemm rate of the same process. Hungarian uses the k nearest neighbours of both sides.
Example: python tools/bench/bench_matching.py --size 20000
"""

from functools import partial

import numpy as np
from bench_search import planted
from harness import measure, parser, report, row, sgemm_rate, start

from mmkg.matching import MATCHERS


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--size", type=int, default=20_000, help="entities on each side")
    made.add_argument("--dim", type=int, default=300)
    made.add_argument("-k", type=int, default=10, help="candidates per entity for greedy and hungarian")
    made.add_argument("--methods", default="mutual,greedy,hungarian")
    made.add_argument("--kind", default="auto", help="index kind for the candidate lists")
    args = start(made)
    size, dim = (2000, 32) if args.small else (args.size, args.dim)

    left, right = planted(size, dim, clusters=0, noise=4.0)
    order = np.random.default_rng(1).permutation(size)
    right = right[order]
    place = np.argsort(order)  # position of the counterpart of each left row
    floor = 3 * 2 * size**2 * dim / sgemm_rate()
    rows = []
    for name in args.methods.split(","):
        found, spent = measure(partial(MATCHERS[name], left, right, k=args.k, kind=args.kind, device="cpu"))
        rows.append(
            row(
                "matching",
                f"{size:,} + {size:,}, d={dim}",
                spent,
                floor_cpu_s=floor,
                method=name,
                k=args.k,
                note=name,
                headline=True,
                pairs=len(found),
                right_pairs=float((found.right == place[found.left]).mean()),
            )
        )
    report("matching", rows, args)


if __name__ == "__main__":
    main()
