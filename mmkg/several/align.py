"""``align_all``: several graphs are aligned pair by pair, and the matches are clustered."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ..compute.host import isolated
from ..data.formats.objects import as_graph
from ..errors import UsageError, brief
from ..matching.clusters import certainty_of, clusters_of
from ..pipeline import align
from ..result.linked import pair_scores
from ..result.result import AlignmentResult
from ..typing import BoolArray, FloatArray, IntArray
from .aligned import AlignedGraphs
from .links import links_of_pairs

MATCHED = 0.6  # confidence of a match of a run that has no confidences


@isolated
def align_all(
    graphs: Mapping[str, Any] | Sequence[Any],
    links: Any = None,
    *,
    many: bool = False,
    threshold: float = 0.5,
    out: str | Path | None = None,
    **options: Any,
) -> AlignedGraphs:
    """Align several graphs: each pair of them, then clusters of entities that are the same.

    A cluster holds at most one entity of each graph, unless ``many``. It is made of the matches of all pairs by average
    linkage over the confidences of all its pairs, so that the pairs cannot contradict each other.

    Args:
        graphs: at least two graphs, each as ``align`` takes it; a mapping gives them names, else they are named by
            their files, or ``1``, ``2``, ...
        links: known links between any of the graphs: a file, an object that ``AlignmentTask.of`` takes, or a list of
            files. Links that follow along chains are added.
        many: whether an entity may have several counterparts in one graph.
        threshold: least mean confidence inside a cluster, in (0, 1].
        out: folder; the run of graphs A and B is in ``A-B``, the clusters are in ``clusters.tsv``.
        options: further arguments of ``align``, e.g. ``model`` or ``seeds_from``.

    Raises:
        UsageError: fewer than two graphs, names that are not unique, a threshold out of range.
        InputError: links contradict each other or name unknown entities; or as ``align``.
    """
    named = graphs if isinstance(graphs, Mapping) else _named(graphs)
    if len(named) < 2:
        raise UsageError(f"expected at least two graphs, got {len(named)}")
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold must be above 0 and at most 1, got {threshold}")
    names = tuple(map(str, named))
    sources = list(named.values())
    labels = [as_graph(source).entities for source in sources]
    given = [] if links is None else list(links) if _is_files(links) else [links]
    known = links_of_pairs(given, labels, many=many)
    if many:
        options["settings"] = {**(options.get("settings") or {}), "data.one_to_one": False}
    runs: dict[tuple[int, int], AlignmentResult] = {}
    for first, second in combinations(range(len(names)), 2):
        rows = known[first, second].tolist()
        pairs = [(labels[first][i], labels[second][j]) for i, j in rows] or None
        folder = None if out is None else Path(out) / f"{names[first]}-{names[second]}"
        runs[first, second] = align(sources[first], sources[second], pairs, out=folder, **options)
    found = _clustered(names, runs, labels, known, many, threshold)
    if out is not None:
        found.write(out)
    return found


def _clustered(
    names: tuple[str, ...],
    runs: Mapping[tuple[int, int], AlignmentResult],
    labels: Sequence[Sequence[str]],
    known: Mapping[tuple[int, int], IntArray],
    many: bool,
    threshold: float,
) -> AlignedGraphs:
    starts = np.concatenate([[0], np.cumsum([len(each) for each in labels])])

    def graphs_of(pairs: IntArray) -> IntArray:
        found: IntArray = np.searchsorted(starts, pairs, side="right") - 1
        return found

    def score(pairs: IntArray) -> FloatArray:
        found = np.zeros(len(pairs), np.float32)
        graphs = graphs_of(pairs)
        for (first, second), run in runs.items():
            own = np.flatnonzero((graphs[:, 0] == first) & (graphs[:, 1] == second))
            if len(own):
                found[own] = _confidences(run, pairs[own] - starts[[first, second]])
        return found

    def apart(pairs: IntArray) -> BoolArray:
        graphs = graphs_of(pairs)
        same: BoolArray = graphs[:, 0] == graphs[:, 1]
        return np.zeros(len(pairs), bool) if many else same

    matches = [run.matching.pairs + starts[list(key)] for key, run in runs.items()]
    sure = [_confidences(run, run.matching.pairs) for run in runs.values()]
    together = np.concatenate([rows + starts[list(key)] for key, rows in known.items()])
    pairs, confidence = np.concatenate(matches), np.concatenate(sure)
    cluster = clusters_of(
        int(starts[-1]), pairs, confidence, score=score, apart=apart, together=together, threshold=threshold
    )
    trusted = np.concatenate([together, pairs])
    certainty = certainty_of(cluster, trusted, np.concatenate([np.ones(len(together), np.float32), confidence]), score)
    ends = [next(run for key, run in runs.items() if number in key) for number in range(len(names))]
    tables = tuple(
        run.entities[next(key for key, each in runs.items() if each is run).index(number)]
        for number, run in enumerate(ends)
    )
    named = {(names[first], names[second]): run for (first, second), run in runs.items()}
    return AlignedGraphs(names, tables, named, cluster, certainty, threshold)


def _confidences(run: AlignmentResult, pairs: IntArray) -> FloatArray:
    """Confidence of pairs of a run; where it has none, that of a match or 0."""
    if run.matching.confidence is not None:
        return run.confidences(pairs, pair_scores(pairs, run.searcher))
    width = len(run.right)
    matched = np.isin(pairs[:, 0] * width + pairs[:, 1], run.matching.left * width + run.matching.right)
    return np.where(matched, np.float32(MATCHED), np.float32(0))


def _named(graphs: Any) -> dict[str, Any]:
    """Graphs by the names of their files, or by their numbers."""
    if isinstance(graphs, str | Path) or not isinstance(graphs, Sequence):
        raise UsageError(f"expected several graphs in a list or a mapping of names, got {brief(graphs)}")
    stems = [Path(each).name.split(".")[0] if isinstance(each, str | Path) else "" for each in graphs]
    fine = all(stems) and len(set(stems)) == len(stems)
    return dict(zip(stems if fine else map(str, range(1, len(graphs) + 1)), graphs, strict=True))


def _is_files(links: Any) -> bool:
    return isinstance(links, list | tuple) and bool(links) and all(isinstance(each, str | Path) for each in links)
