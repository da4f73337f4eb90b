"""Configuration of a sentiment run: everything that determines it, except the data."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import tomli_w
from pydantic import Field

from ..errors import UsageError, check_model
from ..settings import check_keys, check_seed, configuration, nested, parse, plain
from ..training.config import TrainingConfig
from .policy import MissingPolicy
from .registry import MODELS

DEFAULT_MODEL = "tfr-net"
TRAINING = TrainingConfig(
    epochs=15,
    batch_size=32,
    learning_rate=1e-3,
    weight_decay=1e-2,
    schedule="cosine",
    warmup=0.1,
    clip_norm=1.0,
    eval_every=1,
    patience=10,
)


@configuration
@dataclass(frozen=True)
class SentimentDataConfig:
    """How data are read.

    Args:
        context: csv of utterances: number of neighbouring utterances that a sample sees on either side.
        valid_ratio: csv of utterances: share of the training videos that become the validation split, in [0, 1).
        split_seed: random seed of the validation split, and of synthetic data.
        label_range: MMSA files: lowest and highest label; by default [-1, 1] if it contains all labels, else [-3, 3].
        modalities: names of the modalities to use; empty = all.

    Raises:
        UsageError: a value out of range.
    """

    context: Annotated[int, Field(ge=0)] = 3
    valid_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.15
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    label_range: tuple[float, float] | None = None
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True)
class SentimentExperiment:
    """Configuration of a run.

    Args:
        model: name in ``MODELS`` of ``mmkg.sentiment.registry``, e.g. ``tfr-net`` or ``tate``.
        seed: random seed of initial weights, sample order and dropout, and of the missing parts if ``missing.seed``
            is 0.
        data: how the data are read.
        missing: which parts are missing in training, validation and test.
        options: configuration of the model, an instance of its config class; ``None`` = its defaults.
        training: schedule and optimiser.
        pretraining: schedule and optimiser of the teacher on complete data, for models that use one.

    Raises:
        UsageError: an unknown model, a seed out of range, or a training setting that only aligners have.
    """

    model: str = DEFAULT_MODEL
    seed: int = 0
    data: SentimentDataConfig = field(default_factory=SentimentDataConfig)
    missing: MissingPolicy = field(default_factory=MissingPolicy)
    options: Any = None
    training: TrainingConfig = TRAINING
    pretraining: TrainingConfig = TRAINING

    def __post_init__(self) -> None:
        check_model(self.model, MODELS)
        object.__setattr__(self, "seed", check_seed(self.seed))
        for section in ("training", "pretraining"):
            config: TrainingConfig = getattr(self, section)
            if config.fanout or config.precision != "float32":
                raise UsageError(
                    f"{section}.fanout and {section}.precision apply to aligners only; leave them out for sentiment"
                )
        if self.options is None:
            object.__setattr__(self, "options", MODELS[self.model].config())

    @property
    def policy(self) -> MissingPolicy:
        """What is missing, drawn with the seed of the run if the policy has none of its own."""
        return self.policy_for(None)

    def policy_for(self, missing: MissingPolicy | str | None) -> MissingPolicy:
        """A policy for this run.

        Args:
            missing: a policy or its text, see ``MissingPolicy.parse``; ``None`` = that of the experiment.

        Returns:
            The policy, with the seed of the run if its own seed is 0.
        """
        if isinstance(missing, str):
            missing = MissingPolicy.parse(missing)
        policy = self.missing if missing is None else missing
        return policy if policy.seed else policy.with_seed(self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values without ``None``; ``of`` reads them back."""
        sections = {f.name: plain(asdict(getattr(self, f.name))) for f in dataclasses.fields(self)[2:]}
        return {"model": self.model, "seed": self.seed, **sections}

    def to_toml(self) -> str:
        """The whole experiment as TOML."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def of(values: Mapping[str, Any]) -> "SentimentExperiment":
        """Build an experiment from nested plain values; missing keys keep their defaults.

        Raises:
            UsageError: an unknown key, model or value; the message names the key and the nearest known one.
        """
        values = nested(values, "the experiment")
        check_keys(values, [f.name for f in dataclasses.fields(SentimentExperiment)])
        model = check_model(str(values.get("model", DEFAULT_MODEL)), MODELS)
        defaults = {"data": SentimentDataConfig(), "missing": MissingPolicy(), "options": MODELS[model].config()}
        defaults |= {"training": TRAINING, "pretraining": TRAINING}
        return SentimentExperiment(
            model=model,
            seed=values.get("seed", 0),
            **{name: parse(default, values.get(name, {}), name) for name, default in defaults.items()},
        )
