"""Processes that ``torchrun`` has started: they find each other, and train together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from ..errors import UsageError

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
TIMEOUT = timedelta(minutes=30)  # for the slowest process, e.g. while it reads its files


def launched_size() -> int:
    """Number of processes that ``torchrun`` has started together with this one; 1 for a process started by itself."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in VARIABLES) else 1


def launched_rank() -> int:
    """Number of this process among them, from 0."""
    return int(os.environ["RANK"]) if launched_size() > 1 else 0


@contextmanager
def launched(device: str = "auto") -> Iterator[str]:
    """Train together with the other processes of ``torchrun``; in a process started by itself, nothing is shared.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``; with CUDA each process of a machine takes a GPU of its own.

    Yields:
        The device of this process.

    Raises:
        UsageError: a machine has fewer GPUs than processes.
    """
    if launched_size() == 1:
        yield device
        return
    import torch
    import torch.distributed as dist

    from .ranks import together

    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if cuda:
        local, number = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if local >= number:
            raise UsageError(f"this machine has {number} GPUs; start torchrun with --nproc-per-node {max(number, 1)}")
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=TIMEOUT)
    try:
        with together():
            yield device
            dist.barrier()  # the first process writes the run while the others wait: torchrun waits for all
    finally:
        dist.destroy_process_group()
