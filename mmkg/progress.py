"""Progress of long work, always on stderr: bars on a terminal and in a notebook, one line per step elsewhere."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from .printing import line, show

T = TypeVar("T")
SMOOTHING = 0.1  # weight of the last epoch in the mean time of an epoch, by which the time left is estimated
DELAY = 1.0  # seconds after which a bar appears, so that short work draws none
LINE_EVERY = 60.0  # seconds between two lines of long work where no bar can be drawn

_shown: ContextVar[bool | None] = ContextVar("shown", default=None)
_in_step: ContextVar[bool] = ContextVar("in step", default=False)


@contextmanager
def showing(enabled: bool | None) -> Iterator[None]:
    """Whether long work inside shows its progress.

    Args:
        enabled: ``True`` = as bars, or as lines where no bar can be drawn; ``False`` = not; ``None`` = as outside.
    """
    token = _shown.set(_shown.get() if enabled is None else enabled)
    try:
        yield
    finally:
        _shown.reset(token)


def is_shown(enabled: bool | None = None) -> bool:
    """Whether progress is shown: as ``enabled`` or ``showing`` say, else wherever bars can be drawn."""
    enabled = _shown.get() if enabled is None else enabled
    return draws_bars() if enabled is None else enabled


def draws_bars() -> bool:
    """Whether stderr is a terminal, or this is a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or "IPKernelApp" in getattr(shell, "config", ())


@contextmanager
def progress_bar(title: str, total: int, *, enabled: bool | None = None) -> Iterator[Callable[[int], None]]:
    """A bar for work of known size that takes more than a second; a line per minute where no bar can be drawn.

    Args:
        title: shown before the bar.
        total: amount of work, in any unit.
        enabled: whether to show it; ``None`` = see ``showing``.

    Yields:
        Function to call with the amount of work done since its last call.
    """
    if not is_shown(enabled):
        yield lambda done: None
    elif draws_bars():
        form = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
        with _bar(title, total, bar_format=form, delay=DELAY, leave=not _in_step.get()) as bar:
            yield bar.update
    else:
        yield _Lines(title, total).advance


def tracked(items: Sequence[T], title: str) -> Iterator[T]:
    """The items, with a bar of those that were worked through."""
    with progress_bar(title, len(items)) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def step(title: str) -> Iterator[None]:
    """One step of a run: a line with its time at its end, if progress is shown; a step inside another has none."""
    if _in_step.get():
        yield
        return
    token, start = _in_step.set(True), time.monotonic()
    try:
        yield
    finally:
        _in_step.reset(token)
    show_step(f"{title}: {duration(time.monotonic() - start)}")


class TrainingProgress:
    """Shows each epoch of training: a bar where one can be drawn, else one line per validation.

    Pass ``on_epoch`` to ``fit``.

    Args:
        epochs: largest number of epochs.
        enabled: whether to show it; ``None`` = see ``showing``.
        title: shown before the bar.
        figure: name of the validation figure.
    """

    def __init__(
        self, epochs: int, *, enabled: bool | None = None, title: str = "training", figure: str = "validation MRR"
    ) -> None:
        self.enabled = is_shown(enabled)
        self.epochs = epochs
        self.title = title
        self.best: float | None = None
        self.figure = figure
        self._bar: Any = None

    def __enter__(self) -> "TrainingProgress":
        if self.enabled and draws_bars():
            self._bar = _bar(self.title, self.epochs, unit="epoch")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Show one row of the history: ``epoch``, ``loss`` (``None`` = not finite) and, if validated, ``valid``.

        A row that is ``restored`` from a checkpoint took no time in this process.
        """
        if "valid" in row:
            self.best = row["valid"] if self.best is None else max(self.best, row["valid"])
        loss = "not finite" if row["loss"] is None else f"{row['loss']:.3f}"
        note = f"loss {loss}" + ("" if self.best is None else f"  best {self.figure} {self.best:.3f}")
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            if row.get("restored"):
                self._bar.initial = self._bar.n = self._bar.last_print_n = row["epoch"] + 1
                self._bar.refresh()
            else:
                self._bar.update(row["epoch"] + 1 - self._bar.n)
        elif self.enabled and "valid" in row:
            show(f"{self.title}: epoch {row['epoch'] + 1}/{self.epochs}  {note}", file=sys.stderr, flush=True)

    def explain(self, text: str) -> None:
        """Say in one line how the training ended."""
        if self.enabled:
            with showing(True):
                show_step(f"{self.title} {text}")


def show_step(text: str) -> None:
    """Print what long work does next, if progress is shown; bars stay below it."""
    if not is_shown():
        return
    bars = sys.modules.get("tqdm.std")
    if bars is None:
        show(text, file=sys.stderr, flush=True)
        return
    with bars.tqdm.external_write_mode(file=sys.stderr):
        show(text, file=sys.stderr, flush=True)


def show_round(row: Mapping[str, Any]) -> None:
    """Print one round of ``bootstrap``: its pseudo-links, their precision and the validation MRR, where known."""
    text = f"round {row['step']}: {row['pseudo_links']:,} pseudo-links"
    if row.get("pseudo_precision") is not None:
        text += f", {row['pseudo_precision']:.1%} correct of {row['pseudo_judged']:,} with a validation entity"
    if "valid" in row:
        text += f"; validation MRR {row['valid']:.3f}"
    show_step(text)


def duration(seconds: float) -> str:
    """A time in words: ``3.2 s``, ``2 min 5 s``, ``1 h 3 min``."""
    whole = round(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Lines:
    """A line per minute with the share that is done and the time left, for work without a bar."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, total, 0
        self.start = self.last = time.monotonic()

    def advance(self, done: int) -> None:
        """Count work; say how far it is if the last line is a minute old."""
        self.done, now = self.done + done, time.monotonic()
        if now - self.last < LINE_EVERY or not 0 < self.done < self.total:
            return
        self.last = now
        left = (now - self.start) * (self.total - self.done) / self.done
        text = f"{self.title}: {self.done / self.total:.0%}, {duration(left)} left"
        show(text, file=sys.stderr, flush=True)


def _bar(title: str, total: int, **options: Any) -> Any:
    """A bar of tqdm on stderr: in a notebook a widget, or text where ipywidgets is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about ipywidgets
        from tqdm.auto import tqdm

    return tqdm(desc=line(title), total=total, file=sys.stderr, smoothing=SMOOTHING, dynamic_ncols=True, **options)
