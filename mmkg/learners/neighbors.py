"""The learner that appends to embeddings what those of the neighbours say."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.products import add_product
from ..data.features.incidence import build_incidence
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import random_projection
from ..evaluation import sampled_ranks
from ..models.neighborhood import spread_vectors
from ..models.registry import REFINED
from ..typing import IntArray
from .setting import BLOCK_ROWS, Learned, Learner, Setting, concatenated
from .validation import MOST_WEIGHED, known_among, validation

FACTOR = 0.7  # of the weights of the parts, unless validation links are ranked better with another
FACTORS = (FACTOR, 0.0, 0.35)
SKETCH = 512  # columns that the embeddings and the parts are projected to while a factor is chosen


class WithNeighbors:
    """Appends to the embeddings of a learner what the embeddings of the neighbours say, see ``spread_vectors``.

    Nothing is trained, and no entity is matched: every entity is still ranked by itself.

    Args:
        setting: the run.
        base: the learner of the embeddings.
    """

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base, self.calls = setting, base, 0

    def embed(self, links: IntArray) -> Learned:
        """Embed by the base learner, and append the parts of the neighbours, with weights times a factor."""
        setting = self.setting
        earlier, self.calls = setting.earlier(self.calls).get("neighbors"), self.calls + 1
        base = self.base.embed(links)
        names = tuple(name for name in REFINED if name in base.widths)
        if not names or earlier == 0:
            return base
        number = len(base.left) + len(base.right)
        config = setting.experiment.refinement.narrowed(number)
        dtype = setting.held_in(number * (base.left.shape[1] + config.width))
        inputs = self._incidence(names)
        with setting.watch.phase("neighbors"), torch.no_grad():
            vectors = torch.cat([base.left, base.right])
            parts = spread_vectors(inputs, vectors, config, seed=setting.experiment.seed, dtype=dtype)
            del vectors
        sides = halves({name: part.cpu() for name, part in parts.items()}, len(base.left))
        weights = {name: config.weight(name) for name in parts}
        factor = self._factor(base, sides, weights) if earlier is None else earlier
        base = replace(base, course={**base.course, "neighbors": factor}, selected=bool(len(setting.task.links.valid)))
        if not factor:
            return base
        weights = {name: factor * weight for name, weight in weights.items()}
        left, right = (
            appended(base.widths, vectors, own, weights, store=setting.experiment.search.held)
            for vectors, own in zip((base.left.cpu(), base.right.cpu()), sides, strict=True)
        )
        widths = {name: width + (config.dim(name) if name in parts else 0) for name, width in base.widths.items()}
        return replace(base, left=left, right=right, widths=widths)

    def _incidence(self, names: tuple[str, ...]) -> Incidence:
        """The sparse matrices that vectors are passed along; not built again if the base has them."""
        shared = getattr(self.base, "inputs", None)
        if isinstance(shared, Incidence) and set(shared.names).intersection(REFINED) == set(names):
            return replace(shared, names=names, tables={})
        with self.setting.watch.phase("features"):
            features = replace(self.setting.experiment.features, modalities=names)
            return build_incidence(self.setting.task, features).to(self.setting.device)

    def _factor(
        self, base: Learned, sides: tuple[Mapping[str, Tensor], Mapping[str, Tensor]], weights: Mapping[str, float]
    ) -> float:
        """The factor of ``FACTORS`` with the largest MRR of the validation links, by CSLS as in the run.

        It is ``FACTOR`` without such links, and if the gain of the others is not above its standard error.
        """
        task, experiment = self.setting.task, self.setting.experiment
        if not len(task.links.valid):
            return FACTOR
        with self.setting.watch.phase("weigh"), torch.no_grad():
            search = replace(experiment.search, valid_candidates=MOST_WEIGHED)
            chosen, pairs = validation(task, search, seed=experiment.seed)
            known = known_among(task, chosen)
            sketches = []
            for vectors, own, rows in zip((base.left, base.right), sides, chosen, strict=True):
                some = torch.from_numpy(rows)
                around = concatenated({name: (weights[name], part[some]) for name, part in own.items()})
                lengths = sum(weights[name] ** 2 * part[some].any(dim=1) for name, part in own.items())
                around *= torch.as_tensor(lengths).sqrt()[:, None]
                sketches.append((self._sketch(vectors[some.to(vectors.device)], "base"), self._sketch(around, "parts")))
            found = []
            for factor in FACTORS:
                left, right = (F.normalize(torch.cat([own, factor * more], dim=1), dim=1) for own, more in sketches)
                ranks = sampled_ranks(
                    left,
                    right,
                    pairs,
                    pairs,
                    candidates="all",
                    csls_k=search.csls_k,
                    device=self.setting.device,
                    known=known,
                )
                found.append(np.mean([1 / each.mean for each in ranks], axis=0))
        best = max(range(len(FACTORS)), key=lambda place: found[place].mean())
        gains = found[best] - found[0]
        return FACTORS[best] if gains.mean() > gains.std() / len(gains) ** 0.5 else FACTOR

    def _sketch(self, rows: Tensor, purpose: str) -> Tensor:
        """Rows projected to ``SKETCH`` columns, if they have more."""
        rows = rows.float()
        if rows.shape[1] <= SKETCH:
            return rows
        narrow = random_projection(
            rows.shape[1], SKETCH, self.setting.experiment.seed, f"sketch {purpose}", rows.device
        )
        out = rows.new_empty(len(rows), SKETCH)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            add_product(out[block], rows[block], narrow, beta=0)
        return out


def halves(parts: Mapping[str, Tensor], num_left: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The left rows and the right rows of each part."""
    left = {name: part[:num_left] for name, part in parts.items()}
    return left, {name: part[num_left:] for name, part in parts.items()}


def appended(
    widths: Mapping[str, int],
    vectors: Tensor,
    parts: Mapping[str, Tensor],
    weights: Mapping[str, float],
    *,
    store: str = "float32",
) -> Tensor:
    """Embeddings with parts appended to the columns of the modality that each belongs to, as unit rows.

    Args:
        widths: columns of each modality in ``vectors``.
        vectors: unit rows or zeros, ``[n, D]``.
        parts: unit rows or zeros by modality, ``[n, d_m]``.
        weights: of each part, relative to ``vectors``.
        store: type of the result.
    """
    columns: dict[str, tuple[float, Tensor]] = {}
    for name, block in zip(widths, vectors.split(list(widths.values()), dim=1), strict=True):
        columns[f"own {name}"] = 1.0, block
        if name in parts:
            columns[name] = weights[name], parts[name]
    return concatenated(columns, store=store)
