"""Measures time and memory from raw graphs to matches on twins of growing size, one process per size.

Phases of a trained model: generate the twins, features, one training epoch, embeddings of all entities. Of label
propagation, with or without rounds of refinement: generate the twins, learn. Then the ten nearest entities of each
entity of either side by CSLS, mutual matches, ranks of the test links among all entities (a sample above 100,000);
``--learn-only`` leaves out all of these but the ranks of 2,000 links by cosine. Compare ratios between sizes:
python tools/bench/bench_scale.py --sizes 10000,100000,1000000 --threads 2
python tools/bench/bench_scale.py --model propagation --rounds 2 --sizes 30000,100000 --threads 1
What label propagation of 1M + 1M takes per entity, from two small sizes:
python tools/bench/bench_scale.py --model propagation --rounds 2 --learn-only --as-large --sizes 15000,40000 --threads 1
"""

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
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
GRAPH_ALONE = ["structure", "relation", "attribute"]
SAMPLE = 2000  # links that are ranked with --learn-only


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--sizes", default="", help="entities per side, comma-separated; default: 10000,30000")
    made.add_argument("--model", default="mclea")
    made.add_argument("--rounds", type=int, default=0, help="rounds of refinement of --model propagation")
    made.add_argument("--as-large", action="store_true", help="label propagation with the widths of 1M + 1M entities")
    made.add_argument("--learn-only", action="store_true", help="no index, search and matches")
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
    last = 0
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
            if phase == "learn" and args.as_large and last:
                grown = spent["peak_rss_mb"] - before[f"{phase} peak_rss_mb"]
                columns["kb_per_entity"] = 1e3 * grown / (2 * (size - last))
                columns |= {"headline": True, "note": f"{columns['kb_per_entity']:.1f} KB more for each further entity"}
            columns |= {f"{key}_ratio": ratio(spent, before, phase, key) for key in ("cpu_s", "peak_rss_mb")}
            lines.append(
                row("raw graphs to matches" if phase == "all" else phase, f"{size:,} per side", spent, **columns)
            )
            before |= {f"{phase} {key}": spent[key] for key in ("cpu_s", "peak_rss_mb")}
        last = size
    report("scale", lines, args)


def ratio(spent: dict[str, float], before: dict[str, float], phase: str, key: str) -> float | None:
    """Ratio to the previous size; ``None`` for the first."""
    last = before.get(f"{phase} {key}")
    return spent[key] / last if last else None


def child(size: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """One size in a separate process, so that its peak memory is measured separately."""
    words = [sys.executable, str(Path(__file__)), "--child", str(size), "--model", args.model]
    words += [f"--threads={args.threads}", f"--degree={args.degree}", f"--noise={args.noise}"]
    words += [f"--rounds={args.rounds}", *(["--learn-only"] if args.learn_only else [])]
    words += ["--as-large"] if args.as_large else []
    words += [f"--set={setting}" for setting in args.set]
    arrays = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}  # go back when freed, as large do
    environment = os.environ | (arrays if args.as_large else {})
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(size: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """CPU-seconds, wall-seconds and peak memory of each phase; under ``all`` their totals and Hits@1."""
    from mmkg.config.experiment import Experiment
    from mmkg.data.entities import EntityTable
    from mmkg.evaluation import Protocol, evaluate_sample
    from mmkg.models import MODELS
    from mmkg.report import RunRecord
    from mmkg.result.embeddings import embeddings_of
    from mmkg.result.result import AlignmentResult
    from mmkg.settings import with_settings
    from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs

    phases: dict[str, dict[str, float]] = {}

    def phase(name: str, work: Any, *values: Any, **options: Any) -> Any:
        result, phases[name] = measure(lambda: work(*values, **options))
        print(f"{size:,} per side: {name} {phases[name]['cpu_s']:.1f} CPU-s", file=sys.stderr, flush=True)
        return result

    if args.as_large:
        act_large()
    trained = MODELS[args.model].learner == "trained"
    settings = [*(SETTINGS if trained else (f"refinement.rounds={args.rounds}",)), *args.set]
    settings += ["search.valid_candidates=1000"] if args.as_large else []  # as many at each size
    values = {"model": args.model} | ({} if trained else {"features": {"modalities": GRAPH_ALONE}})
    experiment = Experiment.of(with_settings(values, settings))
    options = {**LIKE_DBP15K, "mean_degree": args.degree, "noise": args.noise, "image_dim": 64 if trained else 0}
    task = phase("twins", twin_graphs, size, **options)
    left, right, widths = (trained_rows if trained else learnt_rows)(task, experiment, phase)
    entities, links, search = (EntityTable.of(task.left), EntityTable.of(task.right)), task.links, experiment.search
    del task
    if args.learn_only:
        some = links.test[torch.randperm(len(links.test), generator=torch.Generator().manual_seed(0)).numpy()[:SAMPLE]]
        ranked = phase("evaluate", evaluate_sample, left, right, links.test, some, csls_k=0, device="cpu")
    else:
        result = AlignmentResult(
            embeddings=embeddings_of(left, right, widths, entities, links, search.store),
            entities=entities,
            links=links,
            experiment=experiment,
            protocol=Protocol(csls_k=search.csls_k, candidates="all", selection="none", num_test=len(links.test)),
            metrics={},
            record=RunRecord.collect(seed=0, device="cpu"),
        )
        del left, right
        phase("search", result.searcher.lists)
        phase("match", result.match)
        ranked = phase("evaluate", result.evaluate)
    phases["all"] = {
        "cpu_s": sum(spent["cpu_s"] for spent in phases.values()),
        "wall_s": sum(spent["wall_s"] for spent in phases.values()),
        "peak_rss_mb": max(spent["peak_rss_mb"] for spent in phases.values()),
        "hits_at_1": ranked["left_to_right"]["hits@1"],
    }
    return phases


def act_large() -> None:
    """Take the widths, the types and the lists of 1M + 1M entities at any size."""
    from mmkg.learners import setting
    from mmkg.models import propagation, refinement

    propagation.MOST_VALUES = refinement.MOST_VALUES = setting.MOST_FULL = 1
    for name in ("mmkg.learners.sketches", "mmkg.matching.sinkhorn"):
        vars(import_module(name))["LARGEST_EXACT"] = 100


def trained_rows(task: Any, experiment: Any, phase: Any) -> tuple[Any, Any, Any]:
    """Embeddings of both sides after one epoch, and their widths."""
    from mmkg.data.features.build import build_inputs
    from mmkg.learners.trained import build_model
    from mmkg.training import fit

    inputs = phase("features", build_inputs, task, experiment.features)
    model = build_model(experiment, inputs)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    phase("train", fit, model, inputs, links, experiment.training)
    out = torch.empty(  # in the type in which a run keeps them
        inputs.num_entities, sum(model.widths.values()), dtype=getattr(torch, experiment.search.held)
    )
    embeddings = phase("embed", model.embed, inputs, out=out.numpy())
    return embeddings[: inputs.num_left], embeddings[inputs.num_left :], model.widths


def learnt_rows(task: Any, experiment: Any, phase: Any) -> tuple[Any, Any, Any]:
    """Embeddings of both sides as a run learns them, and their widths."""
    from mmkg.learners.learn import learn
    from mmkg.learners.setting import Setting
    from mmkg.report import Stopwatch

    setting = Setting(task, experiment, torch.device("cpu"), Stopwatch())
    learned = phase("learn", learn, setting)
    return learned.left, learned.right, learned.widths


if __name__ == "__main__":
    main()
