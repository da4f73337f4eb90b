"""What a user reads when a command fails: one line with the cause and what to do."""

import os
import zlib
from collections.abc import Iterator

from ..errors import MmkgError, UsageError
from ..files import FULL, full_disk
from ..folders import STAGED
from ..printing import line

DETAILS = "run again with --debug for details (mmkg --debug COMMAND ...)"
AGAIN = "start the same command again; training continues from its last checkpoint"
NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad allocation",
    "bad_alloc",
)


def fault_text(error: Exception) -> str:
    """One line: what went wrong, and what to do."""
    if isinstance(error, MmkgError):
        return line(error.on_command_line())
    if (number := full_disk(error)) is not None:
        place = str(getattr(error, "filename", None) or "")
        place = place.partition(f"{os.sep}{STAGED}")[0]  # the run folder
        return line(f"{f'{place}: ' if place else ''}{FULL[number][0].lower()}; free some space, then {AGAIN}")
    if isinstance(error, MemoryError) or _mentions(error, NO_MEMORY):
        return line(
            f"out of memory ({_short(error) or 'no memory was left'}); close other programs, or use fewer or smaller "
            f"inputs, a smaller training.batch_size or search.store=float16; then {AGAIN}"
        )
    if isinstance(error, RecursionError):
        return f"an input is nested too deeply ({_short(error)}); give a file with less nesting, or {DETAILS}"
    if isinstance(error, (zlib.error, EOFError)) or type(error).__name__ in ("LZMAError", "BadZipFile", "BadGzipFile"):
        return f"a compressed file is damaged ({_short(error)}); download or make it again, or {DETAILS}"
    if isinstance(error, OSError):
        return line(error)
    return f"unexpected error: {type(error).__name__}: {_short(error)}; {DETAILS}"


def exit_code(error: Exception) -> int:
    """Exit status: 2 for wrong usage, 1 for everything else."""
    return 2 if isinstance(error, UsageError) else 1


def _short(error: BaseException) -> str:
    """The first lines of a message, on one line."""
    text = line(str(error).strip())
    return text if len(text) <= 300 else text[:297] + "..."


def _mentions(error: BaseException, texts: tuple[str, ...]) -> bool:
    """Whether the error, or one that caused it, has one of the texts in its message."""
    return any(text in str(each).lower() for each in _causes(error) for text in texts)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__
