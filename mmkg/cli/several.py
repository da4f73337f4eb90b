"""``mmkg align A B C``: more than two graphs."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..folders import free_folder
from ..printing import show
from .options import INSTEAD, PairOptions, Source
from .shown import print_json

if TYPE_CHECKING:
    from ..config.experiment import Experiment


def align_several(
    source: Source, experiment: "Experiment", options: PairOptions, *, out: Path | None, overwrite: bool, many: bool
) -> None:
    """Align several graphs, cluster the matches, and print counts.

    Raises:
        UsageError: pictures are given, which belong to two graphs.
    """
    from ..several.align import align_all

    if source.images:
        raise UsageError("--images has no effect with more than two graphs")
    graphs = [source.pair, *(source.right or ())]
    if out is not None and not out.is_dir():
        free_folder(out, overwrite, INSTEAD)
    found = align_all(
        graphs,
        source.links,
        many=many,
        out=out,
        experiment=experiment,
        device=options.device,
        overwrite=overwrite,
        progress=None if options.as_json else True,
    )
    counts = found.summary()
    if options.as_json:
        print_json(counts | {"members": [each._asdict() for each in found.members()]})
        return
    for (first, second), run in found.runs.items():
        show(f"{first} - {second}: {len(run.matching):,} matches")
    show(
        f"{counts['clusters']:,} clusters of {counts['in_clusters']:,} of {counts['entities']:,} entities; "
        f"{counts['in_all_graphs']:,} in all {counts['graphs']} graphs"
    )
    if out is not None:
        show(f"written to {out}: clusters.tsv, and a run folder for each pair")
