"""The only place where the stages meet: load, encode, train, embed, evaluate, match."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .config import CUSTOM, DataConfig, Experiment, SearchConfig, check_seed, merged
from .data.describe import describe
from .data.emoji import EMOJI_PAIRS, load_emoji
from .data.entities import EntityTable
from .data.features import EntityInputs, build_inputs
from .data.formats import HowToRead, read_pair, read_task
from .data.incidence import build_incidence
from .data.split import sample_links
from .data.task import AlignmentTask
from .errors import InputError, UsageError, nearest
from .evaluation import Protocol, evaluate_sample
from .matching import MATCHERS, Matching
from .models import MODELS, UNTRAINED, AlignmentModel
from .report import RunRecord, Stopwatch
from .result import AlignmentResult
from .search.vectors import resolve_device
from .seeding import derive_seed, numpy_generator
from .training import bootstrap, fit, propose
from .training.progress import TrainingProgress, show_round
from .typing import BoolArray, FloatArray, IntArray

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
    ranks_only: bool = False,
    progress: bool | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AlignmentResult:
    """Train an aligner on a task, or let labels spread from its links, and align all its entities.

    Args:
        task: two graphs and their links.
        model: ``meaformer`` (default), ``mclea``, ``eva``, ``propagation`` (which is not trained), or a model object
            built for the task's inputs.
        seed: of everything random but the split.
        modalities: which to use; by default all that the data have.
        experiment: full configuration; ``model``, ``seed``, ``modalities`` and ``settings`` go on top of it.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder; an interrupted run in it goes on where it stopped.
        overwrite: put the new run in the place of a finished one.
        ranks_only: rank the test links, but make no index and no matches before they are asked for; without ``out``.
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
    fingerprint = task.fingerprint()
    search = experiment.search
    if experiment.model in UNTRAINED:
        embedded = _propagated(task, experiment, where, watch, progress)
    else:
        embedded = _trained(task, experiment, model, where, watch, progress, out, fingerprint)
    num_valid, num_test = len(task.links.valid), len(task.links.test)
    protocol = Protocol(
        candidates=task.candidates,
        csls_k=search.csls_k,
        modalities=tuple(embedded.widths),
        iterative=embedded.iterative,
        surface_names="name" in embedded.widths,
        selection="validation" if num_valid and embedded.selected else "none",
        num_train=len(task.links.train),
        num_valid=num_valid,
        num_test=num_test,
        num_valid_ranked=search.valid_queries if 0 < search.valid_queries < num_valid else None,
        valid_candidates=search.valid_candidates if _capped(task, search) else None,
        seed=experiment.seed,
    )
    aligned = AlignmentResult(
        left=embedded.left,
        right=embedded.right,
        widths=embedded.widths,
        entities=(EntityTable.of(task.left), EntityTable.of(task.right)),
        links=task.links,
        experiment=experiment,
        protocol=protocol,
        metrics={},
        record=RunRecord.collect(seed=experiment.seed, device=str(where)),
        history=embedded.history,
        description=describe(task),
        weights=embedded.weights,
    )
    if not ranks_only:
        with watch.phase("index"):
            aligned.index()
    with watch.phase("evaluate"):
        aligned = aligned.evaluated()
    if not ranks_only:
        with watch.phase("match"):
            _ = aligned.matching
    record = RunRecord.collect(
        seed=experiment.seed,
        device=str(where),
        stopwatch=watch,
        fingerprint=fingerprint,
        protocol=aligned.protocol.as_dict() | embedded.course,
        metrics=aligned.metrics,
    )
    aligned = aligned.annotated(record=record)
    if out is not None:
        aligned.save(out)
        (Path(out) / "trainer.safetensors").unlink(missing_ok=True)
    return aligned


@dataclass(frozen=True)
class _Embedded:
    """What learning hands to search: unit rows of both graphs, and how they came about."""

    left: FloatArray
    right: FloatArray
    widths: dict[str, int]
    history: list[dict[str, Any]]
    course: dict[str, int]
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    iterative: bool = False
    selected: bool = True


def _trained(
    task: AlignmentTask,
    experiment: Experiment,
    model: str | AlignmentModel | None,
    where: torch.device,
    watch: Stopwatch,
    progress: bool | None,
    out: str | Path | None,
    fingerprint: str,
) -> _Embedded:
    """Embeddings of a model that is trained on the links."""
    search = experiment.search
    with watch.phase("features"):
        inputs = build_inputs(task, experiment.features, seed=experiment.seed)
        trained = model if isinstance(model, AlignmentModel) else build_model(experiment, inputs)
        trained = trained.to(where)
        if not experiment.schedule.fanout:  # neighbours are drawn on the host
            inputs = inputs.graph_to(where)
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
    course = {"best_epoch": result.best_epoch + 1, "epochs": result.epochs}
    return _Embedded(left, right, trained.widths, result.history, course, trained.state_dict())


def _propagated(
    task: AlignmentTask, experiment: Experiment, where: torch.device, watch: Stopwatch, progress: bool | None
) -> _Embedded:
    """Embeddings of a model without training, and of its rounds of pseudo-links."""
    search, config = experiment.search, experiment.bootstrap
    with watch.phase("features"):
        inputs = build_incidence(task, experiment.features, seed=experiment.seed).to(where)
        model = UNTRAINED[experiment.model](experiment.options)

    def embed(links: IntArray) -> tuple[Tensor, Tensor]:
        with watch.phase("embed"):
            joint = model.embed(inputs, links, seed=experiment.seed)
        return joint[: inputs.num_left], joint[inputs.num_left :]

    def pseudo_links(left: Tensor, right: Tensor) -> IntArray:
        with watch.phase("propose"):
            return propose(left, right, known=task.links.train, match=nearest_pairs, min_score=config.min_score)

    def nearest_pairs(left: Tensor, right: Tensor) -> Matching:
        return MATCHERS["mutual"](left, right, csls_k=search.csls_k, kind="auto", device=where)

    judge = _judge(task, search, seed=experiment.seed, device=where) if len(task.links.valid) else None
    with torch.no_grad():
        result = bootstrap(
            embed,
            task.links.train,
            config,
            propose=pseudo_links,
            judge=judge if config.rounds else None,
            valid=task.links.valid,
            on_round=show_round if progress and config.rounds else None,
        )
    left, right = (side.cpu().numpy().astype(search.store, copy=False) for side in (result.left, result.right))
    course = {"rounds": config.rounds, "best_round": result.best_round} if config.rounds else {}
    iterative = config.rounds > 0
    return _Embedded(left, right, model.widths(inputs), result.history, course, iterative=iterative, selected=iterative)


def _judge(
    task: AlignmentTask, config: SearchConfig, *, seed: int, device: torch.device
) -> Callable[[Tensor, Tensor], float]:
    """As ``validator``, of the embeddings of all entities."""
    chosen, pairs = _validation(task, config, seed=seed)
    lefts, rights = (torch.from_numpy(rows).to(device) for rows in chosen)

    def judge(left: Tensor, right: Tensor) -> float:
        return _valid_mrr(left.index_select(0, lefts), right.index_select(0, rights), pairs, device)

    return judge


def _valid_mrr(left: Tensor, right: Tensor, pairs: IntArray, device: torch.device) -> float:
    metrics = evaluate_sample(left, right, pairs, pairs, candidates="all", csls_k=0, device=device)
    return (metrics["left_to_right"]["mrr"] + metrics["right_to_left"]["mrr"]) / 2


def validator(
    task: AlignmentTask, inputs: EntityInputs, config: SearchConfig | None = None, *, seed: int = 0
) -> Callable[[AlignmentModel], float]:
    """Score of a model on the validation links: mean MRR of both directions, by cosine.

    Candidates are all entities outside the training links, whether or not they have a counterpart, so
    that no test link is read. Of more links or candidates than ``valid_queries`` and ``valid_candidates``
    a seeded sample is taken, once; only its entities are embedded.
    """
    chosen, pairs = _validation(task, config or SearchConfig(), seed=seed)
    rows = torch.from_numpy(np.concatenate([chosen[0], chosen[1] + inputs.num_left]))

    def validate(model: AlignmentModel) -> float:
        left, right = model.embed(inputs, rows=rows).split([len(chosen[0]), len(chosen[1])])
        return _valid_mrr(left, right, pairs, next(model.parameters()).device)

    return validate


def _validation(task: AlignmentTask, config: SearchConfig, *, seed: int) -> tuple[list[IntArray], IntArray]:
    """Rows of either side that validation links are ranked among, and the links as positions in them."""
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
    return chosen, np.stack([np.searchsorted(chosen[side], links[:, side]) for side in (0, 1)], axis=1)


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
