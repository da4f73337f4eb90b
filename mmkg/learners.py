"""From links to embeddings of all entities, by every kind of model; pseudo-links and weights are chosen here."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Experiment
from .data.features import EntityInputs, build_inputs
from .data.incidence import Incidence, build_incidence
from .data.task import AlignmentTask
from .errors import UsageError
from .matching import MATCHERS, Matching, SinkhornConfig
from .matching.sinkhorn import transported_pairs
from .models import MODELS, UNTRAINED, AlignmentModel, spread_matches
from .models.neutral import COLUMNS, neutral
from .models.propagation import random_projection
from .models.refinement import REFINED
from .report import Stopwatch
from .seeding import derive_seed
from .training import bootstrap, fit, propose
from .training.bootstrap import Judge
from .training.progress import TrainingProgress, show_round
from .typing import IMAGE, MODALITIES, FloatArray, IntArray
from .validation import free_entities, judge_of, validator, weights_of

CHECKPOINT = "trainer{}.safetensors"  # of each round, in the run folder; gone when the run is finished
LEAST_WEIGHT = 0.3  # of the largest; a cosine counts by its square
BASE = "base"
SKETCH = 768  # width of the vectors that candidates of a refinement are looked for with


@dataclass(frozen=True)
class Learned:
    """What learning hands to search: unit rows of both graphs, and how they came about.

    Args:
        left, right: ``[n1, D]`` and ``[n2, D]``, of the type that ``search.store`` says.
        widths: width of each modality's part, in order.
        history: rows of the training, and of the rounds.
        course: facts for the record.
        weights: of the trained model, if it is one alone.
        selected: whether anything was chosen on validation links.
    """

    left: FloatArray
    right: FloatArray
    widths: dict[str, int]
    history: list[dict[str, Any]]
    course: dict[str, Any]
    weights: dict[str, Tensor] = field(default_factory=dict)
    selected: bool = True


@dataclass(frozen=True)
class Setting:
    """What all learners of a run share.

    Args:
        task: the pair.
        experiment: its configuration.
        device: where to compute.
        watch: takes the time of each phase.
        progress: show bars and rounds; ``None`` = if stderr is a terminal.
        out: run folder for checkpoints, ``None`` for none.
        fingerprint: of the task.
    """

    task: AlignmentTask
    experiment: Experiment
    device: torch.device
    watch: Stopwatch
    progress: bool | None = None
    out: Path | None = None
    fingerprint: str = ""

    def judge(self) -> Judge | None:
        """Score of the embeddings of all entities on the validation links, ``None`` without any."""
        if not len(self.task.links.valid):
            return None
        return judge_of(self.task, self.experiment.search, seed=self.experiment.seed, device=self.device)

    def weights(self, left: dict[str, Tensor], right: dict[str, Tensor], start: dict[str, float]) -> dict[str, float]:
        """Weights of the parts, chosen on validation links if there are any; else those of the start."""
        if not len(self.task.links.valid):
            return start
        with self.watch.phase("weigh"):
            return weights_of(self.task, self.experiment.search, left, right, start=start, seed=self.experiment.seed)


class Learner(Protocol):
    """From links to embeddings, as often as asked; a later call may start from what an earlier one learnt."""

    history: list[dict[str, Any]]

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order, as of the last call."""

    @property
    def course(self) -> dict[str, Any]:
        """Facts of the last call, for the record."""

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the trained model, as of the last call."""

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, from links int64 ``[L, 2]``."""


class Propagated:
    """Labels that spread from the links; every call from scratch."""

    def __init__(self, setting: Setting, options: Any = None) -> None:
        self.setting = setting
        experiment = setting.experiment
        with setting.watch.phase("features"):
            self.inputs = build_incidence(setting.task, experiment.features, seed=experiment.seed).to(setting.device)
        self.model = UNTRAINED["propagation"](options)
        self.history: list[dict[str, Any]] = []
        self.course: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order."""
        return self.model.widths(self.inputs)

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities."""
        with self.setting.watch.phase("embed"), torch.no_grad():
            joint = self.model.embed(self.inputs, links, seed=self.setting.experiment.seed)
        return joint[: self.inputs.num_left], joint[self.inputs.num_left :]


class Trained:
    """A model trained on the links; a later call goes on from the weights of the one before.

    Args:
        setting: of the run.
        model: the model itself, or ``None`` for that of the experiment.
    """

    def __init__(self, setting: Setting, model: AlignmentModel | None = None) -> None:
        self.setting, experiment = setting, setting.experiment
        with setting.watch.phase("features"):
            inputs = build_inputs(setting.task, experiment.features, seed=experiment.seed)
            self.model = (model or build_model(experiment, inputs)).to(setting.device)
            # neighbours are drawn on the host
            self.inputs = inputs if experiment.schedule.fanout else inputs.graph_to(setting.device)
        links = setting.task.links.valid
        self.judge = validator(setting.task, inputs, experiment.search, seed=experiment.seed) if len(links) else None
        self.calls = 0
        self.history: list[dict[str, Any]] = []
        self.course: dict[str, Any] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order."""
        return self.model.widths

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the model, a copy."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, on the CPU."""
        setting, experiment = self.setting, self.setting.experiment
        call, self.calls = self.calls, self.calls + 1
        schedule = experiment.schedule
        if call:
            schedule = replace(schedule, epochs=min(schedule.epochs, experiment.bootstrap.epochs))
        checkpoint = setting.out and setting.out / CHECKPOINT.format(f"-{call}" if call else "")
        with (
            setting.watch.phase("train"),
            TrainingProgress(schedule.epochs, enabled=setting.progress) as bar,
        ):
            result = fit(
                self.model,
                self.inputs,
                torch.from_numpy(links) + torch.tensor([0, self.inputs.num_left]),
                schedule,
                seed=derive_seed(experiment.seed, f"round {call}") if call else experiment.seed,
                validate=self.judge,
                on_epoch=bar.on_epoch,
                checkpoint=checkpoint,
                identity=identity(setting.fingerprint, experiment, links),
            )
        self.history += result.history if not call else [{**row, "round": call} for row in result.history]
        self.course = {"best_epoch": result.best_epoch + 1, "epochs": result.epochs}
        with setting.watch.phase("embed"):
            shape = (self.inputs.num_entities, sum(self.widths.values()))
            joint = torch.from_numpy(np.empty(shape, experiment.search.store))
            self.model.embed(self.inputs, out=joint.numpy())
        return joint[: self.inputs.num_left], joint[self.inputs.num_left :]


class Combined:
    """Label propagation and a trained model, part by part, with weights chosen on validation links.

    A modality to which these give next to no weight among the parts of label propagation, from the training links,
    is left out: a model that is trained with noise among its inputs learns the noise of its links by heart.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, experiment = setting, setting.experiment
        self.propagated = Propagated(setting)
        self._first: tuple[Tensor, Tensor] | None = self.propagated.embed(setting.task.links.train)
        found = self._chosen(*(self._parts(self.propagated, side) for side in self._first))
        useful = tuple(name for name, weight in found.items() if weight >= LEAST_WEIGHT)
        self.left_out = tuple(name for name in found if name not in useful)
        features = replace(experiment.features, modalities=useful)
        member = replace(experiment, model=experiment.options.trained, options=None, features=features)
        self.trained = Trained(replace(setting, experiment=member))
        self.some_lack = IMAGE in useful and not bool(self.trained.inputs.observed(IMAGE).all())
        self.history = self.trained.history
        self.weights: dict[str, Tensor] = {}
        self.course: dict[str, Any] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order: that of both members together."""
        own = self.trained.widths
        if self.some_lack:
            own = own | {IMAGE: own[IMAGE] + COLUMNS}
        sums = {name: width + own[name] for name, width in self.propagated.widths.items() if name in own}
        return {name: sums[name] for name in sorted(sums, key=MODALITIES.index)}

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, on the CPU; the first call is about the training links."""
        spread = self._first or self.propagated.embed(links)
        self._first = None
        parts: list[dict[str, Tensor]] = [{}, {}]
        members: dict[str, tuple[Learner, tuple[Tensor, Tensor]]] = {
            "propagation": (self.propagated, spread),
            self.trained.setting.experiment.model: (self.trained, self.trained.embed(links)),
        }
        for label, (member, sides) in members.items():
            for side, joint in zip(parts, sides, strict=True):
                side |= {f"{name} by {label}": part for name, part in self._parts(member, joint).items()}
        if self.some_lack:  # label propagation has seen to its own
            name = f"{IMAGE} by {self.trained.setting.experiment.model}"
            parts[0][name], parts[1][name] = neutral(parts[0][name], parts[1][name])
        names = sorted(
            (name for name in parts[0] if name.partition(" by ")[0] in self.trained.widths),
            key=lambda name: MODALITIES.index(name.partition(" by ")[0]),
        )
        weights = self._chosen(*({name: side[name] for name in names} for side in parts))
        self.course = {**self.trained.course, "weights": {name: round(weights[name], 3) for name in names}}
        if self.left_out:
            self.course["left_out"] = list(self.left_out)
        left, right = (_concatenated({name: (weights[name], side.pop(name)) for name in names}) for side in parts)
        return left, right

    def _parts(self, member: Learner, joint: Tensor) -> dict[str, Tensor]:
        """Each modality's part, of unit length, on the CPU."""
        blocks = joint.cpu().float().split(list(member.widths.values()), dim=1)
        return {name: _unit(block) for name, block in zip(member.widths, blocks, strict=True)}

    def _chosen(self, left: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
        even = dict.fromkeys(left, 1.0)
        return self.setting.weights(left, right, even) if self.setting.experiment.options.weigh else even


class Refined:
    """Embeddings joined by what their own soft matches say of each entity, round after round; nothing is learnt."""

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base = setting, base
        names = tuple(name for name in REFINED if name in base.widths)
        self.inputs = None
        if names:
            with setting.watch.phase("features"):
                features = replace(setting.experiment.features, modalities=names)
                self.inputs = build_incidence(setting.task, features).to(setting.device)
        self.names = () if self.inputs is None else self.inputs.names
        self.history = base.history
        self.course: dict[str, Any] = {}
        self.refined = False  # by the last call

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order: that of the base, and of the evidence that came to it."""
        own = {name: self.setting.experiment.refined.dim(name) for name in self.names} if self.refined else {}
        return {name: width + own.get(name, 0) for name, width in self.base.widths.items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the trained model, if it is one alone."""
        return self.base.weights

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, of the last round that validation gains by, or the last."""
        left, right = self.base.embed(links)
        found = base = left.cpu().float(), right.cpu().float()
        self.course, self.refined = self.base.course, False
        if self.inputs is None:
            return base
        judge = self.setting.judge()
        valid = [] if judge is None else [judge(*base)]
        facts: dict[str, Any] = {"round": 0}
        for number in range(1, self.setting.experiment.refined.rounds + 1):
            parts = self._evidence(self.inputs, *found)
            weights = self._chosen(base, parts)
            joined = self._joined(base[0], parts[0], weights), self._joined(base[1], parts[1], weights)
            del parts  # nearly as large as the base
            if judge is not None:
                valid.append(judge(*joined))
                if valid[-1] <= valid[-2]:
                    break
            found, facts, self.refined = joined, {"round": number, "weights": weights}, True
        if judge is not None:
            facts["valid"] = [round(score, 4) for score in valid]
        self.course = {**self.base.course, "refined_by": facts}
        return found

    def _evidence(self, inputs: Incidence, left: Tensor, right: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parts of all left and all right entities, from matches outside the training links and from these."""
        setting, config = self.setting, self.setting.experiment.refined
        with setting.watch.phase("refine"), torch.no_grad():
            free = [np.flatnonzero(there) for there in free_entities(setting.task)]
            lefts, rights = left[torch.from_numpy(free[0])], right[torch.from_numpy(free[1])]
            sketch = None
            if left.shape[1] > SKETCH:
                narrow = random_projection(left.shape[1], SKETCH, setting.experiment.seed, "sketch", "cpu")
                sketch = lefts @ narrow, rights @ narrow
            options = SinkhornConfig(config.candidates, config.temperature, config.iterations)
            rows, cols, logs = transported_pairs(
                lefts, rights, options, csls_k=setting.experiment.search.csls_k, device=setting.device, sketch=sketch
            )
            likely = np.minimum(np.exp(logs), 1).astype(np.float32)
            kept = likely >= config.least
            known = setting.task.links.train
            parts = spread_matches(
                inputs,
                np.concatenate([known[:, 0], free[0][rows[kept]]]),
                np.concatenate([known[:, 1], free[1][cols[kept]]]),
                np.concatenate([np.ones(len(known), np.float32), likely[kept]]),
                config,
                seed=setting.experiment.seed,
            )
            whole = {name: part.cpu() for name, part in parts.items()}
        count = inputs.num_left
        return {name: part[:count] for name, part in whole.items()}, {
            name: part[count:] for name, part in whole.items()
        }

    def _chosen(
        self, base: tuple[Tensor, Tensor], parts: tuple[dict[str, Tensor], dict[str, Tensor]]
    ) -> dict[str, float]:
        start = {BASE: 1.0} | {name: self.setting.experiment.refined.weight(name) for name in parts[0]}
        lefts, rights = ({BASE: side, **part} for side, part in zip(base, parts, strict=True))
        return self.setting.weights(lefts, rights, start)

    def _joined(self, base: Tensor, parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
        blocks = base.split(list(self.base.widths.values()), dim=1)
        columns: dict[str, tuple[float, Tensor]] = {}
        for name, block in zip(self.base.widths, blocks, strict=True):
            columns[f"{name} of {BASE}"] = weights[BASE], block
            if name in parts:
                columns[name] = weights[name], parts[name]
        return _concatenated(columns)


def learn(setting: Setting, model: AlignmentModel | None = None) -> Learned:
    """Embeddings of the run, after its rounds of pseudo-links."""
    experiment, links = setting.experiment, setting.task.links
    learner: Learner
    if experiment.model == "combined":
        learner = Combined(setting)
    elif experiment.model in UNTRAINED:
        learner = Propagated(setting, experiment.options)
    else:
        learner = Trained(setting, model)
    if experiment.refined.rounds:
        learner = Refined(setting, learner)
    config, store = experiment.bootstrap, experiment.search.store
    if not config.rounds:
        left, right = learner.embed(links.train)
        chosen = experiment.model not in UNTRAINED or experiment.refined.rounds > 0
        return Learned(
            _stored(left, store),
            _stored(right, store),
            learner.widths,
            learner.history,
            learner.course,
            learner.weights,
            chosen,
        )

    def match(left: Tensor, right: Tensor) -> Matching:
        options = asdict(experiment.search.sinkhorn) if config.matcher == "sinkhorn" else {}
        return MATCHERS[config.matcher](
            left, right, csls_k=experiment.search.csls_k, kind="auto", device=setting.device, **options
        )

    def pseudo_links(left: Tensor, right: Tensor) -> IntArray:
        with setting.watch.phase("propose"):
            return propose(
                left,
                right,
                known=links.train,
                match=match,
                min_score=config.min_score,
                valid=links.valid,
                precision=config.precision,
            )

    ends: list[tuple[dict[str, int], dict[str, Any], dict[str, Tensor]]] = []

    def embed(pairs: IntArray) -> tuple[Tensor, Tensor]:
        found = learner.embed(pairs)
        ends.append((learner.widths, learner.course, learner.weights))
        return found

    result = bootstrap(
        embed,
        links.train,
        config,
        propose=pseudo_links,
        judge=setting.judge(),
        valid=links.valid,
        on_round=show_round if setting.progress else None,
    )
    widths, course, weights = ends[result.best_round]
    return Learned(
        _stored(result.left, store),
        _stored(result.right, store),
        widths,
        [*learner.history, *result.history],
        {**course, "rounds": config.rounds, "best_round": result.best_round},
        weights,
    )


def build_model(experiment: Experiment, inputs: EntityInputs) -> AlignmentModel:
    """The experiment's model for these inputs, with seeded weights.

    Raises:
        UsageError: the experiment is of a model that was given as an object.
    """
    if experiment.model not in MODELS:
        raise UsageError(
            f"the model of {experiment.model} was given as an object; give it again, or name one of mmkg's"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(experiment.seed, "weights"))
        build = MODELS[experiment.model].build  # type: ignore[attr-defined]
        model: AlignmentModel = build(experiment.options, inputs.dims, num_relations=inputs.num_relations)
    return model


def identity(fingerprint: str, experiment: Experiment, links: IntArray | None = None) -> str:
    """Hash of the data, the configuration, and the links of a round."""
    text = json.dumps(experiment.to_dict(), sort_keys=True, default=str)
    digest = hashlib.sha256(f"{fingerprint}|{text}|".encode())
    digest.update(b"" if links is None else np.ascontiguousarray(links).tobytes())
    return digest.hexdigest()


def _concatenated(parts: dict[str, tuple[float, Tensor]]) -> Tensor:
    """Unit rows of the weighted parts side by side, in order, without a second copy."""
    blocks = [block for _, block in parts.values()]
    joint = blocks[0].new_empty(len(blocks[0]), sum(block.shape[1] for block in blocks))
    columns = joint.split([block.shape[1] for block in blocks], dim=1)
    for column, (weight, block) in zip(columns, parts.values(), strict=True):
        torch.mul(block, weight, out=column)
    return F.normalize(joint, dim=1, out=joint)


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows, dim=1)


def _stored(rows: Tensor, store: str) -> FloatArray:
    found: FloatArray = rows.cpu().numpy().astype(store, copy=False)
    return found
