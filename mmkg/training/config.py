"""Settings of training and of its rounds with pseudo-links."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ..errors import UsageError
from ..settings import configuration


@configuration
@dataclass(frozen=True)
class TrainingConfig:
    """Schedule and optimiser. Every choice among epochs is made on validation links.

    Args:
        epochs: passes over the training links; 250 in MEAformer, 500 in MCLEA and EVA.
        batch_size: links per step; 0 = all in one step.
        learning_rate: peak learning rate of AdamW, at most 1000 (5e-4 in all three papers).
        weight_decay: decoupled weight decay of matrices, at most 1000 (0.01 in EVA and MCLEA, 1e-4 in MEAformer).
        schedule: ``cosine`` (warm-up, then down to zero) or ``constant`` (warm-up, then unchanged).
        warmup: share of all steps, in [0, 1], during which the learning rate rises from zero.
        clip_norm: largest norm of the gradient; 0 = no clipping.
        eval_every: epochs between two validations.
        patience: number of validations without a better score after which training stops; 0 = never.
        checkpoint_seconds: least number of seconds between two checkpoints.
        max_bad_steps: training fails after this many consecutive steps whose loss or gradient is not finite; checked
            at the end of an epoch.
        fanout: neighbours sampled per entity and step, one number per layer of the structure encoder, the last layer
            first, e.g. 10,10; empty = all neighbours. With sampling, ``RowAdam`` updates the free entity embeddings:
            only rows that occur in a step change, and none decays, so that the cost of a step depends on the batch and
            not on the size of the graphs.
        precision: of encoders, fusion and matrix products. ``bfloat16`` runs them under torch's autocast, which pays
            off on GPUs; structure, sums and logarithms stay in float32.

    Raises:
        UsageError: a value out of range.
    """

    epochs: Annotated[int, Field(ge=0)] = 250
    batch_size: Annotated[int, Field(ge=0)] = 3500
    learning_rate: Annotated[float, Field(ge=0, le=1e3)] = 5e-4
    weight_decay: Annotated[float, Field(ge=0, le=1e3)] = 1e-2
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.15
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    eval_every: Annotated[int, Field(ge=1)] = 10
    patience: Annotated[int, Field(ge=0)] = 10
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    max_bad_steps: Annotated[int, Field(ge=1)] = 5
    fanout: tuple[Annotated[int, Field(ge=1)], ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"


@configuration
@dataclass(frozen=True)
class BootstrapConfig:
    """Rounds of pseudo-links; the round with the best score on validation links is kept.

    Args:
        rounds: how many times pseudo-links are computed; 0 = not iterative (3 in LightEA).
        matcher: matcher that proposes pseudo-links, see ``mmkg.matching.MATCHERS``. The papers use ``mutual``;
            ``sinkhorn`` finds more correct ones at the same precision (measured on DBP15K zh-en).
        min_score: least score of a pseudo-link, on the scale of the matcher. ``mutual`` gives CSLS scores, whose
            minimum is -4; so -4 accepts all.
        precision: least share of correct ones, in [0, 1], among the pseudo-links that contain a validation entity. In
            each round ``min_score`` is raised until they reach it. 0 = no such requirement.
        epochs: training epochs of each round after the first. Such a round continues from the weights of the round
            before. At most ``training.epochs`` are run.

    Raises:
        UsageError: ``rounds`` or ``epochs`` < 0, ``min_score`` is NaN, or ``precision`` is out of range.
    """

    rounds: Annotated[int, Field(ge=0)] = 0
    matcher: str = "sinkhorn"
    min_score: float = -4.0
    precision: Annotated[float, Field(ge=0, le=1)] = 0.0
    epochs: Annotated[int, Field(ge=0)] = 50

    def __post_init__(self) -> None:
        if math.isnan(self.min_score):
            raise UsageError(f"min_score must be a number, got {self.min_score}")
