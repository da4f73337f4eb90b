"""Aligns two graphs on a cluster: reads, trains, embeds and searches there; matches and writes the run here."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..config.experiment import Experiment
from ..data.task import AlignmentTask
from ..errors import MmkgError
from ..folders import claimed, free_folder
from ..loading import load
from ..progress import show_step, showing
from ..result.result import AlignmentResult
from ..stages import answer_run
from .connect import ClusterError, connected
from .places import fetched, run_folder
from .search import search_on
from .training import learn_on


@isolated
def align_on(
    address: str,
    place: str | tuple[str, str],
    experiment: Experiment,
    *,
    device: str = "auto",
    out: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
    on_task: Callable[[AlignmentTask], None] | None = None,
) -> AlignmentResult:
    """Align two graphs on a Ray cluster; the result is that of ``align`` up to the rounding of training.

    Args:
        address: of the cluster: ``auto``, ``local`` or HOST:PORT, see ``connected``.
        place: a pair by name, path or address, or two graphs; every machine must see it.
        experiment: configuration of the run.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder, a path or the address of a folder in object storage.
        overwrite: replace a finished run in ``out``.
        progress: tell on stderr what is done.
        on_task: called with the task when it was read.

    Raises:
        ClusterError: workers failed too often; the same call continues from the last checkpoint.
        MissingPackageError: Ray, or the package of a kind of storage, is not installed.
        UsageError: no such cluster, or ``out`` holds a finished run.
        InputError: what reading and learning raise.
    """
    with ExitStack() as stack:
        stack.enter_context(showing(progress))
        workers = stack.enter_context(connected(address))
        folder = stack.enter_context(run_folder(out, overwrite))
        if free_folder(folder, overwrite) is not None and folder is not None:
            stack.enter_context(claimed(folder))
        reference = _reading(place, experiment, device)
        task = _received(reference)
        if on_task is not None:
            on_task(task)
        show_step(f"learning on the cluster: {workers.number} workers, {workers.cpus:g} processors each")
        learnt = learn_on(task, reference, experiment, workers, device=device, out=out)
        show_step("searching on the cluster")
        return answer_run(learnt, folder, before=lambda result: search_on(result.searcher, workers))


def _reading(place: str | tuple[str, str], experiment: Experiment, device: str) -> Any:
    """The task, read by a machine of the cluster into its object store; read again elsewhere if that machine dies."""
    import ray

    return ray.remote(_read).options(num_cpus=1).remote(place, experiment, device)


def _read(place: str | tuple[str, str], experiment: Experiment, device: str) -> AlignmentTask:
    resolve_device(device)
    with fetched(place, experiment.data) as (here, config):
        return load(here, config, seed=experiment.seed, device=device)


def _received(reference: Any) -> AlignmentTask:
    """The task on this machine.

    Raises:
        MmkgError: what reading raised.
        ClusterError: no machine could read.
    """
    import ray

    try:
        task: AlignmentTask = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MmkgError):
            raise error.cause from None
        raise ClusterError(f"reading on the cluster failed: {type(error.cause).__name__}: {error.cause}") from error
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1]
        raise ClusterError(f"reading on the cluster failed: {last}; start the same command again") from error
    return task
