"""Runs experiments and prints their figures next to published figures and those of the published code.

An experiment is a TOML file: a title, a pair (embedded, or a folder below --data), seeds, the full configuration, and
either figures to compare with, each with its source and what differs, or a group. The groups and the figures that stand
beside them are those of published.toml; a group holds rows that may be compared, e.g. only models that rank each entity
by itself. The seed determines the split and the training. A file of names (data.names) is given relative to the folder
of the pair.

python tools/studies/reproduce.py                                   # lists the experiments
python tools/studies/reproduce.py mclea_zh_en_epoch50 --seeds 0     # runs one of them, or your own file
python tools/studies/reproduce.py --group zh_en_by_itself           # the rows of one group
python tools/studies/reproduce.py --all --json build/reproduce.json # the whole page

The page can be made in pieces, also on several machines: ``--from FILE`` takes the runs of an earlier ``--json`` that
have the same pair, settings and seed, and only the others are made.
"""

import argparse
import json
import os
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from sweep import cell, spread

from mmkg.config.experiment import Experiment
from mmkg.loading import EMBEDDED, load
from mmkg.pipeline import align
from mmkg.settings import with_settings

FOLDER = Path(__file__).parent / "experiments"
PUBLISHED = Path(__file__).parent / "published.toml"
DATA = Path(os.environ.get("MMKG_DATA", Path(__file__).parents[3] / "shared" / "data"))
COLUMNS = ("hits@1", "hits@10", "mrr")
DIRECTIONS = {"l2r": "left_to_right", "r2l": "right_to_left"}
KEYS = {"title", "pair", "seeds", "experiment"}


def read(path: Path) -> dict[str, Any]:
    """Reads an experiment file and checks its configuration, group and published figures."""
    with path.open("rb") as opened:
        values = tomllib.load(opened)
    if set(values) not in (KEYS | {"beside"}, KEYS | {"group"}):
        wanted = ", ".join(sorted(KEYS))
        raise SystemExit(f"{path}: expected the keys {wanted}, and beside or group, got {', '.join(sorted(values))}")
    known = groups()
    if "group" in values and values["group"] not in known:
        raise SystemExit(f"{path}: no group {values['group']!r} in {PUBLISHED.name}; known groups: {', '.join(known)}")
    checked(path, values.get("beside", []))
    Experiment.of(values["experiment"])
    return values


def groups() -> dict[str, dict[str, Any]]:
    """The groups of ``published.toml`` by name, in their order."""
    with PUBLISHED.open("rb") as opened:
        found: dict[str, dict[str, Any]] = tomllib.load(opened)
    for name, group in found.items():
        if not {"title", "about"} <= set(group) <= {"title", "about", "beside"}:
            raise SystemExit(f"{PUBLISHED}: {name}: expected title, about and beside, got {', '.join(group)}")
        checked(PUBLISHED, group.get("beside", []))
    return found


def checked(path: Path, beside: Sequence[Mapping[str, Any]]) -> None:
    """Each published figure says where it is from and what differs."""
    for row in beside:
        if unknown := set(row) - {"what", "source", "differs", "direction", *COLUMNS}:
            raise SystemExit(f"{path}: unknown keys {', '.join(sorted(unknown))} in [[beside]]")
        if not row.get("source") or not row.get("differs") or row.get("direction", "l2r") not in DIRECTIONS:
            raise SystemExit(
                f"{path}: each [[beside]] needs a source, a direction ({', '.join(DIRECTIONS)}) and differs"
            )


def run(
    values: Mapping[str, Any],
    seeds: Sequence[int],
    data: Path,
    settings: Sequence[str] = (),
    earlier: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Figures of every seed among both kinds of candidates, its CPU-seconds, and the protocol of the last run.

    Args:
        values: of the experiment file.
        seeds: of the runs.
        data: folder with the pairs.
        settings: that override those of the file.
        earlier: runs of an earlier call; one with the same pair, settings and seed is taken.
    """
    source = values["pair"] if values["pair"] in EMBEDDED else data / values["pair"]
    found: dict[str, Any] = {"title": values["title"], "seeds": list(seeds), "runs": []}
    for seed in seeds:
        began = time.process_time()
        experiment = Experiment.of(with_settings({**values["experiment"], "seed": seed}, settings))
        what = {"pair": values["pair"], "experiment": json.loads(json.dumps(experiment.to_dict()))}
        each = next((dict(one) for one in earlier if {key: one[key] for key in what} == what), None)
        if each is None:
            if experiment.data.names:
                names = str(Path(source) / experiment.data.names)
                experiment = replace(experiment, data=replace(experiment.data, names=names))
            task = load(source, experiment.data, seed=seed)
            result = align(task, experiment=experiment, ranks_only=True, progress=None)
            each = {"metrics": result.metrics, "cpu_s": time.process_time() - began}
            each |= {"all": result.evaluate(candidates="all"), "protocol": result.protocol.describe(), **what}
            print(f"{values['title']}, seed {seed}: {result.metrics['left_to_right']}", file=sys.stderr, flush=True)
        found["runs"].append(each)
        found["protocol"] = each["protocol"]
    return found


def made(path: Path) -> list[dict[str, Any]]:
    """The runs in a file that ``--json`` wrote."""
    wanted = {"pair", "experiment", "metrics", "all", "cpu_s", "protocol"}
    try:
        runs = [each for found in json.loads(path.read_text(encoding="utf-8")) for each in found["runs"]]
        lacking = [", ".join(sorted(wanted - set(each))) for each in runs if not wanted <= set(each)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: expected a file that --json wrote: {error}") from None
    if lacking or not runs:
        raise SystemExit(
            f"{path}: expected a file that --json wrote, got {f'runs without {lacking[0]}' if runs else 'no run'}"
        )
    return runs


def figures(found: Mapping[str, Any], metrics: str, direction: str, column: str) -> str:
    """Mean and deviation of a figure over the runs of an experiment."""
    values = [each[metrics][direction][column] for each in found["runs"]]
    return cell(mean(values), spread(values))


def table(title: str, about: str, runs: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, Any]]) -> str:
    """Our figures in both directions, then the figures to compare with.

    Args:
        title: heading of the table.
        about: what its rows have in common.
        runs: results of ``run``, one row each way.
        beside: published figures, each with its source and what differs.
    """
    lines = [f"## {title}", "", *([about, ""] if about else [])]
    lines += [f"Protocol of {found['title']}: {found['protocol']}.\n" for found in runs]
    lines += ["| | direction | H@1 | H@10 | MRR | H@1 among all | source, and what differs |", "|---" * 7 + "|"]
    for found in runs:
        cost = mean(each["cpu_s"] for each in found["runs"])
        for short, direction in DIRECTIONS.items():
            cells = [figures(found, "metrics", direction, column) for column in COLUMNS]
            cells.append(figures(found, "all", direction, "hits@1"))
            what = "ours" if len(runs) == 1 else found["title"]
            note = f"mmkg, seeds {', '.join(map(str, found['seeds']))}; {cost:,.0f} CPU-s each"
            lines.append(f"| **{what}** | {short} | {' | '.join(cells)} | {note} |")
    for row in beside:
        cells = [f"{row[column]:.3f}" if column in row else "" for column in COLUMNS]
        note = f"{row['source']}; {row['differs']}"
        lines.append(f"| {row['what']} | {row.get('direction', 'l2r')} | {' | '.join(cells)} |  | {note} |")
    return "\n".join(lines) + "\n"


def gathered(paths: Sequence[Path]) -> list[tuple[str, str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Title, text, experiments and published rows of each table, in the order of ``published.toml``."""
    files = [read(path) for path in paths]
    tables = [(values["title"], "", [values], values["beside"]) for values in files if "beside" in values]
    for name, group in groups().items():
        if inside := [values for values in files if values.get("group") == name]:
            tables.append((group["title"], group["about"], inside, group.get("beside", [])))
    return tables


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", help="names of files in tools/studies/experiments, or paths")
    parser.add_argument("--all", action="store_true", help="every file in tools/studies/experiments")
    parser.add_argument("--group", action="append", default=[], help="the experiments of a group; repeatable")
    parser.add_argument("--seeds", help="comma-separated seeds, instead of those in the file")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the pairs; default: $MMKG_DATA")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    parser.add_argument("--json", type=Path, help="also write the figures of every seed to this file")
    parser.add_argument(
        "--from",
        type=Path,
        action="append",
        default=[],
        dest="earlier",
        metavar="FILE",
        help="runs of an earlier --json",
    )
    args = parser.parse_args(argv)
    earlier = [each for path in args.earlier for each in made(path)]
    known = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if not (args.experiments or args.all or args.group):
        for name, path in known.items():
            print(f"{name:<40}{read(path)['title']}")
        return
    if unknown := [name for name in args.group if name not in groups()]:
        parser.error(f"no group {unknown[0]!r}; known groups: {', '.join(groups())}")
    paths = list(known.values()) if args.all else [known.get(name, Path(name)) for name in args.experiments]
    paths += [path for path in known.values() if not args.all and read(path).get("group") in args.group]
    for path in paths:
        if not path.is_file():
            parser.error(f"no experiment {str(path)!r}; known experiments: {', '.join(known)}")
    results = []
    for title, about, experiments, beside in gathered(paths):
        rows = []
        for values in experiments:
            seeds = [int(text) for text in args.seeds.split(",")] if args.seeds else values["seeds"]
            rows.append(run(values, seeds, args.data, args.set, earlier))
            results.append(rows[-1])
            if args.json:
                args.json.parent.mkdir(parents=True, exist_ok=True)
                args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(table(title, about, rows, beside), flush=True)


if __name__ == "__main__":
    main()
