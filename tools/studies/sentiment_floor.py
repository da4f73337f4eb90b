"""Ridge regression on the features of each sample: the baseline that a sentiment model must exceed.

Input: the mean of each modality over its valid steps, concatenated and standardised; with --flatten all steps. The
penalty is given, or with --choose selected among 1, 10, ... 10,000 by the error on validation; the final fit uses
training and validation samples. With --leak each modality is fitted alone, on the training samples only: a correlation
far higher on validation than on test shows that its features were learned with the labels of both training and
validation. Examples, first the utterance alone, then with its neighbours:
python tools/studies/sentiment_floor.py MOSI --set context=0
python tools/studies/sentiment_floor.py MOSI --flatten
python tools/studies/sentiment_floor.py MOSI --set context=0 --leak
"""

import argparse
import json
from collections.abc import Sequence

import numpy as np

from mmkg.sentiment import SentimentDataConfig, load
from mmkg.sentiment.data import SPLITS, SentimentData, SentimentSplit
from mmkg.sentiment.metrics import pearson, regression_metrics
from mmkg.settings import parse, with_settings


def vectors(part: SentimentSplit, flatten: bool) -> np.ndarray:
    """Features of the samples, ``[N, columns]``: mean over valid steps, or all steps."""
    found = []
    for name, values in part.values.items():
        valid = part.valid[name][..., None]
        if flatten:
            found.append(np.where(valid, values, 0).reshape(len(values), -1))
        else:
            found.append(np.where(valid, values, 0).sum(axis=1) / np.maximum(valid.sum(axis=1), 1))
    return np.concatenate(found, axis=1).astype(np.float64)


def standardised(tables: Sequence[np.ndarray], fitted: np.ndarray) -> list[np.ndarray]:
    """Tables with the mean of ``fitted`` subtracted and divided by its standard deviation, column by column."""
    mean, spread = fitted.mean(axis=0), fitted.std(axis=0)
    spread[spread < 1e-9] = 1.0
    return [(table - mean) / spread for table in tables]


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights and intercept of a ridge regression on standardised columns."""
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - y.mean())), float(y.mean())


def correlations(data: SentimentData, penalty: float, flatten: bool) -> dict[str, dict[str, float]]:
    """By modality, the correlation on each split of a regression fitted on the training samples alone."""
    found = {}
    for name in data.names:
        tables = [vectors(data.split(split).select([name]), flatten) for split in SPLITS]
        scaled = dict(zip(SPLITS, standardised(tables, tables[0]), strict=True))
        weights, level = ridge(scaled["train"], data.train.labels.astype(float), penalty)
        found[name] = {
            split: pearson(data.split(split).labels.astype(float), table @ weights + level)
            for split, table in scaled.items()
        }
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="synthetic")
    parser.add_argument("--penalty", type=float, default=1000.0)
    parser.add_argument("--choose", action="store_true", help="select the penalty on validation")
    parser.add_argument(
        "--leak", action="store_true", help="fit each modality alone on train, print its correlation by split"
    )
    parser.add_argument("--flatten", action="store_true", help="concatenate all steps instead of taking their mean")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="setting of the reader, e.g. context=0")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    config = parse(SentimentDataConfig(), with_settings({}, args.set or []), "data")
    data = load(args.data, config).learnable()
    if args.leak:
        by_modality = correlations(data, args.penalty, args.flatten)
        if args.json:
            print(json.dumps({"data": data.name, "penalty": args.penalty, "corr": by_modality}))
            return
        for name, found in by_modality.items():
            print(f"{name}, Corr of ridge: " + "  ".join(f"{split} {value:.3f}" for split, value in found.items()))
        return
    tables = [vectors(data.split(split), args.flatten) for split in SPLITS]
    both, labels = np.concatenate(tables[:2]), np.concatenate([data.train.labels, data.valid.labels]).astype(float)
    train, valid, test, fitted = standardised([*tables, both], both)
    penalty = args.penalty
    if args.choose:

        def error(candidate: float) -> float:
            weights, level = ridge(train, data.train.labels.astype(float), candidate)
            return float(np.abs(valid @ weights + level - data.valid.labels).mean())

        penalty = min((1.0, 10.0, 100.0, 1000.0, 10000.0), key=error)
    weights, level = ridge(fitted, labels, penalty)
    figures = regression_metrics(data.test.labels, test @ weights + level, sims=data.sims)
    if args.json:
        print(json.dumps({"data": data.name, "penalty": penalty, "columns": both.shape[1], "test": figures}))
        return
    print(
        f"{data.name}: ridge, penalty {penalty:g}, {both.shape[1]} columns, {len(both)} samples; complete data; test:"
    )
    print("  ".join(f"{name} {value:.3f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
