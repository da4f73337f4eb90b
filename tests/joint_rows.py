"""Rows of several parts, as joint embeddings have them, of which entities lack some."""

import numpy as np

PARTS = (6, 4, 3)


def joint(size=3000, *, seed=0, missing=0.3):
    """Left and right rows: the same entities with noise, each lacking some parts, of unit length."""
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((size, sum(PARTS)), dtype=np.float32)
    right = left + 0.15 * rng.standard_normal(left.shape, dtype=np.float32)
    ends = np.cumsum([0, *PARTS])
    for rows in (left, right):
        kept = rng.integers(0, len(PARTS), size)  # every entity has this part
        for part, (start, stop) in enumerate(zip(ends, ends[1:], strict=False)):
            rows[(rng.random(size) < missing) & (kept != part), start:stop] = 0
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return left, right
