"""Aligns one pair with several models, seeds, modalities and settings; prints means and standard deviations as a table.

The seed determines the split and the training; nothing is indexed or matched. Examples, tables of FIGURES.md:
python tools/studies/sweep.py emoji-fr-en --models meaformer,mclea --seeds 0,1,2 --without image,name
python tools/studies/sweep.py emoji-fr-en --models combined --seeds 0,1,2 --vary data.image_ratio=0,0.5,1 --noise
python tools/studies/sweep.py FOLDER --models propagation --modalities structure --modalities structure,value
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

import numpy as np

from mmkg.compute.seeding import numpy_generator
from mmkg.config.experiment import Experiment
from mmkg.data.features.registry import available_modalities
from mmkg.data.kg import ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask
from mmkg.loading import load
from mmkg.pipeline import align
from mmkg.settings import with_settings

COLUMNS = ("hits@1", "hits@10", "mrr")
NOISE_WIDTH = 128


@dataclass(frozen=True)
class Change:
    """What a row of the table changes: the modalities in use, one left out, settings, noise instead of images."""

    what: str
    modalities: tuple[str, ...] = ()
    left_out: str = ""
    settings: tuple[str, ...] = ()
    noise: bool = False


def changes(args: argparse.Namespace) -> list[Change]:
    sets = [tuple(names.split(",")) for names in args.modalities or []]
    found = [Change(", ".join(names), names) for names in sets] or [Change("all modalities")]
    base = found[0].modalities
    found += [Change(f"without {name}", base, left_out=name) for name in args.without.split(",") if name]
    if args.vary:
        key, _, values = args.vary.partition("=")
        found += [Change(f"{key}={value}", base, settings=(f"{key}={value}",)) for value in values.split(",")]
    if args.noise:
        found += [Change("without image", base, left_out="image"), Change("random vectors as images", base, noise=True)]
    return list({change.what: change for change in found}.values())


def noisy(graph: KnowledgeGraph, seed: int, side: str) -> KnowledgeGraph:
    """The graph with a random image vector for every entity."""
    vectors = numpy_generator(seed, f"noise {side}").standard_normal((graph.num_entities, NOISE_WIDTH), np.float32)
    return replace(graph, images=ImageTable(np.arange(graph.num_entities), vectors))


def runs(args: argparse.Namespace, model: str, change: Change) -> list[dict[str, Any]]:
    found = []
    for seed in (int(text) for text in args.seeds.split(",")):
        settings = [*(args.set or []), *change.settings]
        experiment = Experiment.of(with_settings({"model": model, "seed": seed}, settings))
        task: AlignmentTask = load(args.pair, experiment.data, seed=seed)
        if change.noise:
            task = replace(task, left=noisy(task.left, seed, "left"), right=noisy(task.right, seed, "right"))
        known = change.modalities or available_modalities(task, experiment.features)
        modalities = [name for name in known if name != change.left_out]
        result = align(task, experiment=experiment, modalities=modalities, ranks_only=True, progress=args.progress)
        seconds = result.record.seconds
        found.append({"metrics": result.metrics, "seconds": seconds.get("train", seconds["embed"])})
        figures = result.metrics["left_to_right"]
        print(f"{model}, {change.what}, seed {seed}: {figures}", file=sys.stderr, flush=True)
        args.protocol = result.protocol.describe()
    return found


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample of runs, with n - 1 in the divisor; ``None`` of a single run."""
    return stdev(values) if len(values) > 1 else None


def cell(centre: float, deviation: float | None) -> str:
    """A mean with its deviation, if it has one."""
    return f"{centre:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en")
    parser.add_argument("--models", default="meaformer,mclea")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument(
        "--modalities",
        action="append",
        metavar="A,B",
        help="a row with these modalities instead of all; repeatable; the other options use the first set",
    )
    parser.add_argument("--without", default="", help="modalities to leave out, one at a time, comma-separated")
    parser.add_argument("--vary", metavar="KEY=A,B", help="a setting and its values, one row each")
    parser.add_argument(
        "--noise", action="store_true", help="two rows: without images, and with random vectors as images"
    )
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    parser.add_argument(
        "--progress", action="store_true", help="print progress to stderr, e.g. each round of pseudo-links"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    rows = []
    for change in changes(args):
        for model in args.models.split(","):
            found = runs(args, model, change)
            row: dict[str, Any] = {"model": model, "what": change.what}
            row["train_s"] = mean(run["seconds"] for run in found)
            for direction in ("left_to_right", "right_to_left"):
                for column in COLUMNS:
                    values = [run["metrics"][direction][column] for run in found]
                    row[f"{direction}.{column}"] = (mean(values), spread(values))
            rows.append(row)
    if args.json:
        print(json.dumps({"pair": args.pair, "rows": rows}))
        return
    names = [f"{way} {column}" for way in ("l2r", "r2l") for column in ("H@1", "H@10", "MRR")]
    print(f"| {args.pair} | model | " + " | ".join(names) + " | training s |")
    print("|---" * (len(names) + 3) + "|")
    for row in rows:
        cells = [cell(*row[key]) for key in row if "." in key]
        print(f"| {row['what']} | {row['model']} | " + " | ".join(cells) + f" | {row['train_s']:.0f} |")
    print(f"\nlast run's protocol: {args.protocol}")


if __name__ == "__main__":
    main()
