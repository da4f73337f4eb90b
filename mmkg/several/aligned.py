"""Several graphs after their alignment: runs of the pairs, and clusters of entities that are the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.entities import EntityTable
from ..files import write_lines
from ..records import Shown
from ..report.frames import data_frame
from ..result.result import AlignmentResult
from ..typing import FloatArray, IntArray

CLUSTERS = "clusters.tsv"


class Member(NamedTuple):
    """One entity of a cluster.

    Args:
        cluster: number of the cluster, from 1.
        graph: name of its graph.
        entity: its label.
        name: text to show.
        confidence: mean confidence that it is the same as the other members, in [0, 1].
    """

    cluster: int
    graph: str
    entity: str
    name: str
    confidence: float


@dataclass(frozen=True, eq=False, repr=False)
class AlignedGraphs(Shown):
    """Several graphs, aligned.

    Args:
        names: name of each graph.
        entities: entities of each graph.
        runs: result of each pair, by the names of the two graphs in their order.
        cluster: number of each entity's cluster, those of the first graph first, int64 ``[n1 + n2 + ...]``; -1 = alone.
        certainty: mean confidence of each entity with the other members of its cluster, float32; 0 = alone.
        threshold: least mean confidence inside a cluster.
    """

    names: tuple[str, ...]
    entities: tuple[EntityTable, ...]
    runs: Mapping[tuple[str, str], AlignmentResult]
    cluster: IntArray
    certainty: FloatArray
    threshold: float

    def _facts(self) -> dict[str, Any]:
        return self.summary()

    def members(self) -> list[Member]:
        """The entities of all clusters, cluster by cluster."""
        order = np.argsort(self.cluster, kind="stable")
        order = order[self.cluster[order] >= 0]
        starts = np.concatenate([[0], np.cumsum([len(table.labels) for table in self.entities])])
        graph = np.searchsorted(starts, order, side="right") - 1
        found = []
        for row, place in zip(order.tolist(), graph.tolist(), strict=True):
            table, own = self.entities[place], row - int(starts[place])
            number, sure = int(self.cluster[row]) + 1, float(self.certainty[row])
            found.append(Member(number, self.names[place], table.labels[own], table.display[own], sure))
        return found

    def summary(self) -> dict[str, Any]:
        """Counts for people and programs."""
        sizes = np.bincount(self.cluster[self.cluster >= 0])
        return {
            "graphs": len(self.names),
            "entities": len(self.cluster),
            "clusters": len(sizes),
            "in_clusters": int(sizes.sum()),
            "largest": int(sizes.max(initial=0)),
            "in_all_graphs": int((sizes >= len(self.names)).sum()),
        }

    def to_frame(self) -> Any:
        """The members of all clusters as a DataFrame of pandas.

        Raises:
            MissingPackageError: pandas or pyarrow is not installed.
        """
        members = self.members()
        return data_frame({name: [getattr(each, name) for each in members] for name in Member._fields}, ["confidence"])

    def write(self, folder: str | Path) -> Path:
        """Write ``clusters.tsv`` to a folder."""
        write_lines(Path(folder) / CLUSTERS, self._lines())
        return Path(folder)

    def _lines(self) -> Iterator[str]:
        yield "\t".join(Member._fields) + "\n"
        for cluster, *texts, confidence in self.members():
            cells = (" ".join(str(text).split()) if "\t" in str(text) or "\n" in str(text) else text for text in texts)
            yield f"{cluster}\t{chr(9).join(map(str, cells))}\t{confidence:.4f}\n"
