"""Rule evidence as a part of the joint embedding."""

import numpy as np
import torch
from torch import Tensor

from ..data.tensors.incidence import Incidence
from ..typing import IntArray
from .pair_part import pair_part
from .rules import Facts, Rules


def rule_part(
    rules: Rules,
    candidates: tuple[IntArray, IntArray],
    sizes: tuple[int, int],
    *,
    dim: int,
    purpose: str = "rule codes",
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Rows whose products are the evidence of rules for pairs of entities, see ``Rules``.

    With evidence e = -log(1 - P) for a pair, the product of its rows is e / (1 + e), see ``pair_part``.

    Args:
        rules: from facts of both graphs and probable matches, whose scores in [0, 1] are taken for probabilities.
        candidates: the pairs that evidence is computed for, int64 ``[Q]`` each, no pair twice.
        sizes: number of entities of either graph; literals, which come after them in the facts, have no row.
        dim: width.
        purpose: of the codes; parts with different ones have different errors.
        seed: random seed of the codes.
        device: of the result.
        dtype: of the result; it is computed in float32.

    Returns:
        Unit rows ``[N, dim]``; zeros for entities without a fact.
    """
    evidence = rules.evidence(*candidates)
    some = evidence > 0
    rows, cols = (torch.from_numpy(side[some]).to(device) for side in candidates)
    value = torch.from_numpy(evidence[some] / (1 + evidence[some])).to(device)
    out = pair_part(rows, cols, value, sizes, dim=dim, purpose=purpose, seed=seed, dtype=dtype)
    left, right = out.split(sizes)
    for side, facts in ((left, rules.left), (right, rules.right)):
        lonely = np.bincount(facts.entity, minlength=len(side))[: len(side)] == 0
        side[torch.from_numpy(lonely).to(device)] = 0
    return out


def triple_facts(inputs: Incidence) -> tuple[Facts, Facts]:
    """The facts of the triples of either graph; ``inputs`` has triples."""
    assert inputs.triples is not None
    head, relation, tail = inputs.triples.cpu().numpy()
    number, mine = int(relation.max(initial=-1)) + 1, head < inputs.num_left
    triples = np.stack([head, relation, tail], axis=1)
    return (
        Facts.of(triples[mine], inputs.num_left, number),
        Facts.of(triples[~mine] - [inputs.num_left, 0, inputs.num_left], inputs.num_right, number),
    )
