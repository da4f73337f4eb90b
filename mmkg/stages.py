"""The two halves of a run: learn from links; index, evaluate, match and save."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .callbacks import Callbacks
from .compute.ranks import ranks
from .config.experiment import Experiment
from .crossfit import Fitted, fit, held_by, refit
from .data.describe import describe
from .data.entities import EntityTable, is_among
from .data.features.registry import surface_values, use_names
from .data.task import AlignmentTask, LinkSplit
from .errors import Advice, InputError
from .errors import Setting as Option
from .evaluation import OUT_OF_FOLD, Protocol
from .learners import LIGHT
from .learners.choice import Choice, with_model
from .learners.learn import learn
from .learners.pivots import joined, pivot_links, with_accepted
from .learners.setting import Setting
from .learners.validation import capped
from .models import AUTO, MODELS, AlignmentModel
from .progress import show_step, showing
from .report import RunRecord, Stopwatch
from .result.embeddings import embeddings_of
from .result.linked import one_to_one
from .result.result import AlignmentResult
from .typing import IntArray

NO_LINKS = Advice(
    "give known links, {}, or learn from entities with similar names: {}",
    Option("data.links", "FILE", option="--links"),
    Option("data.seeds_from", "name", option="--seeds-from"),
)


@dataclass(frozen=True, eq=False)
class Learnt:
    """What the first half of a run hands to the second.

    Args:
        fitted: the embeddings and how they were learnt, with the task and the settings of the run.
        given: the links that were given, without seed links that were found.
        test: the test links of the run.
        graphs: fingerprint of each graph.
        choice: why this model was taken, if none was named.
        kept: accepted pairs that are no known links, because no link of a benchmark is known with ``seeds_from``.
    """

    fitted: Fitted
    given: LinkSplit
    test: IntArray
    graphs: Any
    choice: Choice | None
    kept: IntArray


def learn_run(
    task: AlignmentTask,
    model: AlignmentModel | None,
    experiment: Experiment,
    where: torch.device,
    folder: Path | None,
    *,
    progress: bool | None,
    callbacks: Callbacks | None = None,
) -> Learnt:
    """Find seed links, choose the model, learn.

    Args:
        task: the pair of graphs and its links.
        model: a model object, which is trained; ``None`` = the model that the experiment names.
        experiment: configuration of the run.
        where: where to compute.
        folder: for checkpoints; ``None`` = none are written.
        progress: show bars and steps, see ``showing``.
        callbacks: notified of each epoch and round.

    Raises:
        InputError: no links to learn from.
    """
    with showing(progress):
        return _learnt(task, model, experiment, where, folder, Callbacks() if callbacks is None else callbacks)


def _learnt(
    task: AlignmentTask,
    model: AlignmentModel | None,
    experiment: Experiment,
    where: torch.device,
    folder: Path | None,
    callbacks: Callbacks,
) -> Learnt:
    watch = Stopwatch()
    test, graphs = task.links.test, task.graph_fingerprints()
    fingerprint = task.fingerprint(graphs)
    given, kept = task.links, task.accepted[:0]
    if experiment.data.seeds_from:
        if len(test) and experiment.data.train_ratio is None:  # a benchmark: its protocol is that no link is known
            kept = task.accepted
            test = given.all()[~is_among(given.all(), kept)]
            given = LinkSplit(kept[:0], kept[:0], test)
        with watch.phase("pivots"):
            seeds = with_accepted(_seed_links(task, experiment, where), kept)
            task = replace(task, links=joined(given, seeds))
    if len(task.links.train) == 0:
        raise InputError("learning needs at least one link, got none", advice=NO_LINKS)
    choice: Choice | None = None
    if experiment.model == AUTO:
        experiment, choice = with_model(task, experiment, where.type, known=len(given.train) + len(given.valid))
        show_step(choice.text())
    callbacks.on_start(experiment.to_dict())
    guessed = experiment.data.seeds_from and not len(given.train) + len(given.valid)
    setting = Setting(task, experiment, where, watch, callbacks, folder, fingerprint, kept if guessed else None)
    state = model.state_dict() if model is not None and experiment.refit else {}
    start = {name: each.detach().clone() for name, each in state.items()}
    if len(given.train) and not len(given.valid) and not len(test) and experiment.data.valid_ratio != 0:
        fitted = fit(setting, model, given.train)
    else:
        learned = learn(setting, model)
        fitted = Fitted(setting, learned) if guessed or experiment.refit else held_by(setting, learned)
    if experiment.refit:
        fitted = refit(fitted, model, start, given=given)
    return Learnt(fitted, given, test, graphs, choice, kept)


def answer_run(
    learnt: Learnt,
    folder: Path | None,
    *,
    ranks_only: bool = False,
    before: Callable[[AlignmentResult], None] | None = None,
) -> AlignmentResult:
    """Index, evaluate, match, and save. Of processes that train together only the first one does more than embed.

    Args:
        learnt: what was learnt.
        folder: the run folder, which this thread has claimed; ``None`` = the run is not written.
        ranks_only: rank the test links, but build no index and no matches until they are used.
        before: called with the result before anything is searched, e.g. to keep what was searched elsewhere.
    """
    fitted, experiment = learnt.fitted, learnt.fitted.setting.experiment
    learned, task, watch, where = fitted.learned, fitted.setting.task, fitted.setting.watch, fitted.setting.device
    entities = (EntityTable.of(task.left), EntityTable.of(task.right))
    links = replace(task.links, test=learnt.test)  # a seed link may be a test link: it was found, not given
    embeddings = fitted.embeddings if np.array_equal(learnt.test, task.links.test) else None
    if embeddings is None:
        store = experiment.search.store
        embeddings = embeddings_of(learned.left, learned.right, learned.widths, entities, links, store, task.never)
    result = AlignmentResult(
        embeddings=embeddings,
        entities=entities,
        links=links,
        experiment=experiment,
        protocol=_protocol(fitted, learnt.given, len(learnt.test)),
        metrics=fitted.metrics,
        record=RunRecord.collect(seed=experiment.seed, device=str(where)),
        history=learned.history,
        description=describe(task),
        weights=learned.weights,
        projection=learned.projection,
        device=str(where),
        graphs=(task.left, task.right),
        held_out=fitted.sample,
        kept=one_to_one(learnt.kept),
        alone=task.alone,
    )
    if ranks().number:
        return result
    with watch.phase("search"):
        if before is not None:
            before(result)
        if not ranks_only:
            result.searcher.lists()
    with watch.phase("evaluate"):
        result = result.evaluated()
    if not ranks_only:
        with watch.phase("match"):
            result = replace(result, aligned_relations=result.relations())
    record = RunRecord.collect(
        seed=experiment.seed,
        device=str(where),
        stopwatch=watch,
        fingerprint=fitted.setting.fingerprint,
        graphs=learnt.graphs,
        protocol=result.protocol.as_dict() | dict(learned.course) | _chosen(learnt.choice),
        metrics=result.metrics,
    )
    result = replace(result, record=record)
    if folder is not None:
        result.save(folder)  # which removes the checkpoints
    return result


def _chosen(choice: Choice | None) -> dict[str, Any]:
    """The choice of the model for the record of the run."""
    return {} if choice is None else {"choice": choice.as_dict()}


def _seed_links(task: AlignmentTask, experiment: Experiment, device: torch.device) -> LinkSplit:
    """Links to learn from, found by the modalities of ``data.seeds_from``."""
    entry = MODELS.get(experiment.model)
    trains = experiment.model != AUTO and (entry is None or entry.learner not in LIGHT)
    return pivot_links(
        task,
        experiment.data.seeds_from,
        experiment.features,
        share=experiment.data.pivot_share,
        valid_ratio=experiment.data.valid_ratio if trains or experiment.data.valid_ratio is not None else 0.0,
        csls_k=experiment.search.csls_k,
        seed=experiment.seed,
        device=device,
    )


def _protocol(fitted: Fitted, given: LinkSplit, num_test: int) -> Protocol:
    """How the figures of the run are measured."""
    task, experiment, learned = fitted.setting.task, fitted.setting.experiment, fitted.learned
    search, num_valid = experiment.search, fitted.refit or len(task.links.valid)
    num_train = len(task.links.train) - fitted.refit
    judged = _judged(fitted, given, num_test)
    surface = surface_values(task, experiment.features, learned.widths)
    seeds = num_train + num_valid - len(given.train) - len(given.valid)
    return Protocol(
        candidates=task.candidates if judged == "test" else "all",
        csls_k=search.csls_k,
        modalities=tuple(learned.widths),
        iterative=experiment.bootstrap.rounds > 0,
        pseudo_rounds=learned.course.get("best_round", 0) if experiment.bootstrap.rounds else None,
        refined=learned.course.get("refined_by", {}).get("round", 0),
        compared=bool(learned.course.get("compared_by")),
        seeds_from=experiment.data.seeds_from,
        surface_names=bool(surface) or use_names((*learned.widths, *experiment.data.seeds_from)),
        surface_values=surface,
        selection=(judged if fitted.folds else "validation" if num_valid else "none") if learned.selected else "none",
        judged=judged,
        num_judged=num_valid if judged == "validation" else fitted.judged,
        folds=fitted.folds,
        num_seeds=seeds if experiment.data.seeds_from else None,
        num_train=num_train,
        num_valid=num_valid,
        num_test=num_test,
        refit=fitted.refit > 0,
        num_valid_ranked=search.valid_queries if 0 < search.valid_queries < num_valid else None,
        valid_candidates=search.valid_candidates if capped(task, search) else None,
        seed=experiment.seed,
    )


def _judged(fitted: Fitted, given: LinkSplit, num_test: int) -> str:
    """The links that the figures of the run are about, see ``Protocol.judged``."""
    if fitted.folds:
        return OUT_OF_FOLD
    task = fitted.setting.task
    if num_test or not len(task.links.valid) or not len(given.train):  # links that were found judge nothing
        return "test"
    return "test" if len(given.valid) and task.candidates == "test" else "validation"
