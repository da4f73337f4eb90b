"""The only place where the stages meet: load, encode, train, embed, evaluate, match."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .config import CUSTOM, DataConfig, Experiment, check_seed, merged
from .data.describe import describe
from .data.emoji import EMOJI_PAIRS, load_emoji
from .data.entities import EntityTable
from .data.formats import HowToRead, read_pair, read_task
from .data.named_features import holds_ids
from .data.picture_features import with_images
from .data.task import AlignmentTask
from .data.vector_cache import cache_folder
from .devices import resolve_device
from .errors import InputError, UsageError, nearest
from .evaluation import Protocol
from .files import free_folder
from .learners import CHECKPOINT, Setting, learn
from .models import AlignmentModel
from .pivots import pivot_links
from .report import RunRecord, Stopwatch
from .result import AlignmentResult
from .typing import SURFACE
from .validation import capped

logger = logging.getLogger(__name__)

EMBEDDED: dict[str, Callable[..., AlignmentTask]] = {
    f"emoji-{pair}": (lambda pair=pair, **options: load_emoji(pair, **options)) for pair in EMOJI_PAIRS
}


def load(
    source: str | Path | Sequence[str | Path],
    config: DataConfig | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    **options: Any,
) -> AlignmentTask:
    """Load a pair of graphs: an embedded one by name, a folder of any known layout, or two graphs.

    Args:
        source: ``emoji-fr-en``, ``emoji-zh-en``, ``emoji-ja-en``; a folder in the layout of DBP15K, OpenEA or MMKB, or
            one with ``left``, ``right`` and ``links`` in any format; or two graphs (left, right), each a file or a
            folder of RDF, TSV, CSV or Parquet. See ``read_task`` and ``read_pair``.
        config: how to read and split; or give its fields as keywords, e.g. ``train_ratio=0.2``.
        seed: of the split, unless the configuration has its own.
        device: where a vision model encodes pictures, ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UsageError: neither a known name nor a path, an unknown option, or one that the layout does not take.
        InputError: there is no such folder, its layout is not known, or the files break their format.
        MissingPackageError: a format or an encoder of pictures needs a package that is not installed.
    """
    if config is None:
        config = Experiment.of({"data": options}).data
    elif options:
        raise UsageError("give the data settings as config or as keywords, not as both")
    images = (config.images,) if isinstance(config.images, str) else config.images or ()
    by_id = len(images) == 1 and holds_ids(Path(images[0]))
    task = _read(source, config, images[0] if by_id else None, seed)
    if not images or by_id:
        return task
    return with_images(
        task,
        images,
        encoder=config.image_encoder,
        cache=cache_of_pictures(config.image_cache),
        device=str(resolve_device(device)),
        on_error=config.on_error,
    )


def cache_of_pictures(folder: str | None) -> Path | None:
    """Where features of pictures are kept: the given folder, by default that of the user, nowhere if it is empty."""
    return cache_folder() / "images" if folder is None else Path(folder) if folder else None


def _read(
    source: str | Path | Sequence[str | Path], config: DataConfig, images: str | None, seed: int
) -> AlignmentTask:
    """The task as its files have it; ``images`` holds features by entity id."""
    seed = check_seed(seed if config.split_seed is None else config.split_seed)
    shared = {"train_ratio": config.train_ratio, "valid_ratio": config.valid_ratio, "seed": seed}
    how = HowToRead(config.languages, config.header, config.columns)
    given: dict[str, Any] = {"format": config.format, "links": config.links, "how": how, **shared}
    given |= {name: getattr(config, name) for name in ("on_error", "one_to_one", "candidates")}
    two = not isinstance(source, str | Path)
    if images and (two or str(source) in EMBEDDED):
        raise UsageError(f"data.images: {images} holds features by entity id, which are for DBP15K folders alone")
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
    return read_task(source, fold=config.fold, graphs=config.graphs, images=images, names=config.names, **given)


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
        model: ``meaformer`` (default), ``mclea``, ``dual-amn``, ``eva``; ``propagation``, which is not trained;
            ``combined``, which is that and a trained one; or a model object built for the task's inputs.
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
    folder = free_folder(out, overwrite)
    where = resolve_device(device)
    watch = Stopwatch()
    search, data = experiment.search, experiment.data
    test = task.links.test
    if data.seeds_from:
        test = task.links.all()
        with watch.phase("pivots"):
            pivots = pivot_links(
                task,
                data.seeds_from,
                experiment.features,
                share=data.pivot_share,
                valid_ratio=data.valid_ratio,
                csls_k=search.csls_k,
                seed=experiment.seed,
                device=where,
            )
        task = replace(task, links=pivots)
    fingerprint = task.fingerprint()
    setting = Setting(task, experiment, where, watch, progress, folder, fingerprint)
    learned = learn(setting, model if isinstance(model, AlignmentModel) else None)
    num_valid, num_test = len(task.links.valid), len(test)
    protocol = Protocol(
        candidates=task.candidates,
        csls_k=search.csls_k,
        modalities=tuple(learned.widths),
        iterative=experiment.bootstrap.rounds > 0,
        refined=experiment.refined.rounds,
        seeds_from=data.seeds_from,
        surface_names=not SURFACE.isdisjoint(learned.widths),
        selection="validation" if num_valid and learned.selected else "none",
        num_train=len(task.links.train),
        num_valid=num_valid,
        num_test=num_test,
        num_valid_ranked=search.valid_queries if 0 < search.valid_queries < num_valid else None,
        valid_candidates=search.valid_candidates if capped(task, search) else None,
        seed=experiment.seed,
    )
    aligned = AlignmentResult(
        left=learned.left,
        right=learned.right,
        widths=learned.widths,
        entities=(EntityTable.of(task.left), EntityTable.of(task.right)),
        links=replace(task.links, test=test),  # a pivot may be a test link: it was found, not given
        experiment=experiment,
        protocol=protocol,
        metrics={},
        record=RunRecord.collect(seed=experiment.seed, device=str(where)),
        history=learned.history,
        description=describe(task),
        weights=learned.weights,
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
        protocol=aligned.protocol.as_dict() | learned.course,
        metrics=aligned.metrics,
    )
    aligned = aligned.annotated(record=record)
    if folder is not None:
        aligned.save(folder)
        for checkpoint in folder.glob(CHECKPOINT.format("*")):
            checkpoint.unlink()
    return aligned


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
            values = {key: value for key, value in values.items() if key not in ("options", "training", "refinement")}
        values["model"] = model
    if seed is not None:
        values["seed"] = seed
    if modalities:
        values["features"] = {**values.get("features", {}), "modalities": list(modalities)}
    return Experiment.of(merged(values, settings or {}))
