"""Colours of modalities, on a light and on a dark page."""

from collections.abc import Sequence

from ..modalities import MODALITIES

PALETTE = (
    ("#2a78d6", "#4a94ee"),
    ("#1baf7a", "#23a678"),
    ("#eda100", "#cf9214"),
    ("#c2570c", "#e07b39"),
    ("#6a58c8", "#9085e9"),
    ("#e06a98", "#d9608f"),
    ("#b3446c", "#c9789b"),
    ("#5c8a1e", "#86b53c"),
    ("#0f8b8d", "#3bb3b5"),
    ("#8d5a3b", "#b98662"),
)
OTHER = ("#8a8a86", "#8a8a86")


def colours(names: Sequence[str]) -> list[dict[str, str]]:
    """Name and colours of each modality; built-in ones have the same colours in every run.

    Args:
        names: the modalities of a run, in order.

    Returns:
        For each ``name``, ``colour`` on a light page and ``dark`` on a dark one.
    """
    order = [*MODALITIES, *(name for name in names if name not in MODALITIES)]
    chosen = dict(zip(order, PALETTE, strict=False))
    found = [(name, *chosen.get(name, OTHER)) for name in names]
    return [{"name": name, "colour": light, "dark": dark} for name, light, dark in found]
