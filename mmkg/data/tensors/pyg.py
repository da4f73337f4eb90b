"""The parts of PyG that encoders and graphs use. Its import makes torch warn, which reaches no user."""

from ...compute.process import quiet

with quiet():
    from torch_geometric import EdgeIndex
    from torch_geometric.nn import GCNConv, MessagePassing
    from torch_geometric.utils import softmax

__all__ = ["EdgeIndex", "GCNConv", "MessagePassing", "softmax"]
