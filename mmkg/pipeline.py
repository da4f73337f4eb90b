"""The only place where the stages meet: load, encode, train, embed, evaluate, match."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .config import CUSTOM, DataConfig, Experiment, SearchConfig, check_seed, merged
from .data.describe import describe
from .data.emoji import EMOJI_PAIRS, load_emoji
from .data.entities import EntityTable
from .data.features import EntityInputs, build_inputs
from .data.formats import HowToRead, read_pair, read_task
from .data.split import sample_links
from .data.task import AlignmentTask
from .errors import InputError, UsageError, nearest
from .evaluation import Protocol, evaluate_sample
from .models import MODELS, AlignmentModel
from .report import RunRecord, Stopwatch
from .result import AlignmentResult
from .search.vectors import resolve_device
from .seeding import derive_seed, numpy_generator
from .training import fit
from .training.progress import TrainingProgress
from .typing import BoolArray

logger = logging.getLogger(__name__)

EMBEDDED: dict[str, Callable[..., AlignmentTask]] = {
    f"emoji-{pair}": (lambda pair=pair, **options: load_emoji(pair, **options)) for pair in EMOJI_PAIRS
}


def load(
    source: str | Path | Sequence[str | Path], config: DataConfig | None = None, *, seed: int = 0, **options: Any
) -> AlignmentTask:
    """Load a pair of graphs: an embedded one by name, a folder of any known layout, or two graphs.

    Args:
        source: ``emoji-fr-en``, ``emoji-zh-en``, ``emoji-ja-en``; a folder in the layout of DBP15K, OpenEA or MMKB, or
            one with ``left``, ``right`` and ``links`` in any format; or two graphs (left, right), each a file or a
            folder of RDF, TSV, CSV or Parquet. See ``read_task`` and ``read_pair``.
        config: how to read and split; or give its fields as keywords, e.g. ``train_ratio=0.2``.
        seed: of the split, unless the configuration has its own.

    Raises:
        UsageError: neither a known name nor a path, an unknown option, or one that the layout does not take.
        InputError: there is no such folder, its layout is not known, or the files break their format.
    """
    if config is None:
        config = Experiment.of({"data": options}).data
    elif options:
        raise UsageError("give the data settings as config or as keywords, not as both")
    seed = check_seed(seed if config.split_seed is None else config.split_seed)
    shared = {"train_ratio": config.train_ratio, "valid_ratio": config.valid_ratio, "seed": seed}
    how = HowToRead(config.languages, config.header, config.columns)
    given: dict[str, Any] = {"format": config.format, "links": config.links, "how": how, **shared}
    given |= {name: getattr(config, name) for name in ("on_error", "one_to_one", "candidates")}
    if not isinstance(source, str | Path):
        if len(source) != 2:
            raise UsageError(f"expected a pair or two graphs, got {len(source)} paths")
        return read_pair(source[0], source[1], **given)
    if str(source) in EMBEDDED:
        task = EMBEDDED[str(source)](neutral=config.neutral, image_ratio=config.image_ratio, **shared)
        return replace(task, candidates=config.candidates)
    if not Path(source).exists():
        if isinstance(source, Path) or len(Path(source).parts) > 1:
            raise InputError("no such folder; check the path", source)
        raise UsageError(f"{str(source)!r} is neither a folder nor an embedded pair; {nearest(str(source), EMBEDDED)}")
    return read_task(source, fold=config.fold, graphs=config.graphs, images=config.images, names=config.names, **given)


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


def align(
    task: AlignmentTask,
    model: str | AlignmentModel | None = None,
    *,
    seed: int | None = None,
    modalities: Sequence[str] = (),
    experiment: Experiment | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AlignmentResult:
    """Train an aligner on a task and align all its entities.

    Args:
        task: two graphs and their links.
        model: ``meaformer`` (default), ``mclea``, ``eva``, or a model object built for the task's inputs.
        seed: of everything random but the split.
        modalities: which to use; by default all that the data have.
        experiment: full configuration; ``model``, ``seed``, ``modalities`` and ``settings`` go on top of it.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder; an interrupted run in it goes on where it stopped.
        overwrite: put the new run in the place of a finished one.
        progress: show a bar on stderr; ``None`` = if that is a terminal.
        settings: nested settings as in a configuration file, e.g. ``{"training": {"epochs": 50}}``.

    Returns:
        Embeddings, metrics on the test links, matches.

    Raises:
        UsageError: an unknown model, modality, device or setting; ``out`` holds a finished run, or is a file.
        InputError: no training links, or ``out`` holds an unfinished run of other data or settings.
    """
    experiment = _experiment(experiment, model, seed, modalities, settings)
    if out is not None and (Path(out) / "manifest.json").is_file() and not overwrite:
        raise UsageError(f"{out} holds a finished run already; give another folder, or overwrite it")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise UsageError(f"{out} is a file; give a folder for the run")
    where = resolve_device(device)
    watch = Stopwatch()
    with watch.phase("features"):
        inputs = build_inputs(task, experiment.features, seed=experiment.seed)
        trained = model if isinstance(model, AlignmentModel) else build_model(experiment, inputs)
        trained = trained.to(where)
        if not experiment.schedule.fanout:  # neighbours are drawn on the host
            inputs = inputs.graph_to(where)
    fingerprint = task.fingerprint()
    search = experiment.search
    judge = validator(task, inputs, search, seed=experiment.seed) if len(task.links.valid) else None
    with watch.phase("train"), TrainingProgress(experiment.schedule.epochs, enabled=progress) as bar:
        result = fit(
            trained,
            inputs,
            torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left]),
            experiment.schedule,
            seed=experiment.seed,
            validate=judge,
            on_epoch=bar.on_epoch,
            checkpoint=None if out is None else Path(out) / "trainer.safetensors",
            identity=_identity(fingerprint, experiment),
        )
    with watch.phase("embed"):
        embeddings = np.empty((inputs.num_entities, sum(trained.widths.values())), search.store)
        trained.embed(inputs, out=embeddings)
    left, right = embeddings[: inputs.num_left], embeddings[inputs.num_left :]
    num_valid, num_test = len(task.links.valid), len(task.links.test)
    protocol = Protocol(
        candidates=task.candidates,
        csls_k=search.csls_k,
        modalities=tuple(trained.widths),
        surface_names="name" in trained.widths,
        selection="validation" if num_valid else "none",
        num_train=len(task.links.train),
        num_valid=num_valid,
        num_test=num_test,
        num_valid_ranked=search.valid_queries if 0 < search.valid_queries < num_valid else None,
        valid_candidates=search.valid_candidates if _capped(task, search) else None,
        seed=experiment.seed,
    )
    aligned = AlignmentResult(
        left=left,
        right=right,
        widths=trained.widths,
        entities=(EntityTable.of(task.left), EntityTable.of(task.right)),
        links=task.links,
        experiment=experiment,
        protocol=protocol,
        metrics={},
        record=RunRecord.collect(seed=experiment.seed, device=str(where)),
        history=result.history,
        description=describe(task),
        weights=trained.state_dict(),
    )
    with watch.phase("index"):
        aligned.index()
    with watch.phase("evaluate"):
        aligned = aligned.evaluated()
    with watch.phase("match"):
        _ = aligned.matching
    record = RunRecord.collect(
        seed=experiment.seed,
        device=str(where),
        stopwatch=watch,
        fingerprint=fingerprint,
        protocol=aligned.protocol.as_dict() | {"best_epoch": result.best_epoch + 1, "epochs": result.epochs},
        metrics=aligned.metrics,
    )
    aligned = aligned.annotated(record=record)
    if out is not None:
        aligned.save(out)
        (Path(out) / "trainer.safetensors").unlink(missing_ok=True)
    return aligned


def validator(
    task: AlignmentTask, inputs: EntityInputs, config: SearchConfig | None = None, *, seed: int = 0
) -> Callable[[AlignmentModel], float]:
    """Score of a model on the validation links: mean MRR of both directions, by cosine.

    Candidates are all entities outside the training links, whether or not they have a counterpart, so
    that no test link is read. Of more links or candidates than ``valid_queries`` and ``valid_candidates``
    a seeded sample is taken, once; only its entities are embedded.
    """
    config = config or SearchConfig()
    links = sample_links(task.links.valid, config.valid_queries, seed=seed, label="validation links")
    chosen = []
    for side, free in enumerate(_untrained(task)):
        most = config.valid_candidates
        if most and int(free.sum()) > most:
            free[links[:, side]] = False
            others = numpy_generator(seed, f"validation candidates {side}").permutation(np.flatnonzero(free))
            free[:] = False
            free[links[:, side]] = True
            free[others[: max(0, most - int(free.sum()))]] = True
        chosen.append(np.flatnonzero(free))
    rows = torch.from_numpy(np.concatenate([chosen[0], chosen[1] + inputs.num_left]))
    pairs = np.stack([np.searchsorted(chosen[side], links[:, side]) for side in (0, 1)], axis=1)

    def validate(model: AlignmentModel) -> float:
        left, right = model.embed(inputs, rows=rows).split([len(chosen[0]), len(chosen[1])])
        device = next(model.parameters()).device
        metrics = evaluate_sample(left, right, pairs, pairs, candidates="all", csls_k=0, device=device)
        return (metrics["left_to_right"]["mrr"] + metrics["right_to_left"]["mrr"]) / 2

    return validate


def _untrained(task: AlignmentTask) -> list[BoolArray]:
    """Which entities of each side stand outside the training links."""
    free = [np.ones(graph.num_entities, bool) for graph in (task.left, task.right)]
    for side, there in enumerate(free):
        there[task.links.train[:, side]] = False
    return free


def _capped(task: AlignmentTask, config: SearchConfig) -> bool:
    """Whether validation links are ranked among a sample of the candidates."""
    return 0 < config.valid_candidates < max(int(free.sum()) for free in _untrained(task))


def _experiment(
    experiment: Experiment | None,
    model: str | AlignmentModel | None,
    seed: int | None,
    modalities: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> Experiment:
    values: dict[str, Any] = {} if experiment is None else experiment.to_dict()
    if isinstance(model, AlignmentModel):
        config = getattr(model, "config", None)
        experiment = Experiment(model=f"{CUSTOM}{type(model).__name__}", options=config)
        values = {**values, "model": experiment.model, "options": {}}
    elif model is not None:
        if experiment is not None and model != experiment.model:
            values = {key: value for key, value in values.items() if key not in ("options", "training")}
        values["model"] = model
    if seed is not None:
        values["seed"] = seed
    if modalities:
        values["features"] = {**values.get("features", {}), "modalities": list(modalities)}
    return Experiment.of(merged(values, settings or {}))


def _identity(fingerprint: str, experiment: Experiment) -> str:
    text = json.dumps(experiment.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(f"{fingerprint}|{text}".encode()).hexdigest()
