"""Measures matching of planted counterparts: CPU-seconds, peak memory, and how many pairs are right.

The floor is one product of all left and right rows, which any exact method needs, at the sgemm rate of the same
process; "products" are CPU-seconds in units of that product as the library computes it. Hungarian uses the k nearest
neighbours of both sides. The last rows are the links of a run, from embeddings to confidences: CSLS means, mutual
matches and the margins of either side, each by its own search of all pairs, and by lists from one pass.
Example: python tools/bench/bench_matching.py --size 20000
"""

from functools import partial
from typing import Any

import numpy as np
from bench_search import planted
from harness import measure, parser, report, row, sgemm_rate, start

from mmkg.matching import MATCHERS, Matching
from mmkg.matching.held_out import pair_margins
from mmkg.search import Index, Neighbors, build_index, csls_neighbors
from mmkg.search.both_ways import nearest_both_ways
from mmkg.search.means import csls_pair_means
from mmkg.search.tiles import score_tiles
from mmkg.search.vectors import prepare

CSLS = 3
LISTED = 10


def one_product(left: np.ndarray, right: np.ndarray) -> None:
    """All scores, block by block, of which none is kept."""
    lefts, rights = (prepare(side, "rows", normalise=True) for side in (left, right))
    for _ in score_tiles(lefts, rights):
        pass


def links_by_searches(left: np.ndarray, right: np.ndarray) -> tuple[Matching, np.ndarray]:
    """Matches and their margins: means, matches and margins of either side are five passes over all scores."""
    means = csls_pair_means(left, right, CSLS, device="cpu")
    sides = {"left": (left, right, *means), "right": (right, left, *means[::-1])}
    indexes: dict[str, Index] = {}
    for side, (_, base, _, mean) in sides.items():
        vectors = np.concatenate([base, -mean[:, None]], axis=1, dtype=np.float32)
        indexes[side] = build_index(vectors, kind="flat", metric="ip", device="cpu")
    both = (indexes["left"], indexes["right"])
    found = MATCHERS["mutual"](left, right, csls_k=CSLS, device="cpu", means=means, indexes=both)

    def nearest(rows: np.ndarray, k: int, side: str) -> Neighbors:
        queries, _, mean, _ = sides[side]
        vectors = np.concatenate([2 * queries[rows], np.ones((len(rows), 1), np.float32)], axis=1)
        return csls_neighbors(indexes[side].search(vectors, k), mean[rows])

    return found, pair_margins(found.pairs, found.score, nearest)


def links_by_lists(left: np.ndarray, right: np.ndarray) -> tuple[Matching, np.ndarray]:
    """The same from the lists of one pass."""
    both = nearest_both_ways(left, right, LISTED, csls_k=CSLS, device="cpu")
    lists = {"left": both.left, "right": both.right}
    known: dict[str, Any] = {"means": both.means, "lists": (both.left, both.right)}
    found = MATCHERS["mutual"](left, right, csls_k=CSLS, device="cpu", **known)

    def nearest(rows: np.ndarray, k: int, side: str) -> Neighbors:
        return Neighbors(lists[side].ids[rows, :k], lists[side].scores[rows, :k])

    return found, pair_margins(found.pairs, found.score, nearest)


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
    left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right))
    place = np.argsort(order)  # position of the counterpart of each left row
    name, floor = f"{size:,} + {size:,}, d={dim}", 2 * size**2 * dim / sgemm_rate()
    _, product = measure(partial(one_product, left, right), warmup=1 if args.small else 0)

    def line(stage: str, spent: dict[str, float], found: Matching, **columns: Any) -> dict[str, Any]:
        columns["products"] = spent["cpu_s"] / product["cpu_s"]
        columns |= {"pairs": len(found), "right_pairs": float((found.right == place[found.left]).mean())}
        return row(stage, name, spent, floor_cpu_s=floor, headline=True, **columns)

    rows = [row("one product", name, product, floor_cpu_s=floor)]
    for method in args.methods.split(","):
        found, spent = measure(partial(MATCHERS[method], left, right, k=args.k, kind=args.kind, device="cpu"))
        rows.append(line("matching", spent, found, method=method, k=args.k, note=method))
    answers = []
    for how, links in (("a search each", links_by_searches), ("lists of one pass", links_by_lists)):
        (found, margins), spent = measure(partial(links, left, right))
        answers.append((found, margins))
        rows.append(line("means, matches and margins", spent, found, method="mutual", note=how))
    (before, old), (after, new) = answers
    if before.pairs.tolist() != after.pairs.tolist() or float(np.abs(old - new).max(initial=0)) > 1e-4:
        raise SystemExit("the lists of one pass give other matches or margins than a search each")
    report("matching", rows, args)


if __name__ == "__main__":
    main()
