"""Measures what training and search cost on 1, 2 and 4 workers, and the bytes that they move.

All workers are processes of this machine with one thread each, so wall time says little where it has fewer cores than
workers. The figures are CPU-seconds of the busiest worker, and bytes that each worker sends. From these follows the
speed on machines of their own: cpu_s + bytes / bandwidth, against cpu_s of one worker. "pays from" is the bandwidth at
which both are equal. Training is a step of a model on planted twins, or on a pair; search is the CSLS lists of both
sides (two passes) in a local Ray cluster, left out if Ray is not installed or with --without-ray.
Example: python tools/bench/cluster_cost.py --model meaformer --pair FOLDER
"""

import argparse
import importlib.util
import os
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from harness import parser, report, start
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

import mmkg
from mmkg.cluster import search, shards
from mmkg.cluster.connect import Workers
from mmkg.compute import ranks
from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.data.task import AlignmentTask
from mmkg.learners.trained import build_model
from mmkg.sources.synthetic import twin_graphs
from mmkg.training.loop import train_step
from mmkg.training.optim import build_optimizers

WORKERS = (1, 2, 4)
GIGABITS = (1, 10, 100)
STEPS = 3


class Counted:
    """``torch.distributed`` for ``mmkg.compute.ranks``, which counts the bytes that each rank sends.

    Rings are assumed: an all-reduce sends 2 (W - 1) / W of its bytes, an all-gather its share to W - 1 others.
    """

    def __init__(self, size: int) -> None:
        self.size, self.sent = size, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(dist, name)

    def all_reduce(self, tensor: Tensor) -> None:
        """Sum over the ranks."""
        self.sent += 2 * (self.size - 1) / self.size * tensor.nbytes
        dist.all_reduce(tensor)

    def all_gather(self, out: list[Tensor], tensor: Tensor) -> None:
        """The tensors of all ranks."""
        self.sent += (self.size - 1) * tensor.nbytes
        dist.all_gather(out, tensor)

    def broadcast(self, tensor: Tensor, src: int) -> None:
        """The tensor of one rank."""
        self.sent += (self.size - 1) / self.size * tensor.nbytes
        dist.broadcast(tensor, src=src)


def task_of(args: argparse.Namespace) -> AlignmentTask:
    if args.pair:
        return mmkg.load(args.pair)
    return twin_graphs(args.entities, image_dim=args.image_dim, mean_degree=10, train_ratio=0.5, seed=0)


def train(number: int, size: int, port: int, args: argparse.Namespace, folder: str) -> None:
    """One worker: median CPU-seconds and bytes of a step."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=number, world_size=size)
    counted = Counted(size)
    setattr(ranks, "dist", counted)  # noqa: B010  # mypy refuses the assignment
    experiment = Experiment.of({"model": args.model})
    task = task_of(args)
    inputs = build_inputs(task, experiment.features)
    model = build_model(experiment, inputs)
    optimizers = build_optimizers(model, experiment.training)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    links = links[: experiment.training.batch_size or None]
    seconds, sent = [], []
    model.train()
    with ranks.together():
        for _ in range(STEPS + 1):
            before = time.process_time(), counted.sent
            train_step(model, inputs, links, optimizers, experiment.training)
            seconds.append(time.process_time() - before[0])
            sent.append(counted.sent - before[1])
    found = {
        "cpu_s": torch.tensor(seconds[1:]).median(),
        "sent": torch.tensor(sent[-1]),
        "batch": torch.tensor(len(links)),
    }
    save_file(found, Path(folder) / f"{number}.safetensors")
    dist.barrier()
    dist.destroy_process_group()


def training_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for size in WORKERS:
        with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            listener.close()
            spawn(train, (size, port, args, folder), nprocs=size)
            found = [load_file(Path(folder) / f"{number}.safetensors") for number in range(size)]
        busiest, sent = (max(float(each[name]) for each in found) for name in ("cpu_s", "sent"))
        where = args.pair or f"twins of {args.entities:,}"
        rows.append(costs(f"a step of {args.model}", f"{where}, {int(found[0]['batch']):,} links", size, busiest, sent))
    return compared(rows)


class TimedShard(shards.Shard):
    """A shard that reports how long its worker has computed."""

    def cpu_s(self) -> float:
        """CPU-seconds since the process began."""
        return time.process_time()


def search_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """CSLS lists of both sides on clusters of 1, 2 and 4 machines, all of them this one."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import ray
    from ray.cluster_utils import Cluster

    number, dim = args.searched, args.dim
    left, right = (np.random.default_rng(seed).standard_normal((number, dim), dtype=np.float32) for seed in (0, 1))
    started, actors = search._started, list[Any]()
    begun: list[float] = []
    setattr(search, "Shard", TimedShard)  # noqa: B010

    def kept(*given: Any) -> Any:
        found = started(*given)
        actors.extend(found.actors)
        begun.extend(ray.get([actor.cpu_s.remote() for actor in found.actors]))  # when they have imported all
        return found

    setattr(search, "_started", kept)  # noqa: B010
    rows = []
    for size in WORKERS:
        head = {"num_cpus": 0, "object_store_memory": 1 << 30, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(size):
            cluster.add_node(num_cpus=1, object_store_memory=256 << 20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        try:
            search.both_ways(left[:1000], right[:1000], 10, 3, Workers(size, 1, False))
            actors.clear()
            begun.clear()
            search.both_ways(left, right, 10, 3, Workers(size, 1, False))
            ended = ray.get([actor.cpu_s.remote() for actor in actors])
            spent = [end - begin for begin, end in zip(begun, ended, strict=True)]
        finally:
            ray.shutdown()
            cluster.shutdown()
        # each worker receives its shard, and the queries of both passes
        received = right.nbytes / size + 2 * left.nbytes
        rows.append(costs("CSLS lists of both sides", f"{number:,} x {number:,}, d={dim}", size, max(spent), received))
    return compared(rows)


def costs(stage: str, size: str, workers: int, cpu_s: float, sent: float) -> dict[str, Any]:
    return {"stage": stage, "size": size, "workers": workers, "cpu_s": cpu_s, "mb_per_worker": sent / 1e6}


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the speed-up over one worker at several bandwidths, and the bandwidth from which it pays."""
    alone = rows[0]["cpu_s"]
    found = []
    for row in rows:
        saved, bits = alone - row["cpu_s"], 8e6 * row["mb_per_worker"]
        more: dict[str, Any] = {}
        if row["workers"] > 1:
            more = {f"times_at_{gb}_gb_s": alone / (row["cpu_s"] + bits / (gb * 1e9)) for gb in GIGABITS}
            more["pays_from_gb_s"] = bits / saved / 1e9 if saved > 0 else None
        found.append(row | more)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--model", default="meaformer")
    options.add_argument("--pair", default="", help="a pair to train on; default: planted twins")
    options.add_argument("--entities", type=int, default=8000, help="of each twin")
    options.add_argument("--image-dim", type=int, default=512)
    options.add_argument("--searched", type=int, default=12_000, help="rows of each side of the search")
    options.add_argument("--dim", type=int, default=300)
    options.add_argument("--without-ray", action="store_true", help="training only")
    args = start(options, argv)
    if args.small:
        args.entities, args.image_dim, args.searched, args.dim = 200, 8, 300, 8
    rows = training_rows(args)
    if not args.without_ray and importlib.util.find_spec("ray"):
        rows += search_rows(args)
    report("cluster", rows, args)


if __name__ == "__main__":
    main()
