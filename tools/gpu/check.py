"""Verifies and measures mmkg on a GPU in less than eight minutes, without network. One command: `make gpu`, or

    python tools/gpu/check.py --json gpu.json
    python tools/gpu/check.py --pair DBP15K/zh_en --only meaformer,search
    python tools/gpu/check.py --reduced            (on a CPU, small sizes; this is the default without CUDA)

It needs torch with CUDA and the packages that mmkg needs (numpy, scipy, torch-geometric, pydantic, networkx, pyyaml,
safetensors, threadpoolctl, tomli-w, typing-extensions); mmkg is taken from this checkout, installed or not. Without
network: `pip download -d wheels PACKAGES` elsewhere, then `pip install --no-index --find-links wheels PACKAGES`. FAISS
is optional; a wheel of faiss-gpu-cu12 adds its kinds on the GPU.

Each check runs in a process of its own with a limit of time. One that fails, crashes or hangs is a row with its reason,
and the others run. A row is `ok` or `failed` (a verification), `measured`, `missed` (a goal of speed) or `skipped`. The
exit code is 1 if a verification failed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, Path(__file__).resolve().parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402
from gpu_machine import facts, missing_packages  # noqa: E402
from gpu_rows import WORST, Row, Work, as_dict, failure  # noqa: E402

# name -> function, module, and limit of its seconds; in the order in which they run
CHECKS: dict[str, tuple[str, str, int]] = {
    "machine": ("gpu_machine", "check_machine", 60),
    "training": ("gpu_training", "check_training", 120),
    "waiting": ("gpu_training", "check_waiting", 60),
    "search": ("gpu_search", "check_search", 150),
    "propagation": ("gpu_propagation", "check_propagation", 90),
    "meaformer": ("gpu_whole", "check_meaformer", 150),
    "bfloat16": ("gpu_training", "check_bfloat16", 60),
    "determinism": ("gpu_training", "check_determinism", 60),
    "sentiment": ("gpu_sentiment", "check_sentiment", 90),
    "faiss": ("gpu_search", "check_faiss", 90),
}
BUDGET = 470
MARK = "ROW "
COLUMNS = ("check", "what", "status", "value", "expected", "seconds", "peak_mb", "note")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks, print the table and write the file; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write machine and rows to this file; - prints them, no table")
    parser.add_argument("--reduced", action="store_true", help="small sizes, all in this process; default without CUDA")
    parser.add_argument("--device", help="cpu or cuda; default: cuda where torch sees it")
    parser.add_argument("--only", default="", help=f"some of the checks, comma-separated: {','.join(CHECKS)}")
    parser.add_argument("--pair", type=Path, help="folder of a pair in DBP15K layout for the check meaformer")
    parser.add_argument("--budget", type=int, default=BUDGET, help="seconds of all checks together")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if absent := missing_packages():
        parser.error(f"mmkg needs these packages too: {' '.join(absent)}; see `--help` for machines without network")
    chosen = [name for name in args.only.split(",") if name] or list(CHECKS)
    if unknown := [name for name in chosen if name not in CHECKS]:
        parser.error(f"--only: unknown check {unknown[0]}; known: {', '.join(CHECKS)}")
    if args.pair is not None and not args.pair.is_dir():
        parser.error(f"--pair: expected a folder in DBP15K layout, {args.pair} is none")
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this torch sees no CUDA device; leave the option out to run the reduced form")
    reduced = args.reduced or device.type == "cpu"
    if args.child:
        in_this_process(args.child, device, reduced, args.pair, lambda row: _say(MARK + json.dumps(as_dict(row))))
        return 0
    about, rows = facts(device) | {"reduced": reduced}, list[Row]()
    deadline = time.monotonic() + args.budget
    for name in chosen:
        for row in run_check(name, device, reduced, args.pair, deadline - time.monotonic()):
            rows.append(row)
            if args.json != "-":
                print(line(row), flush=True)
    text = json.dumps({"machine": about, "rows": [as_dict(row) for row in rows]}, indent=1) + "\n"
    if args.json == "-":
        print(text, end="")
    else:
        if args.json:
            Path(args.json).parent.mkdir(parents=True, exist_ok=True)
            Path(args.json).write_text(text, encoding="utf-8")
        print(summary(about, rows))
    return int(any(row.status == "failed" for row in rows))


def run_check(name: str, device: torch.device, reduced: bool, pair: Path | None, left: float) -> Iterator[Row]:
    """Rows of one check: in this process if it is reduced, else in a process of its own."""
    limit = min(CHECKS[name][2], int(left))
    if limit <= 0:
        yield Row(name, "all", "skipped", note="the time of --budget is spent")
    elif reduced:
        found: list[Row] = []
        in_this_process(name, device, reduced, pair, found.append)
        yield from found
    else:
        words = [sys.executable, __file__, "--child", name, "--device", str(device)]
        yield from in_a_process(name, [*words, *(["--pair", str(pair)] if pair else [])], limit)


def in_this_process(
    name: str, device: torch.device, reduced: bool, pair: Path | None, sink: Callable[[Row], None]
) -> None:
    """Run a check; an exception is a row."""
    work = Work(name, device, reduced, pair, sink)
    module, function, _ = CHECKS[name]
    try:
        getattr(__import__(module), function)(work)
    except Exception as error:
        sink(failure(name, "all", error))


def in_a_process(name: str, words: Sequence[str], limit: int) -> Iterator[Row]:
    """Rows that a child prints; one more if it ran out of time or died."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit)
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, err, code = _text(late.stdout), _text(late.stderr), None
    for each in out.splitlines():
        if each.startswith(MARK):
            yield Row(**json.loads(each[len(MARK) :]))
    if code != 0:
        last = (err.strip().splitlines() or ["no message"])[-1][:300]
        why = f"not done after {limit} s" if code is None else f"the process ended with code {code}: {last}"
        yield Row(name, "all", "skipped" if code is None else "failed", note=why, trace=err[-8000:])


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _say(text: str) -> None:
    print(text, flush=True)


def line(row: Row) -> str:
    """A row as one line of text."""
    spent = "" if row.seconds is None else f"  {row.seconds:.3g} s"
    spent += "" if row.peak_mb is None else f"  {row.peak_mb:,.0f} MB"
    wanted = f" (expected {row.expected})" if row.expected else ""
    return f"{row.status:<8}  {row.check:<11}  {row.what}: {row.value}{wanted}{spent}  {row.note}".rstrip(" :")


def summary(about: dict[str, Any], rows: Sequence[Row]) -> str:
    """The machine, and the number of rows of each status."""
    gpu = about["gpu"]["name"] if about["gpu"] else "no GPU, reduced form"
    versions = ", ".join(f"{name} {found}" for name, found in about["versions"].items())
    counts = ", ".join(f"{n} {status}" for status in WORST if (n := sum(row.status == status for row in rows)))
    return f"{gpu}; CUDA {about['cuda']}, {versions}\n{counts}"


if __name__ == "__main__":
    sys.exit(main())
