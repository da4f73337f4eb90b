"""Measures one training step by phase, in CPU seconds and as a share of the step, on any pair.

One process, the machine's own cores; compare ratios within one run. Example:
python tools/bench_train.py emoji-fr-en --model meaformer   (or a folder in DBP15K layout)
"""

import argparse
import json
import time

import torch

from mmkg.config import Experiment
from mmkg.data.features import build_inputs
from mmkg.pipeline import build_model, load
from mmkg.report import peak_rss_mb
from mmkg.training.loop import deterministic
from mmkg.training.optim import build_optimizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en")
    parser.add_argument("--model", default="meaformer")
    parser.add_argument("--modalities", default="", help="comma-separated; default: all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    modalities = [name for name in args.modalities.split(",") if name]
    experiment = Experiment.of({"model": args.model, "features": {"modalities": modalities}})
    task = load(args.pair, seed=42)
    inputs = build_inputs(task, experiment.features)
    model = build_model(experiment, inputs).train()
    optimizer = build_optimizer(model, experiment.schedule)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    links = links[: experiment.schedule.batch_size or len(links)]

    square = torch.randn(2048, 2048)
    square @ square
    start = time.process_time()
    for _ in range(5):
        square @ square
    gemm = 5 * 2 * 2048**3 / (time.process_time() - start) / 1e9

    phases: dict[str, list[float]] = {}

    def lap(name: str) -> None:
        nonlocal start
        now = time.process_time()
        phases.setdefault(name, []).append(now - start)
        start = now

    with deterministic(torch.device("cpu")):
        for _ in range(args.repeats + 1):  # the first one warms up
            optimizer.zero_grad(set_to_none=True)
            start = time.process_time()
            structure = model.encode_structure(inputs)
            lap("structure forward")
            output = model.fuse(inputs, links.t().flatten(), structure)
            lap("other encoders and fusion")
            loss = torch.stack(list(model.loss_terms(output).values())).sum()
            lap("losses forward")
            loss.backward()
            lap("backward")
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            lap("clip and AdamW")
    seconds = {name: sum(times[1:]) / args.repeats for name, times in phases.items()}
    total = sum(seconds.values())
    if args.json:
        print(
            json.dumps(
                {"links": len(links), "cpu_s": seconds, "gemm_gflop_per_cpu_s": gemm, "peak_rss_mb": peak_rss_mb()}
            )
        )
        return
    print(
        f"{args.model} on {task.name}: one step of {len(links)} links, {inputs.num_entities} entities, "
        f"{', '.join(inputs.names)}"
    )
    for name, value in seconds.items():
        print(f"{name:28s} {value:7.3f} CPU-s {value / total:6.1%}")
    print(f"{'step':28s} {total:7.3f} CPU-s; sgemm here {gemm:.0f} GFLOP per CPU-s; peak memory {peak_rss_mb()} MB")


if __name__ == "__main__":
    main()
