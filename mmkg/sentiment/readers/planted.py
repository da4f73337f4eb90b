"""Synthetic data: the share of each modality in the label is known by construction."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ...compute.seeding import numpy_generator
from ..data import AUDIO, SPLITS, TEXT, VISION, SentimentData, SentimentSplit

SIZES = (400, 120, 200)
LENGTHS = {TEXT: 8, AUDIO: 14, VISION: 11}
DIMS = {TEXT: 16, AUDIO: 8, VISION: 6}
STRENGTHS = {TEXT: 1.0, AUDIO: 0.6, VISION: 0.4}


def synthetic(
    *,
    sizes: tuple[int, int, int] = SIZES,
    lengths: Mapping[str, int] = LENGTHS,
    dims: Mapping[str, int] = DIMS,
    strengths: Mapping[str, float] = STRENGTHS,
    leaks: Mapping[str, float] = MappingProxyType({}),
    agreement: float = 0.5,
    noise: float = 1.0,
    seed: int = 0,
) -> SentimentData:
    """Generate samples whose label is a weighted sum of one latent number z_m per modality.

    ``y = 1.5 sum_m s_m z_m / sqrt(sum s_m^2)``, clipped to [-3, 3]. Each valid step of modality m is ``z_m a_m`` plus
    noise, with a fixed direction a_m, so that the mean over the steps estimates z_m. The latent numbers of modalities
    with ``s_m > 0`` share the part ``sqrt(agreement) z_0``; so a missing modality can be predicted in part from the
    others. A modality with ``s_m = 0`` is independent of the label. In the training and validation splits, but not in
    test, each step of m also contains ``leak_m y a_m``, as if the features had been learned from these labels.

    Args:
        sizes: number of training, validation and test samples.
        lengths: largest number of steps T_m by modality; a sample has between half of them and all.
        dims: number of features per step, by modality.
        strengths: s_m by modality.
        leaks: leak_m by modality; 0 if absent.
        agreement: correlation of two latent numbers, in [0, 1].
        noise: standard deviation of the noise of each feature.
        seed: random seed of the data.
    """
    directions = {}
    for name, dim in dims.items():
        draw = numpy_generator(seed, f"synthetic direction {name}").standard_normal(dim)
        directions[name] = (draw / np.linalg.norm(draw)).astype(np.float32)
    parts = {}
    for split, number in zip(SPLITS, sizes, strict=True):
        shared = numpy_generator(seed, f"synthetic {split}").standard_normal(number)
        total = np.zeros(number)
        values, valid = {}, {}
        for name, strength in strengths.items():
            generator = numpy_generator(seed, f"synthetic {split} {name}")
            own = generator.standard_normal(number)
            latent = np.sqrt(agreement) * shared + np.sqrt(1 - agreement) * own if strength > 0 else own
            total += strength * latent
            steps = lengths[name]
            mask = np.arange(steps) < generator.integers((steps + 1) // 2, steps + 1, size=number)[:, None]
            features = generator.standard_normal((number, steps, dims[name]), dtype=np.float32)
            features *= np.float32(noise)
            features += latent.astype(np.float32)[:, None, None] * directions[name]
            features[~mask] = 0
            values[name], valid[name] = features, mask
        scale = 1.5 / np.sqrt(sum(strength**2 for strength in strengths.values()) or 1.0)
        labels = np.clip(scale * total, -3, 3).astype(np.float32)
        for name, leak in leaks.items() if split != "test" else ():
            values[name] += np.float32(leak) * labels[:, None, None] * directions[name] * valid[name][..., None]
        parts[split] = SentimentSplit(values, valid, labels, tuple(f"{split}{row}" for row in range(number)))
    return SentimentData("synthetic", parts["train"], parts["valid"], parts["test"])
