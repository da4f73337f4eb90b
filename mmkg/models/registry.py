"""The models by name, and what a run needs to know of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..modalities import ATTRIBUTE, RELATION, STRUCTURE, VALUE
from ..registry import Registry


@dataclass(frozen=True)
class ModelEntry:
    """One model: its configuration, how it is built, and the defaults that go with it.

    Args:
        config: class of its configuration, a frozen dataclass whose fields all have defaults.
        build: makes the model. With the learner ``trained`` it is called as ``build(config, dims, num_relations=R)``
            (widths of the modalities by name, see ``EntityInputs.dims``) and returns an ``AlignmentModel``; with
            ``propagated`` as ``build(config)``, and the model has the methods of ``Propagation``. ``None`` if the
            learner builds all it needs.
        learner: name in ``mmkg.learners.LEARNERS`` of what turns links into embeddings. ``combined`` may use every
            model whose learner is ``trained``.
        training: settings of ``TrainingConfig`` that differ from its defaults for this model.
        refinement: settings of ``RefinementConfig`` that differ from its defaults for this model.
    """

    config: type[Any]
    build: Callable[..., Any] | None = None
    learner: str = "trained"
    training: Mapping[str, Any] = field(default_factory=dict)
    refinement: Mapping[str, Any] = field(default_factory=dict)


MODELS: Registry[ModelEntry] = Registry(
    {
        "combined": ".combined:ENTRY",
        "dual-amn": ".dual_amn:ENTRY",
        "eva": ".eva:ENTRY",
        "mclea": ".mclea:ENTRY",
        "meaformer": ".meaformer:ENTRY",
        "propagation": ".propagation:ENTRY",
    },
    __name__,
)
REFINED = (STRUCTURE, RELATION, ATTRIBUTE)  # modalities that a refinement adds to
RULES, VALUES = "rules", "values"  # its further parts, see ``mmkg.models.rule_part``
RULE_PARTS = {RULES: RELATION, VALUES: VALUE}  # and the modality that each belongs to
AUTO = "auto"  # no model: a run chooses one, see ``mmkg.learners.choice``


def trained_models() -> list[str]:
    """Names of the models that are trained, in the order in which they were registered."""
    return [name for name, entry in MODELS.items() if entry.learner == "trained"]
