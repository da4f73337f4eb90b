"""The model that a run takes if none is named: chosen by its size, links, modalities and device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..compute.devices import device_type
from ..compute.memory import machine_memory
from ..config.experiment import Experiment
from ..data.features.registry import chosen_modalities
from ..data.task import AlignmentTask
from ..errors import Advice, InputError, UsageError
from ..errors import Setting as Option
from ..matching.sinkhorn import LARGEST_EXACT
from ..models.registry import AUTO, MODELS, REFINED
from ..settings import merged, shown_bytes

LEAST_LINKS = 100  # known links from which training gains more than it costs, see tools/FIGURES.md
PATIENCE = 3600.0  # seconds of one core that a run may take
ROUNDS = 4  # of refinement
# seconds of one core, fitted to runs on emoji-fr-en, DBP15K zh-en and twins of up to 1M + 1M, see ``estimate``
REFINE_ENTITY, REFINE_TRIPLE, REFINE_PAIR, REFINE_LISTED, COMBINED_REFINE = 1.5e-3, 2e-5, 3e-8, 5e-7, 1.3
STEP_ENTITY, STEP_PAIR = 1.5e-5, 1e-8
FOLDS = 5  # of cross-fitting, see ``mmkg.crossfit``
ENOUGH_JUDGED = 100  # no further fold is held out once so many links have been
GPU = 10  # times as fast as one core, at least; it is an assumption


@dataclass(frozen=True)
class Choice:
    """The model that a run takes, and why.

    Args:
        model: name in ``MODELS``.
        reason: why, in a few words.
        more: what a dearer run would cost and need; empty if there is none.
        settings: nested settings that differ from the defaults of the model.
    """

    model: str
    reason: str
    more: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The choice in one line."""
        refined = ", refined" if self.settings else ""
        return f"model: {self.model}{refined}, chosen because {self.reason}" + (f"; {self.more}" if self.more else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"model": self.model, "settings": dict(self.settings), "reason": self.reason, "more": self.more}


def choose_model(task: AlignmentTask, experiment: Experiment, device: str, *, known: int) -> Choice:
    """The model for a run, by a rule that reads no link and measures no time, so that it is the same each time.

    - ``combined`` with 100 known links or more: fewer are too few to train on. It is refined by default.
    - ``propagation``, refined in 4 rounds, otherwise; the rounds are those that help on links that were held out.
    - Neither is taken if it would need more than an hour of one core, see ``estimate``, and ``propagation`` is not
      refined if that needs more memory than the machine has, see ``learning_bytes``, or if there is nothing to refine,
      which is the case without structure, relations and attributes.

    Args:
        task: the pair, with the links to learn from.
        experiment: settings of the run, with the model ``auto``.
        device: type of the device on which it computes, ``cpu`` or ``cuda``.
        known: number of known links to learn from or to validate on, without those that names or images gave.
    """
    cost = estimate(task, experiment, device, known=known)
    names = chosen_modalities(task, experiment.features)
    training = "it trains nothing, so that settings of training have no effect; " if experiment.training else ""
    trained = f"the model combined would take about {_minutes(cost['combined'])}"
    if known >= LEAST_LINKS and cost["combined"] <= PATIENCE:
        reason = f"{known:,} known links are enough to train on, in about {_minutes(cost['combined'])}"
        return Choice("combined", reason, "a round of pseudo-links, bootstrap.rounds=1, would about double that")
    if known >= LEAST_LINKS:
        reason, more = "graphs of this size take long to train on", trained
    else:
        what = f"{known:,} known links are" if known else "links that were found and not given are"
        reason, more = f"{what} too few to train on", f"{trained} and needs about {LEAST_LINKS} known links"
    if not any(name in REFINED for name in names) or "rounds" in dict(experiment.refinement):  # type: ignore[call-overload]
        return Choice("propagation", reason, training + more)
    from .memory import learning_bytes  # which needs torch

    limit, needed = machine_memory(), learning_bytes(task, experiment, refined=True)
    if limit is not None and needed > limit and not device.startswith("cuda"):
        again = f"refinement.rounds={ROUNDS} would take about {shown_bytes(needed)}, {more}"
        return Choice("propagation", "refined, graphs of this size need more memory than there is", training + again)
    if cost["refined"] > PATIENCE:
        again = f"refinement.rounds={ROUNDS} would take about {_minutes(cost['refined'])}, {more}"
        return Choice("propagation", "graphs of this size take long to refine", training + again)
    return Choice("propagation", reason, training + more, {"refinement": {"rounds": ROUNDS}})


def choice_for(task: AlignmentTask, experiment: Experiment, device: str = "auto") -> Choice | None:
    """The model that ``align`` takes for a task if none is named; ``None`` if one is, or with nothing to learn from."""
    known = len(task.links.train) + len(task.links.valid)
    if experiment.model != AUTO or not known or experiment.data.seeds_from:
        return None
    try:
        return choose_model(task, experiment, device_type(device), known=known)
    except InputError:
        return None


def estimate(task: AlignmentTask, experiment: Experiment, device: str, *, known: int) -> dict[str, float]:
    """About how many seconds of one core a run takes, ``refined`` and ``combined``.

    Refinement compares all entities up to ``LARGEST_EXACT`` of either graph, of more those that meet in lists; rules
    join the triples of candidates. Where one's own links are judged by folds, all this is done again in each fold. A
    step of training encodes all entities and compares the links with each other.
    """
    sizes = task.left.num_entities, task.right.num_entities
    entities, triples = sum(sizes), len(task.left.triples) + len(task.right.triples)
    links = len(task.links.train) + len(task.links.valid)
    settings: Mapping[str, Any] = {**MODELS["combined"].training, **dict(experiment.training)}  # type: ignore[call-overload]
    step = STEP_ENTITY * entities + STEP_PAIR * links**2
    compared = REFINE_PAIR * entities**2 if max(sizes) <= LARGEST_EXACT else REFINE_LISTED * entities**1.5
    once = REFINE_ENTITY * entities + REFINE_TRIPLE * triples + compared
    folded = known and not len(task.links.valid) + len(task.links.test) and experiment.data.valid_ratio != 0
    refined = once * (1 + min(FOLDS, -(-FOLDS * ENOUGH_JUDGED // known)) if folded else 1)
    combined = COMBINED_REFINE * once + int(settings["epochs"]) * step
    faster = GPU if device.startswith("cuda") else 1
    return {"refined": refined / faster, "combined": combined / faster}


def resolved(experiment: Experiment, choice: Choice) -> Experiment:
    """The experiment with the chosen model; what was given wins over what was chosen.

    Raises:
        UsageError: an option that this model does not have.
    """
    values = {**experiment.to_dict(), "model": choice.model}
    try:
        return Experiment.of(merged(merged(values, choice.settings), _sections(experiment)))
    except UsageError as error:
        advice = Advice("name another with {}", Option("model", "NAME", option="--model"))
        raise UsageError(f"the model {choice.model}, which auto chose: {error}", advice=advice) from None


def with_model(task: AlignmentTask, experiment: Experiment, device: str, *, known: int) -> tuple[Experiment, Choice]:
    """The experiment of a run with the model that ``choose_model`` names, and the choice."""
    choice = choose_model(task, experiment, device, known=known)
    return resolved(experiment, choice), choice


def _sections(experiment: Experiment) -> dict[str, Any]:
    """The sections that the user gave, which depend on the model."""
    values = experiment.to_dict()
    return {name: values[name] for name in ("options", "training", "refinement")}


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return "a minute of one core"
    return f"{seconds / 60:.0f} min of one core" if seconds < 5400 else f"{seconds / 3600:.0f} h of one core"
