"""Measures training steps of the sentiment models: seconds per epoch and peak memory at the size of MOSI and MOSEI.

The data are planted: 1,284 samples of 50, 375 and 500 steps (text 768, audio 5, vision 20 wide), and 16,326 of 50, 500
and 500 (768, 74, 35). A few steps are timed on as many samples as they need, and an epoch is that often a step; the
memory that all samples would take (float32) is in ``data_mb``. Layers as published, without dropout on attention, which
would keep every map of T x T steps. With --operators the ones that take most of a step are said too; later
rows then hold the memory of the profiler. Example:
python tools/bench_sentiment.py --sizes mosi --models tate
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from benchmarks import Spent, measure, parser, report, row, start

from mmkg.sentiment import MissingPolicy, SentimentExperiment, synthetic
from mmkg.sentiment.data import feature_statistics
from mmkg.sentiment.result import Shape, build_model
from mmkg.training.loop import deterministic, optimiser_step
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


def step_of(model: str, size: str, *, axis: str, repeats: int, operators: int = 0) -> tuple[Spent, int, float, str]:
    """What a step takes, how many make an epoch, the megabytes of all samples, and the costliest operators in words."""
    shape = SIZES[size]
    lengths, dims = dict(zip(NAMES, shape["lengths"], strict=True)), dict(zip(NAMES, shape["dims"], strict=True))
    data = synthetic(sizes=(BATCH, 1, 1), lengths=lengths, dims=dims)
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

    def step() -> None:
        batch = data.train.batch(seen, np.arange(BATCH))
        optimiser_step(net, lambda: net.loss_terms(batch, labels), optimizers, experiment.training)

    with deterministic(torch.device("cpu")):
        _, spent = measure(step, repeats=repeats, warmup=1)
        costliest = shares(step, operators) if operators else ""
    width = sum(lengths[name] * dims[name] for name in NAMES)
    return spent, math.ceil(shape["samples"] / BATCH), 4e-6 * shape["samples"] * width, costliest


def shares(step: Callable[[], None], number: int) -> str:
    """The operators that take most of the time of a step, each with its share."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as told:
        step()
    spent = sorted(told.key_averages(), key=lambda each: -each.self_cpu_time_total)
    total = sum(each.self_cpu_time_total for each in spent)
    return ", ".join(
        f"{each.key.removeprefix('aten::')} {each.self_cpu_time_total / total:.0%}" for each in spent[:number]
    )


def main(argv: Sequence[str] | None = None) -> None:
    made = parser(__doc__)
    made.add_argument("--sizes", default="mosi,mosei", help="of mosi, mosei, small")
    made.add_argument("--models", default="tfr-net,tate")
    made.add_argument("--axes", default="feature,time", help="of the reconstruction of tfr-net")
    made.add_argument("--operators", type=int, default=0, help="how many to tell")
    made.add_argument("--repeats", type=int, default=2)
    args = start(made, argv)
    rows = []
    for size in ("small",) if args.small else args.sizes.split(","):
        for model in args.models.split(","):
            for axis in args.axes.split(",") if model == "tfr-net" else ("",):
                spent, steps, megabytes, costliest = step_of(
                    model, size, axis=axis, repeats=args.repeats, operators=args.operators
                )
                shape = SIZES[size]
                rows.append(
                    row(
                        "sentiment step",
                        f"{size}, {shape['samples']:,} x {'/'.join(map(str, shape['lengths']))}, batch {BATCH}",
                        spent,
                        model=model,
                        axis=axis or None,
                        epoch_cpu_s=steps * spent["cpu_s"],
                        data_mb=megabytes,
                        note=f"{model}{', reconstruction over ' * bool(axis)}{axis}, "
                        f"{steps * spent['cpu_s']:,.0f} CPU-s per epoch, data {megabytes:,.0f} MB"
                        f"{'; ' * bool(costliest)}{costliest}",
                        headline=True,
                    )
                )
    report("sentiment", rows, args)


if __name__ == "__main__":
    main()
