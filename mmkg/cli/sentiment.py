"""``mmkg sentiment``: train, sweep over missing rates, predict one sample."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, UsageError
from ..folders import free_folder
from ..printing import show
from .options import INSTEAD, DeviceOptions, Json, Options, Out, Overwrite, SeedOptions, expanded, setting
from .shown import print_cost, print_json

if TYPE_CHECKING:
    from ..sentiment.config import SentimentExperiment
    from ..sentiment.data import SentimentData
    from ..sentiment.result import SentimentResult

app = typer.Typer(
    help="Sentiment from text, audio and vision with parts missing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="synthetic; an MMSA feature file (.pkl read without unpickling, .npz, .safetensors); a folder of csv "
        "files with one vector per utterance, or of HDF5 files with sequences of words.",
    ),
]
SWEPT = ("model", "data", "options", "training", "pretraining", "missing.spared")  # the others change in a sweep
SETS = "sets"  # --missing: every set of modalities instead of rates
Model = Annotated[str | None, typer.Option(help="tfr-net or tate.", show_default="tfr-net")]


@app.command(epilog="Example: mmkg sentiment train synthetic --missing frame:0.3 --out RUN")
@expanded
def train(
    *,
    data: Data,
    model: Model = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="Unit and rate of what is missing: frame:0.3, frame:mixed, modality:0.3, modality:text=1, block:0.2.",
            show_default="nothing",
        ),
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    options: SeedOptions,
) -> None:
    """Train a model on data with parts missing.

    The epoch is selected on the validation split; metrics of the test split are printed.
    """
    from ..sentiment.policy import MissingPolicy
    from ..sentiment.training import fit

    experiment = _experiment(model, options)
    policy = None if missing is None else MissingPolicy.parse(missing)
    free_folder(out, overwrite, INSTEAD)
    result = fit(
        _read(data, experiment),
        experiment=experiment,
        missing=policy,
        device=options.device,
        out=out,
        overwrite=overwrite,
        progress=True,
    )
    _print(result, options.as_json)
    if out is not None and not options.as_json:
        show(f"\nrun folder: {out}   (use it with: mmkg sentiment predict {out} SAMPLE)")


@app.command(epilog="Example: mmkg sentiment sweep synthetic --missing frame:0,0.5 --seeds 1")
@expanded
def sweep(
    *,
    data: Data,
    missing: Annotated[
        str,
        typer.Option(
            help="Unit and rates: modality:0.0..0.7 (in steps of 0.1) or frame:0,0.3,0.5; or sets: every set of "
            "modalities."
        ),
    ],
    model: Model = None,
    seeds: Annotated[int, typer.Option(help="Number of random seeds: 0, 1, ...")] = 3,
    train: Annotated[
        str,
        typer.Option(
            help="each: one model per rate (P1, P3b, P4); mixed: one model trained at mixed rates (P2; with sets P3a); "
            "complete: one model trained on complete data; or several, e.g. each,complete."
        ),
    ] = "each",
    by_pattern: Annotated[
        bool,
        typer.Option("--by-pattern", help="Also report metrics by the modalities that a sample lacks."),
    ] = False,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate", help="Also report metrics of scores recalibrated on the inputs of the whole split."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the runs and sweep.csv, sweep.json, sweep.html with plots.")
    ] = None,
    options: DeviceOptions,
) -> None:
    """Evaluate a model at several missing rates, over several seeds.

    Prints the metrics at each rate, their mean and deviation over seeds, and the area under the curve.
    """
    from ..sentiment.policy import MissingPolicy
    from ..sentiment.sweeping import combinations_of
    from ..sentiment.sweeping import sweep as run

    options.take_only(SWEPT, "sweep")
    policies = [] if missing == SETS else MissingPolicy.parse_sweep(missing)
    if seeds < 1:
        raise UsageError(f"--seeds: expected 1 or more, got {seeds}")
    experiment = _experiment(model, options)
    given = _read(data, experiment)
    found = run(
        given,
        policies or combinations_of(given.select(experiment.data.modalities or given.names).learnable().names),
        experiment=experiment,
        seeds=range(seeds),
        ways=train.split(","),
        by_pattern=by_pattern,
        recalibrate=recalibrate,
        device=options.device,
        out=out,
        on_run=lambda line: show(line, file=sys.stderr, flush=True),
    )
    if out is not None:
        found.save(out)
    if options.as_json:
        print_json(found.to_dict())
        return
    show(found.table())
    if out is not None:
        show(f"\nplots: {out / 'sweep.html'}")


@app.command(epilog="Example: mmkg sentiment predict RUN sample.json")
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `mmkg sentiment train --out` wrote.")],
    sample: Annotated[
        Path,
        typer.Argument(
            metavar="SAMPLE", help="One sample: .json, .npz or .safetensors with [T, d] under text, audio, vision."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Predict the sentiment of one sample.

    Any modality may be absent; no masks are needed.
    """
    from ..sentiment.result import SentimentResult

    result = SentimentResult.load(run)
    found = result.predict(read_sample(sample))
    if as_json:
        print_json(found)
        return
    if "score" in found:
        low, high = result.shape.label_range
        show(f"{found['score']:+.3f}   on a scale from {low:g} to {high:g}")
    else:
        chances = "  ".join(f"{name} {chance:.2f}" for name, chance in found["probabilities"].items())
        show(f"{found['class']}   ({chances})")
    if found["missing"]:
        show(f"missing: {', '.join(found['missing'])}")
    if "weights" in found:
        show("weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in found["weights"].items()))


def read_sample(path: Path) -> dict[str, Any]:
    """Features by modality from a JSON, npz or safetensors file, each ``[T, d]``.

    Raises:
        InputError: no such file, another kind of file, or a damaged one.
    """
    import numpy as np

    from ..data.arrays.by_id import read_arrays

    if not path.is_file():
        raise InputError("no such file; check the path", path)
    if path.suffix in (".npz", ".safetensors"):
        return read_arrays(path, sys.maxsize)
    if path.suffix != ".json":
        raise InputError("expected a .json, .npz or .safetensors file", path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict):
            return {name: np.asarray(value, dtype=np.float32) for name, value in values.items() if value is not None}
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"cannot be read: {error}", path) from None
    raise InputError("expected a JSON object of arrays by modality", path)


def _read(path: str, experiment: "SentimentExperiment") -> "SentimentData":
    """The data; the notes of the reader go to stderr."""
    from ..sentiment.readers.sources import load

    data = load(path, experiment.data)
    for what, count in data.notes.items():
        show(f"noted: {what}: {count:,}", file=sys.stderr)
    return data


def _experiment(model: str | None, options: Options) -> "SentimentExperiment":
    from ..sentiment.config import SentimentExperiment

    return SentimentExperiment.of(options.values(after=[] if model is None else [setting("model", model)]))


def _print(result: "SentimentResult", as_json: bool) -> None:
    """Print metrics, protocol and cost of a run."""
    record = result.record
    if as_json:
        values = {
            "protocol": result.protocol.as_dict(),
            "test": result.metrics,
            "valid": result.valid_metrics,
            "seconds": record.seconds,
            "peak_rss_mb": record.peak_rss_mb,
            "training": {name: record.protocol[name] for name in ("epochs", "best_epoch")},
        }
        print_json(values)
        return
    from ..report.tables import text_table

    names = list(result.metrics)
    rows = [
        [split, *(f"{metrics[name]:.3f}" for name in names)]
        for split, metrics in (("test", result.metrics), ("valid", result.valid_metrics))
    ]
    show(text_table(["split", *names], rows, left=[0]))
    show(result.protocol.describe())
    print_cost(record.seconds, record.peak_rss_mb)
