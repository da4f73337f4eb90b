"""The learner that compares the neighbours of candidate pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.products import pair_products
from ..compute.seeding import numpy_generator
from ..data.features.incidence import build_incidence
from ..data.features.registry import chosen_modalities
from ..data.tensors.incidence import Incidence
from ..evaluation.reweigh import above_chance
from ..matching import SinkhornConfig
from ..matching.list_weights import list_weights
from ..matching.sinkhorn import transport
from ..modalities import RELATION
from ..models.comparison import COMPARED, compare_neighbors
from ..models.pair_part import pair_part
from ..models.rule_part import triple_facts
from ..progress import show_step
from ..typing import BoolArray, FloatArray, IntArray
from .evidence import Pairs
from .setting import Learned, Learner, Setting, appended
from .sketches import BASE, Sketches, Vectors
from .weighers import NO_MATCHES, fitted, transported

CANDIDATES = 20  # nearest entities of either side that are compared
WEIGHT = 0.85  # of the part, relative to the embeddings
FOLDS = 5  # of the validation links: each is scored by weights of the others
LEAST_LINKS = 20  # on candidate lists, from which weights are fitted
NONE = -2.0  # log-odds that none of an entity's candidates is its counterpart; chosen on emoji-ja-en


class Compared:
    """Appends to embeddings a part that says how well the neighbours of two entities are found among each other.

    The candidates of an entity are its nearest ones by the embeddings. Of each candidate pair there are the cosine of
    the embeddings and of each modality, and the scores of ``compare_neighbors``, all of them less the mean of the best
    candidates of both entities, as by CSLS. A conditional logit weighs them (``list_weights``). The score of a pair is
    then

        sqrt(p(j | i) p(i | j)) = exp(s_ij - (log sum_j' exp(s_ij') + log sum_i' exp(s_i'j)) / 2),

    which is CSLS with another mean of the best candidates, and between 0 and 1. Both sums have one term more,
    exp(``NONE``): none of the candidates. Without it, the best candidate of an entity that has no counterpart would
    score as high as a right one.

    The weights make the validation links on the candidate lists most probable, if they are at least ``LEAST_LINKS``.
    No entity is matched for that: only the weights are learnt. The entities of a validation link are scored by weights
    fitted without this link, so that it can judge the result and calibrate confidence. With fewer links, or by
    ``refinement.weigh=matches``, the matches of refined embeddings take their place, and no link is read.

    The embeddings stay as they are without relations, and where there are neither matches nor enough links to fit
    weights to; a line of progress says so.

    Args:
        setting: the run.
        base: the learner of the embeddings.
    """

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base, self.calls = setting, base, 0

    def embed(self, links: IntArray) -> Learned:
        """Embed by the base learner, and append the part; pseudo-links are candidates like all other pairs.

        It is left out where validation links are ranked worse with it, by more than the standard error.
        """
        setting = self.setting
        earlier, self.calls = setting.earlier(self.calls).get("compared_by"), self.calls + 1
        base = self.base.embed(links)
        if earlier == {}:
            return base
        if RELATION not in chosen_modalities(setting.task, setting.experiment.features):
            return _plain(base, f"{RELATION} is none of the modalities")
        with setting.watch.phase("compare"), torch.no_grad():
            inputs = self._incidence()
            pairs, cosines, logs = self._candidates(base)
            if not len(logs):
                return _plain(base, "no entity has a candidate")
            names, scores = self._scores(base, inputs, pairs, cosines)
            listed = self._listed(scores, pairs)
            fit = self._fitted(base, listed, pairs, logs) if earlier is None else _Fit.of(earlier, names, len(logs))
            if fit is None:
                few = f"fewer than {LEAST_LINKS} validation links are among the candidates of their entities"
                return _plain(base, few)
            likely = self._likely(fit.odds(listed), pairs)
            if earlier is None and self._is_worse(pairs, (cosines, listed[:, 0]), likely):
                return _plain(base, "validation links are ranked worse with it")
            found = self._with_part(base, pairs, likely)
            weights = zip(names, fit.weights[0].tolist(), strict=True)
            facts: Mapping[str, Any] = {name: round(weight, 4) for name, weight in weights}
            without = self._without(base, pairs, scores, fit)
        selected = base.selected or bool(len(setting.task.links.valid))
        course = {**base.course, "compared_by": facts}
        return replace(found, course=course, selected=selected, without=without)

    def _candidates(self, base: Learned) -> tuple[Pairs, FloatArray, np.ndarray]:
        """Pairs of entities outside the training links, by left entity, their cosines and transport weights."""
        setting, config = self.setting, self.setting.experiment.refinement
        sketches = Sketches(setting, base.widths)
        if not min(map(len, sketches.free)):
            return NO_MATCHES[1], np.empty(0, np.float32), np.empty(0)
        free, found = sketches.free, np.empty(0, np.float32)

        def cosines(rows: IntArray, cols: IntArray) -> FloatArray:
            nonlocal found
            found = vectors.cosines(free[0][rows], free[1][cols])
            return found

        sides = base.left.to(setting.device), base.right.to(setting.device)
        vectors = Vectors(({BASE: sides[0]}, {BASE: sides[1]}), {BASE: 1.0})
        rows, cols, logs = transported(
            setting,
            sketches,
            vectors,
            SinkhornConfig(CANDIDATES, config.temperature, config.iterations),
            cosines,
        )
        return (free[0][rows], free[1][cols]), found, logs

    def _scores(
        self, base: Learned, inputs: Incidence, pairs: Pairs, cosines: FloatArray
    ) -> tuple[tuple[str, ...], FloatArray]:
        """Names of the scores and the scores of the pairs, ``[M, P]``."""
        device = self.setting.device
        sides = base.left.to(device), base.right.to(device)
        ends = [torch.from_numpy(side).to(device) for side in pairs]
        modalities = tuple(base.widths) if len(base.widths) > 1 else ()
        names = ("all", *modalities, *COMPARED)
        out = np.empty((len(names), len(cosines)), np.float32)
        out[0] = cosines
        blocks = [side.split(list(base.widths.values()), dim=1) for side in sides]
        for place in range(len(modalities)):
            left, right = (each[place].contiguous() for each in blocks)
            lengths = [part.float().norm(dim=1).clamp(min=1e-9) for part in (left, right)]
            products = pair_products(left, right, *ends) / (lengths[0][ends[0]] * lengths[1][ends[1]])
            out[place + 1] = products.cpu().numpy()
        known, seed = self.setting.task.links.train, self.setting.experiment.seed
        around = compare_neighbors(triple_facts(inputs), sides, known, *pairs, seed=seed)
        out[-len(COMPARED) :] = around.T.cpu().numpy()
        return names, out

    def _listed(self, scores: FloatArray, pairs: Pairs) -> FloatArray:
        """The scores less the mean of the best candidates of both entities, ``[P, M]``."""
        k = self.setting.experiment.search.csls_k
        listed: FloatArray = np.stack([listed_csls(each, *pairs, self.sizes, k) for each in scores]).T
        return listed

    def _likely(self, odds: FloatArray, pairs: Pairs) -> FloatArray:
        """Scores in [0, 1] from log-odds, ``[P]``; a further row and column stand for none of the candidates."""
        left, right = (np.arange(size) for size in self.sizes)
        logs = transport(
            np.concatenate([pairs[0], left, np.full(len(right), len(left))]),
            np.concatenate([pairs[1], np.full(len(left), len(right)), right]),
            np.concatenate([odds, np.full(len(left) + len(right), NONE, np.float32)]),
            (len(left) + 1, len(right) + 1),
            temperature=1.0,
            iterations=1,
            device=self.setting.device,
        )
        likely: FloatArray = np.exp(logs[: len(odds)]).astype(np.float32)
        return likely

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of entities."""
        return self.setting.task.left.num_entities, self.setting.task.right.num_entities

    def _gold(self, pairs: Pairs) -> BoolArray:
        """Which pairs are validation links."""
        valid, size = self.setting.task.links.valid, self.sizes[1]
        return np.isin(pairs[0] * size + pairs[1], valid[:, 0] * size + valid[:, 1])

    def _without(self, base: Learned, pairs: Pairs, scores: FloatArray, fit: "_Fit") -> tuple[Tensor, Tensor] | None:
        """The rows if no validation link is a candidate; ``None`` if none is anyway, or of very many rows."""
        kept = ~self._gold(pairs)
        if kept.all() or self.setting.held_in(sum(self.sizes) * base.left.shape[1]) == torch.float16:
            return None
        others = pairs[0][kept], pairs[1][kept]
        odds = replace(fit, which=fit.which[kept]).odds(self._listed(scores[:, kept], others))
        found = self._with_part(base, others, self._likely(odds, others))
        return found.left, found.right

    def _incidence(self) -> Incidence:
        """The triples; not built again if the base has them."""
        setting = self.setting
        shared = getattr(self.base, "inputs", None)
        if isinstance(shared, Incidence) and shared.triples is not None:
            return shared
        with setting.watch.phase("features"):
            return build_incidence(setting.task, replace(setting.experiment.features, modalities=(RELATION,)))

    def _fitted(self, base: Learned, listed: FloatArray, pairs: Pairs, logs: np.ndarray) -> "_Fit | None":
        """The weights of the scores; ``None`` if there is nothing to fit them to."""
        (rows, cols), valid, seed = pairs, self.setting.task.links.valid, self.setting.experiment.seed
        config, which = self.setting.experiment.refinement, np.zeros(len(logs), np.int64)
        keys, wanted = rows * self.sizes[1] + cols, valid[:, 0] * self.sizes[1] + valid[:, 1]
        place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        known = np.flatnonzero(keys[place] == wanted)
        refined = bool(base.course.get("refined_by", {}).get("round"))
        if refined and (len(known) < LEAST_LINKS or config.weigh == "matches"):
            weights, _ = fitted(self.setting, listed, pairs, logs, self.sizes, iterations=config.iterations)
            return _Fit(weights[None], which)
        if len(known) < LEAST_LINKS:
            return None
        fold = numpy_generator(seed, "folds of comparison").permutation(len(valid)) % FOLDS
        found = [list_weights(listed, rows, cols, place[known], seed=seed)]
        for number in range(FOLDS):
            others = known[fold[known] != number]
            mine = np.isin(rows, valid[fold == number, 0]) | np.isin(cols, valid[fold == number, 1])
            found.append(list_weights(listed, rows, cols, place[others], seed=seed))
            which[mine] = number + 1
        return _Fit(np.stack(found), which)

    def _is_worse(self, pairs: Pairs, before: tuple[FloatArray, FloatArray], likely: FloatArray) -> bool:
        """Whether the part ranks validation links worse on the candidate lists, by more than the standard error."""
        links = np.flatnonzero(self._gold(pairs))
        k = self.setting.experiment.search.csls_k
        after = listed_csls(before[0] + np.float32(WEIGHT**2) * likely, *pairs, self.sizes, k)
        ranks = [sum(1 / listed_ranks(scores, side, links) for side in pairs) / 2 for scores in (before[1], after)]
        lost = np.zeros(max(len(self.setting.task.links.valid), len(links), 1))  # 0 for links that are no candidates
        lost[: len(links)] = ranks[0] - ranks[1]
        return above_chance(torch.from_numpy(lost))

    def _with_part(self, base: Learned, pairs: Pairs, likely: FloatArray) -> Learned:
        device, sizes = self.setting.device, self.sizes
        dim, known = self.setting.experiment.refinement.narrowed(sum(sizes)).rules_dim, self.setting.task.links.train
        rows, cols, scores = (
            torch.from_numpy(np.concatenate(both)).to(device)
            for both in ((pairs[0], known[:, 0]), (pairs[1], known[:, 1]), (likely, np.ones(len(known))))
        )
        part = pair_part(
            rows,
            cols,
            scores,
            sizes,
            dim=dim,
            purpose="codes of compared pairs",
            seed=self.setting.experiment.seed,
            dtype=self.setting.held_in(sum(sizes) * (base.left.shape[1] + dim)),
        ).cpu()
        store, widths = self.setting.experiment.search.held, base.widths
        home = home_of(widths)
        left, right = (
            appended(widths, side.cpu(), {home: own}, {home: WEIGHT}, store=store)
            for side, own in zip((base.left, base.right), part.split(sizes), strict=True)
        )
        return replace(base, left=left, right=right, widths={**widths, home: widths[home] + dim})


@dataclass(frozen=True, eq=False)
class _Fit:
    """Weights of scores: row 0 for most pairs, further rows for those that a fold of the validation links is about.

    Args:
        weights: ``[F, M]``.
        which: row of each pair, ``[P]``.
    """

    weights: np.ndarray
    which: IntArray

    @staticmethod
    def of(earlier: Mapping[str, float], names: Sequence[str], number: int) -> "_Fit":
        """The weights that a run has chosen before."""
        return _Fit(np.array([[earlier.get(name, 0.0) for name in names]]), np.zeros(number, np.int64))

    def odds(self, listed: FloatArray) -> FloatArray:
        """Log-odds of the pairs, ``[P]``."""
        found: FloatArray = listed @ self.weights[0].astype(np.float32)
        for row, weights in enumerate(self.weights[1:], 1):
            some = self.which == row
            found[some] = listed[some] @ weights.astype(np.float32)
        return found


def _plain(base: Learned, reason: str) -> Learned:
    """The embeddings as they are, with a line that says why."""
    show_step(f"neighbours of candidates are not compared: {reason}")
    return replace(base, course={**base.course, "compared_by": {}})


def home_of(widths: Mapping[str, int]) -> str:
    """The modality whose columns the part is added to."""
    return RELATION if RELATION in widths else next(iter(widths))


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


def listed_ranks(scores: FloatArray, owners: IntArray, places: IntArray) -> FloatArray:
    """Rank of some pairs among the pairs of their owner, from 1; ties at their mean rank.

    Args:
        scores: of the listed pairs, ``[P]``, larger is better.
        owners: row or column of each pair, int64 ``[P]``.
        places: the pairs that are ranked, int64 ``[L]``; of several with one owner, the best is ranked in place of all.
    """
    size = int(owners.max(initial=-1)) + 1
    best = np.full(size, -np.inf)
    np.maximum.at(best, owners[places], scores[places])
    before = np.bincount(owners, (scores > best[owners]) + 0.5 * (scores == best[owners]), minlength=size)
    ranks: FloatArray = before[owners[places]] + 0.5
    return ranks
