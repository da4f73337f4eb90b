"""What a check of a GPU is given, and the rows that it adds to the report."""

import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

T = TypeVar("T")
Status = Literal["ok", "failed", "measured", "missed", "skipped"]
WORST: tuple[Status, ...] = ("failed", "missed", "ok", "measured", "skipped")
NEEDS_CUDA = "needs CUDA"


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Args:
        check: name of the check.
        what: what was verified or measured.
        status: ``ok`` or ``failed`` (a verification), ``measured``, ``missed`` (a goal), ``skipped``.
        value: what was found.
        expected: what a verification or a goal demands.
        seconds: wall seconds of the work, ``None`` if it was not timed.
        peak_mb: peak memory of the tensors on the GPU during the work, ``None`` on a CPU.
        note: reason of a failure or a skip, in one line.
        trace: traceback of a failure.
    """

    check: str
    what: str
    status: Status
    value: str = ""
    expected: str = ""
    seconds: float | None = None
    peak_mb: float | None = None
    note: str = ""
    trace: str = ""


@dataclass
class Work:
    """One check in progress.

    Args:
        check: its name.
        device: where to compute.
        reduced: use small sizes.
        pair: folder of a pair in DBP15K layout, for the whole run; ``None`` = twins of that size.
        sink: called with each row.
    """

    check: str
    device: torch.device
    reduced: bool
    pair: Path | None
    sink: Callable[[Row], None]

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    def timed(self, work: Callable[[], T], *, repeats: int = 1) -> tuple[T, float, float | None]:
        """The last result, the least wall seconds of a call, and the peak memory in MB; waits for the GPU."""
        if self.on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        seconds = []
        for _ in range(repeats):
            begun = time.perf_counter()
            result = work()
            if self.on_gpu:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begun)
        peak = torch.cuda.max_memory_allocated() / 1e6 if self.on_gpu else None
        return result, min(seconds), peak

    def verify(self, what: str, good: bool, value: str, expected: str, **columns: Any) -> None:
        """Add a verification."""
        self.sink(Row(self.check, what, "ok" if good else "failed", value, expected, **columns))

    def goal(self, what: str, good: bool, value: str, expected: str, **columns: Any) -> None:
        """Add a goal, whose miss is no failure."""
        self.sink(Row(self.check, what, "ok" if good else "missed", value, expected, **columns))

    def measure(self, what: str, value: str, **columns: Any) -> None:
        """Add a figure."""
        self.sink(Row(self.check, what, "measured", value, **columns))

    def skip(self, what: str, why: str) -> None:
        """Add a part that was left out, with the reason."""
        self.sink(Row(self.check, what, "skipped", note=why))

    def attempt(self, what: str, part: Callable[[], object]) -> None:
        """Run a part; an exception becomes a failed row, and the next part runs."""
        try:
            part()
        except Exception as error:
            self.sink(failure(self.check, what, error))


def failure(check: str, what: str, error: BaseException) -> Row:
    """The row of an exception: its last line, and the traceback."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    note = f"{type(error).__name__}: {lines[0]}"
    trace = "".join(traceback.format_exception(error))
    return Row(check, what, "failed", note=note[:300], trace=trace)


def as_dict(row: Row) -> dict[str, Any]:
    """The row as JSON values, without what is empty."""
    return {name: value for name, value in asdict(row).items() if value not in ("", None)}
