"""Aligns two graphs, from files or objects to the result of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .callbacks import Callbacks
from .compute.devices import resolve_device
from .compute.host import isolated
from .compute.ranks import ranks
from .config.experiment import CUSTOM, Experiment
from .config.search import changed
from .data.formats.objects import is_pyg_pair
from .data.task import AlignmentTask
from .errors import UsageError, brief, nearest
from .folders import claimed, free_folder
from .loading import load
from .models import AUTO, MODELS, AlignmentModel
from .progress import showing
from .result.result import AlignmentResult
from .settings import names_in
from .stages import answer_run, learn_run


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
    callbacks: Sequence[Any] = (),
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
        progress: show bars and steps on stderr, as lines where no bar can be drawn; ``None`` = on a terminal or in a
            notebook.
        callbacks: notified of each epoch and round, see ``mmkg.callbacks``.
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
    listeners = Callbacks(() if ranks().number else callbacks)
    if isinstance(links, str | Path) and not isinstance(left, AlignmentTask) and experiment.data.links is None:
        experiment, links = replace(experiment, data=replace(experiment.data, links=str(links))), None
    task = _task(left, right, links, never, experiment, device)
    where, own = resolve_device(device), model if isinstance(model, AlignmentModel) else None
    if ranks().number and out is not None:  # the first process checks the folder, and writes it
        return _aligned(task, own, experiment, where, Path(out), listeners, ranks_only=ranks_only, progress=False)
    folder = free_folder(out, overwrite)
    if folder is None:
        return _aligned(task, own, experiment, where, None, listeners, ranks_only=ranks_only, progress=progress)
    with claimed(folder):
        free_folder(out, overwrite)  # another process may have finished a run there
        return _aligned(task, own, experiment, where, folder, listeners, ranks_only=ranks_only, progress=progress)


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
    callbacks: Callbacks,
    *,
    ranks_only: bool,
    progress: bool | None,
) -> AlignmentResult:
    """Learn, index, evaluate, match; ``folder`` is the run folder, which this thread has claimed."""
    with showing(progress), callbacks:
        learnt = learn_run(task, model, experiment, where, folder, progress=progress, callbacks=callbacks)
        result = answer_run(learnt, folder, ranks_only=ranks_only)
        callbacks.on_end(
            {f"{way}/{name}": value for way, each in result.metrics.items() for name, value in each.items()}
        )
    return result


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
