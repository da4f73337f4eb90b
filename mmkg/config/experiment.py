"""An experiment: the configurations of all stages; read from TOML, written as TOML."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import tomli_w

from ..data.features.config import FeatureConfig
from ..errors import UsageError, brief, check_model, nearest
from ..matching import MATCHERS
from ..models.registry import AUTO, MODELS
from ..settings import check_keys, check_seed, nested, parse, plain
from ..training.config import BootstrapConfig, TrainingConfig
from .data import DataConfig
from .search import SearchConfig

if TYPE_CHECKING:
    from ..models.refinement import RefinementConfig

CUSTOM = "custom:"  # prefix of the class name of a model that was given as an object
FROM_MODEL: Any = None  # a default that depends on the model, see ``models.registry.ModelEntry``


@dataclass(frozen=True)
class Experiment:
    """All settings of a run; only the data themselves are not part of it.

    Args:
        model: name in ``mmkg.models.MODELS``; or ``auto``, in place of which ``align`` chooses one.
        seed: random seed.
        refit: learn once more at the end from training and validation links, with what these chose before.
        data, features, bootstrap, search: configurations of the stages.
        options: configuration of the model, an instance of its configuration class; by default its defaults.
        training: schedule and optimiser; by default those of the model. Label propagation does not read it.
        refinement: refinement by soft matches; by default that of the model. With ``auto``, these three are the nested
            values that were given, which apply to the model that is chosen.

    Raises:
        UsageError: ``bootstrap.matcher`` is not a matcher, ``refit`` goes with ``bootstrap.precision``, or ``auto`` was
            given the options of one model.
    """

    model: str = AUTO
    seed: int = 0
    refit: bool = False
    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    options: Any = field(default=FROM_MODEL, hash=False)
    training: TrainingConfig = field(default=FROM_MODEL, hash=False)
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    refinement: "RefinementConfig" = field(default=FROM_MODEL, hash=False)
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        if self.bootstrap.matcher not in MATCHERS:
            raise UsageError(f"unknown matcher {self.bootstrap.matcher!r}; {nearest(self.bootstrap.matcher, MATCHERS)}")
        object.__setattr__(self, "seed", check_seed(self.seed))
        if not isinstance(self.refit, bool):
            raise UsageError(f"refit must be true or false, got {brief(self.refit)}")
        if self.refit and self.bootstrap.precision:
            raise UsageError("bootstrap.precision is reached on validation links, refit learns from these; choose one")
        for name, value in defaults_of(self.model).items():
            if getattr(self, name) is FROM_MODEL:
                object.__setattr__(self, name, value)
            elif self.model == AUTO:
                object.__setattr__(self, name, _given(getattr(self, name), name))

    @property
    def trains(self) -> bool:
        """Whether ``training`` has an effect: the model is trained, has a part that is, or is chosen later."""
        entry = MODELS.get(self.model)
        return entry is None or entry.learner != "propagated"

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values without those that are ``None``; ``Experiment.of`` reads them back."""
        sections = {
            "data": asdict(self.data),
            "features": asdict(self.features),
            "options": {} if self.options is None else _values(self.options),
            "training": _values(self.training),
            "bootstrap": asdict(self.bootstrap),
            "refinement": _values(self.refinement),
            "search": self.search.to_dict(self.bootstrap.matcher),
        }
        scalars = {"model": self.model, "seed": self.seed, **({"refit": True} if self.refit else {})}
        return {**scalars, **{name: plain(part) for name, part in sections.items()}}

    def to_toml(self) -> str:
        """The whole experiment as TOML."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Experiment":
        """Build an experiment from nested plain values; missing values keep their defaults.

        Raises:
            UsageError: an unknown key, model or value; the message names the key and the nearest known one.
        """
        values = nested(values, "the experiment")
        check_keys(values, [f.name for f in dataclasses.fields(Experiment)])
        model = str(values.get("model", AUTO))
        if not model.startswith(CUSTOM):
            check_model(model, [AUTO, *MODELS])
        defaults = defaults_of(model) | {
            "data": DataConfig(),
            "features": FeatureConfig(),
            "bootstrap": BootstrapConfig(),
        }
        sections: dict[str, Any] = {
            name: None if default is None else parse(default, values.get(name, {}), name)
            for name, default in defaults.items()
            if not isinstance(default, Mapping)
        }
        sections |= {name: values.get(name, {}) for name in defaults if name not in sections}
        search = SearchConfig.of(values.get("search", {}))
        scalars = {name: values[name] for name in ("seed", "refit") if name in values}
        return Experiment(model=model, search=search, **scalars, **sections)


def defaults_of(model: str) -> dict[str, Any]:
    """Default ``options``, ``training`` and ``refinement`` of a model; those of a model object have no options."""
    entry = MODELS.get(model)
    if model == AUTO:
        return {"options": {}, "training": {}, "refinement": {}}
    from ..models.refinement import RefinementConfig

    if entry is None:
        return {"options": None, "training": TrainingConfig(), "refinement": RefinementConfig()}
    return {
        "options": entry.config(),
        "training": parse(TrainingConfig(), entry.training, f"training of {model}"),
        "refinement": parse(RefinementConfig(), entry.refinement, f"refinement of {model}"),
    }


def _given(section: Any, name: str) -> dict[str, Any]:
    """The nested values of a section that was given with ``auto``.

    Raises:
        UsageError: options of one model, or a value that does not fit.
    """
    if dataclasses.is_dataclass(section) and name == "options":
        raise UsageError(f"options of class {type(section).__name__} are those of one model; give its name, not {AUTO}")
    if dataclasses.is_dataclass(section):
        return _values(section)
    if not isinstance(section, Mapping):
        raise UsageError(f"{name} is a section of settings, got {brief(section)}")
    if section and name == "training":
        parse(TrainingConfig(), section, name)
    elif section and name == "refinement":
        from ..models.refinement import RefinementConfig

        parse(RefinementConfig(), section, name)
    return nested(section, name)


def _values(section: Any) -> dict[str, Any]:
    return dict(section) if isinstance(section, Mapping) else asdict(section)
