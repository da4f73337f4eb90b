"""Progress of training on stderr: a bar on a terminal, a line per validation elsewhere."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any


class TrainingProgress:
    """Shows each epoch on stderr; pass its ``on_epoch`` to ``fit``.

    Args:
        epochs: largest number of epochs.
        enabled: ``None`` = only if stderr is a terminal; ``True`` prints a line per validation if it is none.
        title: shown before the bar.
        figure: name of the validation score.
    """

    def __init__(
        self, epochs: int, *, enabled: bool | None = None, title: str = "training", figure: str = "validation MRR"
    ) -> None:
        self.terminal = sys.stderr.isatty()
        self.enabled = self.terminal if enabled is None else enabled
        self.epochs = epochs
        self.title = title
        self.best: float | None = None
        self.figure = figure
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "TrainingProgress":
        if self.enabled and self.terminal:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
            self._bar = Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.epochs, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Show one row of the history."""
        if "valid" in row:
            self.best = row["valid"] if self.best is None else max(self.best, row["valid"])
        loss = "not finite" if row["loss"] is None else f"{row['loss']:.3f}"
        note = f"loss {loss}" + ("" if self.best is None else f"  best {self.figure} {self.best:.3f}")
        if self._bar is not None:
            self._bar.update(self._task, completed=row["epoch"] + 1, note=note)
        elif self.enabled and "valid" in row:
            print(f"{self.title}: epoch {row['epoch'] + 1}/{self.epochs}  {note}", file=sys.stderr, flush=True)


def show_round(row: Mapping[str, Any]) -> None:
    """Print one row of the history of ``bootstrap`` on stderr."""
    text = f"round {row['step']}: {row['pseudo_links']:,} pseudo-links"
    if row.get("pseudo_precision") is not None:
        text += f", {row['pseudo_precision']:.1%} correct of {row['pseudo_judged']:,} with a validation entity"
    if "valid" in row:
        text += f"; validation MRR {row['valid']:.3f}"
    print(text, file=sys.stderr, flush=True)
