"""``mmkg evaluate``, ``search``, ``match`` and ``merge``: a finished run."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..printing import line, show
from ..printing import lines as lines_of
from .extend import read_new
from .options import (
    Decisions,
    Hits,
    MaybeRun,
    Never,
    Pair,
    Right,
    Run,
    RunOptions,
    SearchOptions,
    expanded,
    hits_setting,
    names_of,
    place_of,
)
from .publish import At, check_alone, search_store
from .relations import write_relations
from .shown import print_json, print_result, promise_of, show_confidence

if TYPE_CHECKING:
    from ..result.answers import Answers
    from ..result.hits import Hit
    from ..result.hits import Hits as RunHits
    from ..result.result import AlignmentResult

Method = Annotated[
    str | None,
    typer.Option(help="Matcher: mutual, greedy, hungarian, sinkhorn or gromov-wasserstein.", show_default="as trained"),
]
LeastConfidence = Annotated[
    float | None,
    typer.Option("--threshold", help="Lowest confidence of a link; 0 = all links.", show_default="best expected F1"),
]
LeastPrecision = Annotated[
    float | None,
    typer.Option(
        "--min-precision",
        help="Use the threshold at which known links promise this precision; what they cannot promise is said.",
        show_default="best F1 instead",
    ),
]


@expanded
def evaluate(
    *,
    run: Run,
    candidates: Annotated[str | None, typer.Option(help="Rank among: test or all.", show_default="as trained")] = None,
    csls_k: Annotated[
        int | None, typer.Option(help="Neighbourhood of CSLS, 0 = off.", show_default="as trained")
    ] = None,
    rescoring: Annotated[
        str,
        typer.Option(help="none, or sinkhorn: rank by a joint assignment of all queries; not comparable with none."),
    ] = "none",
    counterparts: Annotated[
        bool,
        typer.Option("--counterparts", help="Also evaluate links and the detection of entities without counterpart."),
    ] = False,
    links: Annotated[
        Path | None,
        typer.Option(
            help="Judge the run by these links, in any format, ranked among all entities; links that it has learnt "
            "from are left out.",
            show_default="the test links of the run",
        ),
    ] = None,
    hits: Hits = "",
    options: RunOptions,
) -> None:
    """Rank the test links of a run again, or judge it by other links."""
    from ..report import Stopwatch, peak_rss_mb

    result = load_run(run, options, hits_setting(hits))
    gold = None if links is None else result.gold(links)
    watch = Stopwatch()
    with watch.phase("evaluate"):
        result = result if gold is None else result.tested_on(gold.links)
        result = result.evaluated(candidates=candidates, csls_k=csls_k, rescoring=rescoring, device=options.device)
    judged: dict[str, Any] | None = None
    if counterparts:
        with watch.phase("counterparts"):
            judged = result.judge_counterparts()
    record = replace(result.record, seconds=watch.wall, peak_rss_mb=peak_rss_mb())
    if gold is not None and not options.as_json:
        show(f"{line(gold.text())}\n")
    print_result(replace(result, record=record), options.as_json, sample=0, judged=judged, gold=gold)


@expanded
def search(
    *,
    run: MaybeRun = None,
    entity: Annotated[str, typer.Option(help="Name or URI of an entity.")],
    k: Annotated[int, typer.Option("-k", help="Number of answers.")] = 5,
    side: Annotated[
        str | None,
        typer.Option(help="Graph of the entity: left or right.", show_default="left, or right if only that has it"),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(help="Graph with new entities, which are searched like the others; the left graph unless --side."),
    ] = None,
    at: At = None,
    options: SearchOptions,
) -> None:
    """List the most likely counterparts of an entity.

    Each answer comes with its score from 0 to 100, its confidence, and the part of each modality in the score. With
    --graph the entity may be one that the run does not have; nothing is trained, and the run stays as it is.
    """
    if at is not None:
        given = {"--seed": options.seed is not None, "--set": options.settings, "--modalities": options.modalities}
        check_alone(at, {"RUN": run, "--graph": graph, **given})
        queried, found, side, turned = search_store(at, entity, k, side)
        named = list(zip(queried.label, queried.display, strict=True))
        _print_hits(named, found, side, turned, as_json=options.as_json)
        return
    if run is None:
        raise UsageError("name the folder of a run, or a store with --at; which one is to be searched?")
    hits = _hits(run, options, graph, side)
    left_table, right_table = hits.entities
    turned = side is None and not left_table.rows_of(entity) and bool(right_table.rows_of(entity))
    side = side or ("right" if turned else "left")
    rows = hits.find(entity, side=side)
    if not hits.is_known(rows[0], side):
        raise UsageError(f"nothing is known of {entity!r} that the run reads: no {', '.join(hits.widths)}")
    answers = hits.search(rows[0], k=k, side=side)
    table = left_table if side == "left" else right_table
    named = [(table.labels[row], table.display[row]) for row in rows[:4]]
    _print_hits(named, answers, side, turned, as_json=options.as_json)


def _print_hits(
    queried: Sequence[tuple[str, str]], hits: "Sequence[Hit]", side: str, turned: bool, *, as_json: bool
) -> None:
    """Print the answers to a question.

    Args:
        queried: label and text of the entity, and of the next ones with the same name.
        hits: the answers.
        side: graph of the entity.
        turned: whether the left graph has no such entity, and no side was named.
        as_json: one JSON object instead of a table.
    """
    from ..report.tables import text_table, whole_parts

    label, display = queried[0]
    if as_json:
        fields = ("label", "display", "score", "confidence", "parts", "raw", "shares")
        answers = [{name: getattr(hit, name) for name in fields} for hit in hits]
        print_json({"query": {"label": label, "display": display, "side": side}, "answers": answers})
        return
    if turned:
        show("no entity of the left graph is called so; this is one of the right graph (--side right):")
    show(f"{line(display)}   {line(label)}")
    for other, _ in queried[1:]:
        show(f"  same name: {line(other)}   (search it with --entity {line(other)})")
    body = []
    for hit in hits:
        score, parts = whole_parts(hit.parts)
        confidence = "-" if hit.confidence is None else f"{hit.confidence:.2f}"
        body.append([hit.display, hit.label, str(score), confidence, *map(str, parts.values())])
    show(text_table(["answer", "URI", "score", "conf.", *(hits[0].parts if hits else ())], body, left=[0, 1]))
    if any(after.score > before.score for before, after in pairwise(hits)):
        show("sorted by CSLS, which puts answers that are similar to many entities lower; --json has it as raw")


@expanded
def match(
    *,
    run: Run,
    method: Method = None,
    k: Annotated[
        int | None,
        typer.Option("-k", help="Nearest entities considered for each entity.", show_default="the matcher's"),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="Format of the links: tsv, csv, jsonl, parquet; nt, sssom: owl:sameAs; oaei: RDF/XML."
        ),
    ] = "tsv",
    threshold: LeastConfidence = None,
    min_precision: LeastPrecision = None,
    same_as: Annotated[
        float | None,
        typer.Option(
            help="Lowest confidence of owl:sameAs in nt and sssom; links below it are skos:closeMatch.",
            show_default="that of precision 0.95",
        ),
    ] = None,
    never: Never = None,
    decisions: Decisions = None,
    relations: Annotated[
        bool,
        typer.Option(
            "--relations", help="Write aligned relations and attributes instead of entities; --format tsv or sssom."
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="stdout")] = None,
    options: RunOptions,
) -> None:
    """Match the entities of a run one-to-one and write the links.

    Links that the run was given come with confidence 1. Matches below the threshold are left out.
    """
    from ..data.links.export import Export
    from ..data.links.formats import link_format, write_links
    from ..report.export import rejected_of, unmatched_of
    from ..result.calibrate import check_threshold

    _not_both(threshold, min_precision)
    if relations:
        given = {
            "--method": method,
            "-k": k,
            "--never": never,
            "--decisions": decisions,
            "--threshold": threshold,
            "--min-precision": min_precision,
        }
        write_relations(load_run(run, options), form, same_as, out, options.as_json, given)
        return
    lines = link_format(form).lines
    if out is None and not options.as_json and lines is None:
        raise UsageError(f"the format {form} is not text and cannot be printed; name a file with --out")
    result = _answers(run, options) if decisions is None else _decided(load_run(run, options), decisions)
    if never is not None:
        before, result = result.known, result.without(never)
        if learnt := len(before) - len(result.known):
            show(f"the run has learnt from {learnt:,} of the pairs in {never}; align again without", file=sys.stderr)
    everything = threshold == 0
    threshold = result.threshold(min_precision) if threshold is None else threshold
    believed = result.believed(result.match(method, k=k, device=options.device), threshold)
    promise = promise_of(result, min_precision, len(believed))
    matching = result.linked(believed, 0)
    if same_as is not None:
        check_threshold(same_as)
    elif form in ("nt", "sssom") and not (everything and result.counterparts is None):
        same_as = result.same_as_threshold(threshold)
    export = Export(
        list(result.export(matching)),
        same_as,
        unmatched_of(*result.entities, matching),
        rejected=rejected_of(*result.entities, result.never),
    )
    if out is not None:
        write_links(out, export, form)
    left, right = map(len, export.unmatched)
    unsure = "links are skos:closeMatch" if same_as is not None else ""
    if options.as_json:
        values = {
            "links": [link._asdict() for link in export.links],
            "threshold": threshold,
            "same_as": same_as,
            "confidence": result.calibration.text(),
            **({} if promise is None else {"precision": promise}),
            "unmatched": {"left": left, "right": right},
            "figures": result.figures(believed),
        }
        print_json(values)
    elif out is not None:
        show(
            f"{len(export.links)} links written to {out}, with confidence {threshold:.3f} or more; "
            f"{left} left and {right} right entities have none"
        )
        show_confidence(result, all_links=everything, unsure=unsure)
        if promise is not None:
            show(promise["text"])
    elif lines is not None:
        if promise is not None:
            show(promise["text"], file=sys.stderr)
        if result.counterparts is None:
            show_confidence(result, all_links=everything, unsure=unsure, file=sys.stderr)
        for each in lines(export):
            sys.stdout.write(lines_of(each) if sys.stdout.isatty() else each)


@expanded
def merge(
    *,
    run: Run,
    pair: Pair,
    right: Right = None,
    out: Annotated[
        Path, typer.Option(help="File to write: .nq or .graphml (both keep the origin of each statement) or .nt.")
    ] = Path("merged.nq"),
    method: Method = None,
    threshold: LeastConfidence = None,
    min_precision: LeastPrecision = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Keep entities with the same IRI apart unless they are aligned.")
    ] = False,
    same_relations: Annotated[
        float, typer.Option(help="Least agreement, beyond chance, of two relations that get one name; 0 = never.")
    ] = 0.7,
    conflicts: Annotated[
        str, typer.Option(help="Values that contradict each other: keep, left, newest or most-frequent.")
    ] = "keep",
    date_attribute: Annotated[
        str | None,
        typer.Option(help="Attribute with the date of an entity's facts, for newest.", show_default=False),
    ] = None,
    decisions: Decisions = None,
    options: RunOptions,
) -> None:
    """Merge both graphs of a run; aligned entities become one.

    Known links count as aligned. Entities with the same absolute IRI become one, too. Aligned relations and attributes
    get the name of the left one. PAIR and RIGHT are the pair that the run was trained on.
    """
    import numpy as np

    from ..data.conflicts import resolve_conflicts
    from ..data.formats.merged import write_merged
    from ..data.merge import merge_graphs
    from ..data.relations import align_relations
    from ..data.relations import same_relations as find_same
    from ..loading import fitting_settings, load

    _not_both(threshold, min_precision)
    if not 0 <= same_relations <= 1:
        raise UsageError(f"--same-relations must be in 0..1, got {same_relations:g}")
    result = _decided(load_run(run, options), decisions)
    experiment, place = result.experiment, place_of(pair, right)
    data = replace(fitting_settings(place, experiment.data), names_from="labels")  # states no new names
    task = load(place, data, seed=experiment.seed, device=options.device)
    everything = threshold == 0
    threshold = result.threshold(min_precision) if threshold is None else threshold
    matching = result.believed(result.match(method, device=options.device), threshold)
    promise = promise_of(result, min_precision, len(matching))
    if result.counterparts is None and not everything:
        matching = matching.keep(np.zeros(len(matching), bool))
    pairs = result.aligned_pairs(task, matching)
    same = find_same(align_relations(task.left, task.right, pairs), same_relations) if same_relations else []
    merged = merge_graphs(task.left, task.right, pairs, apart=apart, never=result.never, relations=same)
    merged, found = resolve_conflicts(merged, conflicts, date_attribute=date_attribute)
    write_merged(merged, out)
    counts = {
        "entities": merged.graph.num_entities,
        "unified": int((merged.origin == 3).sum()),
        "triples": len(merged.graph.triples),
        "attributes": len(merged.graph.attributes),
        "renamed": len(merged.apart),
        "threshold": threshold,
        "confidence": result.calibration.text(),
        **({} if promise is None else {"precision": promise}),
        "conflicts": found._asdict(),
        "same_relations": [pair.as_dict() for pair in merged.same_relations],
    }
    if options.as_json:
        print_json(counts)
        return
    show(
        f"{counts['entities']:,} entities, {counts['unified']:,} of them in both graphs (links with confidence "
        f"{threshold:.3f} or more), {counts['triples']:,} triples, {counts['attributes']:,} attribute facts: {out}"
    )
    show_confidence(result, all_links=everything, unsure="only known links are merged")
    if promise is not None:
        show(promise["text"])
    if merged.same_relations:
        show(f"right relations and attributes with the name of a left one: {len(merged.same_relations):,}")
    if found.number:
        what = f"{found.undecided:,} not decided, " if found.undecided else ""
        show(f"conflicting values: {found.number:,} ({conflicts}); {what}{found.dropped:,} facts left out")
    if merged.apart:
        show(f"renamed because a different left entity has the same label: {len(merged.apart):,}")


def _hits(run: Path, options: SearchOptions, graph: Path | None, side: str | None) -> "RunHits":
    """Search in a finished run. With the settings of the run alone, no more of it is read than a search needs."""
    from ..result.read_hits import read_hits

    if graph is None and _as_it_is(options):
        return read_hits(run)
    result = load_run(run, options)
    if graph is not None:
        result = result.with_new(**{side or "left": read_new([graph], None, result, side or "left", "auto")})
    return result.hits


def _answers(run: Path, options: RunOptions) -> "Answers":
    """A finished run. With the settings of the run alone, no more of it is read than matches need."""
    from ..result.read_answers import read_answers

    return read_answers(run, device=options.device) if _as_it_is(options) else load_run(run, options)


def _as_it_is(options: SearchOptions) -> bool:
    """Whether the options leave all settings of a run as they are."""
    return not (options.config or options.settings or options.seed is not None or options.modalities)


def load_run(run: Path, options: SearchOptions, short: Sequence[str] = ()) -> "AlignmentResult":
    """A finished run with other search settings, another seed or fewer modalities, as the options and ``short`` say.

    Raises:
        UsageError: a setting outside the section ``search``, or a modality that the run does not have.
        InputError: no finished run.
    """
    from ..compute.devices import device_type
    from ..config.experiment import Experiment
    from ..config.search import changed
    from ..result.result import AlignmentResult

    device = options.device if isinstance(options, RunOptions) else "auto"
    device_type(device)  # refuses an unknown one
    result = AlignmentResult.load(run, device=device)
    given = options.values(after=short)
    for key in given:
        if key != "search":
            raise UsageError(f"{key}: a finished run takes settings of the section search only")
    if options.seed is not None:
        given["seed"] = options.seed
    if given:
        experiment = Experiment.of(changed(result.experiment.to_dict(), given))
        protocol = replace(result.protocol, csls_k=experiment.search.csls_k)
        result = replace(result, experiment=experiment, protocol=protocol)
    return result.restrict(names_of(options.modalities), evaluate=False) if options.modalities else result


def _decided(result: "AlignmentResult", decisions: Path | None) -> "AlignmentResult":
    """The run with the decisions of a file; what is not used of them is printed to stderr."""
    if decisions is None:
        return result
    from ..data.parsing.columns import Faults

    faults = Faults()
    found = result.decided(decisions, faults)
    for note, number in faults.notes.items():
        show(f"read: {note}: {number:,}", file=sys.stderr)
    return found


def _not_both(threshold: float | None, min_precision: float | None) -> None:
    if threshold is not None and min_precision is not None:
        raise UsageError("give --threshold or --min-precision, not both")
