"""The learner that refines the embeddings of another learner by soft matches."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from .evidence import Evidence, Matched, Pairs
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
        before it is kept. So a few links alone do not end the rounds.
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
        weigher = weigher_of(setting, self.config, base.widths, known)
        found = Vectors(({BASE: sides[0]}, {BASE: sides[1]}), weigher.start)
        ranks: list[Tensor] = []  # reciprocal ranks of the validation links, of each round from 0
        facts: dict[str, Any] = {"round": 0}
        if known is not None:
            with setting.watch.phase("weigh"):
                for name, part in weigher.base(sides[0]).items():
                    known.add(name, part, weigher.base(sides[1])[name])
                ranks.append(known.ranks(found.weights))
        before: tuple[Matched, Pairs] | None = None  # what the evidence of ``found`` was made of
        made = before
        for number in range(1, (self.config.rounds if earlier is None else earlier["round"]) + 1):
            made = weigher.matches(found)
            if setting.certain is not None and number == 1 and weigher.agreement < LEAST_AGREEMENT:
                logger.warning(TOO_WRONG, weigher.agreement)
                break
            if dtype == torch.float16:
                found = found.bare()  # so large that it is rather made again if no round is better
            elif setting.experiment.search.held == "float16":
                found = found.halved()  # what is left of them to do is to store them
            parts = evidence.of(*made, dtype)
            with setting.watch.phase("weigh"):
                if known is not None:
                    for name in parts[0]:
                        known.add(name, parts[0][name], parts[1][name])
                weights = weigher.weights(found, parts) if earlier is None else earlier["weights"]
            if known is not None:
                with setting.watch.phase("weigh"):
                    ranks.append(known.ranks(weights))
                    known.keep(*weigher.start)
                worse = above_chance(ranks[-2] - ranks[-1])
                self._tell(number, ranks, worse=worse)
                if worse:
                    del parts
                    if before is not None and dtype == torch.float16:
                        found = found.beside(evidence.of(*before, dtype), found.weights)
                    break
            found, before = found.beside(parts, weights), made
            del parts  # kept by the vectors alone, so that those of the round before are freed
            facts = {"round": number, "weights": weights}
        if known is not None:
            facts["valid"] = [round(float(each.mean()), 4) for each in ranks]
        del evidence, weigher, known, before, made  # large, and the result takes as much as what it is made of
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


def weigher_of(
    setting: Setting, config: RefinementConfig, widths: Mapping[str, int], known: ValidationScores | None
) -> Weigher:
    """What weighs the parts of a refinement, by its configuration.

    Fewer entities than ten for each weight cannot tell the weights (Peduzzi et al., J. Clinical Epidemiology 49, 1996).
    """
    number = min(int(free.sum()) for free in free_entities(setting.task))
    enough = number >= ENTITIES_PER_WEIGHT * (len(widths) + len(REFINED) + len(RULE_PARTS))
    if setting.certain is not None or (config.weigh == "matches" and enough):
        return ByMatches(setting, config, widths)
    return ByValidation(setting, config, widths, known)
