"""mmkg: multimodal knowledge-graph entity alignment.

Names are imported when they are first used, so that ``import mmkg`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aligner import Aligner
    from .config import Experiment
    from .data.dbp15k import read_dbp15k
    from .data.describe import describe
    from .data.formats import read_graph, read_pair, write_pair
    from .data.kg import KnowledgeGraph
    from .data.merge import merge_graphs, write_merged
    from .data.nx import from_networkx, to_networkx
    from .data.pyg import from_pyg, to_pyg
    from .data.synthetic import twin_graphs
    from .data.task import AlignmentTask, LinkSplit
    from .evaluation import evaluate
    from .pipeline import align, load
    from .result import AlignmentResult
    from .search import build_index

__version__ = "0.1.0"

_HOME = {
    "Aligner": ".aligner",
    "AlignmentResult": ".result",
    "AlignmentTask": ".data.task",
    "Experiment": ".config",
    "KnowledgeGraph": ".data.kg",
    "LinkSplit": ".data.task",
    "align": ".pipeline",
    "build_index": ".search",
    "describe": ".data.describe",
    "evaluate": ".evaluation",
    "from_networkx": ".data.nx",
    "from_pyg": ".data.pyg",
    "load": ".pipeline",
    "merge_graphs": ".data.merge",
    "read_dbp15k": ".data.dbp15k",
    "read_graph": ".data.formats",
    "read_pair": ".data.formats",
    "to_networkx": ".data.nx",
    "to_pyg": ".data.pyg",
    "twin_graphs": ".data.synthetic",
    "write_merged": ".data.merge",
    "write_pair": ".data.formats",
}

__all__ = [
    "Aligner",
    "AlignmentResult",
    "AlignmentTask",
    "Experiment",
    "KnowledgeGraph",
    "LinkSplit",
    "align",
    "build_index",
    "describe",
    "evaluate",
    "from_networkx",
    "from_pyg",
    "load",
    "merge_graphs",
    "read_dbp15k",
    "read_graph",
    "read_pair",
    "to_networkx",
    "to_pyg",
    "twin_graphs",
    "write_merged",
    "write_pair",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
