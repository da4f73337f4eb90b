"""Time a newcomer's path: from a machine that has Python to links on two CSV files, as docs/start/ describes it.

It makes an empty virtual environment, installs torch and a wheel of mmkg with the pinned versions and nothing from
pip's cache, writes the two files of docs/start/first.md, runs the commands of that page, and prints the seconds of
each step. The page in a browser, which waits for its reader, is left out::

    python -m build --wheel
    python tools/release/newcomer.py dist/mmkg-*.whl
"""

import argparse
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "start" / "first.md"
PINS = ROOT / "constraints.txt"
WAITS = "review"  # the command that serves a page until it is stopped


def files(page: str) -> dict[str, str]:
    """The CSV files of the page, by name: blocks that follow the name."""
    return dict(re.findall(r"^`([\w.]+\.csv)`[^\n]*\n\n```text\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL))


def commands(page: str) -> list[list[str]]:
    """The commands of the page as lists of words, in order, without those that wait for a reader."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for kind, text in blocks if not kind for line in text.splitlines()]
    return [words for words in lines if words[:1] == ["mmkg"] and words[1] != WAITS]


def table(steps: Iterable[tuple[str, float, float]]) -> str:
    """A row per step with its seconds and CPU-seconds, and the sum of both."""
    rows = [*steps]
    rows.append(("all", sum(each[1] for each in rows), sum(each[2] for each in rows)))
    return "\n".join(
        ["| step | seconds | CPU-seconds |", "|---|---|---|"]
        + [f"| {name} | {seconds:.1f} | {cpu:.1f} |" for name, seconds, cpu in rows]
    )


def timed(words: Sequence[str], folder: Path) -> tuple[float, float, str]:
    """Seconds, CPU-seconds and output of a command that is run in a folder; a failure ends the program."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("wheel", type=Path, help="a built wheel of mmkg")
    parser.add_argument("--python", default=sys.executable, help="the Python that makes the environment")
    given = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    torch = next(line for line in PINS.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bin_ = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(bin_ / "python"), "-m", "pip", "install", "-q", "--no-cache-dir", "-c", str(PINS)]
        for file, text in files(page).items():
            (folder / file).write_text(text, encoding="utf-8")
        path = [
            ("an empty environment", [given.python, "-m", "venv", str(folder / "venv")]),
            (f"`pip install {torch}`", [*pip, torch]),
            ("`pip install` of the wheel", [*pip, str(given.wheel.resolve())]),
            *((f"`{shlex.join(words)}`", [str(bin_ / words[0]), *words[1:]]) for words in commands(page)),
        ]
        steps = []
        for step, words in path:
            seconds, cpu, output = timed(words, folder)
            steps.append((step, seconds, cpu))
            print(f"== {step}\n{output}", file=sys.stderr)
    print(table(steps))


if __name__ == "__main__":
    main()
