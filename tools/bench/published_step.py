"""A naive training step of MCLEA or MEAformer, computed as in the published codes, as a reference for measurements.

Implements the equations of the papers (Lin et al., COLING 2022; Chen et al., ACM MM 2023) with the parameters of an
mmkg model, so that losses and gradients can be compared. Two ways:

- published: dense features of all N entities, encoders and fusion over all of them in every step; the gradient of the
  edge weights is read from a dense N x N product; in MCLEA one backward pass through everything per group of 512 links;
- repaired: this gradient is computed per edge, only the rows of the batch are encoded and fused, one backward pass.

Times of it are those of a CPU, and bench_train.py times one of the backward passes of a step and multiplies it: the
ratio to mmkg says nothing about a GPU, where a dense product costs less.

In both, every loss term computes four similarity products: left-right, right-left, left-left and right-right.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmkg.data.tensors.inputs import EntityInputs
from mmkg.modalities import STRUCTURE
from mmkg.models import MCLEA, AlignmentModel, MEAformer

Parts = dict[str, Tensor]


class _EdgeProduct(torch.autograd.Function):
    """Sparse N x N matrix (one value per edge) times a dense one; the gradient of the values is dense or per edge."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, edges: Tensor, through_dense: bool) -> Tensor:
        shape = (len(dense), len(dense))
        matrix = torch.sparse_coo_tensor(edges, values, shape, check_invariants=False, is_coalesced=True)
        ctx.save_for_backward(matrix, dense, edges)
        ctx.through_dense = through_dense
        product: Tensor = torch.sparse.mm(matrix, dense)
        return product

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (matrix, dense, edges), (grad,) = ctx.saved_tensors, grads
        if ctx.through_dense:
            grad_values = (grad @ dense.t()).flatten().index_select(0, edges[0] * len(dense) + edges[1])
        else:
            grad_values = (grad.index_select(0, edges[0]) * dense.index_select(0, edges[1])).sum(dim=1)
        grad_dense = torch.sparse.mm(matrix.t(), grad) if ctx.needs_input_grad[1] else None
        return grad_values, grad_dense, None, None


edge_product: Callable[..., Tensor] = _EdgeProduct.apply


class PublishedStep:
    """Forward and backward of one batch of links.

    Args:
        model: MCLEA or MEAformer whose parameters are used; its fills and dropout are not applied.
        inputs: inputs of the task; every modality of every entity counts as observed.
        repaired: compute the step in the repaired way instead of the published way.
    """

    def __init__(self, model: AlignmentModel, inputs: EntityInputs, *, repaired: bool) -> None:
        if not isinstance(model, MCLEA | MEAformer):
            raise TypeError(f"expected MCLEA or MEAformer, got {type(model).__name__}")
        self.model, self.repaired = model, repaired
        self.fusion: Any = model.fusion
        self.names = tuple(model.widths)
        rows = torch.arange(inputs.num_entities)
        self.features = {
            name: values.to_dense().view(len(rows), -1) for name, values in inputs.batch(rows).values.items()
        }
        self.edges = None if inputs.graph is None else inputs.graph.edge_index.as_subclass(Tensor).flip(0).contiguous()

    def forward(self, links: Tensor) -> tuple[Parts, Parts, Tensor, Tensor]:
        """Embeddings per modality before and after attention, joint embeddings, and the rows of the links' ends."""
        rows = links.t().flatten() if self.repaired else None
        places = torch.arange(2 * len(links)).view(2, -1) if self.repaired else links.t()
        early: Parts = {}
        for name in self.names:
            if name == STRUCTURE:
                structure = self._structure()
                early[name] = structure if rows is None else structure[rows]
            else:
                encoder: Any = self.model.encoders[name]
                values = self.features[name]
                early[name] = (values if rows is None else values[rows]) @ encoder.weight + encoder.bias
        if isinstance(self.model, MEAformer):
            late, weights = self._attention(torch.stack([early[name] for name in self.names], dim=1))
        else:
            late, weights = early, self.fusion.weights.logits.softmax(dim=0)[None, :]
        joint = torch.cat([weights[:, m, None] * F.normalize(early[name]) for m, name in enumerate(self.names)], dim=1)
        return early, late, joint, places

    def losses(self, links: Tensor) -> list[dict[str, Tensor]]:
        """Loss terms per group of links, named as in the model's ``loss_terms``; they sum to the mean loss."""
        early, late, joint, places = self.forward(links)
        picks = places.split(self.model.config.group_size, dim=1)
        return [
            {
                name: term / len(picks)
                for name, term in self._terms(
                    {name: each[pick] for name, each in early.items()},
                    {name: each[pick] for name, each in late.items()},
                    joint[pick],
                ).items()
            }
            for pick in picks
        ]

    def backward(self, groups: Sequence[Mapping[str, Tensor]], *, at_most: int | None = None) -> int:
        """Add the gradients to those of the model's parameters.

        Args:
            groups: result of ``losses``.
            at_most: number of backward passes to run, for timing; default: all.

        Returns:
            Number of passes needed for all gradients.
        """
        losses = [torch.stack(list(terms.values())).sum() for terms in groups]
        passes = [torch.stack(losses).sum()] if self.repaired else losses
        for number, loss in enumerate(passes[:at_most]):
            loss.backward(retain_graph=number + 1 < len(passes))
        return len(passes)

    def _structure(self) -> Tensor:
        encoder: Any = self.model.structure
        assert self.edges is not None
        target, source = self.edges
        x: Tensor = encoder.embedding
        ones = encoder.embedding.new_ones(len(encoder.embedding), 1)
        for depth, layer in enumerate(encoder.layers):
            heads = []
            for scale, attention in zip(layer.scale, layer.attention, strict=True):
                h = x * scale
                ends = torch.cat([h[target], h[source]], dim=1)  # [E, 2d]
                weight = torch.exp(-F.leaky_relu(ends @ attention.flatten(), layer.negative_slope))
                total = edge_product(weight, ones, self.edges, not self.repaired)
                heads.append(edge_product(weight, h, self.edges, not self.repaired) / total)
            x = torch.stack(heads).mean(dim=0)
            if depth + 1 < len(encoder.layers):
                x = F.elu(x)
        return x

    def _attention(self, tokens: Tensor) -> tuple[Parts, Tensor]:
        """Transformer block over [R, M, d]: refined tokens, and the weight of each modality [R, M]."""
        block = self.fusion.block
        size, number, dim = tokens.shape
        query, key, value = (
            F.linear(tokens, weight, bias).view(size, number, block.num_heads, -1).transpose(1, 2)
            for weight, bias in zip(block.project.weight.chunk(3), block.project.bias.chunk(3), strict=True)
        )
        attention = (query @ key.transpose(-1, -2) / (dim // block.num_heads) ** 0.5).softmax(dim=-1)
        context = (attention @ value).transpose(1, 2).reshape(size, number, dim)
        hidden = F.layer_norm(
            tokens + block.output(context), (dim,), block.norm.weight, block.norm.bias, block.norm.eps
        )
        if block.feedforward is not None:
            first, last, norm = block.feedforward[0], block.feedforward[2], block.feedforward_norm
            hidden = F.layer_norm(hidden + last(F.gelu(first(hidden))), (dim,), norm.weight, norm.bias, norm.eps)
        received = attention.sum(dim=(1, 2)) / (number * block.num_heads) ** 0.5
        return dict(zip(self.names, hidden.unbind(dim=1), strict=True)), received.softmax(dim=-1)

    def _terms(self, early: Mapping[str, Tensor], late: Mapping[str, Tensor], joint: Tensor) -> dict[str, Tensor]:
        config: Any = self.model.config
        variances = dict(zip(self.names, self.model.icl_weights.log_variance, strict=True))
        terms = {"icl.joint": icl(joint, config.temperature)}
        first = "icl" if isinstance(self.model, MCLEA) else "early"
        for name, s in variances.items():
            terms[f"{first}.{name}"] = torch.exp(-s) * icl(early[name], config.temperature) + s
        if isinstance(self.model, MEAformer):
            for name, s in variances.items():
                terms[f"late.{name}"] = torch.exp(-s) * icl(late[name], config.temperature) + s
            return terms
        for name, s in zip(self.names, self.model.ial_weights.log_variance, strict=True):
            loss = ial(joint, early[name], config.ial_temperature)
            if config.paper_compat:
                loss = loss * 0.1 / (2 * joint.shape[1])
            terms[f"ial.{name}"] = (0.1 if config.paper_compat else 1.0) * (torch.exp(-s) * loss + s)
        return terms


def all_observed(inputs: EntityInputs) -> EntityInputs:
    """The same inputs without masks: missing modalities count as zero vectors, as in the published codes."""
    tables = {name: copy.copy(table) for name, table in inputs.tables.items()}
    for table in tables.values():
        table.observed = torch.ones_like(table.observed)
    graph = inputs.graph
    if graph is not None:
        graph = dataclasses.replace(graph, linked=torch.ones_like(graph.linked))
    return dataclasses.replace(inputs, tables=tables, graph=graph)


def icl(ends: Tensor, temperature: float) -> Tensor:
    """ICL of links [2, B, d]: mean over both directions of -log q of the counterpart."""
    mates = torch.arange(ends.shape[1])
    return torch.stack([F.cross_entropy(logits, mates) for logits in _logits(ends, temperature)]).mean()


def ial(joint: Tensor, ends: Tensor, temperature: float) -> Tensor:
    """KL from the joint embedding's distribution, held fixed, to a modality's: mean over both directions."""
    pairs = zip(_logits(joint.detach(), temperature), _logits(ends, temperature), strict=True)
    return torch.stack(
        [F.kl_div(own.log_softmax(dim=1), of_joint.softmax(dim=1), reduction="batchmean") for of_joint, own in pairs]
    ).mean()


def _logits(ends: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """[B, 2B] each: left ends against right and left ends, right ends against left and right; self-pairs masked."""
    left, right = F.normalize(ends, dim=-1)
    itself = 1e9 * torch.eye(len(left))
    left_right, right_left = left @ right.t() / temperature, right @ left.t() / temperature
    left_left, right_right = left @ left.t() / temperature - itself, right @ right.t() / temperature - itself
    return torch.cat([left_right, left_left], dim=1), torch.cat([right_left, right_right], dim=1)
