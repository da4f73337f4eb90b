"""What a callback is notified of, and the callbacks of one run."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from ..errors import UsageError, brief

METHODS = ("on_start", "on_epoch", "on_round", "on_end")


class Callback:
    """Base of callbacks, which does nothing. Any object with one of these methods is a callback, too."""

    def on_start(self, settings: Mapping[str, Any]) -> None:
        """Called before learning begins, with the settings of the run, nested as in a configuration file."""

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Called after each epoch of a trained model.

        Args:
            row: ``epoch`` from 0, ``loss`` (``None`` = not finite), ``rate``, each loss term by name, and ``valid``,
                the MRR on validation links, in epochs that were validated. ``round`` is the round of pseudo-links from
                1, ``refit`` is true when the run learns once more from all links, and ``restored`` if the epoch is one
                of a checkpoint.
        """

    def on_round(self, row: Mapping[str, Any]) -> None:
        """Called after each round: with pseudo-links, or of a refinement.

        Args:
            row: ``step`` from 0 and, if there are validation links, ``valid``, their MRR. With pseudo-links: their
                number ``pseudo_links``, and the share ``pseudo_precision`` of right ones among the ``pseudo_judged``.
                Of a refinement, which is reported only with validation links: ``refined`` is true.
        """

    def on_end(self, figures: Mapping[str, float] | None) -> None:
        """Called once at the end.

        Args:
            figures: metrics of the run as ``left_to_right/mrr``; ``None`` = the run failed or was interrupted.
        """


class Callbacks(Callback):
    """The callbacks of one run, called in their order. What one of them raises ends the run.

    Leaving the ``with`` block without ``on_end`` notifies them that the run failed, if it had started.

    Args:
        each: the callbacks.

    Raises:
        UsageError: an object that has no method of a callback.
    """

    def __init__(self, each: Iterable[Any] = ()) -> None:
        self.each = tuple(each) if isinstance(each, Iterable) else (each,)
        self.started = False
        for one in self.each:
            if isinstance(one, type) or not any(callable(getattr(one, name, None)) for name in METHODS):
                raise UsageError(f"expected callbacks, objects with {' or '.join(METHODS)}, got {brief(one)}")

    def __enter__(self) -> "Callbacks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started:
            self.on_end(None)

    def on_start(self, settings: Mapping[str, Any]) -> None:
        """Notify all callbacks."""
        self.started = True
        self._call("on_start", settings)

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Notify all callbacks."""
        self._call("on_epoch", row)

    def on_round(self, row: Mapping[str, Any]) -> None:
        """Notify all callbacks."""
        self._call("on_round", row)

    def on_end(self, figures: Mapping[str, float] | None) -> None:
        """Notify all callbacks."""
        self.started = False
        self._call("on_end", figures)

    def _call(self, name: str, value: Any) -> None:
        for one in self.each:
            method = getattr(one, name, None)
            if method is not None:
                method(value)
