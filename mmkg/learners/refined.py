"""The learner that refines the embeddings of another learner by soft matches."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..data.features.incidence import build_incidence
from ..data.tensors.incidence import Incidence
from ..evaluation.reweigh import above_chance
from ..modalities import VALUE
from ..models.refinement import REFINED, RefinementConfig
from ..models.registry import RULE_PARTS
from ..progress import show_step
from ..typing import IntArray
from .evidence import Evidence, Matched, Pairs, Sides
from .setting import Learned, Learner, Setting
from .sketches import BASE, Vectors, joined
from .validation import ValidationScores, free_entities
from .weighers import LEAST_AGREEMENT, ByMatches, ByValidation, Weigher

logger = logging.getLogger(__name__)

ENTITIES_PER_WEIGHT = 10
TOO_WRONG = (
    "structure and relations alone find only %.2f of the matches, so that many seed links are probably wrong: no "
    "refinement; give known links, or seed links from other modalities"
)


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

        A round that ranks the validation links worse, by more than the standard error, is the last, and the round
        before it is kept. So a few links alone do not end the rounds. Where two ways to weigh are tried, see
        ``weighers_of``, the first round of each is judged by these links.
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
        evidence = Evidence(setting, self._incidence(names), self.config, with_values=VALUE in base.widths)
        known = setting.validation_scores()
        weighers = weighers_of(setting, self.config, base.widths, known, earlier, many=dtype == torch.float16)
        trials = [(each, Vectors(({BASE: sides[0]}, {BASE: sides[1]}), each.start)) for each in weighers]
        ranks: list[Tensor] = []  # reciprocal ranks of the validation links, of each round from 0
        facts: dict[str, Any] = {"round": 0}
        if known is not None:
            with setting.watch.phase("weigh"):
                for weigher in weighers:
                    for name, part in weigher.base(sides[0]).items():
                        known.add(name, part, weigher.base(sides[1])[name])
                ranks.append(known.ranks(weighers[0].start))
        before: tuple[Matched, Pairs] | None = None  # what the evidence of the vectors was made of
        weigher, made = weighers[0], before
        for number in range(1, (self.config.rounds if earlier is None else earlier["round"]) + 1):
            this: _Round | None = None
            for _ in range(len(trials)):
                weigher, found = trials.pop(0)  # nothing else holds the vectors, so that their evidence can be freed
                made = weigher.matches(found)
                if setting.certain is not None and number == 1 and weigher.agreement < LEAST_AGREEMENT:
                    logger.warning(TOO_WRONG, weigher.agreement)
                    trials = [(weigher, found)]
                    break
                if dtype == torch.float16:
                    found = found.bare()  # so large that it is rather made again if no round is better
                elif setting.experiment.search.held == "float16":
                    found = found.halved()  # what is left of them to do is to store them
                other = self._round(weigher, found, made, evidence.of(*made, dtype), known, earlier)
                this = other if this is None or above_chance(other.ranks - this.ranks) else this
                del other, found
            if this is None:
                break
            trials = [(this.weigher, this.found)]
            if known is not None:
                ranks.append(this.ranks)
                known.keep(*this.weigher.start)
                worse = above_chance(ranks[-2] - ranks[-1])
                self._tell(number, ranks, worse=worse)
                if worse:
                    found = this.found
                    del this  # with its evidence, before that of the round before is made again
                    if before is not None and dtype == torch.float16:
                        trials = [(weigher, found.beside(evidence.of(*before, dtype), found.weights))]
                    break
            trials, before = [(this.weigher, this.found.beside(this.parts, this.weights))], this.made
            facts = {"round": number, "weights": this.weights}
            del this  # kept by the vectors alone, so that those of the round before are freed
        if known is not None:
            facts["valid"] = [round(float(each.mean()), 4) for each in ranks]
        found = trials[0][1]
        del evidence, weigher, weighers, trials, known, before, made  # large; the result takes as much as what it is of
        course = {**base.course, "refined_by": facts}
        if not facts["round"]:
            return replace(base, course=course)
        widths = dict(base.widths)
        for name, part in found.sides[0].items():
            if name != BASE:
                widths[RULE_PARTS.get(name, name)] += part.shape[1]
        left, right = (
            joined(base.widths, side, found.weights, setting.experiment.search.held).cpu() for side in found.sides
        )
        return replace(base, left=left, right=right, widths=widths, course=course)

    def _round(
        self,
        weigher: Weigher,
        found: Vectors,
        made: tuple[Matched, Pairs],
        parts: Sides,
        known: ValidationScores | None,
        earlier: Mapping[str, Any] | None,
    ) -> "_Round":
        """Weigh the evidence of the matches, and rank the validation links with it."""
        with self.setting.watch.phase("weigh"):
            if known is not None:
                for name in parts[0]:
                    known.add(name, parts[0][name], parts[1][name])
            weights = weigher.weights(found, parts) if earlier is None else earlier["weights"]
            ranks = torch.zeros(0) if known is None else known.ranks(weights)
        return _Round(weigher, found, made, parts, weights, ranks)

    def _tell(self, number: int, ranks: Sequence[Tensor], *, worse: bool) -> None:
        """Say how round ``number`` was judged, by the reciprocal ranks of each round so far."""
        before, last = (float(each.mean()) for each in ranks[-2:])
        kept = f", worse than {before:.4f}: round {number - 1} is kept" if worse else ""
        show_step(f"refinement, round {number} of {self.config.rounds}: validation MRR {last:.4f}{kept}")
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


@dataclass(frozen=True, eq=False)
class _Round:
    """A round of one weigher: the vectors before it, its matches, their evidence and its weights, and how it is judged.

    Args:
        weigher: that found the matches.
        found: what the evidence is put beside.
        made: the matches and their candidates.
        parts: the evidence of both sides.
        weights: of the base and the evidence.
        ranks: reciprocal ranks of the validation links, ``[L]``; empty without such links.
    """

    weigher: Weigher
    found: Vectors
    made: tuple[Matched, Pairs]
    parts: Sides
    weights: Mapping[str, float]
    ranks: Tensor


def weighers_of(
    setting: Setting,
    config: RefinementConfig,
    widths: Mapping[str, int],
    known: ValidationScores | None,
    earlier: Mapping[str, Any] | None = None,
    *,
    many: bool = False,
) -> list[Weigher]:
    """What weighs the parts of a refinement; of two, the first unless validation links choose the other.

    Fewer entities than ten for each weight cannot tell the weights (Peduzzi et al., J. Clinical Epidemiology 49, 1996).

    Args:
        setting: the run.
        config: what is wanted.
        widths: columns of each modality in the base.
        known: scores of the validation links, if there are any.
        earlier: what was chosen before, if anything was.
        many: whether the evidence is so large that only one is tried.
    """
    number = min(int(free.sum()) for free in free_entities(setting.task))
    enough = number >= ENTITIES_PER_WEIGHT * (len(widths) + len(REFINED) + len(RULE_PARTS))
    weigh = config.weigh
    if setting.certain is not None:
        weigh = "matches"
    elif earlier is not None:
        weigh = "validation" if BASE in earlier.get("weights", {BASE: 1.0}) else "matches"
    elif not enough or (weigh == "auto" and (known is None or many)):
        weigh = "validation"
    found: list[Weigher] = []
    if weigh != "validation":
        found.append(ByMatches(setting, config, widths))
    if weigh != "matches":
        found.append(ByValidation(setting, config, widths, known))
    return found
