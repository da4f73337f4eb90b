"""What the embeddings of its neighbours say of an entity: one step of neighbourhood aggregation, without training."""

import torch
from torch import Tensor

from ..compute.products import add_product
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import centred, random_projection
from .refinement import RefinementConfig, spread_labels

BLOCK_ROWS = 4096


def spread_vectors(
    inputs: Incidence,
    vectors: Tensor,
    config: RefinementConfig | None = None,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Evidence for each entity from the embeddings of other entities of its own graph, modality by modality.

    Two entities get similar parts if their neighbours (``structure``), their neighbours by similar relations
    (``relation``), or the entities that have their attributes (``attribute``) have similar embeddings. The parts are
    those of ``spread_matches``; but instead of a code that an entity shares with its probable matches, its embedding is
    passed on, projected at random, and less the mean of its graph, which all share. No entity of one graph is
    compared with one of the other, so that no match takes part.

    Args:
        inputs: of the task; left untouched.
        vectors: embeddings of all entities, ``[N, D]``, zeros for an entity without one; left untouched.
        config: widths, number of steps and damping.
        seed: random seed of the projections.
        dtype: of the result; it is computed in float32.

    Returns:
        Unit rows ``[N, dim]``, or zeros without evidence, per modality of ``inputs`` that is refined.

    Source:
        Wu et al., ICML 2019 (SGC): steps of aggregation without weights; relations as in ``spread_matches``.
    """
    config = config or RefinementConfig()
    matrices = (inputs.neighbors, inputs.heads, inputs.attributes)
    device = next((each.device for each in matrices if each is not None), None)
    if device is None:
        return {}
    projection = random_projection(vectors.shape[1], config.structure_dim, seed, "neighbours' vectors", device)
    labels = torch.empty(len(vectors), projection.shape[1], device=device)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        add_product(labels[block], vectors[block].to(device, torch.float32), projection, beta=0)
    return spread_labels(inputs, centred(labels, inputs.num_left), config, seed=seed, dtype=dtype)
