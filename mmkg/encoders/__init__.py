"""ENCODE: the values of each modality and the graph become tokens."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from ..compute.process import lazy_names
from .bundle import EncoderBundle
from .linear import LinearEncoder
from .relational import RelationalEncoder
from .weighted_sum import weighted_sum

if TYPE_CHECKING:
    from .gat import DiagonalGATConv, GATEncoder
    from .gcn import GCNEncoder

# encoders of the modalities other than structure: (width of the values, width of the tokens) -> module
ENCODERS: dict[str, Callable[[int, int], nn.Module]] = {"linear": LinearEncoder}

__all__ = [
    "ENCODERS",
    "DiagonalGATConv",
    "EncoderBundle",
    "GATEncoder",
    "GCNEncoder",
    "LinearEncoder",
    "RelationalEncoder",
    "weighted_sum",
]

# layers of PyG, whose import takes longer than that of torch
__getattr__ = lazy_names(__name__, {"DiagonalGATConv": ".gat", "GATEncoder": ".gat", "GCNEncoder": ".gcn"})
