"""The cost of a label leak for models trained with missing modalities, and the gain of recalibration.

Synthetic data: text determines most of the label, audio some, vision almost nothing. In training and validation, not in
test, the features of vision and text also contain the label, as if they had been learned with it. Each seed has its own
data. All ways of training are tested on the same masks, without and with recalibration on the inputs of the test split
(transductive, no labels). --leaks none switches the leak off. If both a model trained with the rate and one trained on
complete data are tested, their differences per seed are summarised by mean and standard error. Examples:
python tools/studies/sentiment_leak.py --models tate
python tools/studies/sentiment_leak.py --models tate,tfr-net --leaks none
python tools/studies/sentiment_leak.py --models tate --leaks none --rates 0.5 --seeds 10 --set options.error=squared
--ridge does the same with ridge regression, fitted for each set of modalities, or on complete data with the missing
terms left out of the sum: the possible gain if everything is linear. Example:
python tools/studies/sentiment_leak.py --ridge --leaks none --rates 0.5 --seeds 10 --samples 40000
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sentiment_floor import ridge, standardised, vectors

from mmkg.sentiment import MissingPolicy, SentimentData, SentimentExperiment, sweep, synthetic
from mmkg.sentiment.curves import Sweep, SweepRow
from mmkg.sentiment.data import SPLITS
from mmkg.sentiment.metrics import regression_metrics
from mmkg.sentiment.patterns import present_in
from mmkg.settings import merged as settled
from mmkg.settings import with_settings

STRENGTHS = {"text": 1.0, "audio": 0.4, "vision": 0.1}
SCHEDULE = {"batch_size": 128, "learning_rate": 0.002}
SETTINGS: dict[str, dict[str, Any]] = {
    "tate": {
        "options": {"input_dropout": 0.3, "attention_dropout": 0.2},
        "training": {"epochs": 8, **SCHEDULE},
        "pretraining": {"epochs": 5, **SCHEDULE},
    },
    "tfr-net": {
        "options": {"input_dropout": 0.3, "attention_dropout": 0.1},
        "training": {"epochs": 8, **SCHEDULE},
    },
}
SMALL = {"options": {"dim": 6, "num_heads": 2}, "training": {"epochs": 1}, "pretraining": {"epochs": 1}}


def planted(leaks: str, seed: int, *, small: bool, samples: int = 1000) -> SentimentData:
    """Data of one seed; ``leaks`` is for example ``vision=1,text=0.6``, or ``none``."""
    pairs = [] if leaks == "none" else [part.split("=") for part in leaks.split(",")]
    return synthetic(
        sizes=(60, 30, 90) if small else (samples, 200, 752),
        lengths=dict.fromkeys(STRENGTHS, 4),
        dims={"text": 48, "audio": 32, "vision": 48},
        strengths=STRENGTHS,
        leaks={name: float(value) for name, value in pairs},
        agreement=0.1,
        noise=2.0,
        seed=seed,
    )


def merged(sweeps: Sequence[Sweep]) -> Sweep:
    """One sweep from sweeps of one seed each over the same rates."""
    rows = []
    for same in zip(*(each.rows for each in sweeps), strict=True):
        rows.append(replace(same[0], runs=tuple(row.runs[0] for row in same)))
    return Sweep(sweeps[-1].protocols, tuple(each.seeds[0] for each in sweeps), tuple(rows))


def linear(data: SentimentData, policies: Sequence[MissingPolicy], seed: int) -> Sweep:
    """Ridge on the mean over the steps; the penalty is selected by the absolute error on validation."""
    tables = [vectors(data.split(split), flatten=False) for split in SPLITS]
    train, valid, test = standardised(tables, tables[0])
    labels, widths = data.train.labels.astype(float), list(data.dims.values())

    def fitted(columns: np.ndarray) -> tuple[np.ndarray, float]:
        tried = [ridge(train[:, columns], labels, penalty) for penalty in (10.0, 100.0, 1000.0, 10000.0)]
        return min(tried, key=lambda each: np.abs(valid[:, columns] @ each[0] + each[1] - data.valid.labels).mean())

    whole, level = fitted(np.ones(sum(widths), dtype=bool))
    rows: list[SweepRow] = []
    for policy in policies:
        present = present_in(policy.with_seed(seed).observed(data.test.valid, split="test"))
        each, complete = np.empty(len(test)), np.empty(len(test))
        for kept in np.unique(present, axis=0):
            rows_of_set, columns = (present == kept).all(axis=1), np.repeat(kept, widths)
            own, own_level = fitted(columns)
            each[rows_of_set] = test[rows_of_set][:, columns] @ own + own_level
            complete[rows_of_set] = test[rows_of_set][:, columns] @ whole[columns] + level
        for way, scores in (("each", each), ("complete", complete)):
            figures = regression_metrics(data.test.labels, scores, sims=data.sims)
            rows.append(SweepRow(way, f"{policy.rate:g}", policy.rate, (figures,)))
    rows.sort(key=lambda row: row.way != "each")
    return Sweep({"each": "ridge for each set of modalities", "complete": "one ridge"}, (seed,), tuple(rows))


def ahead(found: Sweep, ways: Sequence[str] = ("each", "complete")) -> dict[str, dict[str, tuple[float, float]]]:
    """By rate, the first way's MAE and Corr minus the second's: mean and standard error of the differences per seed."""
    by_rate: dict[str, dict[str, tuple[float, float]]] = {}
    runs = {(row.way, row.missing): row.runs for row in found.rows if not row.recalibrated}
    for way, missing in runs:
        if way == ways[0] and (ways[1], missing) in runs:
            by_rate[missing] = {}
            for name in ("mae", "corr"):
                pairs = zip(runs[way, missing], runs[ways[1], missing], strict=True)
                gaps = np.array([first[name] - second[name] for first, second in pairs])
                error = gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else float("nan")
                by_rate[missing][name] = float(gaps.mean()), float(error)
    return by_rate


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="tate,tfr-net")
    parser.add_argument("--leaks", default="vision=1,text=0.6")
    parser.add_argument("--rates", default="0.3,0.5,0.7", help="rates of missing modalities")
    parser.add_argument("--train", default="each,complete", help="each, complete, mixed, as in `mmkg sentiment sweep`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=1000, help="number of training samples")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="settings, e.g. options.error=squared")
    parser.add_argument("--ridge", action="store_true", help="ridge regression instead of the models")
    parser.add_argument("--small", action="store_true", help="few samples and one epoch, for tests")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    policies, found = MissingPolicy.parse_sweep(f"modality:{args.rates}"), {}
    for model in ["ridge"] if args.ridge else args.models.split(","):

        def one(seed: int, model: str = model) -> Sweep:
            data = planted(args.leaks, seed, small=args.small, samples=args.samples)
            if model == "ridge":
                return linear(data, policies, seed)
            settings = {"model": model, "missing": {"spared": 0.5}, **SETTINGS[model]}
            settings = settled(settings | SMALL if args.small else settings, with_settings({}, args.set or []))
            options: dict[str, Any] = {"ways": args.train.split(","), "recalibrate": True}
            return sweep(data, policies, seeds=(seed,), experiment=SentimentExperiment.of(settings), **options)

        found[model] = merged([one(seed) for seed in range(args.seeds)])
        if not args.json:
            print(f"{model}, leaks: {args.leaks}\n\n{found[model].table()}\n", flush=True)
            for missing, gaps in ahead(found[model]).items():
                words = ", ".join(f"{name} {mean:+.4f} ± {error:.4f}" for name, (mean, error) in gaps.items())
                print(
                    f"{missing}: trained with the rate minus trained on complete data, per seed: {words}\n", flush=True
                )
    if args.json:
        print(json.dumps({model: each.to_dict() | {"ahead": ahead(each)} for model, each in found.items()}))


if __name__ == "__main__":
    main()
