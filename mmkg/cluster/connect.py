"""The Ray cluster on which a run computes."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from ..errors import MissingPackageError, MmkgError, UsageError, brief

PORT = 6379
SECONDS = 5.0  # for the head of a cluster to answer


class ClusterError(MmkgError):
    """A run on a cluster ended without a result; it can be started again."""


@dataclass(frozen=True)
class Workers:
    """Processes of a cluster, one for each GPU, or one for each machine if there is none.

    Args:
        number: how many there are.
        cpus: processors of each.
        gpu: whether each has a GPU.
    """

    number: int
    cpus: float
    gpu: bool


@contextmanager
def connected(address: str) -> Iterator[Workers]:
    """Be connected to a cluster, and disconnect at the end.

    Args:
        address: ``auto`` = the one that ``ray start`` has started on this machine or that its variable RAY_ADDRESS
            names; ``local`` = one on this machine that ends with the run; or HOST:PORT of the head.

    Raises:
        MissingPackageError: Ray is not installed.
        UsageError: there is no such cluster.
    """
    try:
        import ray
        import ray.train  # needs more packages than ray itself
    except ImportError as error:
        raise MissingPackageError(f"--cluster needs Ray ({error}); pip install 'mmkg[ray]'") from None
    if ray.is_initialized():  # by the calling program
        yield _workers(ray)
        return
    if address not in ("auto", "local"):
        _check(address)
    os.environ.setdefault("RAY_TRAIN_METRICS_ENABLED", "0")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except ConnectionError:
        start = "start one with 'ray start --head', then 'ray start --address HOST:6379' on other machines"
        raise UsageError(f"no Ray cluster at {address!r}; {start}") from None
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"cannot use the Ray cluster at {address!r}: {brief(str(error), 200)}") from None
    try:
        with redirect_stdout(sys.stderr):  # Ray prints what happens to machines
            yield _workers(ray)
    finally:
        ray.shutdown()


def _check(address: str) -> None:
    """Refuse an address where nothing listens; Ray would end the process.

    Raises:
        UsageError: it is no HOST:PORT, or no connection is accepted there.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise UsageError(f"--cluster takes auto, local or HOST:PORT, e.g. 10.0.0.1:{PORT}, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"no Ray cluster at {address}: {error}; start one there with 'ray start --head --port {port}'"
        ) from None


def _workers(ray: Any) -> Workers:
    """The workers that the machines of the cluster have room for."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not machines:
        raise UsageError("the Ray cluster has no machine with a processor; add one: ray start --address HOST:6379")
    if gpus := int(sum(each.get("GPU", 0) for each in machines)):
        cpus = min(each["CPU"] // each["GPU"] for each in machines if each.get("GPU", 0) >= 1)
        return Workers(gpus, max(1.0, cpus), True)
    return Workers(len(machines), min(each["CPU"] for each in machines), False)
