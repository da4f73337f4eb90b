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
    from .data.kg import KnowledgeGraph
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
    "load": ".pipeline",
    "read_dbp15k": ".data.dbp15k",
    "twin_graphs": ".data.synthetic",
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
    "load",
    "read_dbp15k",
    "twin_graphs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
