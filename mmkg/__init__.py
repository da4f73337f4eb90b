"""mmkg: multimodal knowledge-graph entity alignment.

Names are imported when they are first used, so that ``import mmkg`` costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aligner import Aligner
    from .config.experiment import Experiment
    from .data.describe import describe
    from .data.formats.dbp15k import read_dbp15k
    from .data.formats.graphs import read_graph
    from .data.formats.merged import write_merged
    from .data.formats.nx import from_networkx, to_networkx
    from .data.formats.objects import as_graph
    from .data.formats.pyg import from_pyg, to_pyg
    from .data.formats.two_graphs import read_pair
    from .data.formats.write import write_pair
    from .data.kg import KnowledgeGraph
    from .data.merge import merge_graphs
    from .data.task import AlignmentTask, LinkSplit
    from .data.unify import separate
    from .duplicates.find import dedupe
    from .evaluation import evaluate
    from .loading import load
    from .pipeline import align
    from .result.result import AlignmentResult
    from .search import build_index
    from .several.align import align_all
    from .sources.synthetic import twin_graphs

from .compute.process import lazy_names
from .version import __version__ as __version__

_HOME = {
    "Aligner": ".aligner",
    "AlignmentResult": ".result.result",
    "AlignmentTask": ".loading",  # which gives it ``AlignmentTask.of``
    "Experiment": ".config.experiment",
    "KnowledgeGraph": ".data.kg",
    "LinkSplit": ".data.task",
    "align": ".pipeline",
    "align_all": ".several.align",
    "as_graph": ".data.formats.objects",
    "build_index": ".search",
    "dedupe": ".duplicates.find",
    "describe": ".data.describe",
    "evaluate": ".evaluation",
    "from_networkx": ".data.formats.nx",
    "from_pyg": ".data.formats.pyg",
    "load": ".loading",
    "merge_graphs": ".data.merge",
    "read_dbp15k": ".data.formats.dbp15k",
    "read_graph": ".data.formats.graphs",
    "read_pair": ".data.formats.two_graphs",
    "separate": ".data.unify",
    "to_networkx": ".data.formats.nx",
    "to_pyg": ".data.formats.pyg",
    "twin_graphs": ".sources.synthetic",
    "write_merged": ".data.formats.merged",
    "write_pair": ".data.formats.write",
}

__all__ = [
    "Aligner",
    "AlignmentResult",
    "AlignmentTask",
    "Experiment",
    "KnowledgeGraph",
    "LinkSplit",
    "align",
    "align_all",
    "as_graph",
    "build_index",
    "dedupe",
    "describe",
    "evaluate",
    "from_networkx",
    "from_pyg",
    "load",
    "merge_graphs",
    "read_dbp15k",
    "read_graph",
    "read_pair",
    "separate",
    "to_networkx",
    "to_pyg",
    "twin_graphs",
    "write_merged",
    "write_pair",
]


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
