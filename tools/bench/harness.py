"""Shared by every bench_*.py: options, machine facts, measured rates, timing, the table and the JSON file.

args = start(parser(__doc__))                       # --json FILE|-, --small, --threads N
flop_s = sgemm_rate()                               # rates for floors are measured in the same process
result, spent = measure(lambda: index.search(x), repeats=3)
rows = [row("search", "10k x 10k, d=300", spent, floor_cpu_s=flops / flop_s, kind="flat", headline=True)]
report("search", rows, args)
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from mmkg.compute.blas import blas_kernels
from mmkg.compute.products import add_product
from mmkg.report import peak_rss_mb
from mmkg.report.record import package_versions

T = TypeVar("T")
Spent = dict[str, float]
MEASURED = ("cpu_s", "wall_s", "floor_cpu_s", "times_floor", "peak_rss_mb", "above_mb")


def parser(doc: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", metavar="FILE", help="write the rows to this file; - prints them instead of the table")
    made.add_argument("--small", action="store_true", help="small sizes that take a few seconds, to test the benchmark")
    made.add_argument(
        "--threads", type=int, default=0, help="threads of torch, BLAS and FAISS; default: torch's default"
    )
    return made


def start(made: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options and set the number of threads; FAISS is loaded later and reads it from the environment."""
    args = made.parse_args(argv)
    if args.threads < 0:
        made.error(f"--threads: expected 1 or more, got {args.threads}")
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)
        torch.set_num_threads(args.threads)
        if "faiss" in sys.modules:
            sys.modules["faiss"].omp_set_num_threads(args.threads)
    return args


def machine() -> dict[str, Any]:
    """CPU, memory, threads, versions, and the kernel of each loaded BLAS library."""
    cpuinfo = Path("/proc/cpuinfo")
    names = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    model = next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), None)
    return {
        "cpu": model or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "blas": [f"{Path(each['library']).name} {each['version']} {each['kernel']}".strip() for each in blas_kernels()],
        "versions": {"python": platform.python_version(), **package_versions()},
    }


def sgemm_rate(device: str | torch.device = "cpu", *, size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations per CPU-second (per second on a GPU) of square float32 products on this machine.

    The faster of torch's product and mmkg's, which may use another BLAS library.
    """
    square, out = torch.randn(size, size, device=device), torch.empty(size, size, device=device)
    unit = "cpu_s" if torch.device(device).type == "cpu" else "wall_s"
    products = (lambda: torch.mm(square, square, out=out), lambda: add_product(out, square, square, beta=0))
    seconds = [measure(product, repeats=repeats, warmup=1, device=device)[1][unit] for product in products]
    return 2 * size**3 / min(seconds)


def gather_rate(picked: torch.Tensor | None = None, *, rows: int = 40_000, width: int = 300) -> float:
    """Bytes per CPU-second when reading selected rows of a float32 matrix and summing eight of them at a time."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(rows, width, generator=generator)
    if picked is None:
        picked = torch.randint(rows, (8 * rows,), generator=generator)
    starts = torch.arange(0, len(picked), 8)
    _, spent = measure(
        lambda: torch.nn.functional.embedding_bag(picked, table, starts, mode="sum"), repeats=5, warmup=1
    )
    return 4 * len(picked) * width / spent["cpu_s"]


def stream_rate(*, megabytes: int = 200) -> float:
    """Bytes per CPU-second, read and written, when adding one large array to another."""
    array = torch.zeros(megabytes * 250_000)
    total = torch.zeros_like(array)
    _, spent = measure(lambda: total.add_(array), repeats=5, warmup=1)
    return 3 * 4 * len(array) / spent["cpu_s"]


def measure(
    work: Callable[[], T], *, repeats: int = 1, warmup: int = 0, device: str | torch.device = "cpu"
) -> tuple[T, Spent]:
    """The last result of ``work``, and the median CPU- and wall-seconds and the memory of a call.

    ``peak_rss_mb`` is the peak resident memory of the process during the calls, ``above_mb`` its increase over the
    memory before. Where the peak cannot be reset (outside Linux), both refer to the whole process so far.
    """
    sync: Callable[[], object] = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    for _ in range(warmup):
        work()
    before = reset_peak()
    cpu, wall = [], []
    for _ in range(repeats):
        sync()
        begun = time.process_time(), time.perf_counter()
        result = work()
        sync()
        cpu.append(time.process_time() - begun[0])
        wall.append(time.perf_counter() - begun[1])
    peak = peak_rss_mb() or float("nan")
    return result, {
        "cpu_s": statistics.median(cpu),
        "wall_s": statistics.median(wall),
        "peak_rss_mb": peak,
        "above_mb": max(0.0, peak - before),
    }


def reset_peak() -> float:
    """Return freed memory to the system and reset the peak of resident memory; current resident memory in MB."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # otherwise glibc keeps freed memory
    except (OSError, AttributeError, TypeError):
        pass
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    return peak_rss_mb() or float("nan")


def row(
    stage: str, size: str, spent: Mapping[str, float], *, floor_cpu_s: float | None = None, **columns: Any
) -> dict[str, Any]:
    """One line of a report.

    Args:
        stage: measured step, the same text in every run.
        size: size of the input.
        spent: result of ``measure``.
        floor_cpu_s: minimum CPU-seconds: operations divided by ``sgemm_rate``, bytes divided by ``gather_rate``
            or ``stream_rate``.
        columns: any other JSON values. ``headline=True`` adds the row to the table of FIGURES.md, ``note`` is shown
            there too.
    """
    line = {"stage": stage, "size": size, **columns, **spent}
    if floor_cpu_s is not None:
        line |= {"floor_cpu_s": floor_cpu_s, "times_floor": spent["cpu_s"] / floor_cpu_s if floor_cpu_s else None}
    return line


def report(bench: str, rows: Sequence[Mapping[str, Any]], args: argparse.Namespace) -> None:
    """Print the table, and write ``{"bench", "machine", "small", "rows"}`` to the file of ``--json``."""
    values = {"bench": bench, "small": args.small, "machine": machine(), "rows": [_plain(each) for each in rows]}
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if args.json == "-":
        print(text, end="")
        return
    print(f"{bench}: {values['machine']['cpu']}, {values['machine']['threads']} threads")
    print(table(rows))
    if args.json:
        Path(args.json).parent.mkdir(parents=True, exist_ok=True)
        Path(args.json).write_text(text, encoding="utf-8")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Aligned columns, text left and numbers right; the columns of ``measure`` come last."""
    names = dict.fromkeys(key for each in rows for key in each if key != "headline")
    columns = [name for name in names if name not in MEASURED] + [name for name in MEASURED if name in names]
    number = [all(isinstance(each.get(name), int | float | None) for each in rows) for name in columns]
    cells = [columns, *([cell(each.get(name)) for name in columns] for each in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    return "\n".join(
        "  ".join(
            f"{text:{'>' if right else '<'}{w}}" for text, w, right in zip(line, widths, number, strict=True)
        ).rstrip()
        for line in cells
    )


def cell(value: Any) -> str:
    """A float with three digits, an empty text for ``None`` and NaN, anything else as text."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.{max(0, 3 - len(f'{abs(value):.0f}'))}f}" if abs(value) >= 1 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(line: Mapping[str, Any]) -> dict[str, Any]:
    """Values for JSON: NaN as ``None``, floats with six digits."""
    return {
        key: (None if value != value else float(f"{value:.6g}")) if isinstance(value, float) else value
        for key, value in line.items()
    }
