"""One experiment = the configurations of its parts; TOML in, TOML out, misspelt keys refused."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import tomli_w

from ..data.features.config import FeatureConfig
from ..errors import UsageError, check_model, nearest
from ..matching import MATCHERS
from ..models import MODEL_CONFIGS, RefinementConfig
from ..training.bootstrap import BootstrapConfig
from ..training.config import TrainingConfig
from .data import DataConfig
from .parse import check_keys, check_seed, parse, plain
from .parse import merged as merged
from .parse import read_toml as read_toml
from .parse import with_settings as with_settings
from .search import SearchConfig

MEAFORMER_TRAINING = TrainingConfig(
    epochs=250, batch_size=3500, weight_decay=1e-4, schedule="cosine", warmup=0.15, clip_norm=1.0
)
MCLEA_TRAINING = TrainingConfig(
    epochs=500, batch_size=0, weight_decay=1e-2, schedule="constant", warmup=0.0, clip_norm=0.0
)
DUAL_AMN_TRAINING = TrainingConfig(
    epochs=20,
    batch_size=1024,
    learning_rate=2e-2,
    weight_decay=0.0,
    schedule="cosine",
    warmup=0.02,
    clip_norm=0.0,
    eval_every=5,
)
CUSTOM = "custom:"  # stands before the class name of a model that was given as an object
TRAINING = {
    "combined": replace(MCLEA_TRAINING, epochs=150),
    "dual-amn": DUAL_AMN_TRAINING,
    "meaformer": MEAFORMER_TRAINING,
    "mclea": MCLEA_TRAINING,
    "eva": MCLEA_TRAINING,
}
REFINEMENT = {"combined": RefinementConfig(rounds=4)}


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run but the data themselves.

    Args:
        model: name in ``mmkg.models.MODELS``.
        seed: of everything random.
        data, features, training, bootstrap, refinement, search: configurations of the stages; models without
            training read no ``training``.
        options: configuration of the model, an instance of its config class.
    """

    model: str = "meaformer"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    options: Any = None
    training: TrainingConfig | None = None
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    refinement: RefinementConfig | None = None
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        if self.bootstrap.matcher not in MATCHERS:
            raise UsageError(f"unknown matcher {self.bootstrap.matcher!r}; {nearest(self.bootstrap.matcher, MATCHERS)}")
        if self.refinement is None:
            object.__setattr__(self, "refinement", REFINEMENT.get(self.model, RefinementConfig()))
        if self.model in MODEL_CONFIGS:
            if self.options is None:
                object.__setattr__(self, "options", MODEL_CONFIGS[self.model]())
            if self.training is None:
                object.__setattr__(self, "training", TRAINING.get(self.model, TrainingConfig()))
        elif self.training is None:
            object.__setattr__(self, "training", TrainingConfig())

    @property
    def schedule(self) -> TrainingConfig:
        """The training configuration; never ``None``."""
        assert self.training is not None
        return self.training

    @property
    def refined(self) -> RefinementConfig:
        """The configuration of the refinement; never ``None``."""
        assert self.refinement is not None
        return self.refinement

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, ``None`` left out; ``Experiment.of`` reads them back."""
        options = {} if self.options is None else asdict(self.options)
        sections = {
            "data": asdict(self.data),
            "features": asdict(self.features),
            "options": options,
            "training": asdict(self.schedule),
            "bootstrap": asdict(self.bootstrap),
            "refinement": asdict(self.refined),
            "search": asdict(self.search),
        }
        return {"model": self.model, "seed": self.seed, **{name: plain(part) for name, part in sections.items()}}

    def to_toml(self) -> str:
        """The whole experiment as TOML."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Experiment":
        """From nested plain values; what is not given keeps its default.

        Raises:
            UsageError: an unknown key, model or value; the message names the key and the nearest one.
        """
        check_keys(values, [f.name for f in dataclasses.fields(Experiment)])
        model = str(values.get("model", "meaformer"))
        if not model.startswith(CUSTOM):
            check_model(model, MODEL_CONFIGS)
        return Experiment(
            model=model,
            seed=check_seed(values.get("seed", 0)),
            data=parse(DataConfig(), values.get("data", {}), "data"),
            features=parse(FeatureConfig(), values.get("features", {}), "features"),
            options=parse(MODEL_CONFIGS[model](), values.get("options", {}), "options")
            if model in MODEL_CONFIGS
            else None,
            training=parse(TRAINING.get(model, TrainingConfig()), values.get("training", {}), "training"),
            bootstrap=parse(BootstrapConfig(), values.get("bootstrap", {}), "bootstrap"),
            refinement=parse(REFINEMENT.get(model, RefinementConfig()), values.get("refinement", {}), "refinement"),
            search=parse(SearchConfig(), values.get("search", {}), "search"),
        )
