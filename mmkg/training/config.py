"""How to train."""

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError


@dataclass(frozen=True)
class TrainingConfig:
    """Schedule and optimiser; every choice among epochs is made on validation links.

    Args:
        epochs: passes over the training links; 250 in MEAformer, 500 in MCLEA and EVA.
        batch_size: links per step; 0 = all in one step.
        learning_rate: peak of AdamW's step (5e-4 in all three papers).
        weight_decay: decoupled, on matrices only (0.01 in EVA and MCLEA, 1e-4 in MEAformer).
        schedule: ``cosine`` (after warm-up down to zero) or ``constant``.
        warmup: share of all steps during which the rate rises from zero.
        clip_norm: largest gradient norm; 0 = none.
        eval_every: epochs between validations.
        patience: validations without a better MRR after which training stops; 0 = never.
        checkpoint_seconds: least time between two checkpoints.
        max_bad_steps: steps in a row with a loss or gradient that is not finite before giving up, which
            happens at the end of an epoch.
        fanout: neighbours drawn per entity and step, one number per layer of the structure encoder, the
            last layer first, e.g. 10,10; empty = all of them. With it, the free entity embeddings are stepped
            row by row (``RowAdam``: rows that a step does not see keep still, and none decays), so that
            a step costs what its batch costs however large the graphs are.
        precision: of encoders, fusion and products; ``bfloat16`` runs them under torch's autocast, worth it
            on GPUs. Structure, sums and logarithms stay float32.

    Raises:
        UsageError: a value out of range.
    """

    epochs: int = 250
    batch_size: int = 3500
    learning_rate: float = 5e-4
    weight_decay: float = 1e-2
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.15
    clip_norm: float = 1.0
    eval_every: int = 10
    patience: int = 10
    checkpoint_seconds: float = 30.0
    max_bad_steps: int = 5
    fanout: tuple[int, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("epochs", 0, math.inf),
            ("batch_size", 0, math.inf),
            ("learning_rate", 0, 1e3),
            ("weight_decay", 0, 1e3),
            ("warmup", 0, 1),
            ("clip_norm", 0, math.inf),
            ("eval_every", 1, math.inf),
            ("patience", 0, math.inf),
            ("checkpoint_seconds", 0, math.inf),
            ("max_bad_steps", 1, math.inf),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(f"{name} must be in {least}..{most}, got {value}")
        if any(number < 1 for number in self.fanout):
            raise UsageError(f"fanout must be numbers >= 1, one per layer, got {self.fanout}")
