"""Measures training steps of the sentiment models: seconds per epoch and peak memory at the size of MOSI and MOSEI.

Synthetic data: 1,284 samples with 50, 375 and 500 steps (text 768, audio 5, vision 20 features), and 16,326 with 50,
500 and 500 steps (768, 74, 35). A few steps are timed on the samples of one batch and multiplied by the steps per
epoch; ``data_mb`` is the memory of all samples (float32). With --whole all samples are built and batches drawn from
them, so that the peak includes them. Layers as published, without dropout on attention, which would keep every T x T
map. With --operators the most expensive operators of a step are named; later rows then include the memory of the
profiler. Examples:
python tools/bench/bench_sentiment.py --sizes mosi --models tate
python tools/bench/bench_sentiment.py --sizes mosei --whole --repeats 4
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from harness import Spent, measure, parser, report, row, start

from mmkg.compute.host import deterministic
from mmkg.sentiment import MissingPolicy, SentimentData, SentimentExperiment, synthetic
from mmkg.sentiment.build import Shape, build_model
from mmkg.sentiment.data import feature_statistics
from mmkg.training.loop import optimiser_step
from mmkg.training.optim import build_optimizers

SIZES: dict[str, dict[str, Any]] = {
    "small": {"samples": 64, "lengths": (6, 9, 12), "dims": (16, 5, 7)},
    "mosi": {"samples": 1284, "lengths": (50, 375, 500), "dims": (768, 5, 20)},
    "mosei": {"samples": 16326, "lengths": (50, 500, 500), "dims": (768, 74, 35)},
}
NAMES = ("text", "audio", "vision")
PUBLISHED: dict[str, dict[str, Any]] = {
    "tfr-net": {"self_layers": 3, "cross_layers": 3, "pool_layers": 3, "reconstruction_layers": 3},
    "tate": {"dim": 300},
}
BATCH = 24


def planted(size: str, *, whole: bool) -> SentimentData:
    """Training samples of a size: all of them, or one batch."""
    shape = SIZES[size]
    lengths, dims = dict(zip(NAMES, shape["lengths"], strict=True)), dict(zip(NAMES, shape["dims"], strict=True))
    return synthetic(sizes=(shape["samples"] if whole else BATCH, 1, 1), lengths=lengths, dims=dims)


def step_of(
    model: str, size: str, data: SentimentData, *, axis: str, repeats: int, operators: int = 0
) -> tuple[Spent, str]:
    """Cost of a training step, and a text that names the most expensive operators."""
    experiment = SentimentExperiment(model=model)
    options = PUBLISHED[model] | ({"axis": axis} if model == "tfr-net" else {})
    if size == "small":
        options = {"axis": axis} if model == "tfr-net" else {}
    experiment = replace(experiment, options=replace(experiment.options, **options))
    net = build_model(experiment, Shape(data.dims, data.lengths, data.label_range)).train()
    net.set_scale(feature_statistics(data.train))
    optimizers = build_optimizers(net, experiment.training)
    seen = MissingPolicy("frame", 0.3).observed(data.train.valid, split="train")
    labels = torch.from_numpy(data.train.labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    batches = itertools.cycle(rows for rows in order.split(BATCH) if len(rows) == BATCH)

    def step() -> None:
        rows = next(batches)
        batch = data.train.batch(seen, rows.numpy())
        optimiser_step(net, lambda: net.loss_terms(batch, labels[rows]), optimizers, experiment.training)

    with deterministic(torch.device("cpu")):
        _, spent = measure(step, repeats=repeats, warmup=1)
        return spent, shares(step, operators) if operators else ""


def shares(step: Callable[[], None], number: int) -> str:
    """The most expensive operators of a step, each with its share of the time."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    spent = sorted(profile.key_averages(), key=lambda each: -each.self_cpu_time_total)
    total = sum(each.self_cpu_time_total for each in spent)
    return ", ".join(
        f"{each.key.removeprefix('aten::')} {each.self_cpu_time_total / total:.0%}" for each in spent[:number]
    )


def main(argv: Sequence[str] | None = None) -> None:
    made = parser(__doc__)
    made.add_argument("--sizes", default="mosi,mosei", help="mosi, mosei, small, comma-separated")
    made.add_argument("--models", default="tfr-net,tate")
    made.add_argument("--axes", default="feature,time", help="axes of the reconstruction of tfr-net")
    made.add_argument("--whole", action="store_true", help="build all samples and draw batches from them")
    made.add_argument("--operators", type=int, default=0, help="number of operators to name")
    made.add_argument("--repeats", type=int, default=2)
    args = start(made, argv)
    rows = []
    for size in ("small",) if args.small else args.sizes.split(","):
        shape = SIZES[size]
        words = f"{size}, {shape['samples']:,} x {'/'.join(map(str, shape['lengths']))}"
        width = sum(steps * dim for steps, dim in zip(shape["lengths"], shape["dims"], strict=True))
        megabytes = 4e-6 * shape["samples"] * width
        data, built = measure(partial(planted, size, whole=args.whole))
        if args.whole:
            rows.append(
                row(
                    "sentiment samples",
                    words,
                    built,
                    data_mb=megabytes,
                    note=f"data {megabytes:,.0f} MB",
                    headline=True,
                )
            )
        for model in args.models.split(","):
            for axis in args.axes.split(",") if model == "tfr-net" else ("",):
                spent, costliest = step_of(model, size, data, axis=axis, repeats=args.repeats, operators=args.operators)
                epoch = math.ceil(shape["samples"] / BATCH) * spent["cpu_s"]
                rows.append(
                    row(
                        "sentiment step, all samples held" if args.whole else "sentiment step",
                        f"{words}, batch {BATCH}",
                        spent,
                        model=model,
                        axis=axis or None,
                        epoch_cpu_s=epoch,
                        data_mb=megabytes,
                        note=f"{model}{', reconstruction over ' * bool(axis)}{axis}, "
                        f"{epoch:,.0f} CPU-s per epoch, data {megabytes:,.0f} MB{'; ' * bool(costliest)}{costliest}",
                        headline=True,
                    )
                )
    report("sentiment", rows, args)


if __name__ == "__main__":
    main()
