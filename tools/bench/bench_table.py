"""Makes the performance table of FIGURES.md from the JSON files of the benchmarks: their rows with ``headline``.

    make bench && python tools/bench/bench_table.py build/bench --write  # replaces the text between the two markers
    python tools/bench/bench_table.py build/bench --check                # fails if the page has other columns or rows

Without an option it prints the table. --check compares columns and stages, not sizes and figures, so that it also works
with quick runs (--small).
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import cell

PAGE = Path(__file__).parents[1] / "FIGURES.md"
MARKERS = ("<!-- bench -->", "<!-- /bench -->")
COLUMNS = {
    "bench": "bench",
    "stage": "what",
    "size": "size",
    "cpu_s": "CPU-s",
    "times_floor": "times its floor",
    "peak_rss_mb": "peak MB",
    "note": "",
}
VERSIONS = ("python", "torch", "torch-geometric", "faiss-cpu", "faiss-gpu", "numpy")


def main(argv: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", nargs="?", type=Path, default=Path("build/bench"), help="folder of the JSON files")
    options.add_argument("--page", type=Path, default=PAGE)
    action = options.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write the table into the page")
    action.add_argument("--check", action="store_true", help="fail if the table of the page has other columns or rows")
    args = options.parse_args(argv)
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(args.folder.glob("*.json"))]
    if not reports:
        raise SystemExit(f"expected JSON files of benchmarks in {args.folder}, found none; run make bench")
    made = markdown(reports)
    if not args.write and not args.check:
        print(made)
        return
    before, old, after = split(args.page.read_text(encoding="utf-8"), args.page)
    if args.check:
        complain(shape(old), shape(made), args.page)
    elif any(report["small"] for report in reports):
        raise SystemExit(f"{args.folder} contains quick runs (--small), which do not measure speed; run make bench")
    else:
        args.page.write_text(f"{before}{MARKERS[0]}\n{made}\n{MARKERS[1]}{after}", encoding="utf-8")


def markdown(reports: Sequence[Mapping[str, Any]]) -> str:
    """One line per machine with its versions, and the table."""
    machines = list(dict.fromkeys(described(report["machine"]) for report in reports))
    lines = [*(f"{line}." for line in machines), "", line_of(COLUMNS.values()), "|" + "---|" * len(COLUMNS)]
    for report in reports:
        for row in report["rows"]:
            if row.get("headline"):
                values = {**row, "bench": report["bench"]}
                lines.append(line_of(cell(values.get(name)).strip() for name in COLUMNS))
    return "\n".join(lines)


def described(machine: Mapping[str, Any]) -> str:
    """One line with the machine and the versions that affect speed."""
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in VERSIONS if name in machine["versions"])
    gpu = f", {machine['gpu']}" if machine.get("gpu") else ""
    threads = f"{machine['threads']} thread{'s' * (machine['threads'] > 1)}"
    return f"{machine['cpu']}{gpu}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, {threads}; {versions}"


def line_of(cells: Any) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


def split(text: str, path: Path) -> tuple[str, str, str]:
    """The text before, between and after the markers."""
    parts = re.split("|".join(map(re.escape, MARKERS)), text)
    if len(parts) != 3 or text.find(MARKERS[0]) > text.find(MARKERS[1]):
        raise SystemExit(f"expected {MARKERS[0]} and then {MARKERS[1]}, each once, in {path}")
    return parts[0], parts[1], parts[2]


def shape(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The columns, and each (bench, stage) once, in order."""
    rows = [[field.strip() for field in line.strip("|").split(" |")] for line in text.splitlines() if line[:1] == "|"]
    return (rows[0] if rows else []), list(dict.fromkeys((row[0], row[1]) for row in rows[2:]))


def complain(old: Any, new: Any, path: Path) -> None:
    """Exit with a message that names the differences."""
    if old[0] != new[0]:
        raise SystemExit(
            f"{path} has the columns {old[0]}, the benchmarks give {new[0]}; run tools/bench/bench_table.py --write"
        )
    gone, come = [each for each in old[1] if each not in new[1]], [each for each in new[1] if each not in old[1]]
    if gone or come:
        names = [", ".join(" ".join(each) for each in part) or "none" for part in (gone, come)]
        raise SystemExit(f"rows of {path} that no benchmark gives: {names[0]}; rows that it lacks: {names[1]}")


if __name__ == "__main__":
    main()
