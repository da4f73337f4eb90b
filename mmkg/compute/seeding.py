"""One seed in, one independent generator per purpose out."""

import hashlib

import numpy as np
import torch


def derive_seed(seed: int, purpose: str) -> int:
    """63-bit seed that depends on ``seed`` and the name of its purpose, and on nothing else."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def torch_generator(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Torch generator for one purpose, e.g. ``torch_generator(0, "dropout")``."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, purpose))


def numpy_generator(seed: int, purpose: str) -> np.random.Generator:
    """NumPy generator for one purpose."""
    return np.random.default_rng(derive_seed(seed, purpose))
