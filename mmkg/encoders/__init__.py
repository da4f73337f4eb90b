"""ENCODE: values of each modality, or the graph, become tokens of one width."""

from .bundle import EncoderBundle
from .gat import DiagonalGATConv, GATEncoder
from .gcn import GCNEncoder
from .linear import LinearEncoder
from .relational import RelationalEncoder
from .weighted_sum import weighted_sum

__all__ = [
    "DiagonalGATConv",
    "EncoderBundle",
    "GATEncoder",
    "GCNEncoder",
    "LinearEncoder",
    "RelationalEncoder",
    "weighted_sum",
]
