"""The evidence of matches for all entities, part by part, as a refinement uses it."""

import numpy as np
import torch
from torch import Tensor

from ..data.tensors.incidence import Incidence
from ..models import spread_matches
from ..models.refinement import RefinementConfig
from ..models.registry import RULES, VALUES
from ..models.rule_part import rule_part, triple_facts
from ..models.rules import Facts, Matches, Rules
from ..typing import FloatArray, IntArray
from .setting import Setting
from .value_facts import value_facts, with_equal_values

Matched = tuple[IntArray, IntArray, FloatArray]  # rows of either graph and probabilities
Pairs = tuple[IntArray, IntArray]
Sides = tuple[dict[str, Tensor], dict[str, Tensor]]


class Evidence:
    """What the triples, attributes and values of both graphs say, given which entities probably match.

    Args:
        setting: the run; its training links are certain matches.
        inputs: the sparse matrices that evidence is passed along.
        config: widths of the parts, and which rules there are.
        with_values: whether attribute values are evidence, too.
    """

    def __init__(self, setting: Setting, inputs: Incidence, config: RefinementConfig, *, with_values: bool) -> None:
        self.setting, self.inputs, self.config = setting, inputs, config
        self.facts: dict[str, tuple[Facts, Facts]] = {}
        with setting.watch.phase("features"):
            if self.inputs.triples is not None and config.rules_weight:
                self.facts[RULES] = triple_facts(self.inputs)
            if with_values and config.values_weight:
                self.facts[VALUES] = value_facts(setting.task.left, setting.task.right)

    def of(self, matches: Matched, candidates: Pairs, dtype: torch.dtype) -> Sides:
        """Parts of all left and of all right entities.

        Args:
            matches: soft matches of the entities outside the training links.
            candidates: pairs of these entities for which the evidence of rules is computed.
            dtype: of the parts.
        """
        setting, inputs = self.setting, self.inputs
        with setting.watch.phase("refine"), torch.no_grad():
            known = setting.task.links.train
            left, right, likely = matches
            both = (
                np.concatenate([known[:, 0], left]),
                np.concatenate([known[:, 1], right]),
                np.concatenate([np.ones(len(known), np.float32), likely]),
            )
            parts = spread_matches(inputs, *both, self.config, seed=setting.experiment.seed, dtype=dtype)
            pairs = (np.concatenate([known[:, 0], candidates[0]]), np.concatenate([known[:, 1], candidates[1]]))
            sizes = (inputs.num_left, inputs.num_right)
            matched = Matches.of(*both)
            for name, facts in self.facts.items():
                probable = with_equal_values(matched, facts, sizes) if name == VALUES else matched
                parts[name] = rule_part(
                    Rules(*facts, probable),
                    pairs,
                    sizes,
                    dim=self.config.dim(name),
                    purpose=f"codes of {name}",
                    seed=setting.experiment.seed,
                    device=setting.device,
                    dtype=dtype,
                )
        count = inputs.num_left
        return (
            {name: part[:count] for name, part in parts.items()},
            {name: part[count:] for name, part in parts.items()},
        )
