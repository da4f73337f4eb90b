"""``mmkg sentiment``: train, sweep over rates of what is missing, predict one sample."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, UsageError
from ..files import free_folder
from .options import INSTEAD, Config, Device, Json, Out, Overwrite, Seed, Settings, settings_of

if TYPE_CHECKING:
    from ..sentiment.config import SentimentExperiment
    from ..sentiment.data import SentimentData
    from ..sentiment.result import SentimentResult

app = typer.Typer(
    help="Sentiment from text, audio and vision, any of them missing (TFR-Net, TATE).",
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
SETS = "sets"  # of modalities, instead of rates
Model = Annotated[str | None, typer.Option(help="tfr-net or tate.", show_default="tfr-net")]


@app.command(epilog="Example: mmkg sentiment train synthetic --missing frame:0.3 --out RUN")
def train(
    data: Data,
    model: Model = None,
    missing: Annotated[
        str | None,
        typer.Option(help="frame:0.3, frame:mixed, modality:0.3, modality:text=1, block:0.2.", show_default="none"),
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Train a model with parts missing, choose the epoch on validation, print figures of the test split."""
    from ..sentiment.policy import MissingPolicy
    from ..sentiment.training import fit

    experiment = _experiment(model, seed, config, settings)
    policy = None if missing is None else MissingPolicy.parse(missing)
    free_folder(out, overwrite, INSTEAD)
    result = fit(
        _read(data, experiment),
        experiment=experiment,
        missing=policy,
        device=device,
        out=out,
        overwrite=overwrite,
        progress=True,
    )
    _print(result, as_json)
    if out is not None and not as_json:
        print(f"\nrun folder: {out}   (ask with: mmkg sentiment predict {out} SAMPLE)")


@app.command(epilog="Example: mmkg sentiment sweep synthetic --missing frame:0,0.5 --seeds 1")
def sweep(
    data: Data,
    missing: Annotated[
        str,
        typer.Option(
            help="Unit and rates: modality:0.0..0.7 in steps of 0.1, or frame:0,0.3,0.5. sets = each set of modalities."
        ),
    ],
    model: Model = None,
    seeds: Annotated[int, typer.Option(help="How many: 0, 1, ...")] = 3,
    train: Annotated[
        str,
        typer.Option(
            help="each = a model per rate (P1, P3b, P4); mixed = one trained at mixed rates (P2; of sets P3a); "
            "complete = one trained on complete data; or several: each,complete."
        ),
    ] = "each",
    by_pattern: Annotated[
        bool, typer.Option("--by-pattern", help="Figures of test and validation by what a sample lacks, too.")
    ] = False,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate", help="Once more with scores set right by the inputs of the whole split (transductive)."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for runs, sweep.csv, sweep.json, sweep.html with plots.")
    ] = None,
    as_json: Json = False,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Figures at each missing rate, mean and deviation over seeds, and the area under their curve."""
    from ..sentiment.policy import MissingPolicy
    from ..sentiment.sweeping import combinations_of
    from ..sentiment.sweeping import sweep as run
    from ..sentiment.training import chosen

    policies = [] if missing == SETS else MissingPolicy.parse_sweep(missing)
    if seeds < 1:
        raise UsageError(f"--seeds: expected 1 or more, got {seeds}")
    experiment = _experiment(model, None, config, settings)
    given = _read(data, experiment)
    found = run(
        given,
        policies or combinations_of(chosen(given, experiment).learnable().names),
        experiment=experiment,
        seeds=range(seeds),
        ways=train.split(","),
        by_pattern=by_pattern,
        recalibrate=recalibrate,
        device=device,
        out=out,
        on_run=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if out is not None:
        found.save(out)
    print(json.dumps(found.to_dict()) if as_json else found.table())
    if out is not None and not as_json:
        print(f"\nplots: {out / 'sweep.html'}")


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
    """Sentiment of one sample, any modality absent; no masks are needed."""
    from ..sentiment.result import SentimentResult

    result = SentimentResult.load(run)
    found = result.predict(read_sample(sample))
    if as_json:
        print(json.dumps(found))
        return
    if "score" in found:
        low, high = result.shape.label_range
        print(f"{found['score']:+.3f}   on a scale from {low:g} to {high:g}")
    else:
        chances = "  ".join(f"{name} {chance:.2f}" for name, chance in found["probabilities"].items())
        print(f"{found['class']}   ({chances})")
    if found["missing"]:
        print(f"missing: {', '.join(found['missing'])}")
    if "weights" in found:
        print("weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in found["weights"].items()))


def read_sample(path: Path) -> dict[str, Any]:
    """Features by modality out of a JSON, npz or safetensors file.

    Raises:
        InputError: another kind of file, or a damaged one.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        raise InputError("no such file; check the path", path)
    try:
        if path.suffix == ".json":
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise InputError("expected a JSON object of arrays by modality", path)
            return {name: np.asarray(value, dtype=np.float32) for name, value in values.items() if value is not None}
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        if path.suffix == ".safetensors":
            return dict(load_file(path))
    except (ValueError, TypeError, OSError, SafetensorError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {error}", path) from None
    raise InputError("expected a .json, .npz or .safetensors file", path)


def _read(path: str, experiment: "SentimentExperiment") -> "SentimentData":
    """The data; what the reader did to them goes to stderr."""
    from ..sentiment.readers.sources import load

    data = load(path, experiment.data)
    for what, count in data.notes.items():
        print(f"noted: {what}: {count:,}", file=sys.stderr)
    return data


def _experiment(
    model: str | None, seed: int | None, config: Path | None, settings: list[str] | None
) -> "SentimentExperiment":
    from ..sentiment.config import SentimentExperiment

    return SentimentExperiment.of(settings_of(model, seed, config, settings))


def _print(result: "SentimentResult", as_json: bool) -> None:
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
        print(json.dumps(values))
        return
    from ..report.tables import text_table

    names = list(result.metrics)
    rows = [
        [split, *(f"{found[name]:.3f}" for name in names)]
        for split, found in (("test", result.metrics), ("valid", result.valid_metrics))
    ]
    print(text_table(["split", *names], rows, left=[0]))
    print(result.protocol.describe())
    spent = "  ".join(f"{name} {value:.1f} s" for name, value in record.seconds.items())
    print(f"{spent}   peak memory {record.peak_rss_mb} MB")
