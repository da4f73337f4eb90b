"""Rule evidence as a part of the joint embedding."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import random_projection, sparse_entries
from ..typing import FloatArray, IntArray
from .rules import Facts, Matches, Rules

Matched = tuple[IntArray, IntArray, FloatArray]


def rule_part(
    inputs: Incidence, matches: Matched, candidates: tuple[IntArray, IntArray], *, dim: int, seed: int = 0
) -> Tensor:
    """Rows whose products are the evidence of rules for pairs of entities, see ``Rules``.

    With evidence e = -log(1 - P) for a pair, the product of its rows is e / (1 + e), with an error of standard
    deviation ``dim ** -0.5`` at most: every right entity has a random code, and a left one the sum of the codes of its
    candidates. Where that sum is longer than 1, it is scaled to this length.

    Args:
        inputs: of the task, with triples.
        matches: rows of the probable matches, counted from 0 in either graph, and their scores in [0, 1], which are
            taken for probabilities, ``[P]`` each.
        candidates: the pairs that evidence is computed for, int64 ``[Q]`` each, no pair twice.
        dim: width.
        seed: random seed of the codes.

    Returns:
        Unit rows ``[N, dim]``; zeros for entities without a triple.
    """
    assert inputs.triples is not None
    device = inputs.triples.device
    rules = rules_of(inputs, matches)
    evidence = rules.evidence(*candidates)
    some = evidence > 0
    rows, cols = (torch.from_numpy(side[some]).to(device) for side in candidates)
    value = torch.from_numpy(evidence[some] / (1 + evidence[some])).to(device, torch.float32)
    out = torch.zeros(inputs.num_entities, dim, device=device)
    left, right = out.split([inputs.num_left, inputs.num_right])
    codes = random_projection(inputs.num_right, dim - 1, seed, "rule codes", device)
    right[:, :-1] = F.normalize(codes, dim=1)
    left[:, :-1] = sparse_entries(rows, cols, value, (len(left), len(right))) @ right[:, :-1]
    lengths = left.norm(dim=1, keepdim=True)
    left /= lengths.clamp(min=1)
    left[:, -1:] = (1 - lengths.square()).clamp(min=0).sqrt()  # a column that no right entity has
    for side, facts in ((left, rules.left), (right, rules.right)):
        lonely = np.bincount(facts.entity, minlength=len(side)) == 0
        side[torch.from_numpy(lonely).to(device)] = 0
    return out


def rules_of(inputs: Incidence, matches: Matched) -> Rules:
    """The rules of a task with triples, from probable matches."""
    assert inputs.triples is not None
    head, relation, tail = inputs.triples.cpu().numpy()
    number, mine = int(relation.max(initial=-1)) + 1, head < inputs.num_left
    triples = np.stack([head, relation, tail], axis=1)
    return Rules(
        Facts.of(triples[mine], inputs.num_left, number),
        Facts.of(triples[~mine] - [inputs.num_left, 0, inputs.num_left], inputs.num_right, number),
        Matches.of(*matches),
    )
