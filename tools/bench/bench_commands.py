"""Measures whole commands, each in a process of its own: from files to links, and questions to a finished run.

The unit of the last column is one full product: the time to score every left entity with every right one at width
2,816, by this machine's matrix products. PAIR is a name or a folder, e.g. DBP15K/zh_en. With --runs FOLDER the run
folders are kept.

    python tools/bench/bench_commands.py DBP15K/zh_en --threads 1
    python tools/bench/bench_commands.py DBP15K/zh_en --only propagation,refined --threads 1
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import parser, report, row, sgemm_rate, start

MODALITIES = "structure,relation,attribute"
WIDTH = 2816  # of the joint vectors of propagation
REFINED = ("--set", "refinement.rounds=4")
ALIGN = {
    "propagation": ("--model", "propagation"),
    "refined": ("--model", "propagation", *REFINED),
    "combined": ("--model", "combined"),
}
STARTER = """
import os, sys, time
begun = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ), 0)
with open(sys.argv[1], "w") as file:
    print(used.ru_utime + used.ru_stime, time.perf_counter() - begun, used.ru_maxrss, file=file)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def main() -> None:
    made = parser(__doc__)
    made.add_argument("pair", nargs="?", default="emoji-zh-en", help="name or folder of a pair")
    made.add_argument("--only", default=",".join(ALIGN), help=f"models: {', '.join(ALIGN)}")
    made.add_argument("--modalities", default=MODALITIES, help="modalities of the runs")
    made.add_argument("--runs", type=Path, help="folder for the run folders; default: a temporary one")
    args = start(made)
    names = ["propagation"] if args.small else [name for name in args.only.split(",") if name]
    if unknown := [name for name in names if name not in ALIGN]:
        made.error(f"--only: expected {', '.join(ALIGN)}, got {unknown[0]}")
    environment = dict(os.environ) | ({"OMP_NUM_THREADS": str(args.threads)} if args.threads else {})
    with tempfile.TemporaryDirectory() as temporary:
        report("commands", measured(args, names, args.runs or Path(temporary), environment), args)


def measured(args: Any, names: list[str], folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of the report."""
    rows: list[dict[str, Any]] = []
    flop_s = sgemm_rate()
    for name in names:
        run = folder / name
        words = ["align", args.pair, *ALIGN[name], "--out", str(run), "--overwrite", "--json", "--modalities"]
        found, spent = mmkg([*words, args.modalities], environment)
        left, right, entity = sizes(run)
        product = 2.0 * left * right * WIDTH / flop_s
        size = f"{name}, {left:,} x {right:,}"
        test = json.loads(found)["test"]["left_to_right"]
        megabytes = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) / 1e6
        note = f"Hits@1 {test['hits@1']:.3f}, run folder {megabytes:,.0f} MB"
        more: dict[str, list[str]] = {
            "evaluate --candidates all --counterparts": ["--candidates", "all", "--counterparts", "--json"],
            "search": ["--entity", entity, "--json"],
            "match": ["--json"],
        }
        rows.append(line("align", size, spent, product, note, hits_at_1=test["hits@1"], folder_mb=megabytes))
        for what, options in more.items():
            spent = mmkg([what.split()[0], str(run), *options], environment)[1]
            rows.append(line(what, size, spent, product, ""))
    return rows


def line(stage: str, size: str, spent: dict[str, float], product: float, note: str, **more: Any) -> dict[str, Any]:
    """One row, with its cost in full products."""
    products = spent["cpu_s"] / product
    return row(
        stage,
        size,
        spent,
        headline=True,
        note="; ".join(filter(None, [note, f"{products:.1f} full products"])),
        products=products,
        **more,
    )


def sizes(run: Path) -> tuple[int, int, str]:
    """Number of left and right entities of a run, and the label of a left entity."""
    from mmkg import AlignmentResult

    result = AlignmentResult.load(run)
    return len(result.left), len(result.right), result.entities[0].labels[0]


def mmkg(words: list[str], environment: dict[str, str]) -> tuple[str, dict[str, float]]:
    """A command of mmkg: what it printed, and what it cost."""
    return command([sys.executable, "-m", "mmkg", *words], environment)


def command(words: list[str], environment: dict[str, str]) -> tuple[str, dict[str, float]]:
    """What a process printed, and its CPU-seconds, wall-seconds and peak memory.

    A small process starts it, because the peak of a process begins at that of the one that starts it.

    Raises:
        SystemExit: the process fails.
    """
    with tempfile.NamedTemporaryFile("r") as usage:
        starter = [sys.executable, "-S", "-c", STARTER, usage.name, *words]
        done = subprocess.run(starter, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed: {done.stderr.strip()[-500:]}")
        cpu, wall, peak = map(float, usage.read().split())
    return done.stdout, {"cpu_s": cpu, "wall_s": wall, "peak_rss_mb": peak * 1024 / 1e6}


if __name__ == "__main__":
    main()
