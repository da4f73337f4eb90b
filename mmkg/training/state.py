"""The state of a training run, written to and read from a checkpoint."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from .checkpoint import load_checkpoint, pack, save_checkpoint, unpack
from .early_stop import EarlyStop
from .optim import Optimizers

logger = logging.getLogger(__name__)


@dataclass
class FitResult:
    """Outcome of a training run.

    Args:
        epochs: number of epochs run.
        best_epoch: epoch whose weights the model has now, 0-based; without validation the last one.
        best_score: validation score of that epoch; -inf without validation.
        history: one row per epoch: ``epoch``, ``loss`` (``None`` if no step was finite), ``rate``, every loss term by
            name, and ``valid``, the validation score, in epochs that were validated.
        skipped_steps: number of steps skipped because the loss or the gradient was not finite.
        skipped_in_a_row: number of consecutive skipped steps at the end of the run.
    """

    epochs: int = 0
    best_epoch: int = -1
    best_score: float = float("-inf")
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped_steps: int = 0
    skipped_in_a_row: int = 0


def save_state(
    path: str | Path,
    identity: str,
    model: nn.Module,
    optimizers: Optimizers,
    stop: EarlyStop,
    result: FitResult,
) -> None:
    """Write a checkpoint: weights, optimisers, best weights, and the history so far."""
    tensors = pack("model", model.state_dict()) | pack("best", stop.weights)
    for place, optimizer in enumerate(optimizers):
        for number, moments in optimizer.state_dict()["state"].items():
            values = {name: torch.as_tensor(value) for name, value in moments.items()}  # RowAdam counts steps in an int
            tensors |= pack(f"optimizer{place}/{number}", values)
    state = {
        "identity": identity,
        "epochs": result.epochs,
        "skipped_steps": result.skipped_steps,
        "skipped_in_a_row": result.skipped_in_a_row,
        "history": result.history,
        "best_score": stop.best_score if stop.weights else None,
        "best_epoch": stop.best_epoch,
        "since_best": stop.since_best,
    }
    save_checkpoint(path, tensors, state)


def restore(
    path: str | Path,
    identity: str,
    model: nn.Module,
    optimizers: Optimizers,
    stop: EarlyStop,
    result: FitResult,
) -> int:
    """Put the state of a checkpoint into the given objects; returns the number of epochs that were run.

    Raises:
        InputError: the checkpoint is damaged or belongs to another run.
    """
    tensors, state = load_checkpoint(path)
    if state["identity"] != identity:
        raise InputError(
            "this checkpoint belongs to other data or another configuration; give another folder or delete it", path
        )
    model.load_state_dict(unpack("model", tensors))
    for place, optimizer in enumerate(optimizers):
        template = optimizer.state_dict()
        own = unpack(f"optimizer{place}", tensors)
        numbers = {name.split("/")[0] for name in own}
        template["state"] = {int(number): _moments(unpack(number, own)) for number in numbers}
        optimizer.load_state_dict(template)
    device = next(model.parameters()).device
    stop.weights = {name: tensor.to(device) for name, tensor in unpack("best", tensors).items()}
    if stop.weights:
        stop.best_score = float(state["best_score"])
    stop.best_epoch, stop.since_best = int(state["best_epoch"]), int(state["since_best"])
    result.history, result.skipped_steps = list(state["history"]), int(state["skipped_steps"])
    result.skipped_in_a_row = int(state["skipped_in_a_row"])
    result.epochs = int(state["epochs"])
    logger.info("resumed at epoch %d from %s", result.epochs, path)
    return result.epochs


def _moments(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: value if value.is_floating_point() else int(value) for name, value in tensors.items()}
