"""SEARCH: nearest neighbours of any vectors, arrays in, arrays out.

Names are imported when they are first used, so that ``mmkg.search`` alone loads neither torch nor faiss.
"""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .config import IndexConfig
    from .csls import csls_augment, mean_top_k
    from .exact import ExactIndex
    from .index import INDEXES, build_index
    from .kind import Index, IndexKind
    from .neighbors import Neighbors, csls_neighbors, sort_neighbors
    from .storage import StoredIndex, load_index, save_index

_HOME = {
    "INDEXES": ".index",
    "ExactIndex": ".exact",
    "Index": ".kind",
    "IndexConfig": ".config",
    "IndexKind": ".kind",
    "Neighbors": ".neighbors",
    "StoredIndex": ".storage",
    "build_index": ".index",
    "csls_augment": ".csls",
    "csls_neighbors": ".neighbors",
    "load_index": ".storage",
    "mean_top_k": ".csls",
    "save_index": ".storage",
    "sort_neighbors": ".neighbors",
}

__all__ = [
    "INDEXES",
    "ExactIndex",
    "Index",
    "IndexConfig",
    "IndexKind",
    "Neighbors",
    "StoredIndex",
    "build_index",
    "csls_augment",
    "csls_neighbors",
    "load_index",
    "mean_top_k",
    "save_index",
    "sort_neighbors",
]


__getattr__ = lazy_names(__name__, _HOME)
