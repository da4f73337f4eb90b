"""What becomes of a command under a fault: it is tried in a process of its own, and its outcome counted."""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the modules that tests share

TRIED, SAME, OTHER, REFUSED = "tried", "same result", "other data", "refused in one line"
TRACEBACK, WRONG, CRASH, LOST = "traceback", "silent wrong", "crash", "lost"
BAD = (TRACEBACK, WRONG, CRASH, LOST)
COLUMNS = (TRIED, SAME, OTHER, REFUSED, *BAD)
PASSING = ("seconds", "peak_rss_mb")  # differ between two equal runs
TIMEOUT = 60.0


@dataclass
class Counts:
    """Outcomes of a drill, with a text for each bad one."""

    name: str
    found: Counter = field(default_factory=Counter)
    bad: list = field(default_factory=list)

    def add(self, outcome, what=""):
        self.found[TRIED] += 1
        self.found[outcome] += 1
        if outcome in BAD:
            self.bad.append(f"{self.name}: {outcome}: {what}")

    def row(self):
        return [self.name, *(str(self.found[column]) for column in COLUMNS)]


@dataclass(frozen=True)
class Done:
    """A command that ended: exit code (negative: killed by a signal), and what it printed."""

    code: int
    out: str
    err: str


def run(*words, timeout=TIMEOUT, fork=True, limits=None):
    """``mmkg`` with these words, in a forked process or in this one."""
    return called(lambda: _main(words), timeout=timeout, fork=fork, limits=limits)


def called(function, *, timeout=TIMEOUT, fork=True, limits=None):
    """A function in a forked process (or in this one) with its output caught; an exception is code 1."""
    if not fork:
        return _caught(function)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "done.json"
        child = os.fork()
        if child == 0:
            try:
                if limits is not None:
                    limits()
                done = _caught(function)
                place.write_text(json.dumps([done.code, done.out, done.err]))
            finally:
                os._exit(0)
        until = time.monotonic() + timeout
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return Done(-99, "", f"no end after {timeout} s")
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        if code < 0 or not place.exists():
            return Done(code if code < 0 else -1, "", "died")
        return Done(*json.loads(place.read_text()))


def _caught(function):
    import contextlib
    import io

    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            function()
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
            code = 1
    return Done(code, out.getvalue(), err.getvalue())


def _main(words):
    import logging

    from mmkg.cli.app import main

    logging.getLogger().handlers.clear()
    sys.argv = ["mmkg", *map(str, words)]
    main()


def facts(done):
    """What a command found: its JSON without times, else its text."""
    try:
        value = json.loads(done.out)
    except ValueError:
        return done.out
    return {k: v for k, v in value.items() if k not in PASSING} if isinstance(value, dict) else value


def outcome_of(done, expected=None, *, sealed=False):
    """The outcome of a command.

    Args:
        done: the command.
        expected: what the undamaged input gives; ``None`` = anything.
        sealed: whether damage must be noticed; else other data may be read as they are.
    """
    if done.code < 0:
        return CRASH
    if done.code:
        lines = [line for line in done.err.splitlines() if line.startswith("mmkg: ")]
        plain = "Traceback" not in done.err and "unexpected error" not in done.err and "Warning" not in done.err
        return REFUSED if plain and lines else TRACEBACK
    if "Traceback" in done.err or "Warning:" in done.err:
        return TRACEBACK
    found = facts(done)
    if expected is None or found == expected:
        return SAME
    values = [found]
    if isinstance(found, str):
        try:
            values = [json.loads(line) for line in found.split("\n") if line.startswith("{")]
        except ValueError:
            return WRONG
    return WRONG if sealed or any(map(_has_nan, values)) else OTHER


def _has_nan(value):
    if isinstance(value, float):
        return value != value or value in (float("inf"), float("-inf"))
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and any(map(_has_nan, value))


def table(rows):
    """The outcomes of all drills, in columns."""
    lines = [["drill", *COLUMNS], *(counts.row() for counts in rows)]
    total = ["all", *(str(sum(counts.found[column] for counts in rows)) for column in COLUMNS)]
    lines.append(total)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
