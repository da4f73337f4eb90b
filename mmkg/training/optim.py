"""Optimisers, gradient clipping, steps that skip infinite or NaN gradients, and the learning rate over time."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..models.model import AlignmentModel
from .config import TrainingConfig

Optimizers = Sequence[torch.optim.Optimizer]
BLOCK_BYTES = 1 << 18  # of rows that RowAdam updates at a time: all its passes over them are in the cache of a CPU


def build_optimizers(model: nn.Module, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """Optimisers of a model: AdamW without weight decay of 1-d weights (biases, norms, logits, log-variances).

    With ``config.fanout`` the free entity embeddings have sparse gradients and get a ``RowAdam`` of their own.
    """
    rows: list[nn.Parameter] = []
    if config.fanout and isinstance(model, AlignmentModel) and model.structure is not None:
        rows = [model.structure.embedding]
    others = [p for p in model.parameters() if p.requires_grad and not any(p is row for row in rows)]
    matrices, vectors = [p for p in others if p.ndim >= 2], [p for p in others if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate, fused=True)
    ]
    return [*found, RowAdam(rows, lr=config.learning_rate)] if rows else found


class RowAdam(torch.optim.Optimizer):
    """Adam on the rows of a sparse gradient. All other rows and their moments stay unchanged; no weight decay.

    The update rule of ``torch.optim.SparseAdam``, which would spend most of a training step on masking sparse tensors.

    Args:
        params: matrices ``[N, d]`` whose gradients are sparse and coalesced.
        lr: learning rate.
        betas: decay rates of the first and second moment.
        eps: added to the root of the second moment.
    """

    def __init__(
        self,
        params: Sequence[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the rows of the gradients."""
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                rows, grad = parameter.grad.indices()[0], parameter.grad.values()
                state = self.state[parameter]
                if not state:
                    state |= {"step": 0, "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
                state["step"] += 1
                correction = math.sqrt(1 - second ** state["step"])
                rate = group["lr"] * correction / (1 - first ** state["step"])
                block = len(rows) if grad.is_cuda else max(1, BLOCK_BYTES // (4 * grad.shape[1]))
                for some, part in zip(rows.split(block), grad.split(block), strict=True):
                    mean = state["mean"].index_select(0, some).lerp_(part, 1 - first)
                    square = state["square"].index_select(0, some).mul_(second).addcmul_(part, part, value=1 - second)
                    state["mean"].index_copy_(0, some, mean)
                    state["square"].index_copy_(0, some, square)
                    update = mean.div_(square.sqrt_().add_(group["eps"])).mul_(-rate)
                    parameter.index_add_(0, some, update)


def set_rate(optimizers: Optimizers, rate: float) -> None:
    """Set the learning rate of the next step."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def clip_(parameters: Sequence[nn.Parameter], clip_norm: float) -> Tensor:
    """Scale gradients, also sparse ones, in place to a total norm of at most ``clip_norm`` (0 = no limit).

    Returns:
        Their norm before, a scalar.
    """
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = _coalesced(parameter.grad)
    grads = [p.grad.values() if p.grad.is_sparse else p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads)
    if clip_norm > 0:
        torch._foreach_mul_(grads, (clip_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm


def _coalesced(grad: Tensor) -> Tensor:
    """The gradient with every row once; not sorted again if its rows ascend already."""
    rows = grad._indices()
    if bool((rows[0].diff() > 0).all()):
        return torch.sparse_coo_tensor(rows, grad._values(), grad.shape, check_invariants=False, is_coalesced=True)
    return grad.coalesce()


def step_if(finite: Tensor, optimizers: Optimizers) -> None:
    """Take one step of each optimiser, or none if ``finite``, a bool scalar tensor, is false.

    The fused AdamW reads the flag on the device, so that a GPU does not wait for the host. ``RowAdam`` waits.
    """
    for optimizer in optimizers:
        if optimizer.defaults.get("fused"):
            optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
            optimizer.step()
        elif bool(finite):
            optimizer.step()


def rate_factor(step: int, total_steps: int, config: TrainingConfig) -> float:
    """Factor of the learning rate at a step, in [0, 1].

    It rises linearly from zero during the share ``config.warmup`` of all steps. Then it stays at 1 (``constant``) or
    follows half a cosine down to zero (``cosine``).
    """
    warmup_steps = int(config.warmup * total_steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if config.schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
