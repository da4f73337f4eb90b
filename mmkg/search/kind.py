"""The interface of an index, and the record of an index kind."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from ..compute.devices import torch_device
from ..errors import UsageError
from ..records import Shown
from ..typing import IntArray
from .config import IndexConfig
from .given import Vectors
from .neighbors import Neighbors
from .sidecar import write_stored

if TYPE_CHECKING:
    import torch

Metric = Literal["cosine", "ip"]


@runtime_checkable
class Searcher(Protocol):
    """Any object that finds neighbours."""

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query, ``[Q, d]``."""


@runtime_checkable
class Index(Searcher, Protocol):
    """A searchable set of vectors. An index kind is a subclass; it has to define ``search`` and ``write``.

    Attributes:
        kind: its name in ``INDEXES``.
        metric: ``cosine``, or ``ip`` for the plain inner product.
        size: number of base rows, N.
        dim: their width, d.
        config: its settings, an instance of the configuration class of its kind; saved with the index.
        plain: whether it is nothing but its vectors, so that whoever keeps these need not keep the index.
    """

    kind: str
    metric: Metric
    size: int
    dim: int
    config: Any
    plain: bool = False

    @abstractmethod
    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``, in the order (-score, id).

        Returns:
            Ids and scores ``[Q, k]``; id -1 and score -inf where fewer than k were found.
        """

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the data of the index to one file, which the ``load`` of its kind reads."""

    def save(self, path: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
        """Write the index and its sidecar; see ``save_index``."""
        facts = {name: getattr(self, name) for name in ("kind", "metric", "dim", "size")}
        write_stored(path, self.write, {**facts, "config": asdict(self.config)}, about or {})

    def tuning_rows(self, size: int) -> IntArray:
        """Which of ``size`` queries ``tune`` should see before the first search; none if there is nothing to tune."""
        return np.empty(0, np.int64)

    def tune(self, queries: Vectors) -> int:
        """Choose how much of the index each query reads, and store the choice in ``config``.

        Args:
            queries: a sample of the queries to come, ``[Q, d]``.

        Returns:
            The value chosen.

        Raises:
            UsageError: this kind has nothing to tune.
        """
        raise UsageError(f"an index of kind {self.kind!r} has nothing to tune")


class ShownIndex(Shown):
    """Base of indexes beside ``Index``: shows kind, metric and size."""

    kind: str
    metric: Metric
    size: int
    dim: int

    def _facts(self) -> dict[str, Any]:
        return {"kind": self.kind, "metric": self.metric, "rows": self.size, "columns": self.dim}


Build = Callable[[Vectors, Metric, "str | torch.device", Any, bool], Index]
Load = Callable[[Path, Metric, Any, "str | torch.device"], Index]


@dataclass(frozen=True)
class IndexKind:
    """An index kind: the functions that build and load its indexes, and the configuration class of its settings.

    Args:
        build: called with vectors, metric, device, settings, and whether to show a progress bar.
        load: called with the path of a file that ``Index.write`` wrote, metric, settings and device; ``None`` for a
            kind whose indexes are of another kind.
        config: dataclass of the settings, which a run reads from ``search.options``. A field ``parts`` receives the
            width of each modality's part of the vectors.
        exact: whether its searches find the best by the scores of all pairs, so that these may be computed without it.
        limited: whether it is exact up to ``LARGEST_FLAT`` rows only, on a CPU.
        on_gpu: whether ``build`` and ``load`` take a GPU with the packages that are installed.
        needs: estimated bytes of a built index, from the number and the width of its vectors and the settings.
    """

    build: Build
    load: Load | None = None
    config: type[Any] = IndexConfig
    exact: bool = False
    limited: bool = False
    on_gpu: Callable[[], bool] = lambda: False
    needs: Callable[[int, int, Any], float] = lambda size, dim, config: 4 * size * dim

    def fitting(self, device: "torch.device") -> "torch.device":
        """The device for an index of this kind: the given one, or the CPU if the kind does not run there."""
        if device.type == "cpu" or self.on_gpu():
            return device
        return torch_device("cpu")

    def over_parts(self, config: Any, widths: tuple[int, ...]) -> Any:
        """Settings for vectors made of parts of these widths."""
        return replace(config, parts=widths) if any(f.name == "parts" for f in fields(config)) else config
