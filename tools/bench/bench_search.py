"""Measures nearest-neighbour search of planted counterparts, and the loss of Hits@1 against exact search.

Left rows are right rows with noise. The right rows lie in a 32-dimensional space, in 500 clusters or unclustered.
Floors are the products of all pairs at the sgemm rate of the same process. Flat and exact search beyond 20,000 queries,
and plain IVF always, are timed on a part of the queries (column "timed") and scaled linearly. The base "modalities" is
a joint embedding of five parts; each side of each entity lacks 30 % of them, independently. It compares one set of IVF
lists with separate lists for each part, both with automatically chosen numbers of lists.
Example: python tools/bench/bench_search.py --size 1000000 --dim 300 --bases unclustered
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from harness import measure, parser, report, row, sgemm_rate, start

from mmkg.search import Neighbors, build_index, faiss_index
from mmkg.search.csls import pair_means
from mmkg.search.means import csls_pair_means
from mmkg.search.tiles import ScorePasses
from mmkg.search.vectors import prepare

LATENT, CLUSTERS, BLOCK = 32, 500, 50_000
TIMED = 20_000  # queries of a flat search
WIDTHS, MISSING = (100, 50, 50, 50, 50), 0.3


def planted(size: int, dim: int, *, clusters: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Left and right rows, float32 ``[size, dim]``; equal row numbers are counterparts."""
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((LATENT, dim), dtype=np.float32)
    centres = rng.standard_normal((max(1, clusters), LATENT), dtype=np.float32)
    left, right = np.empty((size, dim), np.float32), np.empty((size, dim), np.float32)
    for first in range(0, size, BLOCK):
        count = min(BLOCK, size - first)
        latent = rng.standard_normal((count, LATENT), dtype=np.float32)
        if clusters:
            latent = centres[rng.integers(0, clusters, count)] + 0.4 * latent
        block = latent @ spread + 0.5 * rng.standard_normal((count, dim), dtype=np.float32)
        right[first : first + count] = block
        left[first : first + count] = block + noise * rng.standard_normal((count, dim), dtype=np.float32)
    return left, right


def scaled(spent: dict[str, float], share: float) -> dict[str, float]:
    return spent | {name: spent[name] * share for name in ("cpu_s", "wall_s")}


def build_and_search(queries: np.ndarray, base: np.ndarray, k: int, kind: str) -> Neighbors:
    found: Neighbors = build_index(base, kind=kind, device="cpu").search(queries, k)
    return found


def flat_rows(left: np.ndarray, right: np.ndarray, k: int, rate: float, size: str) -> list[dict[str, Any]]:
    """FAISS flat and exact torch search, and the CSLS means of both sides."""
    count, dim = right.shape
    timed = min(count, TIMED)
    floor = 2 * count**2 * dim / rate
    rows = []
    for kind in ("flat", "exact"):
        found, spent = measure(partial(build_and_search, left[:timed], right, k, kind))
        hits = float((found.ids[:, 0] == np.arange(timed)).mean())
        spent = scaled(spent, count / timed)
        rows.append(
            row("build and search", size, spent, floor_cpu_s=floor, kind=kind, k=k, timed=timed, hits_at_1=hits)
            | {"of_sgemm": floor / spent["cpu_s"], "headline": kind == "flat"}
            | {"note": f"{kind}, {floor / spent['cpu_s']:.2f} of sgemm, {spent['above_mb']:,.0f} MB above the data"}
        )
    lefts, rights = (prepare(side, "rows", normalise=True) for side in (left[:timed], right))
    _, spent = measure(lambda: pair_means(ScorePasses(lefts, rights), 3))
    spent = scaled(spent, count / timed)
    return [
        *rows,
        row("CSLS means of both sides", size, spent, floor_cpu_s=floor, kind="exact", k=3, timed=timed)
        | {"of_sgemm": floor / spent["cpu_s"]},
    ]


def copy_rows(size: int, dim: int, k: int, kinds: int = 5) -> list[dict[str, Any]]:
    """Flat search and CSLS means of rows that are copies of a few vectors, as those of the neighbours of a hub."""
    few = np.random.default_rng(3).standard_normal((kinds, dim), dtype=np.float32)
    rows = few[np.random.default_rng(4).integers(0, kinds, size)]
    name = f"{size:,} x {size:,}, d={dim}, copies of {kinds}"
    _, searched = measure(partial(build_and_search, rows, rows, k, "flat"))
    _, averaged = measure(partial(csls_pair_means, rows, rows, 3, kind="exact"))
    return [
        row("build and search", name, searched, kind="flat", k=k, timed=size) | {"note": "flat, each vector once"},
        row("CSLS means of both sides", name, averaged, kind="exact", k=3, timed=size),
    ]


def ivf_rows(left: np.ndarray, right: np.ndarray, k: int, size: str) -> list[dict[str, Any]]:
    """IVF with the number of lists it chooses: list by list, and query by query as in plain FAISS."""
    index, built = measure(lambda: build_index(right, kind="ivf", device="cpu"))
    lists, tuned = measure(lambda: index.tune(left))
    rows = [row("build", size, built, kind="ivf"), row("tune", size, tuned, kind="ivf", nprobe=lists)]
    sample = np.sort(np.random.default_rng(2).choice(len(left), min(2000, len(left)), replace=False))
    index.config = replace(index.config, nprobe=None)  # few queries: reads all lists
    exact = np.concatenate([index.search(left[some], 1).ids[:, 0] for some in np.array_split(sample, 2)])
    index.config = replace(index.config, nprobe=lists)
    for places in dict.fromkeys((1, k)):
        timed = max(min(len(left), 1000), len(left) // 50)
        grouped_from = faiss_index.GROUPED_FROM
        try:
            faiss_index.GROUPED_FROM = 0
            found, together = measure(partial(index.search, left, places))
            faiss_index.GROUPED_FROM = 1 << 62
            _, alone = measure(partial(index.search, left[:timed], places))
        finally:
            faiss_index.GROUPED_FROM = grouped_from
        alone = scaled(alone, len(left) / timed)
        right_ones = found.ids[:, 0] == np.arange(len(left))
        common: dict[str, Any] = {"kind": "ivf", "k": places, "nprobe": lists}
        rows += [
            row("search query by query", size, alone, **common, timed=timed),
            row("search list by list", size, together, **common, timed=len(left))
            | {
                "times_plain": alone["cpu_s"] / together["cpu_s"],
                "hits_at_1": float(right_ones.mean()),
                "missed_of_exact": float((found.ids[sample, 0] != exact).mean()),
                "hits_at_1_lost": float((exact == sample).mean() - right_ones[sample].mean()),
                "headline": True,
                "note": f"k = {places}, {lists} lists read, {alone['cpu_s'] / together['cpu_s']:.1f} times as fast as "
                f"plain IVF, {float((found.ids[sample, 0] != exact).mean()):.2%} of nearest neighbours missed",
            },
        ]
    return rows


def joint(size: int, *, seed: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Left and right rows of unit length, one part per modality; equal row numbers are counterparts."""
    rng = np.random.default_rng(seed)
    sides = np.zeros((2, size, sum(WIDTHS)), np.float32)
    kept = rng.integers(0, len(WIDTHS), size)  # a part that the entity has on both sides
    start = 0
    for part, width in enumerate(WIDTHS):
        shared = rng.standard_normal((size, width), dtype=np.float32)
        for side in sides:
            block = shared + 0.5 * rng.standard_normal(shared.shape, dtype=np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            block[(rng.random(size) < MISSING) & (kept != part)] = 0
            side[:, start : start + width] = block
        start += width
    for side in sides:
        side /= np.linalg.norm(side, axis=1, keepdims=True)
    return sides[0], sides[1]


def modality_rows(size: int) -> list[dict[str, Any]]:
    """IVF over whole vectors and IVF lists per part: lists read, cost and loss."""
    left, right = joint(size)
    sample = np.sort(np.random.default_rng(2).choice(size, min(2000, size), replace=False))
    exact = build_index(right, kind="flat", device="cpu").search(left[sample], 1).ids[:, 0]
    rows = []
    for kind in ("ivf", "parts"):
        parts = WIDTHS if kind == "parts" else ()
        index, built = measure(partial(build_index, right, kind=kind, device="cpu", parts=parts))
        lists = index.tune(left) * max(1, len(parts))
        found, spent = measure(partial(index.search, left, 1))
        right_ones = found.ids[sample, 0] == sample
        losses = {
            "missed_of_exact": float((found.ids[sample, 0] != exact).mean()),
            "hits_at_1": float((found.ids[:, 0] == np.arange(size)).mean()),
            "hits_at_1_lost": float((exact == sample).mean() - right_ones.mean()),
        }
        name = f"{size:,} x {size:,}, d={sum(WIDTHS)}, modalities"
        rows += [
            row("build", name, built, kind=kind),
            row("search of five parts", name, spent, kind=kind, k=1, nprobe=lists, timed=size)
            | losses
            | {"headline": True, "note": f"{kind}, {lists} lists read, {losses['missed_of_exact']:.2%} missed"},
        ]
    return rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--size", type=int, default=50_000, help="rows on each side")
    made.add_argument("--dim", type=int, default=300)
    made.add_argument("-k", type=int, default=10, help="neighbours per query; IVF is also timed with 1")
    made.add_argument(
        "--noise",
        type=float,
        default=3.0,
        help="standard deviation of the noise per column; that of the right rows is 5.7",
    )
    made.add_argument("--bases", default="unclustered,clustered")
    made.add_argument(
        "--parts",
        default="flat,copies,ivf,modalities",
        help="measurements, comma-separated: flat, copies, ivf, modalities",
    )
    args = start(made)
    size, dim = (6000, 32) if args.small else (args.size, args.dim)
    rate = sgemm_rate()
    rows = []
    for base in args.bases.split(","):
        left, right = planted(size, dim, clusters=CLUSTERS if base == "clustered" else 0, noise=args.noise)
        name = f"{size:,} x {size:,}, d={dim}, {base}"
        if "flat" in args.parts.split(",") and base == args.bases.split(",")[0]:  # clusters change nothing there
            rows += flat_rows(left, right, args.k, rate, name)
        if "ivf" in args.parts.split(","):
            rows += ivf_rows(left, right, args.k, name)
        del left, right
    if "copies" in args.parts.split(","):
        rows += copy_rows(size, dim, args.k)
    if "modalities" in args.parts.split(","):
        rows += modality_rows(size)
    report("search", rows, args)


if __name__ == "__main__":
    main()
