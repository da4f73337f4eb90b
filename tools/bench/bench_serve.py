"""Measures a warm server of a large run: searches of entities, candidates and lookups, beside FAISS's own rate.

The run is planted: vectors of 100,000 entities per graph with their noisy twins, names of two words. Rows
named "in process" call what the server calls; "over HTTP" are requests on one kept connection to a server in a process
of its own, whose CPU time is counted. A rate is per CPU-second, so per core.

    python tools/bench/bench_serve.py --threads 1
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from harness import parser, report, row, start

WIDTH, NOISE = 128, 0.6  # of a vector, and length of its noise
PARTS = 4  # modalities
QUERIES = 2000
SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "so", "ti", "va", "ze", "chi", "dor", "fen", "gul", "han", "jes")
Rows = list[dict[str, Any]]


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--entities", type=int, default=100_000, help="entities of each graph")
    made.add_argument("--queries", type=int, default=QUERIES, help="questions of each kind")
    made.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = start(made)
    size = 2000 if args.small else args.entities
    queries = min(args.queries, 100) if args.small else args.queries
    if args.child:
        child(args.child, queries)
        return
    with server(size, args) as (facts, connection):
        rows: Rows = facts["rows"]
        for name, paths in addresses(facts["keys"], facts["texts"], queries).items():
            rows.append(over_http(name, paths, connection, facts["pid"], facts["faiss"], size))
        rows.append(lookups(facts["keys"], connection, facts["pid"], facts["faiss"], size))
    report("serve", rows, args)


def planted(size: int) -> Any:
    """A run of two graphs of one size whose entities are noisy twins of each other, with names of two words."""
    from mmkg.config.experiment import Experiment
    from mmkg.data.entities import EntityTable
    from mmkg.data.task import LinkSplit
    from mmkg.evaluation import Protocol
    from mmkg.report import RunRecord
    from mmkg.result.embeddings import Embeddings
    from mmkg.result.result import AlignmentResult

    rng = np.random.default_rng(0)
    left = rng.standard_normal((size, WIDTH), dtype=np.float32)
    right = left + NOISE * rng.standard_normal((size, WIDTH), dtype=np.float32)
    sides = [(each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float16) for each in (left, right)]
    tables = []
    for side in ("left", "right"):
        drawn = rng.integers(0, len(SYLLABLES), (size, 6)).tolist()
        names = [f"{''.join(SYLLABLES[n] for n in six[:3])} {''.join(SYLLABLES[n] for n in six[3:])}" for six in drawn]
        tables.append(EntityTable([f"http://{side}.example/{n}" for n in range(size)], names, names))
    pairs = np.stack([np.arange(size), np.arange(size)], axis=1)
    links = LinkSplit(pairs[:0], pairs[: min(1000, size // 4)], pairs[:0])
    widths = {f"part {n}": WIDTH // PARTS for n in range(PARTS)}
    return AlignmentResult(
        embeddings=Embeddings(sides[0], sides[1], widths),
        entities=(tables[0], tables[1]),
        links=links,
        experiment=Experiment(),
        protocol=Protocol(csls_k=3, candidates="all", selection="none", num_valid=len(links.valid)),
        metrics={},
        record=RunRecord.collect(seed=0, device="cpu"),
        device="cpu",
    )


def child(size: int, queries: int) -> None:
    """Build the run, measure in this process, print the rows, and serve until the input ends."""
    from mmkg.decisions.store import DecisionStore
    from mmkg.review import RunView
    from mmkg.serve.app import application
    from mmkg.serve.names import NameIndex
    from mmkg.serve.served import Served
    from mmkg.serve.server import listening, serve
    from mmkg.serve.settings import ServeConfig

    result = planted(size)
    result.searcher.lists()
    with tempfile.TemporaryDirectory() as folder:
        config = ServeConfig(reads=1e9, writes=1e9)
        served = Served(RunView(result), DecisionStore.of(folder), config)
        served.prepare()
        keys, texts = questions(result, queries)
        rows, faiss = in_process(served, keys, texts, size, NameIndex([[name] for name in result.entities[0].display]))
        found = listening("127.0.0.1", 0)
        facts = {"rows": rows, "faiss": faiss, "keys": keys, "texts": texts}
        print(json.dumps(facts | {"port": found.getsockname()[1], "pid": os.getpid()}), flush=True)
        serve(application(served), found)


def questions(result: Any, number: int) -> tuple[list[str], list[str]]:
    """Keys of entities, and parts of names: a first word, or three letters of one."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(result.left), number).tolist()
    table = result.entities[0]
    texts = [table.display[each] for each in rng.integers(0, len(result.left), number).tolist()]
    return [table.labels[each] for each in rows], [
        text.split()[0] if place % 2 else text[1:5] for place, text in enumerate(texts)
    ]


def in_process(served: Any, keys: list[str], texts: list[str], size: int, names: Any) -> tuple[Rows, float]:
    """Rows of single questions without HTTP, and the CPU-seconds of one search by FAISS."""
    import faiss

    left, right = (np.ascontiguousarray(side, np.float32) for side in (served.result.left, served.result.right))
    index = faiss.IndexFlatIP(right.shape[1])
    index.add(right)
    some = left[: min(len(left), 200)]
    flat = timed(lambda n: index.search(some[n : n + 1], 10), len(some))
    ivf: Any = faiss.index_factory(
        right.shape[1], f"IVF{max(1, round(2 * size**0.5))},Flat", faiss.METRIC_INNER_PRODUCT
    )
    ivf.train(right[:: max(1, size // 40_000)])
    ivf.add(right)
    ivf.nprobe = 8
    lists = timed(lambda n: ivf.search(some[n : n + 1], 10), len(some))
    view, per = served.view, flat["cpu_s"]
    calls: dict[str, Callable[[int], Any]] = {
        "candidates, in process": lambda n: view.candidates("left", keys[n], 5),
        "text search, in process": lambda n: view.search(texts[n], "left", 10),
        "misspelt names, in process": lambda n: names.search(texts[n] + "x", 10),
    }
    rows = [line("FAISS flat, one query", flat, per, size), line("FAISS IVF, one query", lists, per, size)]
    return rows + [line(name, timed(call, len(keys)), per, size) for name, call in calls.items()], per


def timed(call: Callable[[int], Any], number: int) -> dict[str, float]:
    """Median and 99th percentile of the wall time of a call, and its mean CPU time."""
    for n in range(min(20, number)):
        call(n)
    walls, began = [], time.process_time()
    for n in range(number):
        at = time.perf_counter()
        call(n)
        walls.append(time.perf_counter() - at)
    spent = time.process_time() - began
    return {"cpu_s": spent / number, "wall_s": float(np.median(walls)), "p99": float(np.quantile(walls, 0.99))}


def line(name: str, spent: dict[str, float], faiss: float, size: int) -> dict[str, Any]:
    """A row with rates per CPU-second and as a share of FAISS's."""
    return row(
        name,
        f"{size:,} entities",
        {"cpu_s": spent["cpu_s"], "wall_s": spent["wall_s"], "peak_rss_mb": float("nan"), "above_mb": float("nan")},
        per_cpu_s=round(1 / spent["cpu_s"], 1),
        of_faiss=round(faiss / spent["cpu_s"], 2),
        p99_ms=round(1000 * spent["p99"], 2),
        headline=True,
    )


@contextmanager
def server(size: int, args: argparse.Namespace) -> Iterator[tuple[dict[str, Any], http.client.HTTPConnection]]:
    """A server in a process of its own, and a kept connection to it."""
    words = [
        sys.executable,
        str(Path(__file__)),
        "--child",
        str(size),
        f"--threads={args.threads}",
        f"--queries={args.queries}",
    ]
    process = subprocess.Popen(words + ["--small"] * args.small, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        facts = json.loads(process.stdout.readline())
        with closing(http.client.HTTPConnection("127.0.0.1", facts["port"], timeout=120)) as connection:
            yield facts, connection
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def addresses(keys: list[str], texts: list[str], number: int) -> dict[str, list[str]]:
    """Addresses of each kind of question."""
    return {
        "candidates, over HTTP": [f"/api/v1/candidates?k=5&key={quote(key, safe='')}" for key in keys[:number]],
        "text search, over HTTP": [f"/api/v1/search?k=10&q={quote(text)}" for text in texts[:number]],
        "health, over HTTP": ["/health"] * number,
    }


def over_http(name: str, paths: list[str], to: http.client.HTTPConnection, pid: int, faiss: float, size: int) -> Any:
    """The row of some requests; CPU time is that of the server."""

    def ask(n: int) -> None:
        to.request("GET", paths[n])
        answer = to.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()

    for n in range(min(20, len(paths))):
        ask(n)
    before = cpu_of(pid)
    spent = timed(ask, len(paths))
    sent = len(paths) + min(20, len(paths))
    return line(name, spent | {"cpu_s": (cpu_of(pid) - before) / sent}, faiss, size)


def lookups(keys: list[str], to: http.client.HTTPConnection, pid: int, faiss: float, size: int) -> Any:
    """The row of an entity among lookups of many at once."""
    many = min(1000, len(keys))
    body = json.dumps({"side": "left", "keys": keys[:many]})
    before, walls, times = cpu_of(pid), [], 5
    for _ in range(times):
        at = time.perf_counter()
        to.request("POST", "/api/v1/lookup", body, {"Content-Type": "application/json"})
        answer = to.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        walls.append((time.perf_counter() - at) / many)
    spent = {"cpu_s": (cpu_of(pid) - before) / times / many, "wall_s": float(np.median(walls)), "p99": max(walls)}
    return line("lookup of many at once, each, over HTTP", spent, faiss, size)


def cpu_of(pid: int) -> float:
    """CPU-seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
