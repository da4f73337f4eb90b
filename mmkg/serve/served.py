"""What a server serves: the view of a run, the decisions about it, and what both together say."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import anyio
import anyio.to_thread

from ..compute import host
from ..decisions.decision import Decision, author_of
from ..decisions.settled import settled
from ..decisions.store import DecisionStore
from ..errors import UsageError
from ..result.embeddings import SIDES
from .answers import Busy, NotFound
from .settings import ServeConfig
from .verdicts import Verdicts, verdicts_of

if TYPE_CHECKING:
    from ..result.result import AlignmentResult
    from ..review.view import RunView

T = TypeVar("T")
THREADS = 16  # requests that are computed at once
MOST_QUICK = 300_000  # entities of a graph that a search by text reads in about a millisecond


class Said(NamedTuple):
    """What people said so far.

    Args:
        number: of changes of the store.
        last: the last decision about each pair that was not taken back.
        holds: decisions that hold, see ``settled``.
        verdicts: verdict of each pair, see ``verdicts_of``.
    """

    number: int
    last: Mapping[tuple[str | None, str | None], Decision]
    holds: list[Decision]
    verdicts: Verdicts


class Served:
    """A run that is served; used by many threads.

    Args:
        view: the view of the run.
        store: decisions about it.
        config: settings of the server.
    """

    def __init__(self, view: "RunView", store: DecisionStore, config: ServeConfig) -> None:
        self.view, self.store, self.config = view, store, config
        self._limiter: anyio.CapacityLimiter | None = None
        self._said = Said(-1, {}, [], {})
        self._locks: dict[str, threading.Lock] = {}
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    async def call(self, compute: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The value of a function, computed in a thread within the time of a request.

        Raises:
            TimeoutError: it takes longer; the thread ends by itself.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        with anyio.fail_after(self.config.seconds):
            return await anyio.to_thread.run_sync(
                partial(compute, *args, **kwargs), abandon_on_cancel=True, limiter=self._limiter
            )

    async def quick(self, compute: Callable[..., T], *args: Any) -> T:
        """The value of a function that takes about a millisecond if the run has the neighbours of all entities.

        Then it is computed at once: passing it to a thread would take as long. Else as ``call``.
        """
        if not self.is_quick:
            return await self.call(compute, *args)
        with host.settled():
            return compute(*args)

    @cached_property
    def is_quick(self) -> bool:
        """Whether single entities are answered from lists, of graphs that a search by text reads in a millisecond."""
        return self.result.searcher.has_lists() and max(map(len, self.view.sides)) <= MOST_QUICK

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Long work that is done once at a time.

        Raises:
            Busy: it is being done.
        """
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(blocking=False):
            raise Busy(f"{name} is being computed; try again in a moment")
        try:
            yield
        finally:
            lock.release()

    def once(self, name: str, compute: Callable[[], T], key: Any = None) -> T:
        """A value that is computed when it is needed first, and again when its key changes.

        Raises:
            Busy: it is being computed.
        """
        kept = self._kept.get(name)
        if kept is not None and kept[0] == key:
            found: T = kept[1]
            return found
        with self.alone(name):
            value = compute()
            self._kept[name] = (key, value)
            return value

    # --- decisions

    def said(self) -> Said:
        """What people said so far; read again only after a change, by whichever process."""
        number = self.store.changes()
        if number != self._said.number:
            decisions = self.store.all()
            last = {each.pair: each for each in decisions if not each.undone}
            held = settled(decisions, one_to_one=self.one_to_one)
            disputed = {id(each) for some in held.disputed for each in some}
            holding = {each.pair for each in held.decisions}
            shown = {pair: each for pair, each in last.items() if pair in holding or id(each) in disputed}
            verdicts = verdicts_of(self.view, shown.values(), one_to_one=self.one_to_one)
            self._said = Said(number, shown, held.decisions, verdicts)
        return self._said

    def decide(self, left: str | None, right: str | None, verdict: str, *, author: str, comment: str) -> Decision:
        """Write a decision to the disk; returns it with its number.

        Raises:
            NotFound: an entity is not in the run.
            InputError: the decision is none, or the file cannot be written.
        """
        lines = comment.replace("\r\n", "\n").replace("\r", "\n")
        made = Decision(left, right, verdict, author_of(author), "", lines)
        for side, key in zip(SIDES, (left, right), strict=True):
            if key is not None:
                self.row_of(side, key)
        return self.store.add(made)

    def decided(self) -> "AlignmentResult":
        """The run with the decisions that hold, computed again after each change.

        Raises:
            Busy: it is being computed.
        """
        said, result = self.said(), self.result
        if not said.holds:
            return result
        return self.once("the run with its decisions", lambda: result.decided(said.holds), said.number)

    # --- the run

    @property
    def result(self) -> "AlignmentResult":
        """The run."""
        found: Any = self.view.result
        result: AlignmentResult = found
        return result

    @property
    def name(self) -> str:
        """Name of the run."""
        return str(self.result.description.get("name", "alignment"))

    @property
    def one_to_one(self) -> bool:
        """Whether an entity of the run has one counterpart at most."""
        return bool(self.result.experiment.data.one_to_one)

    def row_of(self, side: str, key: str) -> int:
        """The row of an entity by its key.

        Raises:
            NotFound: no such entity.
            UsageError: no such side.
        """
        own = self.view.side(side)
        try:
            return own.row_of(key)
        except UsageError as error:
            raise NotFound(error.reason) from None

    def prepare(self) -> None:
        """Compute what the first requests need, so that they do not wait."""
        self.view.summary()
        self.view.matches(limit=1)
        for side in SIDES:
            self.view.search("a", side, 1)
            self.view.candidates(side, self.view.side(side).key(int(self.result.embeddings.rows(side)[0])), 1)
        self.said()
