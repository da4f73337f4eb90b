"""The learner that compares the neighbours of candidate pairs, weighed by validation links."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.products import pair_products
from ..compute.seeding import numpy_generator
from ..data.features.incidence import build_incidence
from ..data.features.registry import chosen_modalities
from ..data.tensors.incidence import Incidence
from ..errors import UsageError
from ..evaluation import evaluate_sample
from ..matching import among
from ..matching.candidates import Scorer, listed_both_ways
from ..matching.list_weights import list_weights
from ..matching.sinkhorn import transport
from ..modalities import RELATION
from ..models.comparison import COMPARED, compare_neighbors
from ..models.pair_part import pair_part
from ..models.rule_part import triple_facts
from ..typing import FloatArray, IntArray
from .neighbors import appended
from .setting import Learned, Learner, Setting
from .sketches import BASE, Sketches, Vectors
from .validation import MOST_WEIGHED, known_among, validation

CANDIDATES = 20  # nearest entities of either side that are compared
DIM = 512  # columns of the part
WEIGHT = 0.85  # of the part, relative to the embeddings
FOLDS = 5  # of the validation links: each is scored by weights of the others
LEAST_LINKS = 20  # on candidate lists, from which weights are fitted

Pairs = tuple[IntArray, IntArray]


class Compared:
    """Appends to embeddings a part that says how well the neighbours of two entities are found among each other.

    The candidates of an entity are its nearest ones by the embeddings. Of each candidate pair there are the cosine of
    the embeddings and of each modality, and the scores of ``compare_neighbors``, all of them less the mean of the best
    candidates of both entities, as by CSLS. A conditional logit weighs them (``list_weights``), such that validation
    links are most probable among the candidates of their entities. The score of a pair is then

        sqrt(p(j | i) p(i | j)) = exp(s_ij - (log sum_j' exp(s_ij') + log sum_i' exp(s_i'j)) / 2),

    which is CSLS with another mean of the best candidates, and between 0 and 1. No entity is matched: only the weights
    are learnt, from validation links. The entities of a validation link are scored by weights fitted without this link,
    so that it can judge the result and calibrate confidence.

    Args:
        setting: the run.
        base: the learner of the embeddings.
    """

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base, self.calls = setting, base, 0

    def embed(self, links: IntArray) -> Learned:
        """Embed by the base learner, and append the part unless validation links are ranked worse with it.

        Raises:
            UsageError: no relations, or too few validation links.
        """
        setting = self.setting
        earlier, self.calls = setting.earlier(self.calls).get("compared_by"), self.calls + 1
        base = self.base.embed(links)
        if earlier == {}:
            return base
        with setting.watch.phase("compare"), torch.no_grad():
            inputs = self._incidence()
            pairs = self._candidates(base)
            scores = self._scores(base, inputs, pairs, links)
            odds, weights = self._odds(scores, pairs, (len(base.left), len(base.right)), earlier)
            found = self._with_part(base, pairs, odds, links)
            facts: Mapping[str, Any] = {name: round(weight, 4) for name, weight in weights.items()}
            if earlier is None and self._mrr(found) <= self._mrr(base):
                found, facts = base, {}
        return replace(found, course={**base.course, "compared_by": facts}, selected=True)

    def _candidates(self, base: Learned) -> Pairs:
        """Pairs of entities outside the training links, by left entity."""
        setting = self.setting
        sketches = Sketches(setting, base.widths)
        sides = base.left.to(setting.device), base.right.to(setting.device)
        left, right = sketches.of(Vectors(({BASE: sides[0]}, {BASE: sides[1]}), {BASE: 1.0}))
        if not min(len(left), len(right)):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        scorer = Scorer.of(
            left,
            right,
            CANDIDATES,
            csls_k=setting.experiment.search.csls_k,
            device=setting.device,
            kind="auto",
            never=among(setting.task.never, *sketches.free),
        )
        rows, cols, _ = listed_both_ways(scorer, CANDIDATES)
        return sketches.free[0][rows], sketches.free[1][cols]

    def _scores(self, base: Learned, inputs: Incidence, pairs: Pairs, links: IntArray) -> dict[str, FloatArray]:
        """Scores of the pairs by name, ``[P]`` each, less the mean of the best candidates."""
        device, sizes = self.setting.device, (len(base.left), len(base.right))
        sides = base.left.to(device), base.right.to(device)
        ends = [torch.from_numpy(side).to(device) for side in pairs]
        found = {"all": pair_products(sides[0].float(), sides[1].float(), *ends)}
        if len(base.widths) > 1:
            for name, left, right in zip(base.widths, *(_blocks(side, base.widths) for side in sides), strict=True):
                lengths = [
                    part.norm(dim=1).clamp(min=1e-9)[some] for part, some in zip((left, right), ends, strict=True)
                ]
                found[name] = pair_products(left, right, *ends) / (lengths[0] * lengths[1])
        around = compare_neighbors(triple_facts(inputs), sides, links, *pairs, seed=self.setting.experiment.seed)
        found |= dict(zip(COMPARED, around.T, strict=True))
        k = self.setting.experiment.search.csls_k
        return {name: listed_csls(each.cpu().numpy(), *pairs, sizes, k) for name, each in found.items()}

    def _incidence(self) -> Incidence:
        """The triples; not built again if the base has them."""
        setting = self.setting
        features = setting.experiment.features
        names = chosen_modalities(setting.task, features)
        if RELATION not in names:
            raise UsageError(
                "refinement.compare compares neighbours by their relations, but the modalities are "
                f"{', '.join(names)}; add {RELATION} to features.modalities, or leave out refinement.compare"
            )
        shared = getattr(self.base, "inputs", None)
        if isinstance(shared, Incidence) and shared.triples is not None:
            return shared
        with setting.watch.phase("features"):
            return build_incidence(setting.task, replace(features, modalities=(RELATION,)))

    def _odds(
        self, named: Mapping[str, FloatArray], pairs: Pairs, sizes: tuple[int, int], earlier: Mapping[str, float] | None
    ) -> tuple[FloatArray, Mapping[str, float]]:
        """Log-odds of the pairs, ``[P]``, and the weights of the scores, from all validation links."""
        scores = np.stack([each.astype(np.float32) for each in named.values()], axis=1)
        if earlier is not None:
            return scores @ np.array([earlier.get(name, 0.0) for name in named], np.float32), earlier
        (rows, cols), valid, seed = pairs, self.setting.task.links.valid, self.setting.experiment.seed
        keys, wanted = rows * sizes[1] + cols, valid[:, 0] * sizes[1] + valid[:, 1]
        place = np.searchsorted(keys, wanted).clip(max=max(len(keys) - 1, 0))
        listed = np.flatnonzero(keys[place] == wanted) if len(keys) else place[:0]
        if len(listed) < LEAST_LINKS:
            raise UsageError(
                f"refinement.compare weighs its scores by at least {LEAST_LINKS} validation links that are among the "
                f"candidates of their entities, got {len(listed)} of {len(valid)}; give more links, raise "
                "data.valid_ratio, or leave out refinement.compare"
            )
        fold = numpy_generator(seed, "folds of comparison").permutation(len(valid)) % FOLDS
        weights = list_weights(scores, rows, cols, place[listed], seed=seed)
        odds = scores @ weights.astype(np.float32)
        for number in range(FOLDS):
            others = listed[fold[listed] != number]
            mine = np.isin(rows, valid[fold == number, 0]) | np.isin(cols, valid[fold == number, 1])
            own = list_weights(scores, rows, cols, place[others], seed=seed)
            odds[mine] = scores[mine] @ own.astype(np.float32)
        return odds, dict(zip(named, weights.tolist(), strict=True))

    def _with_part(self, base: Learned, pairs: Pairs, odds: FloatArray, links: IntArray) -> Learned:
        device, sizes = self.setting.device, (len(base.left), len(base.right))
        scores = np.exp(transport(*pairs, odds, sizes, temperature=1.0, iterations=1, device=device))
        rows, cols, scores = (
            torch.from_numpy(np.concatenate(both)).to(device)
            for both in ((pairs[0], links[:, 0]), (pairs[1], links[:, 1]), (scores, np.ones(len(links))))
        )
        part = pair_part(
            rows,
            cols,
            scores,
            sizes,
            dim=DIM,
            purpose="codes of compared pairs",
            seed=self.setting.experiment.seed,
            dtype=self.setting.held_in(sum(sizes) * (base.left.shape[1] + DIM)),
        ).cpu()
        store, widths = self.setting.experiment.search.held, base.widths
        home = home_of(widths)
        left, right = (
            appended(widths, side.cpu(), {home: own}, {home: WEIGHT}, store=store)
            for side, own in zip((base.left, base.right), part.split(sizes), strict=True)
        )
        return replace(base, left=left, right=right, widths={**widths, home: widths[home] + DIM})

    def _mrr(self, learned: Learned) -> float:
        """MRR of the validation links by CSLS as in the run, mean of both directions."""
        task, experiment = self.setting.task, self.setting.experiment
        search = replace(experiment.search, valid_candidates=MOST_WEIGHED)
        chosen, pairs = validation(task, search, seed=experiment.seed)
        left, right = (
            side.cpu()[torch.from_numpy(rows)] for side, rows in zip((learned.left, learned.right), chosen, strict=True)
        )
        metrics = evaluate_sample(
            left,
            right,
            pairs,
            pairs,
            candidates="all",
            csls_k=search.csls_k,
            device=self.setting.device,
            known=known_among(task, chosen),
        )
        return sum(each["mrr"] for each in metrics.values()) / len(metrics)


def home_of(widths: Mapping[str, int]) -> str:
    """The modality whose columns the part is added to."""
    return RELATION if RELATION in widths else next(iter(widths))


def _blocks(rows: Tensor, widths: Mapping[str, int]) -> list[Tensor]:
    """The columns of each modality."""
    return [block.float().contiguous() for block in rows.split(list(widths.values()), dim=1)]


def listed_csls(scores: FloatArray, rows: IntArray, cols: IntArray, sizes: tuple[int, int], k: int) -> FloatArray:
    """Twice the score of each pair, less the means of the k largest of its row and of its column.

    Args:
        scores: of the listed pairs, ``[P]``.
        rows, cols: of the pairs, int64 ``[P]`` each.
        sizes: number of rows and of columns.
        k: number of scores, >= 1, of shorter lists all; 0 = the scores as they are.

    Source:
        Conneau et al., ICLR 2018, Sec. 2.3, on candidate lists.
    """
    if not k:
        return scores
    found = 2 * scores
    for owners, size in ((rows, sizes[0]), (cols, sizes[1])):
        order = np.lexsort((-scores, owners))
        number = np.bincount(owners, minlength=size)
        first = order[np.arange(len(order)) - (np.cumsum(number) - number)[owners[order]] < k]
        means = np.bincount(owners[first], scores[first], minlength=size) / number.clip(1, k)
        found -= means[owners].astype(found.dtype)
    return found
