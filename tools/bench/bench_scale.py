"""Measures time and memory from raw graphs to matches on twins of growing size, one process per size.

Phases: generate the twins, features, one training epoch, embeddings of all entities, index, ten nearest right entities
of each left entity by CSLS, mutual matches, ranks of the test links (a sample above 100,000). Compare ratios between
sizes. A million entities per side need 12 GB:
python tools/bench/bench_scale.py --sizes 10000,100000,1000000 --threads 2
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from harness import measure, parser, report, row, start

SETTINGS = (
    "training.epochs=1",
    "training.batch_size=2048",
    "training.fanout=[10, 10]",
    "options.structure_dim=100",
    "options.hidden_dim=50",
)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--sizes", default="", help="entities per side, comma-separated; default: 10000,30000")
    made.add_argument("--model", default="mclea")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    made.add_argument("--degree", type=float, default=10, help="mean number of triples per entity")
    made.add_argument("--noise", type=float, default=0.1, help="share of facts that differ between the twins")
    made.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = start(made)
    if args.child:
        print(json.dumps(run(args.child, args)))
        return
    sizes = [int(size) for size in (args.sizes or ("1000,3000" if args.small else "10000,30000")).split(",")]
    before: dict[str, float] = {}
    lines = []
    for size in sizes:
        found = child(size, args)
        for phase, spent in found.items():
            headline = phase == "all"
            columns: dict[str, Any] = {"headline": headline}
            if phase == "all":
                columns["hits_at_1"] = spent.pop("hits_at_1")
                ratios = [ratio(spent, before, phase, key) for key in ("cpu_s", "peak_rss_mb")]
                growth = "" if None in ratios else f", {ratios[0]:.1f} times the CPU-s of the size before"
                columns["note"] = f"{spent['wall_s']:,.0f} s wall, Hits@1 {columns['hits_at_1']:.3f}{growth}"
            columns |= {f"{key}_ratio": ratio(spent, before, phase, key) for key in ("cpu_s", "peak_rss_mb")}
            lines.append(
                row("raw graphs to matches" if phase == "all" else phase, f"{size:,} per side", spent, **columns)
            )
            before |= {f"{phase} {key}": spent[key] for key in ("cpu_s", "peak_rss_mb")}
    report("scale", lines, args)


def ratio(spent: dict[str, float], before: dict[str, float], phase: str, key: str) -> float | None:
    """Ratio to the previous size; ``None`` for the first."""
    last = before.get(f"{phase} {key}")
    return spent[key] / last if last else None


def child(size: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """One size in a separate process, so that its peak memory is measured separately."""
    words = [sys.executable, str(Path(__file__)), "--child", str(size), "--model", args.model]
    words += [f"--threads={args.threads}", f"--degree={args.degree}", f"--noise={args.noise}"]
    words += [f"--set={setting}" for setting in args.set]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(size: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """CPU-seconds, wall-seconds and peak memory of each phase; under ``all`` their totals and Hits@1."""
    from mmkg.config.experiment import Experiment
    from mmkg.data.entities import EntityTable
    from mmkg.data.features.build import build_inputs
    from mmkg.evaluation import Protocol
    from mmkg.learners.trained import build_model
    from mmkg.report import RunRecord
    from mmkg.result.embeddings import Embeddings
    from mmkg.result.result import AlignmentResult
    from mmkg.settings import with_settings
    from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs
    from mmkg.training import fit

    phases: dict[str, dict[str, float]] = {}

    def phase(name: str, work: Any, *values: Any, **options: Any) -> Any:
        result, phases[name] = measure(lambda: work(*values, **options))
        print(f"{size:,} per side: {name} {phases[name]['cpu_s']:.1f} CPU-s", file=sys.stderr, flush=True)
        return result

    experiment = Experiment.of(with_settings({"model": args.model}, [*SETTINGS, *args.set]))
    options = {**LIKE_DBP15K, "mean_degree": args.degree, "noise": args.noise, "image_dim": 64}
    task = phase("twins", twin_graphs, size, **options)
    inputs = phase("features", build_inputs, task, experiment.features)
    model = build_model(experiment, inputs)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    phase("train", fit, model, inputs, links, experiment.training)
    embeddings = phase("embed", model.embed, inputs).numpy()
    search = experiment.search
    result = AlignmentResult(
        embeddings=Embeddings(embeddings[: inputs.num_left], embeddings[inputs.num_left :], model.widths),
        entities=(EntityTable.of(task.left), EntityTable.of(task.right)),
        links=task.links,
        experiment=experiment,
        protocol=Protocol(csls_k=search.csls_k, candidates="all", selection="none", num_test=len(task.links.test)),
        metrics={},
        record=RunRecord.collect(seed=0, device="cpu"),
    )
    del inputs, model, task, embeddings
    phase("index", result.index)
    phase("search", result.neighbors, 10)
    phase("match", result.match)
    metrics = phase("evaluate", result.evaluate)
    phases["all"] = {
        "cpu_s": sum(spent["cpu_s"] for spent in phases.values()),
        "wall_s": sum(spent["wall_s"] for spent in phases.values()),
        "peak_rss_mb": max(spent["peak_rss_mb"] for spent in phases.values()),
        "hits_at_1": metrics["left_to_right"]["hits@1"],
    }
    return phases


if __name__ == "__main__":
    main()
