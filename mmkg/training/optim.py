"""AdamW and its rate over time."""

import math

import torch
from torch import nn

from .config import TrainingConfig


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; weights of one dimension (biases, norms, logits, log-variances) do not decay."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate)


def rate_factor(step: int, total_steps: int, config: TrainingConfig) -> float:
    """Factor of the learning rate at a step, in [0, 1].

    It rises linearly from zero over ``warmup`` of all steps; then it stays, or follows half a cosine
    down to zero.
    """
    warmup_steps = int(config.warmup * total_steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if config.schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
