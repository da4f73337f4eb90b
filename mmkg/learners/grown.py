"""Embeddings of entities that were not there when a run learnt, in the space of the run; nothing is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.host import isolated
from ..compute.seeding import numpy_generator
from ..config.experiment import Experiment
from ..data.features.build import build_inputs
from ..data.features.incidence import build_incidence
from ..data.features.registry import FEATURES, has_modality
from ..data.task import AlignmentTask
from ..errors import UsageError
from ..modalities import IMAGE
from ..models import MODELS, spread_matches
from ..models.neutral import COLUMNS, neutral
from ..models.refinement import REFINED
from ..models.registry import RULE_PARTS
from ..typing import FloatArray, IntArray
from .combined import PROPAGATION
from .compared import WEIGHT, home_of
from .compress import projected
from .grown_weights import grown_state
from .setting import appended, concatenated
from .sketches import base_weight, of_base
from .trained import build_model

PROBES = 256  # known entities of either graph that are embedded again, as a check
LEAST_LIKENESS = 0.6  # mean cosine of these to their stored rows; the space is another one below it


@dataclass(frozen=True, eq=False)
class Before:
    """What a run has learnt, and from what.

    Args:
        task: the pair of the run, with the links that it has learnt from as training links.
        experiment: configuration of the run.
        left, right: its unit rows, ``[n1, D]`` and ``[n2, D]``.
        widths: width of each modality's part of D, in order.
        weights: state of the trained model; empty if there is none.
        course: facts of the run record.
        matches: one-to-one matches of the run, int64 ``[P, 2]``.
        projection: matrices by modality that made its rows narrower; empty if they were not.
    """

    task: AlignmentTask
    experiment: Experiment
    left: FloatArray
    right: FloatArray
    widths: Mapping[str, int]
    weights: Mapping[str, Tensor]
    course: Mapping[str, Any]
    matches: IntArray
    projection: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def wide(self) -> "Before":
        """The run with the widths that its parts had when they were learnt."""
        if not self.projection:
            return self
        return replace(self, widths={name: len(matrix) for name, matrix in self.projection.items()})


@isolated
def embed_new(before: Before, task: AlignmentTask, device: torch.device) -> tuple[Tensor, Tensor]:
    """Embeddings of the entities of a pair that has grown which the run does not have.

    The learner of the run embeds them: labels spread from the same seed links, a trained model reads their features
    with the weights that it has. What columns of features mean is as before.

    Args:
        before: the run.
        task: the pair now; the entities of the run are the first rows of either graph.
        device: where to compute.

    Returns:
        Unit rows of the new left and of the new right entities, on the CPU; zero for an entity of which nothing is
        known.

    Raises:
        UsageError: the model of the run was an object, or known entities do not come out as in the run.
    """
    entry = MODELS.get(before.experiment.model)
    if entry is None or entry.learner not in GROWN:
        raise UsageError(
            f"new entities can be embedded by models that mmkg has, not by {before.experiment.model}, which was given "
            "as an object; align the new graphs"
        )
    graphs = ((before.task.left, task.left), (before.task.right, task.right))
    shifts = (0, task.left.num_entities)
    sides = zip(graphs, shifts, strict=True)
    new = [np.arange(then.num_entities, now.num_entities) + shift for (then, now), shift in sides]
    draw = numpy_generator(before.experiment.seed, "probes")
    chosen = [np.sort(draw.permutation(then.num_entities)[:PROBES]) for then, _ in graphs]
    probes = [rows + shift for rows, shift in zip(chosen, shifts, strict=True)]
    with torch.no_grad():
        found = _compared(before.wide, task, np.concatenate([*new, *probes]), device, GROWN[entry.learner])
        if before.projection:
            found = projected(found, before.projection)
    left, right, *again = found.cpu().split([*map(len, new), *map(len, probes)])
    for rows, (then, now) in zip((left, right), graphs, strict=True):
        counts = [has_modality(now, name).astype(np.int64) for name in before.widths if name in FEATURES]
        rows[torch.from_numpy(np.flatnonzero(np.sum(counts, axis=0)[then.num_entities :] == 0))] = 0
    stored = [torch.from_numpy(side[rows]) for side, rows in zip((before.left, before.right), chosen, strict=True)]
    pairs = zip(again, stored, strict=True)
    likeness = torch.cat([(mine.float() * theirs.float()).sum(dim=1) for mine, theirs in pairs])
    if before.course.get("compared_by"):
        likeness *= (1 + WEIGHT**2) ** 0.5  # the part that they come out without
    there = torch.cat(stored).float().norm(dim=1) > 0
    if bool(there.any()) and (mean := float(likeness[there].mean())) < LEAST_LIKENESS:
        raise UsageError(
            f"known entities do not come out as in the run (mean cosine {mean:.2f}), so new ones would not either; the "
            "graphs have changed too much, or the run learnt in rounds: align the new graphs"
        )
    return left, right


Rows = Callable[[Before, AlignmentTask, IntArray, torch.device], Tensor]


def _compared(before: Before, task: AlignmentTask, rows: IntArray, device: torch.device, base: Rows) -> Tensor:
    """Rows with an empty part for compared pairs where the run has them: new entities are in none."""
    if not before.course.get("compared_by"):
        return _refined(before, task, rows, device, base)
    home = home_of(before.widths)
    number = before.task.left.num_entities + before.task.right.num_entities
    dim = before.experiment.refinement.narrowed(number).rules_dim
    widths = {**before.widths, home: before.widths[home] - dim}
    block = _refined(replace(before, widths=widths), task, rows, device, base).cpu()
    return appended(widths, block, {home: block.new_zeros(len(block), dim)}, {home: WEIGHT})


def _refined(before: Before, task: AlignmentTask, rows: IntArray, device: torch.device, base: Rows) -> Tensor:
    """Rows of the base learner, with the evidence of the matches of the run appended where the run was refined."""
    facts = before.course.get("refined_by", {})
    if not facts.get("round"):
        return base(before, task, rows, device)
    config, seed = before.experiment.refinement, before.experiment.seed
    config = config.narrowed(before.task.left.num_entities + before.task.right.num_entities)
    names = tuple(name for name in REFINED if name in before.widths)
    widths = {name: width - (config.dim(name) if name in names else 0) for name, width in before.widths.items()}
    ruled = [name for name in RULE_PARTS if name in facts["weights"]]
    for name in ruled:
        widths[RULE_PARTS[name]] -= config.dim(name)
    block = base(replace(before, widths=widths, course={**before.course, "refined_by": {}}), task, rows, device)
    features = replace(before.experiment.features, modalities=names)
    inputs = build_incidence(task, features, before=before.task).to(device)
    left, right = before.matches.T
    likely = np.ones(len(left), np.float32)
    parts = spread_matches(inputs, left.copy(), right.copy(), likely, config, seed=seed)
    weights, columns = facts["weights"], {}
    for name, part in zip(widths, block.to(device).split(list(widths.values()), dim=1), strict=True):
        columns[of_base(name)] = base_weight(weights, name), part
        if name in parts:
            columns[name] = weights[name], parts[name][torch.from_numpy(rows).to(device)]
        for rule in ruled:  # evidence joins pairs, so that new entities have none
            if RULE_PARTS[rule] == name:
                columns[rule] = weights[rule], torch.zeros(len(rows), config.dim(rule), device=device)
    return concatenated(columns)


def _propagated(before: Before, task: AlignmentTask, rows: IntArray, device: torch.device) -> Tensor:
    """Rows to which labels spread from the seed links of the run."""
    experiment = before.experiment
    inputs = build_incidence(task, experiment.features, seed=experiment.seed, before=before.task).to(device)
    entry = MODELS[experiment.model]
    assert entry.build is not None
    model = entry.build(experiment.options)
    links, seed = before.task.links.train, experiment.seed
    if not hasattr(model, "embed_rows"):
        found: Tensor = model.embed(inputs, links, seed=seed)
        return found[torch.from_numpy(rows).to(found.device)]
    embedded: Tensor = model.embed_rows(inputs, links, rows, widths=before.widths, seed=seed)
    return embedded


def _trained(before: Before, task: AlignmentTask, rows: IntArray, device: torch.device) -> Tensor:
    """Rows by the trained model of the run."""
    return _by_model(before, task, rows, device)[0]


def _by_model(
    before: Before, task: AlignmentTask, rows: IntArray, device: torch.device
) -> tuple[Tensor, Mapping[str, int]]:
    """Rows by the trained model of the run, and the width of each modality's part."""
    experiment = before.experiment
    if not before.weights:
        raise UsageError("this run has no weights of its model, because an older version made it; align again")
    inputs = build_inputs(task, experiment.features, seed=experiment.seed, before=before.task).graph_to(device)
    model = build_model(experiment, inputs).to(device, torch.float32)
    model.load_state_dict(grown_state(before.weights, before.task, task))
    return model.embed(inputs, rows=torch.from_numpy(rows)), model.widths


def _combined(before: Before, task: AlignmentTask, rows: IntArray, device: torch.device) -> Tensor:
    """Rows by label propagation and by the trained model, part by part, with the weights of the run."""
    experiment, weights = before.experiment, before.course["weights"]
    label = experiment.options.trained
    useful = tuple(name.removesuffix(f" by {label}") for name in weights if name.endswith(f" by {label}"))
    features = replace(experiment.features, modalities=useful)
    member = replace(experiment, model=label, options=None, features=features)
    trained, own = _by_model(replace(before, experiment=member), task, rows, device)
    rest = {name: width - own[name] for name, width in before.widths.items()}
    spread, widths, lacked = _spread(replace(before, widths=rest), task, rows, device)
    parts = {f"{name} by {PROPAGATION}": part for name, part in _unit_parts(spread, widths).items()}
    parts |= {f"{name} by {label}": part for name, part in _unit_parts(trained, own).items()}
    if lacked:
        name = f"{IMAGE} by {label}"
        left = torch.from_numpy(rows < task.left.num_entities)
        sides = neutral(parts[name][left], parts[name][~left])
        both = sides[0].new_empty(len(rows), sides[0].shape[1])
        both[left], both[~left] = sides
        parts[name] = both
    return concatenated({name: (weight, parts[name]) for name, weight in weights.items()})


def _spread(
    before: Before, task: AlignmentTask, rows: IntArray, device: torch.device
) -> tuple[Tensor, Mapping[str, int], bool]:
    """Rows of label propagation as a part of a combined run, their widths, and whether some entities lacked an image.

    The widths of ``before`` are those of the run without those of the trained model.
    """
    experiment = before.experiment
    inputs = build_incidence(task, experiment.features, seed=experiment.seed, before=before.task).to(device)
    entry = MODELS[PROPAGATION]
    assert entry.build is not None
    model = entry.build(entry.config())
    number = before.task.left.num_entities + before.task.right.num_entities
    widths = model.widths(inputs, num_entities=number)
    lacked = IMAGE in before.widths and before.widths[IMAGE] > widths[IMAGE]  # the trained part has columns, too
    widths = {**widths, **before.widths}
    if lacked:
        widths[IMAGE] -= COLUMNS
    links, seed = before.task.links.train, experiment.seed
    return model.embed_rows(inputs, links, rows, widths=widths, seed=seed), widths, lacked


def _unit_parts(rows: Tensor, widths: Mapping[str, int]) -> dict[str, Tensor]:
    blocks = rows.cpu().float().split(list(widths.values()), dim=1)
    return {name: F.normalize(block, dim=1) for name, block in zip(widths, blocks, strict=True)}


GROWN: dict[str, Rows] = {"propagated": _propagated, "trained": _trained, "combined": _combined}
