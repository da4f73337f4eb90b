"""The order of the stages: seed links, learn, search, evaluate, match, save."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .compute.devices import resolve_device
from .compute.host import isolated
from .config.experiment import CUSTOM, Experiment
from .config.search import changed
from .crossfit import Fitted, fit
from .data.describe import describe
from .data.entities import EntityTable
from .data.features.registry import use_names
from .data.formats.objects import is_pyg_pair
from .data.task import AlignmentTask, LinkSplit
from .errors import Advice, InputError, UsageError, brief, nearest
from .errors import Setting as Option
from .evaluation import OUT_OF_FOLD, Protocol
from .folders import claimed, free_folder
from .learners.choice import Choice, with_model
from .learners.learn import learn
from .learners.pivots import joined, pivot_links
from .learners.setting import Setting
from .learners.validation import capped
from .loading import load
from .models import AUTO, MODELS, AlignmentModel
from .progress import show_step
from .report import RunRecord, Stopwatch
from .result.embeddings import embeddings_of
from .result.result import AlignmentResult
from .settings import names_in

NO_LINKS = Advice(
    "give known links, {}, or learn from entities with similar names: {}",
    Option("data.links", "FILE", option="--links"),
    Option("data.seeds_from", "name", option="--seeds-from"),
)


@isolated
def align(
    left: Any,
    right: Any = None,
    links: Any = None,
    *,
    model: str | AlignmentModel | None = None,
    seed: int | None = None,
    seeds_from: str | Sequence[str] = (),
    never: Any = None,
    modalities: str | Sequence[str] = (),
    experiment: Experiment | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    overwrite: bool = False,
    ranks_only: bool = False,
    progress: bool | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AlignmentResult:
    """Learn an aligner from two graphs and links, or from a task, and align all entities.

    Args:
        left: the left graph: a file or folder, or an object that ``as_graph`` takes (a ``KnowledgeGraph``, a networkx
            graph, PyG data, DataFrames, a list of triples). Or a task, as ``load`` returns it, with everything.
        right: the right graph. After a task, the model.
        links: known links between the graphs, see ``AlignmentTask.of``.
        model: ``auto`` (default), which chooses one, see ``choose_model``; ``meaformer``, ``mclea``, ``dual-amn``,
            ``eva``; ``propagation``, which is not trained; ``combined``, which is that and a trained one; or a model
            object built for the task's inputs.
        seed: random seed; after a task, of everything except the split.
        seeds_from: ``name``, ``text``, ``image`` or several: learn from the pairs that agree in them.
        never: pairs of labels that are not the same, or their file, see ``load``; nothing learns from or returns them.
        modalities: modalities to use, one name or several; by default all that the data have.
        experiment: full configuration; ``model``, ``seed``, ``modalities`` and ``settings`` replace its values.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder; an interrupted run in it continues where it stopped.
        overwrite: replace a finished run in ``out``.
        ranks_only: rank the test links, but search and match no others until that is used; without ``out``.
        progress: show a bar on stderr; ``None`` = if that is a terminal.
        settings: settings as in a configuration file, e.g. ``{"training.epochs": 50}`` or
            ``{"training": {"epochs": 50}}``.

    Returns:
        Embeddings, metrics on the test links, matches.

    Raises:
        UsageError: an unknown model, modality, device or setting; ``out`` holds a finished run or other files, or is
            a file.
        InputError: no training links, ``out`` holds an unfinished run of other data or settings, or another process
            writes to it.
    """
    if isinstance(left, AlignmentTask) and isinstance(right, str | AlignmentModel):
        if model is not None:
            raise UsageError(f"expected one model, got {brief(right)} and {brief(model)}")
        right, model = None, right
    experiment = _experiment(experiment, model, seed, modalities, settings, seeds_from)
    if isinstance(links, str | Path) and not isinstance(left, AlignmentTask) and experiment.data.links is None:
        experiment, links = replace(experiment, data=replace(experiment.data, links=str(links))), None
    task = _task(left, right, links, never, experiment, device)
    folder, where = free_folder(out, overwrite), resolve_device(device)
    own = model if isinstance(model, AlignmentModel) else None
    if folder is None:
        return _aligned(task, own, experiment, where, None, ranks_only=ranks_only, progress=progress)
    with claimed(folder):
        free_folder(out, overwrite)  # another process may have finished a run there
        return _aligned(task, own, experiment, where, folder, ranks_only=ranks_only, progress=progress)


def _task(left: Any, right: Any, links: Any, never: Any, experiment: Experiment, device: str) -> AlignmentTask:
    """The given task, or one from two graphs and links with the data settings of the experiment."""
    if isinstance(left, AlignmentTask):
        if right is not None or links is not None:
            what = "links" if right is None else "right"
            raise UsageError(f"{what} has no effect on a task, which has two graphs and their links")
        if never is not None:
            raise UsageError("never has no effect on a task; give it to load, or to AlignmentTask.of")
        return left
    if right is None and not is_pyg_pair(left):
        loaded = f"load({left!r})" if isinstance(left, str) else "load(...) or two graphs"
        raise UsageError(f"align takes two graphs, or a pair that is loaded, got {brief(left)}; give {loaded}")
    source = left if right is None else (left, right)
    return load(source, experiment.data, links=links, never=never, seed=experiment.seed, device=device)


def _aligned(
    task: AlignmentTask,
    model: AlignmentModel | None,
    experiment: Experiment,
    where: torch.device,
    folder: Path | None,
    *,
    ranks_only: bool,
    progress: bool | None,
) -> AlignmentResult:
    """Learn, search, evaluate, match; ``folder`` is the run folder, which this thread has claimed."""
    watch = Stopwatch()
    test, graphs = task.links.test, task.graph_fingerprints()
    fingerprint = task.fingerprint(graphs)
    given = task.links
    if experiment.data.seeds_from:
        if len(test) and experiment.data.train_ratio is None:  # a benchmark: its protocol is that no link is known
            test = given.all()
            given = LinkSplit(given.train[:0], given.valid[:0], test)
        with watch.phase("pivots"):
            task = replace(task, links=joined(given, _seed_links(task, experiment, where)))
    if len(task.links.train) == 0:
        raise InputError("learning needs at least one link, got none", advice=NO_LINKS)
    choice: Choice | None = None
    if experiment.model == AUTO:
        experiment, choice = with_model(task, experiment, where.type, known=len(given.train) + len(given.valid))
        if sys.stderr.isatty() if progress is None else progress:
            show_step(choice.text())
    setting = Setting(task, experiment, where, watch, progress, folder, fingerprint)
    if len(given.train) and not len(given.valid) and not len(test) and experiment.data.valid_ratio != 0:
        fitted = fit(setting, model, given.train)
    else:
        fitted = Fitted(setting, learn(setting, model))
    learned, task = fitted.learned, fitted.setting.task
    entities = (EntityTable.of(task.left), EntityTable.of(task.right))
    links = replace(task.links, test=test)  # a seed link may be a test link: it was found, not given
    result = AlignmentResult(
        embeddings=embeddings_of(
            learned.left, learned.right, learned.widths, entities, links, experiment.search.store, task.never
        ),
        entities=entities,
        links=links,
        experiment=experiment,
        protocol=_protocol(fitted, given, len(test)),
        metrics=fitted.metrics,
        record=RunRecord.collect(seed=experiment.seed, device=str(where)),
        history=learned.history,
        description=describe(task),
        weights=learned.weights,
        device=str(where),
        graphs=(task.left, task.right),
        held_out=fitted.sample,
    )
    if not ranks_only:
        with watch.phase("search"):
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
        fingerprint=fingerprint,
        graphs=graphs,
        protocol=result.protocol.as_dict() | dict(learned.course) | ({"choice": choice.as_dict()} if choice else {}),
        metrics=result.metrics,
    )
    result = replace(result, record=record)
    if folder is not None:
        result.save(folder)  # which removes the checkpoints
    return result


def _seed_links(task: AlignmentTask, experiment: Experiment, device: torch.device) -> LinkSplit:
    """Links to learn from, found by the modalities of ``data.seeds_from``."""
    return pivot_links(
        task,
        experiment.data.seeds_from,
        experiment.features,
        share=experiment.data.pivot_share,
        valid_ratio=experiment.data.valid_ratio,
        csls_k=experiment.search.csls_k,
        seed=experiment.seed,
        device=device,
    )


def _protocol(fitted: Fitted, given: LinkSplit, num_test: int) -> Protocol:
    """How the figures of the run are measured."""
    task, experiment, learned = fitted.setting.task, fitted.setting.experiment, fitted.learned
    search, num_valid = experiment.search, len(task.links.valid)
    judged = _judged(fitted, given, num_test)
    seeds = len(task.links.train) + num_valid - len(given.train) - len(given.valid)
    return Protocol(
        candidates=task.candidates if judged == "test" else "all",
        csls_k=search.csls_k,
        modalities=tuple(learned.widths),
        iterative=experiment.bootstrap.rounds > 0,
        refined=learned.course.get("cross_fit", {}).get("refinement_rounds", experiment.refinement.rounds),
        seeds_from=experiment.data.seeds_from,
        surface_names=use_names(learned.widths),
        selection=(judged if fitted.folds else "validation" if num_valid else "none") if learned.selected else "none",
        judged=judged,
        num_judged=num_valid if judged == "validation" else fitted.judged,
        folds=fitted.folds,
        num_seeds=seeds if experiment.data.seeds_from else None,
        num_train=len(task.links.train),
        num_valid=num_valid,
        num_test=num_test,
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


def _experiment(
    experiment: Experiment | None,
    model: str | AlignmentModel | None,
    seed: int | None,
    modalities: str | Sequence[str],
    settings: Mapping[str, Any] | None,
    seeds_from: str | Sequence[str] = (),
) -> Experiment:
    if experiment is not None and not isinstance(experiment, Experiment):
        raise UsageError(f"experiment must be an Experiment, e.g. Experiment.of(...), got {brief(experiment)}")
    if model is not None and not isinstance(model, str | AlignmentModel):
        raise UsageError(f"model must be a name or a model object, got {brief(model)}; {nearest('', [AUTO, *MODELS])}")
    modalities = names_in(modalities, "modalities")
    values: dict[str, Any] = {} if experiment is None else experiment.to_dict()
    if isinstance(model, AlignmentModel):
        config = getattr(model, "config", None)
        experiment = Experiment(model=f"{CUSTOM}{type(model).__name__}", options=config)
        values = {**values, "model": experiment.model, "options": {}}
    elif model is not None:
        if experiment is not None and experiment.model not in (model, AUTO):  # values of auto were all given
            values = {key: value for key, value in values.items() if key not in ("options", "training", "refinement")}
        values["model"] = model
    if seed is not None:
        values["seed"] = seed
    if modalities:
        values["features"] = {**values.get("features", {}), "modalities": modalities}
    if seeds := names_in(seeds_from, "seeds_from"):
        values["data"] = {**values.get("data", {}), "seeds_from": seeds}
    return Experiment.of(changed(values, {} if settings is None else settings))
