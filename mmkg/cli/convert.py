"""``mmkg convert``: a pair of graphs in another format."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError, nearest
from ..printing import show
from .options import SeedOptions, Source, expanded, load_pair
from .shown import print_json


@expanded
def convert(
    *,
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    to: Annotated[str, typer.Option(help="dbp15k, openea, mmkb, ntriples, tsv, csv, parquet, graphml or json.")],
    links_to: Annotated[
        str | None,
        typer.Option(
            help="Format of the links of two graphs: tsv, csv, parquet, jsonl, nt, oaei or sssom.",
            show_default="as the graphs",
        ),
    ] = None,
    keep_split: Annotated[
        bool, typer.Option("--keep-split", help="Also write which links are for training, validation and test.")
    ] = False,
    options: SeedOptions,
) -> None:
    """Write a pair of graphs in another format.

    --keep-split writes a fold (openea) or a column `part` of the links (tsv, csv, parquet, jsonl); --seed is the random
    seed of that split. What the format has no place for is counted on stderr.
    """
    from ..data.formats.write import not_written, pair_writers, write_pair

    if to not in pair_writers():  # before a long read
        raise UsageError(f"unknown format {to!r}; {nearest(to, pair_writers())}")
    task, _ = load_pair(source, options, ("data", "seed"), "convert", before=("data.names_from=labels",))
    folder = write_pair(task, out, to, keep_split=keep_split, links=links_to)
    if options.as_json:
        sizes = {"left": task.left.num_entities, "right": task.right.num_entities}
        links, lost = len(task.links.all()), not_written(task, to, links=links_to)
        print_json(
            {"folder": str(folder), "entities": sizes, "links": links, "notes": dict(task.notes), "left_out": lost}
        )
        return
    for note, number in task.notes.items():
        show(f"{note}: {number:,}", file=sys.stderr)
    show(
        f"{task.left.num_entities:,} + {task.right.num_entities:,} entities, {len(task.links.all()):,} links: {folder}"
    )
