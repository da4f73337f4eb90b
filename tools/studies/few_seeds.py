"""Hits@1 of models by share of the links that they learn from: 1, 2, 5, 10 and 30 %.

The known links of a smaller share are some of those of a larger one; a tenth of them is used for validation only, of
few links one at least. ``rest`` is Hits@1 from left to right on all other links, among their right entities, so that
smaller shares have more candidates. ``same`` is that on the links that no share learns from, among their right
entities: of all rows the same questions with the same candidates. Mean and sample deviation over the seeds, each of
which draws the links anew; CPU-s is the mean of learning and ranking. Examples, tables of FIGURES.md::

    python tools/studies/few_seeds.py emoji-fr-en --modalities structure,relation,attribute --seeds 0,1,2
    python tools/studies/few_seeds.py DBP15K/zh_en --models propagation,refined,combined --seeds 0

``refined`` is ``propagation`` with ``refinement.rounds=4``.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from auto import REFINED
from reproduce import DATA
from sweep import cell, spread

from mmkg.config.experiment import Experiment
from mmkg.loading import EMBEDDED, load
from mmkg.pipeline import align
from mmkg.settings import with_settings

SHARES = "0.01,0.02,0.05,0.1,0.3"
MODELS = "propagation,refined,combined,meaformer,mclea"


def measured(pair: str, share: float, model: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Hits@1 on the rest and on the same links of all shares, CPU-seconds, and the protocol of one run."""
    name, settings = REFINED if model == "refined" else (model, {})
    values = with_settings({"model": name, "seed": seed}, given(args))
    experiment = Experiment.of(values)
    place = place_of(pair)
    same = load(place, _learning_from(values, max(args.shares)).data, seed=seed).links.test
    task = load(place, _learning_from(values, share).data, seed=seed)
    start = time.process_time()
    result = align(task, experiment=experiment, settings=settings, ranks_only=True, progress=False)
    seconds = time.process_time() - start
    return {
        "share": share,
        "model": model,
        "seed": seed,
        "known": len(task.links.train) + len(task.links.valid),
        "rest": result.metrics["left_to_right"]["hits@1"],
        "same": result.evaluate(links=same)["left_to_right"]["hits@1"],
        "seconds": seconds,
        "protocol": result.protocol.describe(),
    }


def given(args: argparse.Namespace) -> list[str]:
    """The settings of ``--set`` and ``--modalities``."""
    modalities = [f"features.modalities={json.dumps(args.modalities)}"] if args.modalities else []
    return [*(args.set or []), *modalities]


def place_of(pair: str) -> str | Path:
    """The name of an embedded pair, or else a folder below that of the data."""
    return pair if pair in EMBEDDED else DATA / pair


def _learning_from(values: dict[str, Any], share: float) -> Experiment:
    return Experiment.of(with_settings(values, [f"data.train_ratio={share}"]))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en", help="an embedded pair, or a folder below $MMKG_DATA")
    parser.add_argument("--shares", default=SHARES, help="shares of the links to learn from")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--modalities", type=lambda text: text.split(","), help="default: all of the pair")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    args.shares = [float(text) for text in args.shares.split(",")]

    rows = []
    for model in args.models.split(","):
        for share in args.shares:
            runs = [measured(args.pair, share, model, int(seed), args) for seed in args.seeds.split(",")]
            rows.append(runs)
            print(*(json.dumps(run) for run in runs), sep="\n", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"pair": args.pair, "runs": [run for runs in rows for run in runs]}))
        return
    print(f"| {args.pair}, model | share | known links | rest, H@1 | same, H@1 | CPU-s |\n|---|---|---|---|---|---|")
    for runs in rows:
        figures = [[run[name] for run in runs] for name in ("rest", "same")]
        cells = " | ".join(cell(mean(each), spread(each)) for each in figures)
        first, cost = runs[0], mean(run["seconds"] for run in runs)
        print(f"| {first['model']} | {first['share']:g} | {first['known']} | {cells} | {cost:.0f} |")
    print(f"\nlast run's protocol: {rows[-1][-1]['protocol']}")


if __name__ == "__main__":
    main()
