"""The learning half of a run by the workers of a cluster, which Ray Train starts, watches and replaces."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from ..compute.process import quiet
from ..compute.ranks import LostRankError, together
from ..config.experiment import Experiment
from ..data.task import AlignmentTask
from ..errors import MmkgError, UsageError, brief
from ..learners import LIGHT
from ..learners.choice import choice_for
from ..learners.setting import identity
from ..models import AUTO, MODELS
from ..stages import Learnt, learn_run
from .connect import ClusterError, Workers
from .places import is_address, opened

FAILURES = 5  # of workers, until a run ends
KEPT = 2  # checkpoints


def learn_on(
    task: AlignmentTask, reference: Any, experiment: Experiment, workers: Workers, *, device: str, out: str | None
) -> Learnt:
    """Learn by all workers of a cluster.

    If a machine dies, training goes on from the last checkpoint with the workers that are left. Draws do not depend on
    the number of workers, so that the steps stay the same up to rounding.

    Args:
        task: the pair of graphs and its links.
        reference: the task in the object store of the cluster.
        experiment: configuration of the run.
        workers: of the cluster.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: path or address of the run; checkpoints are beside it, where all machines must see them.

    Raises:
        ClusterError: workers failed too often.
        UsageError: a machine does not see the place of the checkpoints.
        MmkgError: what learning on one machine raises.
    """
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    gpu = workers.gpu and device != "cpu"
    number = workers.number if _is_trained(task, experiment, device) else 1
    with tempfile.TemporaryDirectory(prefix="mmkg-") as spare:
        place = f"{out.rstrip('/')}.training" if out is not None else spare
        name = identity(task.fingerprint(task.graph_fingerprints()), experiment)[:16]
        storage = _storage(place)
        trainer = TorchTrainer(
            _work,
            train_loop_config={"task": [reference], "experiment": experiment, "gpu": gpu},
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpu else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=(1, number) if number > 1 else 1,
                use_gpu=gpu,
                resources_per_worker={"CPU": workers.cpus} | ({"GPU": 1} if gpu else {}),
                placement_strategy="SPREAD",
            ),
            run_config=RunConfig(
                name=name,
                failure_config=FailureConfig(max_failures=FAILURES),
                checkpoint_config=CheckpointConfig(num_to_keep=KEPT),
                **storage,
            ),
        )
        try:
            found: Any = trainer.fit().return_value
        except TrainingFailedError as error:
            raise _explained(error, place) from error
        _remove(place)
        if isinstance(found, MmkgError):
            raise found
    learnt: Learnt
    learnt, links = found
    fitted = learnt.fitted
    with quiet("The given NumPy array is not writable"):
        left, right = (torch.from_numpy(side) for side in (fitted.learned.left, fitted.learned.right))
    learned = replace(fitted.learned, left=left, right=right)
    setting = replace(fitted.setting, task=replace(task, links=links))
    return replace(learnt, fitted=replace(fitted, learned=learned, setting=setting))


def _is_trained(task: AlignmentTask, experiment: Experiment, device: str) -> bool:
    """Whether a model is trained; other learners compute the same on every worker."""
    name = experiment.model
    if name == AUTO:
        choice = choice_for(task, experiment, device)
        name = name if choice is None else choice.model
    return name not in MODELS or MODELS[name].learner not in LIGHT


def _work(config: dict[str, Any]) -> Any:
    """What each worker does; the first one returns what was learnt, and the links it was learnt from."""
    import ray
    import ray.train
    import ray.train.torch

    task: AlignmentTask = ray.get(config["task"][0])
    context = ray.train.get_context()
    where: torch.device = ray.train.torch.get_device() if config["gpu"] else torch.device("cpu")
    with tempfile.TemporaryDirectory(prefix="mmkg-") as spare:
        folder = Path(spare)
        if (checkpoint := ray.train.get_checkpoint()) is not None:
            checkpoint.to_directory(folder)

        def saved(path: Path) -> None:
            first = context.get_world_rank() == 0
            ray.train.report({}, checkpoint=ray.train.Checkpoint.from_directory(folder) if first else None)

        try:
            with together(saved):
                learnt = learn_run(task, None, config["experiment"], where, folder, progress=False)
        except LostRankError:  # Ray starts the workers again
            raise
        except MmkgError as error:  # of the data or settings: another try would end like this one
            return error
    if context.get_world_rank() != 0:
        return None
    fitted = learnt.fitted
    # arrays are not copied on their way; the caller has the task
    left, right = (cast(Any, side.cpu().numpy()) for side in (fitted.learned.left, fitted.learned.right))
    learned = replace(fitted.learned, left=left, right=right)
    setting = replace(fitted.setting, task=cast(Any, None), out=None)
    fitted = replace(fitted, learned=learned, setting=setting, embeddings=None)
    return replace(learnt, fitted=fitted), learnt.fitted.setting.task.links


def _storage(place: str) -> dict[str, Any]:
    """Where Ray Train keeps checkpoints, as its arguments."""
    if not is_address(place):
        return {"storage_path": os.path.abspath(place)}
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    system, path = opened(place)
    return {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(system))}


def _remove(place: str) -> None:
    """Remove the checkpoints of a run that has learnt."""
    system, path = opened(place if is_address(place) else f"file://{os.path.abspath(place)}")
    if system.exists(path):
        system.rm(path, recursive=True)


def _explained(error: Exception, place: str) -> MmkgError:
    """An error of Ray Train as one line."""
    causes = list(getattr(error, "worker_failures", {}).values()) or [error]
    text = str(causes[0])
    if "cluster storage" in text or "storage_path" in text:
        return UsageError(f"not every machine of the cluster sees {place}; give --out in shared or object storage")
    last = text.strip().splitlines()[-1] if text.strip() else type(causes[0]).__name__
    return ClusterError(
        f"training on the cluster failed after {FAILURES} new starts: {brief(last, 200)}; "
        "start the same command again, it continues from its last checkpoint"
    )
