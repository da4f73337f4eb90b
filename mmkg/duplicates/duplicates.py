"""The duplicates of a graph: clusters, pairs and their confidences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..data.entities import EntityTable
from ..data.kg import KnowledgeGraph
from ..data.links.export import Link
from ..data.unify import Origin, unify
from ..errors import UsageError
from ..records import Record
from ..report.frames import data_frame
from ..typing import FloatArray, IntArray

CHECK = (0.2, 0.9)  # confidences of pairs that somebody should look at


class Member(NamedTuple):
    """One entity of a cluster.

    Args:
        cluster: number of the cluster, from 1.
        entity: its label.
        name: text to show.
        confidence: mean confidence that it is the same as the other members, in [0, 1].
    """

    cluster: int
    entity: str
    name: str
    confidence: float


@dataclass(frozen=True, eq=False, repr=False)
class Duplicates(Record):
    """The entities of a graph that are the same.

    Args:
        entities: the entities of the graph.
        pairs: pairs that may be the same, (smaller row, larger row), int64 ``[P, 2]``.
        confidence: probability that the two of each pair are the same, float32 ``[P]``.
        cluster: number of each entity's cluster, int64 ``[n]``, in the order of their first entities; -1 = alone.
        certainty: mean confidence of each entity with the other members of its cluster, float32 ``[n]``; 0 = alone.
        threshold: least mean confidence inside a cluster.
        counts: numbers of ``candidates`` that were compared, of likely pairs ``kept_apart``, of entities ``left_out``
            (context, literal nodes), and of attributes that are ``keys``.
    """

    entities: EntityTable
    pairs: IntArray
    confidence: FloatArray
    cluster: IntArray
    certainty: FloatArray
    threshold: float
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def num_clusters(self) -> int:
        """Number of clusters of at least two entities."""
        return int(self.cluster.max(initial=-1)) + 1

    @property
    def clusters(self) -> list[IntArray]:
        """The rows of each cluster, ascending."""
        order = np.argsort(self.cluster, kind="stable")
        order = order[self.cluster[order] >= 0]
        return np.split(order, np.flatnonzero(np.diff(self.cluster[order])) + 1) if len(order) else []

    @property
    def to_check(self) -> IntArray:
        """Positions of the pairs that somebody should look at, the least certain first, int64."""
        doubtful = np.flatnonzero((self.confidence >= CHECK[0]) & (self.confidence < CHECK[1]))
        found: IntArray = doubtful[np.argsort(np.abs(self.confidence[doubtful] - 0.5), kind="stable")]
        return found

    def members(self) -> list[Member]:
        """The entities of all clusters, cluster by cluster."""
        table = self.entities
        rows = [row for cluster in self.clusters for row in cluster.tolist()]
        numbers, sure = self.cluster.tolist(), self.certainty.tolist()
        return [Member(numbers[row] + 1, table.labels[row], table.display[row], sure[row]) for row in rows]

    def links(self) -> list[Link]:
        """One link from the first entity of each cluster to each other one, with the confidence of the other."""
        labels, shown = self.entities.labels, self.entities.display
        return [
            Link(
                labels[first],
                labels[row],
                100 * float(self.certainty[row]),
                float(self.certainty[row]),
                shown[first],
                shown[row],
            )
            for first, *others in (cluster.tolist() for cluster in self.clusters)
            for row in others
        ]

    def pair_links(self) -> list[Link]:
        """The pairs that may be the same, the surest first."""
        labels, shown = self.entities.labels, self.entities.display
        order = np.argsort(-self.confidence, kind="stable")
        rows = zip(self.pairs[order].tolist(), self.confidence[order].tolist(), strict=True)
        return [Link(labels[i], labels[j], 100 * sure, sure, shown[i], shown[j]) for (i, j), sure in rows]

    def merge(self, graph: KnowledgeGraph) -> tuple[KnowledgeGraph, Origin]:
        """The graph with one entity for each cluster, and the record that ``separate`` restores the graph from.

        Raises:
            UsageError: another graph.
        """
        if graph.entities != self.entities.labels:
            raise UsageError(
                f"these duplicates belong to another graph: it has {len(self.entities.labels):,} entities, first "
                f"{self.entities.labels[0]!r}; this one {graph.num_entities:,}, first {graph.entities[0]!r}"
            )
        return unify(graph, self.clusters)

    def summary(self) -> dict[str, Any]:
        """Counts for people and programs."""
        sizes = [len(cluster) for cluster in self.clusters]
        return {
            "entities": len(self.cluster),
            "clusters": len(sizes),
            "in_clusters": sum(sizes),
            "largest": max(sizes, default=0),
            "to_check": len(self.to_check),
            "threshold": self.threshold,
            **self.counts,
        }

    def to_frame(self) -> Any:
        """The members of all clusters as a DataFrame of pandas: cluster, entity, name, confidence.

        Raises:
            MissingPackageError: pandas or pyarrow is not installed.
        """
        members = self.members()
        columns = {name: [getattr(each, name) for each in members] for name in Member._fields}
        return data_frame(columns, ["confidence"])

    def _facts(self) -> dict[str, Any]:
        return {name: value for name, value in self.summary().items() if name in ("entities", "clusters", "largest")}
