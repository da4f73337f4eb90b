"""Runs experiments and prints their figures next to published figures and those of the published code.

An experiment is a TOML file: a title, a pair (embedded, or a folder below --data), seeds, the full configuration, and
figures to compare with, each with its source and what differs. The seed determines the split and the training.
A file of names (data.names) is given relative to the folder of the pair.

python tools/studies/reproduce.py                                   # lists the experiments
python tools/studies/reproduce.py mclea_zh_en_epoch50 --seeds 0     # runs one of them, or your own file
python tools/studies/reproduce.py --all --json build/reproduce.json
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from sweep import cell, spread

from mmkg.config.experiment import Experiment
from mmkg.loading import EMBEDDED, load
from mmkg.pipeline import align
from mmkg.settings import with_settings

FOLDER = Path(__file__).parent / "experiments"
DATA = Path(os.environ.get("MMKG_DATA", Path(__file__).parents[3] / "shared" / "data"))
COLUMNS = ("hits@1", "hits@10", "mrr")
DIRECTIONS = {"l2r": "left_to_right", "r2l": "right_to_left"}
KEYS = {"title", "pair", "seeds", "experiment", "beside"}


def read(path: Path) -> dict[str, Any]:
    """Reads an experiment file and checks its configuration."""
    with path.open("rb") as opened:
        values = tomllib.load(opened)
    if set(values) != KEYS:
        raise SystemExit(f"{path}: expected the keys {', '.join(sorted(KEYS))}, got {', '.join(sorted(values))}")
    for beside in values["beside"]:
        if unknown := set(beside) - {"what", "source", "differs", "direction", *COLUMNS}:
            raise SystemExit(f"{path}: unknown keys {', '.join(sorted(unknown))} in [[beside]]")
        if not beside.get("source") or not beside.get("differs") or beside.get("direction") not in DIRECTIONS:
            raise SystemExit(
                f"{path}: each [[beside]] needs a source, a direction ({', '.join(DIRECTIONS)}) and differs"
            )
    Experiment.of(values["experiment"])
    return values


def run(values: Mapping[str, Any], seeds: Sequence[int], data: Path, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Metrics and training seconds of every seed, and the protocol of the last run."""
    source = values["pair"] if values["pair"] in EMBEDDED else data / values["pair"]
    found: dict[str, Any] = {"title": values["title"], "seeds": list(seeds), "runs": []}
    for seed in seeds:
        experiment = Experiment.of(with_settings({**values["experiment"], "seed": seed}, settings))
        if experiment.data.names:
            names = str(Path(source) / experiment.data.names)
            experiment = replace(experiment, data=replace(experiment.data, names=names))
        result = align(load(source, experiment.data, seed=seed), experiment=experiment, progress=None)
        found["runs"].append({"metrics": result.metrics, "train_s": result.record.seconds["train"]})
        found["protocol"] = result.protocol.describe()
        print(f"{values['title']}, seed {seed}: {result.metrics['left_to_right']}", file=sys.stderr, flush=True)
    return found


def table(values: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Our figures in both directions, then the figures to compare with."""
    lines = [f"## {values['title']}", "", f"Protocol: {found['protocol']}.", ""]
    lines += ["| | direction | H@1 | H@10 | MRR | source, and what differs |", "|---|---|---|---|---|---|"]
    seconds = mean(each["train_s"] for each in found["runs"])
    for short, direction in DIRECTIONS.items():
        cells = []
        for column in COLUMNS:
            figures = [each["metrics"][direction][column] for each in found["runs"]]
            cells.append(cell(mean(figures), spread(figures)))
        about = f"mmkg, seeds {', '.join(map(str, found['seeds']))}; {seconds:,.0f} s of training each"
        lines.append(f"| **ours** | {short} | {' | '.join(cells)} | {about} |")
    for beside in values["beside"]:
        cells = [f"{beside[column]:.3f}" if column in beside else "" for column in COLUMNS]
        about = f"{beside['source']}; {beside['differs']}"
        lines.append(f"| {beside['what']} | {beside['direction']} | {' | '.join(cells)} | {about} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", help="names of files in tools/studies/experiments, or paths")
    parser.add_argument("--all", action="store_true", help="every file in tools/studies/experiments")
    parser.add_argument("--seeds", help="comma-separated seeds, instead of those in the file")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the pairs; default: $MMKG_DATA")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    parser.add_argument("--json", type=Path, help="also write the figures of every seed to this file")
    args = parser.parse_args(argv)
    known = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if not args.experiments and not args.all:
        for name, path in known.items():
            print(f"{name:<32}{read(path)['title']}")
        return
    paths = list(known.values()) if args.all else [known.get(name, Path(name)) for name in args.experiments]
    for path in paths:
        if not path.is_file():
            parser.error(f"no experiment {str(path)!r}; known experiments: {', '.join(known)}")
    results = []
    for path in paths:
        values = read(path)
        seeds = [int(text) for text in args.seeds.split(",")] if args.seeds else values["seeds"]
        results.append(run(values, seeds, args.data, args.set))
        print(table(values, results[-1]), flush=True)
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
