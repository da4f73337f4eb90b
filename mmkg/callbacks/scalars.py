"""Callbacks that write numbers over steps."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from .callback import Callback

COUNTS = ("epoch", "step", "round", "refit", "restored", "refined")  # which row it is, and no measured values


class Scalars(Callback):
    """Turns rows into numbers by name: ``train/loss``, ``refit/loss``, ``pseudo-links/valid``, ``refinement/valid``.

    Steps of each group count from 0 and never return, so that epochs of a later round follow those of an earlier one.
    """

    def __init__(self) -> None:
        self._steps: dict[str, int] = {}

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of an epoch."""
        self._write("refit" if row.get("refit") else "train", row)

    def on_round(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of a round."""
        self._write("refinement" if row.get("refined") else "pseudo-links", row)

    def _write(self, group: str, row: Mapping[str, Any]) -> None:
        values = {
            f"{group}/{name}": float(value)
            for name, value in row.items()
            if name not in COUNTS and isinstance(value, int | float)
        }
        step = self._steps[group] = self._steps.get(group, -1) + 1
        if values:
            self.write(values, step)

    @abstractmethod
    def write(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers of one step."""


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as ``training.epochs``; lists as text."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
