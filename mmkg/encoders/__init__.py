"""ENCODE: the values of each modality and the graph become tokens."""

from collections.abc import Callable

from torch import nn

from .bundle import EncoderBundle
from .gat import DiagonalGATConv, GATEncoder
from .gcn import GCNEncoder
from .linear import LinearEncoder
from .relational import RelationalEncoder
from .weighted_sum import weighted_sum

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
