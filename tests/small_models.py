"""Small aligners on small twins, for the tests of models and training."""

from dataclasses import replace

import torch

from mmkg.models import MODELS

SMALL = {
    "dual-amn": MODELS["dual-amn"].config(structure_dim=8, hidden_dim=8, num_proxies=4),
    "eva": MODELS["eva"].config(structure_dims=(16, 16, 8), hidden_dim=8, image_dim=12),
    "mclea": MODELS["mclea"].config(structure_dim=16, hidden_dim=8),
    "meaformer": MODELS["meaformer"].config(hidden_dim=16, feedforward_dim=16),
}


def small_model(name, inputs, *, seed=0, **changes):
    """A model with weights that follow from the seed; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        build = MODELS[name].build
        return build(replace(SMALL[name], **changes), inputs.dims, num_relations=inputs.num_relations)


def link_rows(inputs, links):
    """Links (left row, right row) of the task as rows of the inputs, int64 ``[L, 2]``."""
    return torch.from_numpy(links.copy()) + torch.tensor([0, inputs.num_left])


def hits_at_1(model, inputs, links):
    """Share of left ends whose most similar right end, among those of the links, is their own."""
    left, right = (model.embed(inputs, rows=rows) for rows in link_rows(inputs, links).t())
    return float(((left @ right.t()).argmax(dim=1) == torch.arange(len(links))).float().mean())
