"""Faults that the tests find: applies each fault of ``mutants.toml`` to a copy of mmkg and runs the tests of its room.

``python tools/studies/mutants.py`` prints each fault that survives, and the share of them. Without a fault the tests
have to pass. Those nearest to the changed file run first, in a process that has imported torch, PyG and FAISS before.
A fault whose text is not found exactly once is stale and has to be renewed.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from mmkg.printing import show

ROOT = Path(__file__).parents[2]
FAULTS = Path(__file__).with_suffix(".toml")
SMALL = ("losses/weighting.py", "evaluation/curves.py")
BEFORE = ("faiss", "scipy.stats", "torch_geometric.nn", "hypothesis", "pydantic")  # slow to import, once for all tests
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
LIMIT = 1800  # seconds after which a fault counts as found: it keeps the tests from ending


@dataclass(frozen=True)
class Fault:
    """A change of one line.

    Args:
        file: below ``mmkg/``.
        old: text that occurs once in it.
        new: what it becomes.
    """

    file: str
    old: str
    new: str

    @property
    def room(self) -> str:
        """The folder of the file."""
        return self.file.partition("/")[0]


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """All faults of a file, room by room."""
    rooms = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Fault(f"{room}/{name}", *change)
        for room, files in rooms.items()
        for name, some in files.items()
        for change in some
    ]


def tests_of(fault: Fault, *, own: bool = False, root: Path = ROOT) -> list[str]:
    """Paths of the tests of its room: those named after the changed file, those that import it, and all others.

    Args:
        fault: the fault.
        own: only the first of the three.
        root: folder with ``tests``.
    """
    module = fault.file.removesuffix(".py").replace("/", ".")
    stem = module.rpartition(".")[2]
    files = sorted((root / "tests" / fault.room).glob("test_*.py"))
    ranks = [0 if stem in path.stem else 1 if module in path.read_text(encoding="utf-8") else 2 for path in files]
    chosen = sorted((rank, path.relative_to(root).as_posix()) for rank, path in zip(ranks, files, strict=True))
    return [path for rank, path in chosen if not own or rank == 0]


def judged(fault: Fault, copy: Path, tests: list[str]) -> str:
    """``killed``, ``survived`` or ``stale``; the file of the copy is restored.

    Args:
        fault: the fault.
        copy: folder with ``mmkg`` and ``tests``.
        tests: paths of the tests to run, below ``copy``.
    """
    path = copy / "mmkg" / fault.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(fault.old) != 1:
        return "stale"
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    try:
        code = outcome_of(tests, copy)
    finally:
        path.write_text(text, encoding="utf-8")
    if code not in (0, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, -signal.SIGALRM):
        raise SystemExit(f"the tests of {fault.file} could not run: pytest ended with {code}")
    return "killed" if code else "survived"


def outcome_of(tests: list[str], copy: Path) -> int:
    """What pytest returns for some tests of a copy, in a process that has imported the packages already."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        signal.alarm(LIMIT)
        os.chdir(copy)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for name in [name for name in sys.modules if name.partition(".")[0] == "mmkg"]:
            del sys.modules[name]
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        code = int(pytest.main([*OPTIONS, *tests]))
    finally:
        os._exit(code)


def run(faults: list[Fault], copy: Path, *, own: bool = False) -> Iterator[tuple[Fault, str]]:
    """Each fault with what became of it."""
    for name in ("mmkg", "tests", "datasets", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    passed: list[list[str]] = []
    for fault in faults:
        tests = tests_of(fault, own=own)
        if sorted(tests) not in passed:
            if outcome_of(tests, copy):
                raise SystemExit(f"the tests of {fault.room} fail without a fault")
            passed.append(sorted(tests))
        yield fault, judged(fault, copy, tests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", help="rooms or files, e.g. losses or fusion/pool.py; default: all")
    parser.add_argument("--small", action="store_true", help=f"only {' and '.join(SMALL)}, by their own tests")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    wanted = SMALL if arguments.small else tuple(arguments.rooms)
    faults = [each for each in read_faults() if not wanted or each.room in wanted or each.file in wanted]
    if not faults:
        rooms = ", ".join(dict.fromkeys(each.room for each in read_faults()))
        parser.error(f"no fault in {', '.join(wanted)}; rooms: {rooms}")
    for name in BEFORE:
        import_module(name)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for fault, outcome in run(faults, Path(folder), own=arguments.small):
            found.append({"file": fault.file, "old": fault.old, "new": fault.new, "outcome": outcome})
            if not arguments.json and outcome != "killed":
                show(f"{outcome}: {fault.file}: {fault.old!r} -> {fault.new!r}", flush=True)
    outcomes = [each["outcome"] for each in found]
    numbers = {name: outcomes.count(name) for name in ("killed", "survived", "stale")}
    if arguments.json:
        show(json.dumps({**numbers, "faults": found}, indent=2))
    else:
        tried = max(len(outcomes) - numbers["stale"], 1)
        share = f"{100 * numbers['survived'] / tried:.1f} %"
        show(f"{numbers['killed']} of {tried} faults killed, {numbers['survived']} ({share}) survived")
    sys.exit(bool(numbers["stale"]))


if __name__ == "__main__":
    main()
