"""Progress of long work, always on stderr: bars on a terminal, one line per validation or round elsewhere."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .printing import show

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def progress_bar(title: str, total: int, *, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A bar for work of known size; it is drawn only on a terminal.

    Args:
        title: shown before the bar.
        total: amount of work, in any unit.
        enabled: ``False`` = no bar.

    Yields:
        Function to call with the amount of work done since its last call.
    """
    if not (enabled and sys.stderr.isatty()):
        yield lambda done: None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    with _on_stderr(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.advance(task, done)


class TrainingProgress:
    """Shows each epoch of training: a bar on a terminal, else one line per validation.

    Pass ``on_epoch`` to ``fit``.

    Args:
        epochs: largest number of epochs.
        enabled: ``None`` = only on a terminal; ``False`` = never.
        title: shown before the bar.
        figure: name of the validation figure.
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
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "TrainingProgress":
        if self.enabled and self.terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = _on_stderr(*columns, TextColumn("{task.fields[note]}"))
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.epochs, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Show one row of the history: ``epoch``, ``loss`` (``None`` = not finite) and, if validated, ``valid``."""
        if "valid" in row:
            self.best = row["valid"] if self.best is None else max(self.best, row["valid"])
        loss = "not finite" if row["loss"] is None else f"{row['loss']:.3f}"
        note = f"loss {loss}" + ("" if self.best is None else f"  best {self.figure} {self.best:.3f}")
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=row["epoch"] + 1, note=note)
        elif self.enabled and "valid" in row:
            show(f"{self.title}: epoch {row['epoch'] + 1}/{self.epochs}  {note}", file=sys.stderr, flush=True)


def show_step(text: str) -> None:
    """Print what long work does next."""
    show(text, file=sys.stderr, flush=True)


def show_round(row: Mapping[str, Any]) -> None:
    """Print one round of ``bootstrap``: its pseudo-links, their precision and the validation MRR, where known."""
    text = f"round {row['step']}: {row['pseudo_links']:,} pseudo-links"
    if row.get("pseudo_precision") is not None:
        text += f", {row['pseudo_precision']:.1%} correct of {row['pseudo_judged']:,} with a validation entity"
    if "valid" in row:
        text += f"; validation MRR {row['valid']:.3f}"
    show(text, file=sys.stderr, flush=True)


def _on_stderr(*columns: Any) -> "Progress":
    """An empty set of bars on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(*columns, console=Console(stderr=True))
