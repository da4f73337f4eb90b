"""Compares search with other libraries: the same vectors, the same recall, CPU-seconds and bytes per vector.

Left rows are right rows with noise, in clusters or not, see bench_search.py. Every library finds the 10 nearest right
rows of the left rows, by the inner product of unit vectors, on one thread. Where a library has a setting that trades
time for recall, the smallest value of a ladder is taken that finds the nearest row of 99.9 % of the queries; mmkg
chooses its own (its tuning counts as building). Searches are timed on a part of the queries (column "timed") and scaled
linearly to all of them. Libraries that are not installed are left out with a word: pip install mmkg[bench], and
hnswlib, which needs a compiler.
Example: python tools/bench/bench_peers.py --size 100000 --threads 1
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from bench_search import CLUSTERS, planted, scaled
from harness import measure, parser, report, row, start

from mmkg.search import build_index
from mmkg.search.faiss_module import import_faiss
from mmkg.search.index import memory_of
from mmkg.typing import FloatArray, IntArray

K, RECALL = 10, 0.999
WIDTHS = (10, 16, 32, 64, 128, 256, 512, 1024)  # of a search of a graph
LISTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # that are read
LINKS, BUILD = 16, 100  # of graphs: links per vector, and width of the search while building
Search = Callable[[FloatArray, int], IntArray]  # queries and a value of the ladder -> ids, nearest first


@dataclass(frozen=True)
class Peer:
    """One way to search.

    Args:
        library, kind: its name.
        build: from base and queries to a search, and the bytes of a vector.
        ladder: values of its setting, ascending; (0,) = it has none.
    """

    library: str
    kind: str
    build: Callable[[FloatArray, FloatArray], tuple[Search, float]]
    ladder: Sequence[int] = (0,)


def own(kind: str, base: FloatArray, queries: FloatArray, **options: Any) -> tuple[Search, float]:
    index: Any = build_index(base, kind=kind, metric="ip", device="cpu", **options)
    if len(rows := index.tuning_rows(len(queries))):
        index.tune(queries[rows])

    def found(some: FloatArray, width: int) -> IntArray:
        if width:
            index.config = replace(index.config, ef_search=width)
        ids: IntArray = index.search(some, K).ids
        return ids

    return found, memory_of(kind, len(base), base.shape[1], index.config) / len(base)


def faiss_flat(base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    index = import_faiss().IndexFlatIP(base.shape[1])
    index.add(base)
    return lambda some, _: index.search(some, K)[1], 4 * base.shape[1]


def faiss_lists(base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    """``IVF,PQx4fs,Refine(SQfp16)``: the fastest FAISS index of these vectors at this recall."""
    faiss, dim = import_faiss(), base.shape[1]
    nlist, groups = min(round(2 * len(base) ** 0.5), len(base) // 39), dim // 2
    index = faiss.index_factory(dim, f"IVF{nlist},PQ{groups}x4fsr,Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT)
    lists = faiss.extract_index_ivf(index)
    lists.by_residual, lists.cp.spherical, lists.cp.min_points_per_centroid = False, True, 1
    index.train(base[np.random.default_rng(0).choice(len(base), min(len(base), 64 * nlist), replace=False)])
    index.add(base)

    def found(some: FloatArray, nprobe: int) -> IntArray:
        inner = faiss.SearchParametersIVF(nprobe=min(nprobe, nlist))
        settings = faiss.IndexRefineSearchParameters(k_factor=3.2, base_index_params=inner)
        ids: IntArray = index.search(some, K, params=settings)[1]
        return ids

    return found, groups / 2 + 8 + 2 * dim


def faiss_graph(base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    faiss = import_faiss()
    index = faiss.IndexHNSWFlat(base.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD
    index.add(base)
    found = lambda some, ef: index.search(some, K, params=faiss.SearchParametersHNSW(efSearch=ef))[1]  # noqa: E731
    return found, 4 * base.shape[1] + 4 * (2 * LINKS + 5)


def hnswlib_graph(base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    index = importlib.import_module("hnswlib").Index("ip", base.shape[1])
    index.init_index(len(base), M=LINKS, ef_construction=BUILD)
    index.set_num_threads(1)
    index.add_items(base, num_threads=1)

    def found(some: FloatArray, ef: int) -> IntArray:
        index.set_ef(ef)
        return np.asarray(index.knn_query(some, K, num_threads=1)[0]).astype(np.int64)

    return found, index.index_file_size() / len(base)


def usearch_graph(dtype: str, base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    index = importlib.import_module("usearch.index").Index(
        ndim=base.shape[1], metric="ip", dtype=dtype, connectivity=LINKS, expansion_add=BUILD
    )
    index.add(np.arange(len(base)), base, threads=1)

    def found(some: FloatArray, ef: int) -> IntArray:
        index.expansion_search = ef
        return np.asarray(index.search(some, K, threads=1).keys).reshape(len(some), -1).astype(np.int64)

    return found, index.serialized_length / len(base)


def sklearn_brute(base: FloatArray, queries: FloatArray) -> tuple[Search, float]:
    neighbors = importlib.import_module("sklearn.neighbors")
    index = neighbors.NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=1).fit(
        base
    )  # of unit rows: as the cosine
    return lambda some, _: index.kneighbors(some, return_distance=False), 4 * base.shape[1]


def peers() -> Iterator[Peer]:
    """All ways to search whose library is installed."""
    yield Peer("faiss", "flat", faiss_flat)
    yield Peer("faiss", "ivf pq4 refined", faiss_lists, LISTS)
    yield Peer("faiss", "hnsw", faiss_graph, WIDTHS)
    others = {
        "hnswlib": [Peer("hnswlib", "hnsw", hnswlib_graph, WIDTHS)],
        "usearch": [Peer("usearch", f"hnsw {dtype}", partial(usearch_graph, dtype), WIDTHS) for dtype in ("f32", "i8")],
        "sklearn": [Peer("scikit-learn", "brute", sklearn_brute)],
    }
    for library, found in others.items():
        if importlib.util.find_spec(library) is None:
            print(f"{library} is not installed, left out", file=sys.stderr)
        else:
            yield from found
    for kind in ("flat", "fp16", "sq8", "ivf", "pq4"):
        yield Peer("mmkg", kind, partial(own, kind))
    yield Peer("mmkg", "hnsw", partial(own, "hnsw"), WIDTHS)
    yield Peer("mmkg", "pq4 of 8 bits", partial(own, "pq4", refine="sq8"))


def compared(
    left: FloatArray, right: FloatArray, name: str, timed: int, *, graphs: bool = True
) -> list[dict[str, Any]]:
    """One row per way to search, with the setting that reaches the recall."""
    queries = left[np.sort(np.random.default_rng(5).choice(len(left), timed, replace=False))]
    nearest = faiss_flat(right, queries)[0](queries, 0)[:, 0]
    rows: list[dict[str, Any]] = []
    for peer in peers():
        if peer.kind.startswith("hnsw") and not graphs:
            continue
        (search, row_bytes), built = measure(partial(peer.build, right, left))
        for value in peer.ladder:
            found, spent = measure(partial(search, queries, value))
            if (recall := float((found[:, 0] == nearest).mean())) >= RECALL:
                break
        spent = scaled(spent, len(left) / timed)
        whole = {part: built[part] + spent[part] for part in ("cpu_s", "wall_s")}
        rows.append(
            row("build and search", name, whole | {"peak_rss_mb": max(built["peak_rss_mb"], spent["peak_rss_mb"])})
            | {"library": peer.library, "kind": peer.kind, "setting": value or None, "timed": timed}
            | {
                "build_cpu_s": built["cpu_s"],
                "search_cpu_s": spent["cpu_s"],
                "bytes_per_row": row_bytes,
                "recall_at_1": recall,
            }
        )
    reached = [each for each in rows if each["recall_at_1"] >= RECALL]
    for each in rows:
        if each["library"] == "mmkg":
            others = [other for other in reached if other["library"] != "mmkg"]
            each["times_best_peer"] = each["cpu_s"] / min(other["cpu_s"] for other in others)
            lean = [other["cpu_s"] for other in others if other["bytes_per_row"] <= each["bytes_per_row"]]
            each["times_best_peer_of_no_more_bytes"] = each["cpu_s"] / min(lean) if lean else None
            each["headline"] = each["kind"] in ("flat", "pq4", "sq8")
            each["note"] = (
                f"{each['kind']}, {each['times_best_peer']:.2f} of the best peer's CPU-seconds at recall "
                f"{each['recall_at_1']:.4f}, {each['bytes_per_row']:,.0f} bytes per vector"
            )
    return rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--size", type=int, default=20_000, help="rows on each side")
    made.add_argument("--dim", type=int, default=300)
    made.add_argument("--timed", type=int, default=2000, help="queries of a timed search")
    made.add_argument("--no-graphs", action="store_true", help="leave out graphs (hnsw), which take long to build")
    made.add_argument("--bases", default="unclustered,clustered")
    args = start(made)
    size, dim, timed = (3000, 32, 500) if args.small else (args.size, args.dim, min(args.timed, args.size))
    import_faiss().omp_set_num_threads(1)
    rows = []
    for base in args.bases.split(","):
        sides = planted(size, dim, clusters=CLUSTERS if base == "clustered" else 0, noise=0.3 if args.small else 3.0)
        left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
        rows += compared(left, right, f"{size:,} x {size:,}, d={dim}, {base}", timed, graphs=not args.no_graphs)
    report("peers", rows, args)


if __name__ == "__main__":
    main()
