"""Independent random generators for each purpose, from one seed."""

import hashlib

import numpy as np


def derive_seed(seed: int, purpose: str) -> int:
    """63-bit seed for one purpose; it depends on ``seed`` and the name of the purpose only."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_generator(seed: int, purpose: str) -> np.random.Generator:
    """NumPy generator for one purpose, e.g. ``numpy_generator(0, "dropout")``."""
    return np.random.default_rng(derive_seed(seed, purpose))
