"""Everything that decides a sentiment run but the data themselves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import tomli_w

from ..config.parse import check_keys, check_seed, parse, plain
from ..errors import check_model
from ..training.config import TrainingConfig
from .policy import MissingPolicy
from .tate import TATEConfig
from .tfr_net import TFRNetConfig

MODEL_CONFIGS: dict[str, type[Any]] = {"tfr-net": TFRNetConfig, "tate": TATEConfig}
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


@dataclass(frozen=True)
class SentimentDataConfig:
    """How data are read.

    Args:
        context: csv of utterances: how many on either side a sample sees.
        valid_ratio: csv of utterances: share of the training videos that validate.
        split_seed: of that choice, and of the synthetic data.
        label_range: MMSA: lowest and highest label; by default [-1, 1] if no label is beyond, else [-3, 3].
        modalities: which to use; empty = all.
    """

    context: int = 3
    valid_ratio: float = 0.15
    split_seed: int = 0
    label_range: tuple[float, float] | None = None
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True)
class SentimentExperiment:
    """A run.

    Args:
        model: ``tfr-net`` or ``tate``.
        seed: of weights, order, dropout, and of what goes missing unless ``missing.seed`` says otherwise.
        data: how to read.
        missing: what is missing in training, validation and test.
        options: of the model.
        training: schedule and optimiser.
        pretraining: of the teacher on complete data, for models that have one.
    """

    model: str = "tfr-net"
    seed: int = 0
    data: SentimentDataConfig = field(default_factory=SentimentDataConfig)
    missing: MissingPolicy = field(default_factory=MissingPolicy)
    options: Any = None
    training: TrainingConfig = TRAINING
    pretraining: TrainingConfig = TRAINING

    def __post_init__(self) -> None:
        if self.options is None:
            object.__setattr__(self, "options", MODEL_CONFIGS[self.model]())

    @property
    def policy(self) -> MissingPolicy:
        """What is missing, with the seed of the run where the policy has none."""
        return self.missing if self.missing.seed else self.missing.with_seed(self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, ``None`` left out; ``of`` reads them back."""
        sections = {f.name: plain(asdict(getattr(self, f.name))) for f in dataclasses.fields(self)[2:]}
        return {"model": self.model, "seed": self.seed, **sections}

    def to_toml(self) -> str:
        """The whole experiment as TOML."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def of(values: Mapping[str, Any]) -> "SentimentExperiment":
        """From nested plain values; what is not given keeps its default.

        Raises:
            UsageError: an unknown key, model or value; the message names the key and the nearest one.
        """
        check_keys(values, [f.name for f in dataclasses.fields(SentimentExperiment)])
        model = check_model(str(values.get("model", "tfr-net")), MODEL_CONFIGS)
        defaults = {"data": SentimentDataConfig(), "missing": MissingPolicy(), "options": MODEL_CONFIGS[model]()}
        defaults |= {"training": TRAINING, "pretraining": TRAINING}
        return SentimentExperiment(
            model=model,
            seed=check_seed(values.get("seed", 0)),
            **{name: parse(default, values.get(name, {}), name) for name, default in defaults.items()},
        )
