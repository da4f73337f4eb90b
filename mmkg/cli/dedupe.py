"""``mmkg dedupe``: the duplicates inside one graph."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..printing import line, show
from .options import Decisions, Device, Json, Seed
from .shown import print_json

if TYPE_CHECKING:
    from ..duplicates.duplicates import Duplicates

SHOWN = 12  # clusters that are printed


def dedupe(
    *,
    graph: Annotated[Path, typer.Argument(metavar="GRAPH", help="The graph, in any format that `mmkg align` reads.")],
    out: Annotated[Path | None, typer.Option(help="Folder for clusters, pairs and counts.")] = None,
    links: Annotated[Path | None, typer.Option(help="Known duplicates: pairs of entities of the graph.")] = None,
    never: Annotated[Path | None, typer.Option(help="Pairs of entities that are known to differ.")] = None,
    decisions: Decisions = None,
    threshold: Annotated[float, typer.Option(help="Lowest mean confidence inside a cluster.")] = 0.5,
    k: Annotated[int, typer.Option("-k", help="Neighbours of an entity that it is compared with, in each view.")] = 10,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="Also write links to --out: tsv, csv, jsonl, parquet, nt (owl:sameAs), sssom, oaei."
        ),
    ] = None,
    merge: Annotated[
        Path | None,
        typer.Option(help="Write the graph with one entity per cluster: a file .nt, or a folder of TSV tables."),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option(
            help="Write GRAPH, which --merge wrote, as it was before: a file .nt, or a folder.", metavar="OUT"
        ),
    ] = None,
    seed: Seed = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Find entities of one graph that are the same, and cluster them.

    Each cluster comes with the confidence of its members. Names with different numbers, different values of a key such
    as a date or a code, and pairs of --never keep entities apart. --merge also writes OUT.origin.json, from which
    --undo restores the graph.
    """
    from ..data.formats.graphs import read_graph
    from ..data.formats.unified import read_separated, write_graph, write_unified
    from ..data.links.formats import link_format
    from ..duplicates.find import dedupe as find
    from ..duplicates.folder import write_duplicates
    from ..errors import UsageError

    if undo is not None:
        given = {"--out": out, "--links": links, "--never": never, "--decisions": decisions, "--format": form}
        given |= {"--merge": merge}
        if unused := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"{unused[0]} has no effect with --undo")
        restored = read_separated(graph)
        write_graph(restored, undo)
        if as_json:
            print_json({"entities": restored.num_entities, "triples": len(restored.triples)})
        else:
            show(f"{restored.num_entities:,} entities, {len(restored.triples):,} triples: {undo}")
        return
    if form is not None:
        link_format(form)
        if out is None:
            raise UsageError("--format writes a file of links to --out FOLDER; give it, too")
    whole = read_graph(graph)
    found = find(
        whole,
        links=links,
        never=never,
        decisions=decisions,
        threshold=threshold,
        k=k,
        seed=seed or 0,
        device=device,
    )
    if out is not None:
        write_duplicates(found, out, form=form)
    if merge is not None:
        write_unified(*found.merge(whole), merge)
    if as_json:
        print_json(found.summary() | {"members": [each._asdict() for each in found.members()]})
        return
    _print(found, out)
    if merge is not None:
        show(f"merged graph: {merge}   (undo: mmkg dedupe {merge} --undo OUT)")


def _print(found: "Duplicates", out: Path | None) -> None:
    from ..report.tables import text_table

    counts = found.summary()
    shown = [each for each in found.members() if each.cluster <= SHOWN]
    if shown:
        rows = [[str(each.cluster), line(each.name), line(each.entity), f"{each.confidence:.2f}"] for each in shown]
        show(text_table(["cluster", "name", "entity", "conf."], rows, left=[1, 2]))
        if counts["clusters"] > SHOWN:
            show(f"... and {counts['clusters'] - SHOWN:,} more clusters")
    show(
        f"{counts['clusters']:,} clusters of {counts['in_clusters']:,} of {counts['entities']:,} entities, the largest "
        f"of {counts['largest']:,}; {counts['to_check']:,} pairs to check"
    )
    if counts["kept_apart"]:
        show(f"kept apart by numbers in names, keys or --never: {counts['kept_apart']:,} pairs that look the same")
    if out is not None:
        show(f"written to {out}: clusters.tsv, pairs.tsv, duplicates.json")
