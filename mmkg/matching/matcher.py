"""The record of a matcher: its function and the configuration class of its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..search.given import Vectors
from .matching import Matching


@dataclass(frozen=True)
class Matcher:
    """A matcher that runs can name.

    Args:
        match: called as ``match(left, right, csls_k=, kind=, device=, means=, indexes=)``, for the meaning see
            ``Scoring``, with the fields of ``config`` as further keywords, with ``k`` where the user gives it, and
            with ``never`` where pairs are known to be wrong.
        config: dataclass of its settings, which a run reads from the section ``search.<name>``; ``None`` = it has none.
        lists: whether it also takes ``lists=``, the nearest neighbours of all rows, see ``Scoring``.
        edges: whether it also takes ``edges=``, the pairs of rows that a triple joins, of either graph.
    """

    match: Callable[..., Matching]
    config: type[Any] | None = None
    lists: bool = False
    edges: bool = False

    def __call__(self, left: Vectors, right: Vectors, **options: Any) -> Matching:
        """Match two sets of embeddings, ``[n1, d]`` and ``[n2, d]``."""
        return self.match(left, right, **options)
