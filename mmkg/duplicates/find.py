"""``dedupe``: the duplicates inside one graph, as clusters with confidences."""

from typing import Any

import numpy as np

from ..compute.host import isolated
from ..compute.seeding import numpy_generator
from ..data.entities import EntityTable
from ..data.formats.objects import as_graph
from ..data.kg import KnowledgeGraph
from ..data.literals import literal_keys
from ..errors import UsageError
from ..matching.clusters import certainty_of, clusters_of
from ..typing import BoolArray, FloatArray, IntArray
from .barriers import Barriers
from .candidates import candidate_pairs
from .comparisons import Comparer
from .duplicates import Duplicates
from .linkage import learn_linkage, probability
from .pairs import check_pairs, decided_pairs, label_pairs
from .texts import names_for
from .views import views_of

RANDOM_PAIRS = 100_000
LEAST_LISTED = 0.05  # least confidence of a pair that is listed


@isolated
def dedupe(
    graph: Any,
    *,
    never: Any = None,
    links: Any = None,
    decisions: Any = None,
    threshold: float = 0.5,
    k: int = 10,
    seed: int = 0,
    device: str = "auto",
) -> Duplicates:
    """Find the entities of a graph that are the same, under whatever names, and cluster them.

    Candidates are nearest neighbours by name, values, neighbours or picture, so that no two entities need be compared
    without reason. Fellegi and Sunter's model, learnt from the graph itself, gives each pair a confidence; no duplicate
    need be known. Clusters are made by average linkage over all their pairs. Two entities never are in one cluster if
    ``never`` names them, if their names hold different numbers (Apollo 11, Apollo 12), or if they differ in a key: an
    attribute such as a date or a code of which an entity has one value that hardly another one has. Blank nodes, terms
    of vocabularies, and nodes that are years, numbers or dates are left out.

    Args:
        graph: whatever ``as_graph`` takes: a file or folder, a ``KnowledgeGraph``, a networkx graph, ...
        never: pairs of labels of entities that are different: a file of links, a list of pairs or a DataFrame.
        links: pairs of labels of known duplicates, likewise; they are in one cluster and teach the others.
        decisions: what people decided, a file or ``Decision`` objects: accepted pairs are known duplicates, rejected
            ones differ, and an entity without a counterpart is in no cluster.
        threshold: least mean confidence inside a cluster, in (0, 1].
        k: number of neighbours of an entity that are candidates, in each view.
        seed: random seed of projections and of the sample of random pairs.
        device: where to search: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        Clusters, and the pairs that may be the same, each with its confidence.

    Raises:
        UsageError: the threshold or k is out of range, or ``graph`` holds no graph.
        InputError: a file breaks its format, a pair names an unknown entity, or two pairs contradict each other.

    Source:
        Fellegi and Sunter, JASA 1969.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold must be above 0 and at most 1, got {threshold}")
    if k < 1:
        raise UsageError(f"k must be at least 1, got {k}")
    graph = as_graph(graph)
    apart, together = (label_pairs(each, graph, what) for each, what in ((never, "never"), (links, "links")))
    allowed = compared(graph)
    if decisions is not None:
        decided = decided_pairs(decisions, graph)
        apart = np.unique(np.concatenate([apart, decided.rejected]), axis=0)
        together = np.unique(np.concatenate([together, decided.accepted]), axis=0)
        together = together[~np.isin(together, decided.alone[:, 1]).any(axis=1)]
        allowed[decided.alone[:, 1]] = False
    check_pairs(graph, apart, together)
    views = views_of(graph, seed=seed)
    pairs = candidate_pairs(views.dense, allowed, k=k, device=device)
    pairs = np.unique(np.concatenate([pairs, together]), axis=0)
    comparer, names = Comparer(graph, views), names_for(graph)
    levels, common = comparer.levels(pairs)
    known, refused = _among(pairs, together, graph), _among(pairs, apart, graph)
    linkage, confidence = learn_linkage(
        levels,
        common,
        comparer.levels(_random_pairs(allowed, seed))[0],
        comparer.comparisons,
        relational=bool(2 * graph.has_triple.sum() > graph.num_entities),
        known=known,
        never=refused,
    )
    barriers = Barriers.of(names, comparer, levels, confidence, apart)

    def score(some: IntArray) -> FloatArray:
        return probability(linkage.log_odds(*comparer.levels(some), comparer.comparisons)).astype(np.float32)

    sure = confidence.astype(np.float32)
    kept_apart = barriers.apart(pairs) & ~known
    cluster = clusters_of(
        graph.num_entities,
        pairs,
        sure,
        score=score,
        apart=barriers.apart,
        together=together,
        threshold=threshold,
    )
    listed = (confidence >= LEAST_LISTED) & ~kept_apart
    return Duplicates(
        EntityTable.of(graph),
        pairs[listed],
        sure[listed],
        cluster,
        certainty_of(cluster, pairs, np.where(kept_apart, np.float32(0), sure), score),
        threshold,
        {
            "candidates": len(pairs),
            "kept_apart": int((kept_apart & (confidence >= threshold)).sum()),
            "left_out": int((~allowed).sum()),
            "keys": len(barriers.keys),
        },
    )


def compared(graph: KnowledgeGraph) -> BoolArray:
    """Which entities may have duplicates: all but context and literal nodes, ``[n]``."""
    found = ~graph.context
    found[list(literal_keys(EntityTable.of(graph)))] = False
    return found if found.any() else np.ones(graph.num_entities, bool)


def _random_pairs(allowed: BoolArray, seed: int) -> IntArray:
    rows = np.flatnonzero(allowed)
    generator = numpy_generator(seed, "random pairs")
    pairs = rows[generator.integers(0, len(rows), (RANDOM_PAIRS, 2))]
    found: IntArray = pairs[pairs[:, 0] != pairs[:, 1]]
    return found


def _among(pairs: IntArray, some: IntArray, graph: KnowledgeGraph) -> BoolArray:
    """Which sorted pairs are among some others, ``[P]``."""
    size = graph.num_entities
    found: BoolArray = np.isin(pairs[:, 0] * size + pairs[:, 1], some[:, 0] * size + some[:, 1])
    return found
