"""The learner that refines the embeddings of another learner by soft matches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.products import add_product, pair_products
from ..data.features.incidence import build_incidence
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import random_projection
from ..matching import SinkhornConfig, among
from ..matching.sinkhorn import LARGEST_EXACT, transported_pairs
from ..modalities import VALUE
from ..models import spread_matches
from ..models.refinement import REFINED
from ..models.registry import RULE_PARTS, RULES, VALUES
from ..models.rule_part import rule_part, triple_facts
from ..models.rules import Facts, Matches, Rules
from ..progress import show_step
from ..typing import FloatArray, IntArray
from .setting import BLOCK_ROWS, Learned, Learner, Setting, concatenated
from .validation import free_entities
from .value_facts import value_facts, with_equal_values

Matched = tuple[IntArray, IntArray, FloatArray]  # rows of either graph and probabilities
Pairs = tuple[IntArray, IntArray]  # rows of either graph
BASE = "base"
SKETCH = 768  # width of the projected vectors that the candidates of a refinement are searched with
NARROW_SKETCH = 256  # the same of more free entities than are searched exactly


class Refined:
    """Appends to embeddings the evidence of their own soft matches, in rounds; nothing is trained.

    Args:
        setting: the run.
        base: the learner whose embeddings are refined.
    """

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base = setting, base
        self.config = setting.experiment.refinement
        self._inputs: Incidence | None = None
        self.calls = 0

    def embed(self, links: IntArray) -> Learned:
        """Refine the embeddings that the base learns from the links.

        The result is that of the last round that improved validation; without validation links, of the last round.
        """
        setting, call = self.setting, self.calls
        earlier, self.calls = setting.earlier(call).get("refined_by"), call + 1
        base = self.base.embed(links)
        number, names = len(base.left) + len(base.right), tuple(name for name in REFINED if name in base.widths)
        self.config = setting.experiment.refinement.narrowed(number)
        dtype = setting.held_in(number * (base.left.shape[1] + self.config.width))
        sides = base.left.to(setting.device, dtype), base.right.to(setting.device, dtype)
        base = replace(base, left=sides[0].cpu(), right=sides[1].cpu(), selected=True)
        if not names:
            return base
        inputs = self._incidence(names)
        rule_facts = self._rule_facts(inputs, VALUE in base.widths)
        known = setting.validation_scores()
        found = _Vectors(({BASE: sides[0]}, {BASE: sides[1]}), {BASE: 1.0})
        sketches = _Sketches(setting, base.widths)
        valid: list[float] = []
        facts: dict[str, Any] = {"round": 0}
        if known is not None:
            with setting.watch.phase("weigh"):
                known.add(BASE, *sides)
                valid.append(known.mrr(found.weights))
        before: tuple[Matched, Pairs] | None = None  # what the evidence of ``found`` was made of
        made = before
        for number in range(1, (self.config.rounds if earlier is None else earlier["round"]) + 1):
            made = self._soft_matches(found, sketches)
            if dtype == torch.float16:
                found = found.bare()  # so large that it is rather made again if no round is better
            elif setting.experiment.search.held == "float16":
                found = found.halved()  # what is left of them to do is to store them
            parts = self._evidence(inputs, *made, rule_facts, dtype)
            weights = {BASE: 1.0} | {name: self.config.weight(name) for name in parts[0]}
            if earlier is not None:
                weights = earlier["weights"]
            if known is not None:
                with setting.watch.phase("weigh"):
                    for name in parts[0]:
                        known.add(name, parts[0][name], parts[1][name])
                    weights = known.weights(weights)
                    valid.append(known.mrr(weights))
                    known.keep(BASE)
                self._tell(number, valid)
                if valid[-1] <= valid[-2]:
                    del parts
                    if before is not None and dtype == torch.float16:
                        found = found.beside(self._evidence(inputs, *before, rule_facts, dtype), found.weights)
                    break
            found, before = found.beside(parts, weights), made
            del parts  # kept by the vectors alone, so that those of the round before are freed
            facts = {"round": number, "weights": weights}
        if known is not None:
            facts["valid"] = [round(score, 4) for score in valid]
        del (
            inputs,
            rule_facts,
            sketches,
            known,
            before,
            made,
        )  # large, and the result takes as much as what it is made of
        course = {**base.course, "refined_by": facts}
        if not facts["round"]:
            return replace(base, course=course)
        widths = dict(base.widths)
        for name, part in found.sides[0].items():
            if name != BASE:
                widths[RULE_PARTS.get(name, name)] += part.shape[1]
        left, right = (
            _joined(base.widths, side, found.weights, setting.experiment.search.held).cpu() for side in found.sides
        )
        return replace(base, left=left, right=right, widths=widths, course=course)

    def _tell(self, number: int, valid: list[float]) -> None:
        """Say how round ``number`` was judged; ``valid`` has the MRR of each round so far, from 0."""
        last, before = valid[-1], valid[-2]
        better = "" if last > before else f", not better than {before:.4f}: round {number - 1} is kept"
        show_step(f"refinement, round {number} of {self.config.rounds}: validation MRR {last:.4f}{better}")
        self.setting.callbacks.on_round({"step": number, "refined": True, "valid": last})

    def _incidence(self, names: tuple[str, ...]) -> Incidence:
        """The sparse matrices that evidence is passed along; built once, if label propagation has not built them."""
        shared = getattr(self.base, "inputs", None)
        if isinstance(shared, Incidence) and set(shared.names).intersection(REFINED) == set(names):
            return replace(shared, names=names, tables={})
        if self._inputs is None:
            with self.setting.watch.phase("features"):
                features = replace(self.setting.experiment.features, modalities=names)
                self._inputs = build_incidence(self.setting.task, features).to(self.setting.device)
        return self._inputs

    def _rule_facts(self, inputs: Incidence, with_values: bool) -> dict[str, tuple[Facts, Facts]]:
        """The facts of either graph that each part of rules joins, by its name."""
        found = {}
        with self.setting.watch.phase("features"):
            if inputs.triples is not None and self.config.rules_weight:
                found[RULES] = triple_facts(inputs)
            if with_values and self.config.values_weight:
                found[VALUES] = value_facts(self.setting.task.left, self.setting.task.right)
        return found

    def _evidence(
        self,
        inputs: Incidence,
        matches: Matched,
        candidates: Pairs,
        rule_facts: Mapping[str, tuple[Facts, Facts]],
        dtype: torch.dtype,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Evidence parts of all entities, from the training links and the soft matches of the other entities."""
        setting = self.setting
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
            for name, facts in rule_facts.items():
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

    def _soft_matches(self, found: "_Vectors", sketches: "_Sketches") -> tuple[Matched, Pairs]:
        """Likely matches of free entities with scores, and all their candidates; none if a side has no free entity.

        The scores are weights of the transport, at most 1; they do not sum to 1 for each entity.
        """
        setting, config, free = self.setting, self.config, sketches.free
        if min(map(len, free)) == 0:
            none = np.empty(0, np.int64)
            return (none, none, np.empty(0, np.float32)), (none, none)
        with setting.watch.phase("refine"), torch.no_grad():
            left, right = sketches.of(found)
            rows, cols, logs = transported_pairs(
                left,
                right,
                SinkhornConfig(config.candidates, config.temperature, config.iterations),
                csls_k=setting.experiment.search.csls_k,
                device=setting.device,
                cosines=lambda rows, cols: found.cosines(free[0][rows], free[1][cols]),
                parts=sketches.parts if left.shape[1] == sketches.width else (),
                never=among(setting.task.never, *free),
            )
        likely = np.minimum(np.exp(logs), 1).astype(np.float32)
        kept = likely >= config.least
        left, right = free[0][rows], free[1][cols]
        return (left[kept], right[kept], likely[kept]), (left, right)


@dataclass(frozen=True, eq=False)
class _Vectors:
    """Embeddings as weighted parts that are not concatenated.

    Args:
        sides: left and right parts by name, unit rows or zeros, float32 or float16, ``[n1, d_m]`` and ``[n2, d_m]``.
        weights: of the parts.
    """

    sides: tuple[Mapping[str, Tensor], ...]
    weights: Mapping[str, float]

    def bare(self) -> "_Vectors":
        """Without the evidence, of which only the weights stay."""
        return replace(self, sides=tuple({BASE: side[BASE]} for side in self.sides))

    def beside(self, evidence: tuple[Mapping[str, Tensor], ...], weights: Mapping[str, float]) -> "_Vectors":
        """The base with this evidence."""
        sides = zip(self.sides, evidence, strict=True)
        return _Vectors(tuple({BASE: side[BASE], **own} for side, own in sides), weights)

    def halved(self) -> "_Vectors":
        """With the evidence in float16: half of the memory."""
        sides = ({name: part if name == BASE else part.half() for name, part in side.items()} for side in self.sides)
        return replace(self, sides=tuple(sides))

    def lengths(self, side: int) -> Tensor:
        """Length of the weighted concatenation of each row, ``[n]``; 1 instead of 0."""
        squares = sum(self.weights[name] ** 2 * part.any(dim=1) for name, part in self.sides[side].items())
        assert isinstance(squares, Tensor)
        return torch.where(squares > 0, squares.sqrt(), 1.0)

    def cosines(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosine of each pair of a left and a right row, ``[P]``."""
        device = self.sides[0][BASE].device
        rows, cols = torch.from_numpy(left).to(device), torch.from_numpy(right).to(device)
        total = torch.zeros(len(rows), device=device)
        for name, weight in self.weights.items():
            total.add_(pair_products(self.sides[0][name], self.sides[1][name], rows, cols), alpha=weight**2)
        total /= self.lengths(0)[rows] * self.lengths(1)[cols]
        found: FloatArray = total.cpu().numpy()
        return found


class _Sketches:
    """Random projections of the free entities' vectors; that of a part that stays is computed once.

    Those of more entities than are searched exactly have columns of their own for each modality, the same number of
    each, so that candidates are found by one modality alone. ``parts`` are then their numbers.

    Args:
        setting: the run.
        widths: columns of each modality in the base.
    """

    def __init__(self, setting: Setting, widths: Mapping[str, int]) -> None:
        self.free = [np.flatnonzero(mask) for mask in free_entities(setting.task)]
        self.seed, self.widths = setting.experiment.seed, widths
        self.width, self.parts = SKETCH, tuple[int, ...]()
        if max(map(len, self.free)) > LARGEST_EXACT:
            self.parts = (NARROW_SKETCH // len(widths),) * len(widths)
            self.width = sum(self.parts)
        self._base: list[Tensor] = []

    def of(self, found: _Vectors) -> tuple[Tensor, Tensor]:
        """Sketches of the left and right free entities; the vectors themselves if these are not wider."""
        sides = [
            (side, torch.from_numpy(rows).to(side[BASE].device))
            for side, rows in zip(found.sides, self.free, strict=True)
        ]
        weights = found.weights
        if sum(part.shape[1] for part in found.sides[0].values()) <= self.width:
            left, right = (
                concatenated({name: (weights[name], part[rows]) for name, part in side.items()}) for side, rows in sides
            )
            return left, right
        if not self._base:
            self._base = [self._sketch(side, {BASE: 1.0}, rows) for side, rows in sides]
        left, right = (
            self._sketch(side, weights, rows, base) for (side, rows), base in zip(sides, self._base, strict=True)
        )
        return left, right

    def _sketch(
        self, side: Mapping[str, Tensor], weights: Mapping[str, float], rows: Tensor, base: Tensor | None = None
    ) -> Tensor:
        """Sketch of some rows, in the type of the base; that of the base itself may be given."""
        pieces = [
            (
                weight,
                part,
                columns,
                random_projection(part.shape[1], columns.stop - columns.start, self.seed, label, rows.device),
            )
            for name, weight in weights.items()
            if name != BASE or base is None
            for label, part, columns in self._pieces(name, side[name])
        ]
        out = side[BASE].new_empty(len(rows), self.width)
        for start in range(0, len(rows), BLOCK_ROWS):
            some = rows[start : start + BLOCK_ROWS]
            sums = torch.zeros(len(some), self.width, device=rows.device)
            for weight, part, columns, narrow in pieces:
                add_product(sums[:, columns], part.index_select(0, some).float(), narrow, alpha=weight)
            if base is not None:
                sums.add_(base[start : start + BLOCK_ROWS], alpha=weights[BASE])
            out[start : start + BLOCK_ROWS] = sums
        return out

    def _pieces(self, name: str, vectors: Tensor) -> Iterator[tuple[str, Tensor, slice]]:
        """Label and vectors of what is projected by itself, and the columns of the sketch that it is added to."""
        if not self.parts:
            yield f"sketch of {name}", vectors, slice(0, self.width)
            return
        start = 0
        blocks = vectors.split(list(self.widths.values()), dim=1) if name == BASE else [vectors] * len(self.widths)
        for modality, block, width in zip(self.widths, blocks, self.parts, strict=True):
            if name in (BASE, modality):
                yield f"sketch of {name} {modality}", block, slice(start, start + width)
            start += width


def _joined(widths: Mapping[str, int], side: Mapping[str, Tensor], weights: Mapping[str, float], store: str) -> Tensor:
    """The base and the evidence, modality by modality, as unit rows."""
    columns: dict[str, tuple[float, Tensor]] = {}
    for name, block in zip(widths, side[BASE].split(list(widths.values()), dim=1), strict=True):
        columns[f"{name} of {BASE}"] = weights[BASE], block
        columns |= {part: (weights[part], side[part]) for part in side if RULE_PARTS.get(part, part) == name}
    return concatenated(columns, store=store)
