"""Measures what it costs to begin: imports, commands on small data, and questions to a finished run, cold and warm.

RUN is a folder that `mmkg align --out` wrote; without it, synthetic twins are aligned first.

    python tools/bench/bench_startup.py RUN --threads 1
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_commands import command, mmkg
from harness import parser, report, row, start

import mmkg as library
from mmkg.result.hits import Hits
from mmkg.result.read_hits import read_hits

IMPORTS = (
    "import torch",
    "import mmkg",
    "import mmkg.search",
    "from mmkg.search import build_index, load_index",
    "from mmkg import AlignmentResult",
)
COMMANDS = (["--help"], ["doctor"], ["describe", "emoji-fr-en"])
QUESTIONS = 300


def main() -> None:
    made = parser(__doc__)
    made.add_argument("run", nargs="?", type=Path, help="folder of a finished run; default: twins are aligned")
    made.add_argument("--entities", type=int, default=2000, help="entities of the twins, per graph")
    args = start(made)
    entities = 60 if args.small else args.entities
    environment = dict(os.environ) | ({"OMP_NUM_THREADS": str(args.threads)} if args.threads else {})
    rows = [row(code, "", command([sys.executable, "-c", code], environment)[1], headline=True) for code in IMPORTS]
    rows += [row(f"mmkg {' '.join(words)}", "", mmkg(words, environment)[1], headline=True) for words in COMMANDS]
    with tempfile.TemporaryDirectory() as folder:
        run = args.run or Path(folder) / "run"
        if args.run is None:
            task = library.twin_graphs(entities)
            library.align(task, "propagation", device="cpu", out=run, progress=False)
        rows += questions(run, environment)
    report("startup", rows, args)


def questions(run: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of questions to a run: a command each, and in one process."""
    hits = read_hits(run)
    labels = hits.entities[0].labels
    size = " x ".join(f"{len(table.labels):,}" for table in hits.entities)
    cold = mmkg(["search", str(run), "--entity", labels[0], "--json"], environment)[1]
    rows = [row("mmkg search RUN", size, cold, headline=True, note="each question a process")]
    for words in (["match", str(run)], ["evaluate", str(run)]):
        rows.append(row(f"mmkg {words[0]} RUN", size, mmkg(words, environment)[1], headline=True))
    for what, k in (("5 answers, from the lists of the run", 5), ("30 answers, by a scan of all entities", 30)):
        spent, note = warm(hits, k)
        rows.append(row(f"a question in a process: {what}", size, spent, headline=True, note=note))
    return rows


def warm(hits: Hits, k: int) -> tuple[dict[str, float], str]:
    """CPU- and wall-seconds of a question, by its median, and the spread in words."""
    labels = hits.entities[0].labels
    rows = np.random.default_rng(0).integers(0, len(labels), QUESTIONS + 1).tolist()
    times = []
    for number in rows:
        wall, cpu = time.perf_counter(), time.process_time()
        hits.search(labels[number], k=k)
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu_s, wall_s = np.array(times[1:]).T  # the first question makes the table of labels
    middle, most = (float(np.quantile(cpu_s, share)) * 1e3 for share in (0.5, 0.99))
    spent = {"cpu_s": float(np.median(cpu_s)), "wall_s": float(np.median(wall_s))}
    return spent, f"p50 {middle:.2f} ms, p99 {most:.2f} ms of {QUESTIONS}"


if __name__ == "__main__":
    main()
