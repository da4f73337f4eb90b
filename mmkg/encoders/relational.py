"""Relational reflection attention with proxies: the structure encoder of Dual-AMN."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.adjacency import RelationGraph
from .weighted_sum import weighted_sum

CHUNK = 1 << 15  # messages whose vectors are gathered together


class _MessageProducts(torch.autograd.Function):
    """``x[source] . r[relation]`` for every message, without a tensor of size messages x width."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, r: Tensor, graph: RelationGraph) -> Tensor:
        ctx.save_for_backward(x, r)
        ctx.graph = graph
        chunks = (torch.split(_sources(edges), CHUNK) for edges in (graph.neighbours, graph.relations))
        parts = [
            torch.linalg.vecdot(x.index_select(0, source), r.index_select(0, kind))
            for source, kind in zip(*chunks, strict=True)
        ]
        return torch.cat(parts) if parts else x.new_zeros(0)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, r = ctx.saved_tensors
        return (
            _gathered(ctx.graph.neighbours, _sources(ctx.graph.relations), r, grad),
            _gathered(ctx.graph.relations, _sources(ctx.graph.neighbours), x, grad),
            None,
        )


def _sources(edges: Any) -> Tensor:
    sources: Tensor = edges.as_tensor()[0]
    return sources


def _gathered(edges: Any, others: Tensor, vectors: Tensor, grad: Tensor) -> Tensor:
    """Per source of ``edges``, the sum over its messages of gradient times the row ``others`` of ``vectors``."""
    (offsets, _), order = edges.get_csr()
    order = torch.arange(len(others), device=others.device) if order is None else order
    if len(order) == 0:
        return vectors.new_zeros(len(offsets) - 1, vectors.shape[1])
    return F.embedding_bag(
        others.index_select(0, order),
        vectors,
        offsets[:-1],
        mode="sum",
        per_sample_weights=grad.index_select(0, order),
    )


class ReflectionAttention(nn.Module):
    """Rounds of messages; each neighbour is reflected at the hyperplane of the relation to it.

    ``h_i' = tanh(sum_j a_ij (h_j - 2 (h_j . r) r))`` over the messages of i, where r is the unit vector of the
    message's relation and a is the softmax of ``v . r`` over the messages of i. A reflection preserves lengths: the
    relation changes the direction of a neighbour, not its weight. The input and all rounds are concatenated.

    Args:
        dim: width d.
        depth: number of rounds; 2 in the paper.

    Source:
        Mao et al., WWW 2021 (Dual-AMN), Sec. 4.1, after RREA (CIKM 2020), Eq. 7 and 8.
    """

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.attention = nn.Parameter(torch.randn(depth, dim) * dim**-0.5)

    def forward(self, x: Tensor, relations: Tensor, graph: RelationGraph) -> Tensor:
        """Entities ``[N, d]`` and relations ``[2R, d]`` -> ``[N, (depth + 1) d]``."""
        from ..data.tensors.pyg import softmax

        mirrors = F.normalize(relations, dim=1)
        kinds, targets = graph.relations.as_tensor()
        message_products: Callable[..., Tensor] = _MessageProducts.apply
        layers = [torch.tanh(x)]
        for query in self.attention:
            logits = (mirrors @ query).index_select(0, kinds)
            weights = softmax(logits, targets, num_nodes=graph.num_entities)
            products = message_products(layers[-1], mirrors, graph)
            received = weighted_sum(layers[-1], graph.neighbours, weights)
            mirrored = weighted_sum(mirrors, graph.relations, weights * products)
            layers.append(torch.tanh(received - 2 * mirrored))
        return torch.cat(layers, dim=1)


class ProxyGate(nn.Module):
    """Subtracts from each entity its part along proxies shared by both graphs; a gate decides how much.

    ``f = x - softmax(cos(x, P)) P``, ``g = sigmoid(W f + b)``, out = ``g x + (1 - g) f``.

    Args:
        dim: width d.
        num_proxies: number of proxies, 64 in the paper.

    Source: Mao et al., WWW 2021 (Dual-AMN), Sec. 4.2 and its code.
    """

    def __init__(self, dim: int, num_proxies: int = 64) -> None:
        super().__init__()
        self.proxies = nn.Parameter(F.normalize(torch.randn(num_proxies, dim), dim=1))
        self.gate = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, d] -> [N, d]``."""
        near = (F.normalize(x, dim=1) @ F.normalize(self.proxies, dim=1).t()).softmax(dim=1)
        apart = x - near @ self.proxies
        return torch.lerp(apart, x, self.gate(apart).sigmoid())


class RelationalEncoder(nn.Module):
    """Two views of every entity, its neighbours and its relations, each with reflection attention and proxies.

    Args:
        num_entities: N, of both graphs together.
        num_relations: number of relations, both directions counted, 2 R.
        hidden_dim: width of the free embeddings of entities and relations.
        depth: number of rounds of messages.
        num_proxies: number of proxies of each view.

    Source: Mao et al., WWW 2021 (Dual-AMN).
    """

    def __init__(
        self, num_entities: int, num_relations: int, hidden_dim: int = 100, depth: int = 2, num_proxies: int = 64
    ) -> None:
        super().__init__()
        self.dim, self.depth = 2 * (depth + 1) * hidden_dim, depth
        self.embedding = nn.Parameter(torch.randn(num_entities, hidden_dim) * hidden_dim**-0.5)
        self.relations = nn.Parameter(torch.randn(num_relations, hidden_dim) * hidden_dim**-0.5)
        self.views = nn.ModuleList(ReflectionAttention(hidden_dim, depth) for _ in range(2))
        self.gates = nn.ModuleList(ProxyGate(self.dim // 2, num_proxies) for _ in range(2))

    def forward(self, graph: RelationGraph) -> Tensor:
        """Tokens of all entities, ``[N, 2 (depth + 1) hidden_dim]``."""
        (offsets, _), _ = graph.neighbours.get_csc()
        counts = offsets.diff()
        shares, messages = 1 / counts.clamp(min=1), graph.neighbours.size(1)
        even = shares.repeat_interleave(counts, output_size=messages).to(self.embedding.dtype)
        starts = (
            weighted_sum(self.embedding, graph.neighbours, even),
            weighted_sum(self.relations, graph.relations, even),
        )
        views = zip(starts, self.views, self.gates, strict=True)
        return torch.cat([gate(view(start, self.relations, graph)) for start, view, gate in views], dim=1)
