"""Measures what the page of a run costs: headline, lists with filters, one match, text search, report.html.

Embeddings and neighbours are planted, so that nothing is searched. Beside each part is a plain way to do it: sorting
the confidences once for a list, a loop over the names for a text, one explanation after the other for details.

    python tools/bench/bench_review.py --threads 1                  # 100,000 entities per graph
    python tools/bench/bench_review.py --entities 1000000 --threads 1
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import measure, parser, report, row, start

from mmkg.config.experiment import Experiment
from mmkg.config.search import SearchConfig
from mmkg.data.entities import EntityTable
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import LinkSplit
from mmkg.evaluation import Protocol
from mmkg.report import RunRecord
from mmkg.result.embeddings import Embeddings
from mmkg.result.result import AlignmentResult
from mmkg.review import RunView
from mmkg.review.report import report_of
from mmkg.search import Neighbors
from mmkg.search.neighbors import sort_neighbors

MODALITIES = ("structure", "relation", "attribute", "name")
WIDTH = 32  # of each modality
LISTED = 10
DETAILS = 100


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--entities", type=int, default=100_000, help="per graph")
    args = start(options)
    report("review", rows_of(3000 if args.small else args.entities), args)


def rows_of(number: int) -> list[dict[str, Any]]:
    """A row of each part of the page."""
    result = planted(number)
    view = RunView(result)
    rows = [row("headline, the first time", f"{number:,} per graph", measure(view.summary)[1], headline=True)]
    confidence = view.columns.confidence
    assert confidence is not None
    pairs = view.columns.pairs[:DETAILS]
    names = [name.casefold() for name in view.sides[0].table.names]
    parts: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
        "100 rows, least sure first": (view.matches, lambda: np.argsort(confidence), "sort of the confidences"),
        "by margin": (lambda: view.matches(max_margin=0.2), lambda: np.argsort(confidence), "sort of the confidences"),
        "a modality disagrees": (
            lambda: view.matches(disagrees="name"),
            lambda: np.argsort(confidence),
            "sort of the confidences",
        ),
        "left without a counterpart": (
            lambda: view.matches(show="left"),
            lambda: np.argsort(confidence),
            "sort of the confidences",
        ),
        "rows with a text": (
            lambda: view.matches(query="entity 77"),
            lambda: [name for name in names if "entity" in name and "77" in name],
            "loop over the names",
        ),
        f"{DETAILS} matches in detail": (
            lambda: view.details.of(pairs, lambda side, place: []),
            lambda: [result.explain(tuple(pair)) for pair in pairs[:2].tolist()],
            "explanations",
        ),
    }
    for stage, (work, plain, what) in parts.items():
        spent, other = measure(work, repeats=3, warmup=1)[1], measure(plain, repeats=3)[1]
        times = DETAILS / 2 if what == "explanations" else 1
        plain_cpu_s = times * other["cpu_s"]
        note = f"{spent['cpu_s'] / max(plain_cpu_s, 1e-9):.2g} times the {what}"
        rows.append(row(stage, "", spent, plain_cpu_s=plain_cpu_s, note=note))
    html, spent = measure(lambda: report_of(result))
    rows.append(row("report.html", "", spent, headline=True, note=f"{len(html.encode()) / 1e6:.2f} MB"))
    return rows


def planted(number: int) -> AlignmentResult:
    """A run in which left row k belongs to right row k; nine of ten pairs are alike, the others are not."""
    rng = np.random.default_rng(0)
    left = rng.standard_normal((number, len(MODALITIES), WIDTH), dtype=np.float32)
    apart = np.where(rng.random((number, 1, 1)) < 0.9, rng.uniform(0.2, 1, (number, 1, 1)), 20).astype(np.float32)
    right = left + apart * rng.standard_normal(left.shape, dtype=np.float32)
    sides = [_unit(each).reshape(number, -1) for each in (left, right)]
    tables = [_table(side, number) for side in ("left", "right")]
    links = np.stack([rng.permutation(number)] * 2, axis=1)[: number // 3]
    split = LinkSplit(links[: number // 10], links[number // 10 : number // 6], links[number // 6 :])
    search = SearchConfig(csls_k=0)
    result = AlignmentResult(
        embeddings=Embeddings(sides[0], sides[1], dict.fromkeys(MODALITIES, WIDTH)),
        entities=(tables[0], tables[1]),
        links=split,
        experiment=Experiment(model="propagation", search=search),
        protocol=Protocol(csls_k=0, modalities=MODALITIES, num_train=len(split.train), num_valid=len(split.valid)),
        metrics={},
        record=RunRecord.collect(seed=0, device="cpu"),
        description={"name": "planted"},
        device="cpu",
        graphs=(_graph(tables[0], rng), _graph(tables[1], rng)),
    )
    ids = rng.integers(0, number, (number, LISTED))
    ids[:, 0] = np.arange(number)
    others = [_neighbors(sides[0], sides[1], ids), _neighbors(sides[1], sides[0], ids[:, ::-1])]
    result.searcher.keep_lists((others[0], others[1]))
    return result


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows ``[n, M, d]`` whose parts are equally long and whose length is 1."""
    lengths: np.ndarray = np.linalg.norm(rows, axis=2, keepdims=True) * np.sqrt(len(MODALITIES))
    found: np.ndarray = (rows / lengths).astype(np.float32)
    return found


def _neighbors(own: np.ndarray, other: np.ndarray, ids: np.ndarray) -> Neighbors:
    scores = np.stack([np.einsum("nd,nd->n", own, other[column]) for column in ids.T], axis=1)
    return sort_neighbors(ids, scores.astype(np.float32))


def _table(side: str, number: int) -> EntityTable:
    labels = [f"http://{side}.example.org/resource/Entity_{k}" for k in range(number)]
    names = [f"Entity {k}" for k in range(number)]
    return EntityTable(labels, names, names)


def _graph(table: EntityTable, rng: np.random.Generator) -> KnowledgeGraph:
    """Three triples and one fact per entity; one fact of twenty is wrong."""
    number = len(table.labels)
    ends = rng.integers(0, number, (3 * number, 2))
    triples = np.stack([ends[:, 0], rng.integers(0, 20, len(ends)), ends[:, 1]], axis=1)
    years = np.where(rng.random(number) < 0.05, 1700, 1800 + np.arange(number) % 200)
    facts = AttributeTriples(np.arange(number), np.zeros(number, np.int64), ("born",), list(map(str, years.tolist())))
    relations = tuple(f"relation {k}" for k in range(20))
    return KnowledgeGraph(table.labels, relations, triples, facts, names=table.names)


if __name__ == "__main__":
    main()
