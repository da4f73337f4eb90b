"""The training loop."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..compute.draws import drawing
from ..compute.host import deterministic, isolated
from ..compute.ranks import ranks, share_of
from ..compute.seeding import derive_seed
from ..data.tensors.inputs import EntityInputs
from ..data.tensors.neighborhood import check_fanout
from ..errors import InputError, MmkgError
from ..fusion.gathered import gathered
from ..models.model import AlignmentModel
from .config import TrainingConfig
from .early_stop import EarlyStop
from .optim import Optimizers, build_optimizers, clip_, rate_factor, set_rate, step_if
from .state import FitResult, restore, save_state

logger = logging.getLogger(__name__)

CHECKPOINT_SHARE = 20  # writing checkpoints takes at most 1/20 of the time
OnEpoch = Callable[[Mapping[str, Any]], None]
Terms = Callable[[Tensor, int, torch.Generator], Mapping[str, Tensor]]


class DivergedError(MmkgError, ArithmeticError):
    """The loss or its gradient was infinite or NaN in too many consecutive steps."""


@isolated
def fit(
    model: AlignmentModel,
    inputs: EntityInputs,
    links: Tensor,
    config: TrainingConfig,
    *,
    seed: int = 0,
    validate: Callable[[AlignmentModel], float] | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | Path | None = None,
    identity: str = "",
    until: int | None = None,
) -> FitResult:
    """Train an aligner on links and keep the weights with the best validation score; see ``optimise``.

    Processes that train together share each batch, see ``mmkg.compute.ranks``; the first one writes the checkpoint.

    Args:
        model: trained in place; has the best weights afterwards.
        inputs: model inputs of all entities of the task.
        links: rows of ``inputs``, int64 ``[L, 2]`` (the rows of the right graph follow those of the left graph).
        config: schedule and optimiser.
        seed: random seed of the order of links, of dropout and of neighbour sampling.
        validate: score of the model, larger is better; called every ``eval_every`` epochs.
        on_epoch: called with each row of the history; those of a checkpoint are ``restored``.
        checkpoint: file to write to, and to resume from if it exists.
        identity: hash of data and configuration; a checkpoint with another one is refused.
        until: epochs after which training ends, however many the schedule has; ``None`` = all.

    Raises:
        InputError: no links, or the checkpoint is damaged or belongs to another run.
        UsageError: ``config.fanout`` does not fit the layers of the structure encoder.
        DivergedError: too many consecutive steps were not finite.
    """
    if len(links) == 0:
        raise InputError("training needs at least one link, got none; give seed links")
    links = ranks().agreed_rows(links)
    if config.fanout and model.structure is not None:
        check_fanout(config.fanout, model.structure.depth)

    def terms(batch: Tensor, epoch: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        return link_terms(model, inputs, links.index_select(0, batch), config, generator)

    return optimise(
        model,
        len(links),
        terms,
        config,
        seed=seed,
        validate=None if validate is None else lambda: validate(model),
        on_epoch=on_epoch,
        checkpoint=checkpoint,
        identity=identity,
        until=until,
    )


@isolated
def optimise(
    model: nn.Module,
    count: int,
    terms: Terms,
    config: TrainingConfig,
    *,
    seed: int = 0,
    validate: Callable[[], float] | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | Path | None = None,
    identity: str = "",
    until: int | None = None,
) -> FitResult:
    """Train any model on ``count`` items, one step per batch; keep the weights with the best validation score.

    Args:
        model: trained in place; has the best weights afterwards.
        count: number of items, > 0.
        terms: function that computes the loss terms by name from the items of a batch, int64 ``[B]``, the epoch, and
            a generator for random draws; the loss is their sum.
        config: schedule and optimiser.
        seed: random seed of the order of items, of dropout and of the generator. All three depend on seed and epoch
            alone, so that a resumed run continues exactly like an uninterrupted one.
        validate: score of the model in its current state, larger is better; called every ``eval_every`` epochs.
        on_epoch: called with each row of the history; those of a checkpoint are ``restored``.
        checkpoint: file to write to, and to resume from if it exists.
        identity: hash of data and configuration; a checkpoint with another one is refused.
        until: epochs after which training ends, however many the schedule has; ``None`` = all.

    Raises:
        InputError: the checkpoint is damaged or belongs to another run.
        DivergedError: too many consecutive steps were not finite.
    """
    optimizers = build_optimizers(model, config)
    stop, result, start = EarlyStop(config.patience), FitResult(), 0
    own = ranks()
    if checkpoint is not None:
        with own.received(Path(checkpoint)) as found:
            if found is not None:
                start = restore(found, identity, model, optimizers, stop, result)
        for row in result.history:
            if on_epoch is not None:
                on_epoch({**row, "restored": True})
    saved, save_took = time.monotonic(), 0.0
    device = next(model.parameters()).device
    epochs = config.epochs if until is None else min(until, config.epochs)
    for epoch in range(start, epochs):
        if stop.stop:
            break
        with deterministic(device), drawing(model, derive_seed(seed, f"dropout {epoch}"), device):
            row = train_epoch(model, count, terms, optimizers, config, epoch=epoch, seed=seed, result=result)
        last = epoch + 1 == epochs
        if validate is not None and ((epoch + 1) % config.eval_every == 0 or last):
            row["valid"] = own.agreed(float(validate()))
            stop.update(row["valid"], epoch, model)
        result.history.append(row)
        result.epochs = epoch + 1
        if on_epoch is not None:
            on_epoch(row)
        now = time.monotonic()
        due = now - saved >= max(config.checkpoint_seconds, CHECKPOINT_SHARE * save_took)
        if checkpoint is not None and (own.agreed(due) or last or stop.stop):
            if own.number == 0:
                save_state(checkpoint, identity, model, optimizers, stop, result)
            own.on_saved(Path(checkpoint))
            saved = time.monotonic()
            save_took = saved - now
    result.best_epoch, result.best_score = result.epochs - 1, stop.best_score
    if stop.weights:
        model.load_state_dict(stop.weights)
        result.best_epoch = stop.best_epoch
    return result


def train_epoch(
    model: nn.Module,
    count: int,
    terms: Terms,
    optimizers: Optimizers,
    config: TrainingConfig,
    *,
    epoch: int,
    seed: int,
    result: FitResult,
) -> dict[str, Any]:
    """Make one pass over the items in a seeded order; returns its row of the history."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derive_seed(seed, f"order {epoch}")))
    batches = torch.split(order, config.batch_size or count)
    generator = torch.Generator().manual_seed(derive_seed(seed, f"neighbours {epoch}"))
    steps, flags = [], []
    model.train()
    for number, batch in enumerate(batches):
        rate = config.learning_rate * rate_factor(epoch * len(batches) + number, config.epochs * len(batches), config)
        set_rate(optimizers, rate)
        found, finite = optimiser_step(model, partial(terms, batch, epoch, generator), optimizers, config)
        names = tuple(found)
        steps.append(torch.stack(list(found.values())))
        flags.append(finite)
    kept: list[bool] = torch.stack(flags).tolist()  # the host waits for the device here, once an epoch
    for good in kept:
        result.skipped_in_a_row = 0 if good else result.skipped_in_a_row + 1
        result.skipped_steps += not good
        if result.skipped_in_a_row >= config.max_bad_steps:
            lost = result.skipped_in_a_row
            raise DivergedError(f"{lost} steps in a row were not finite; try a lower learning rate")
    if not all(kept):
        logger.warning("epoch %d: loss or gradient is not finite, %d steps skipped", epoch, kept.count(False))
    sums: dict[str, float] = {}
    if any(kept):
        shares = torch.tensor([good * len(batch) / count for good, batch in zip(kept, batches, strict=True)])
        values = torch.stack(steps).cpu().double()
        values[~torch.tensor(kept)] = 0.0
        sums = dict(zip(names, (shares.double() @ values).tolist(), strict=True))
    loss = sum(sums.values()) if sums else None  # None: no step of this epoch was finite
    return {"epoch": epoch, "loss": loss, "rate": rate, **sums}


def train_step(
    model: AlignmentModel,
    inputs: EntityInputs,
    links: Tensor,
    optimizers: Optimizers,
    config: TrainingConfig,
    *,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """Take one optimiser step of an aligner on a batch of links, int64 ``[B, 2]``; see ``optimiser_step``.

    Args:
        generator: for neighbour sampling, if ``config.fanout`` is set.
    """
    return optimiser_step(model, lambda: link_terms(model, inputs, links, config, generator), optimizers, config)


def link_terms(
    model: AlignmentModel,
    inputs: EntityInputs,
    links: Tensor,
    config: TrainingConfig,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Loss terms of an aligner by name, on a batch of links, int64 ``[B, 2]``."""
    rows = model.training_rows(inputs, links, generator)
    share = share_of(len(rows))
    own = share.of(rows)
    if share.size > 1 and generator is not None:  # each rank draws the neighbours of its own entities
        drawn = int(torch.randint(1 << 62, (1,), generator=generator))
        generator = torch.Generator().manual_seed(derive_seed(drawn, f"rank {ranks().number}"))
    device = next(model.parameters()).device
    with share.computing():
        structure = model.encode_structure(inputs, own, fanout=config.fanout, generator=generator)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        with share.computing():
            output = model.fuse(inputs, own, structure)
        found = model.loss_terms(gathered(output, share), len(links))
    torch.clear_autocast_cache()  # torch keeps the weights of this step if the calling program uses autocast too
    return found


def optimiser_step(
    model: nn.Module, terms: Callable[[], Mapping[str, Tensor]], optimizers: Optimizers, config: TrainingConfig
) -> tuple[dict[str, Tensor], Tensor]:
    """Take one optimiser step on the sum of the loss terms.

    Returns:
        The loss terms, and whether loss and gradient were finite, a bool scalar; if not, the model is unchanged. All
        stay on the device.
    """
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    found = terms()
    loss = torch.stack(list(found.values())).sum()
    torch.autograd.backward(loss)
    loss = ranks().average_(model.parameters(), loss)
    norm = clip_(list(model.parameters()), config.clip_norm)
    finite = torch.isfinite(loss.detach()) & torch.isfinite(norm)
    step_if(finite, optimizers)
    return {name: term.detach() for name, term in found.items()}, finite
