"""Aligns one pair with several models, seeds and sets of modalities; prints mean and deviation as a table.

The seed decides the split and the training; nothing is indexed or matched. Example, the table of the README:
python tools/sweep.py emoji-fr-en --models meaformer,mclea --seeds 0,1,2 --without image,name --set training.epochs=100
"""

import argparse
import json
import sys
from statistics import mean, pstdev
from typing import Any

from mmkg.config import Experiment, with_settings
from mmkg.data.features import available_modalities
from mmkg.pipeline import align, load

COLUMNS = ("hits@1", "hits@10", "mrr")


def runs(args: argparse.Namespace, model: str, left_out: str) -> list[dict[str, Any]]:
    found = []
    for seed in (int(text) for text in args.seeds.split(",")):
        experiment = Experiment.of(with_settings({"model": model, "seed": seed}, args.set or []))
        task = load(args.pair, experiment.data, seed=seed)
        modalities = [name for name in available_modalities(task) if name != left_out]
        result = align(task, experiment=experiment, modalities=modalities, ranks_only=True, progress=args.progress)
        seconds = result.record.seconds
        found.append({"metrics": result.metrics, "seconds": seconds.get("train", seconds["embed"])})
        figures = result.metrics["left_to_right"]
        print(f"{model} without {left_out or 'nothing'} seed {seed}: {figures}", file=sys.stderr, flush=True)
        args.protocol = result.protocol.describe()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en")
    parser.add_argument("--models", default="meaformer,mclea")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--without", default="", help="modalities to leave out, one at a time, comma-separated")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    parser.add_argument("--progress", action="store_true", help="say more on stderr, e.g. each round of pseudo-links")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    rows = []
    for left_out in ["", *(name for name in args.without.split(",") if name)]:
        for model in args.models.split(","):
            found = runs(args, model, left_out)
            row: dict[str, Any] = {
                "model": model,
                "without": left_out,
                "train_s": mean(run["seconds"] for run in found),
            }
            for direction in ("left_to_right", "right_to_left"):
                for column in COLUMNS:
                    values = [run["metrics"][direction][column] for run in found]
                    row[f"{direction}.{column}"] = (mean(values), pstdev(values))
            rows.append(row)
    if args.json:
        print(json.dumps({"pair": args.pair, "rows": rows}))
        return
    names = [f"{way} {column}" for way in ("l2r", "r2l") for column in ("H@1", "H@10", "MRR")]
    print(f"| {args.pair} | model | " + " | ".join(names) + " | training s |")
    print("|---" * (len(names) + 3) + "|")
    for row in rows:
        cells = [f"{m:.3f} ± {s:.3f}" for key, (m, s) in ((k, v) for k, v in row.items() if "." in k)]
        what = f"without {row['without']}" if row["without"] else "all modalities"
        print(f"| {what} | {row['model']} | " + " | ".join(cells) + f" | {row['train_s']:.0f} |")
    print(f"\nlast run's protocol: {args.protocol}")


if __name__ == "__main__":
    main()
