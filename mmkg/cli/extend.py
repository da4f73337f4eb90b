"""``mmkg extend``: new entities and links in a finished run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..printing import line, show
from .options import Device, Json, Run
from .shown import print_json

if TYPE_CHECKING:
    from ..data.kg import KnowledgeGraph
    from ..result.result import AlignmentResult

SHOWN = 12  # new links that are printed

NewGraphs = Annotated[
    list[Path] | None,
    typer.Option(help="What is new in this graph, or the whole graph as it is now: a file or folder; repeatable."),
]


def extend(
    *,
    run: Run,
    left: NewGraphs = None,
    right: NewGraphs = None,
    links: Annotated[Path | None, typer.Option(help="More known links, in any format.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder or table of pictures of new entities, or features from `mmkg images`."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the extended run.", show_default="RUN itself, replaced as a whole")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in --out.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Add new entities and links to a finished run, without training.

    Known entities are known by their labels. New ones are embedded from their triples, names, values and pictures, and
    matched with each other and with entities that had no link; earlier links and rows stay. Given links replace those
    that contradict them; the embeddings learn from them when the graphs are aligned again.
    """
    from ..folders import free_folder
    from ..result.result import AlignmentResult

    folder = run if out is None else free_folder(out, overwrite)
    before = AlignmentResult.load(run, device=device)
    new = [read_new(paths or [], images, before, side, device) for side, paths in (("left", left), ("right", right))]
    result = before.extend(*new, links=links)
    assert folder is not None
    result.save(folder)
    _print(before, result, folder, as_json)


def read_new(
    paths: list[Path], images: Path | None, run: "AlignmentResult", side: str, device: str
) -> "KnowledgeGraph | None":
    """What is new in one graph of a run, from files, with features of its pictures; ``None`` without files.

    Raises:
        UsageError: pictures, but the run has none.
        InputError: a file or a picture breaks its format.
    """
    import numpy as np

    from ..compute.devices import resolve_device
    from ..data.formats.graphs import read_graph_data
    from ..data.growth import grown
    from ..data.parsing.columns import Faults
    from ..data.pictures.attach import with_images
    from ..data.task import AlignmentTask, LinkSplit
    from ..loading import cache_of_pictures

    if not paths:
        return None
    data = run.experiment.data
    settings = {name: getattr(data, name) for name in ("languages",) if getattr(data, name) is not None}
    graphs = [
        read_graph_data(path, Faults(data.on_error, max_bytes=data.max_bytes), **settings).graph for path in paths
    ]
    found = graphs[0]
    for graph in graphs[1:]:
        found = grown(found, graph, related=False)[0]
    if images is None:
        return found
    if "image" not in run.widths:
        raise UsageError(f"--images has no effect: the run has no images; it has {', '.join(run.widths)}")
    none = np.empty((0, 2), np.int64)
    task = with_images(
        AlignmentTask(found, found, LinkSplit(none, none, none)),
        (images,),
        encoder=data.image_encoder,
        cache=cache_of_pictures(data.image_cache),
        device=str(resolve_device(device)),
        on_error=data.on_error,
        max_bytes=data.max_bytes,
    )
    return task.left


def _print(before: "AlignmentResult", result: "AlignmentResult", folder: Path, as_json: bool) -> None:
    from ..report.tables import text_table

    values = summary(before, result)
    new = values.pop("links_found")
    if as_json:
        print_json({**values, "links_found": [link._asdict() for link in new], "out": str(folder)})
        return
    if new:
        rows = [
            [line(each.left_label), line(each.right_label), _percent(each.score), _share(each.confidence)]
            for each in new[:SHOWN]
        ]
        show(text_table(["left", "right", "score", "conf."], rows, left=[0, 1]))
        if len(new) > SHOWN:
            show(f"... and {len(new) - SHOWN:,} more new links")
    show(
        f"{values['new_left']:,} new left and {values['new_right']:,} new right entities; {len(new):,} new links, "
        f"{values['links_kept']:,} kept, {values['links_replaced']:,} replaced: {folder}"
    )
    if values["unknown"]:
        show(f"nothing is known of {len(values['unknown']):,} new entities, first {line(values['unknown'][0])}")


def summary(before: "AlignmentResult", result: "AlignmentResult") -> dict[str, Any]:
    """What an extended run has more than the run before."""
    import numpy as np

    earlier = set(map(tuple, before.linked().pairs.tolist()))
    linked = result.linked()
    now = set(map(tuple, linked.pairs.tolist()))
    fresh = linked.keep(np.array([tuple(pair) not in earlier for pair in linked.pairs.tolist()], bool))
    unknown = []
    for table, old, rows in zip(result.entities, (before.left, before.right), (result.left, result.right), strict=True):
        empty = np.flatnonzero(~np.any(rows[len(old) :] != 0, axis=1)) + len(old)
        unknown += [table.labels[row] for row in empty.tolist()]
    return {
        "new_left": len(result.left) - len(before.left),
        "new_right": len(result.right) - len(before.right),
        "links_kept": len(earlier & now),
        "links_replaced": len(earlier - now),
        "links_found": list(result.export(fresh)),
        "unknown": unknown,
    }


def _percent(score: float) -> str:
    return f"{score:.0f}"


def _share(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.2f}"
