"""Prints the modules that a call passes through, in the order in which they are first entered.

python tools/studies/call_path.py read_dbp15k
python tools/studies/call_path.py align --model propagation
python tools/studies/call_path.py learn
python tools/studies/call_path.py search

Only functions that are called count, not imports. With PYTHONPATH set to another checkout it shows the path there.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import mmkg

CALLS = ("read_dbp15k", "align", "learn", "search")


def modules_of(call: Callable[[], Any], inside: str = "") -> list[str]:
    """Modules of mmkg whose functions run during a call.

    Args:
        call: what to run.
        inside: name of a function; only what runs during its calls counts. Empty = the whole call.
    """
    found: dict[str, None] = {}
    depth = 0

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth
        name = frame.f_globals.get("__name__", "")
        if not str(name).startswith("mmkg") or event not in ("call", "return"):
            return
        at_start = frame.f_code.co_name == inside
        if event == "call":
            depth += at_start
            if (depth or not inside) and not frame.f_code.co_name.startswith("<module"):
                found.setdefault(str(name))
        else:
            depth -= at_start

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    return list(found)


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("call", choices=CALLS)
    options.add_argument("--model", default="mclea", help="model of align, learn and search")
    args = options.parse_args(arguments)
    task = mmkg.twin_graphs(60, seed=0)
    settings = {} if args.model == "propagation" else {"training": {"epochs": 1}}

    def align() -> mmkg.AlignmentResult:
        return mmkg.align(task, args.model, device="cpu", progress=False, settings=settings)

    with tempfile.TemporaryDirectory() as folder:
        result = align()  # also imports all that is imported late
        run = result.save(Path(folder) / "run")
        pair = mmkg.write_pair(task, Path(folder) / "pair", "dbp15k")
        mmkg.read_dbp15k(pair)
        calls: dict[str, Callable[[], Any]] = {
            "read_dbp15k": lambda: mmkg.read_dbp15k(pair),
            "align": align,
            "learn": align,
            "search": lambda: mmkg.AlignmentResult.load(run).search(0, k=3),
        }
        found = modules_of(calls[args.call], inside="learn" if args.call == "learn" else "")
    print(f"{args.call}: {len(found)} modules")
    for name in found:
        print(f"  {name}")


if __name__ == "__main__":
    main()
