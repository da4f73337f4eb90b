"""What graphs of one's own give with few links or none: links found and wrong links, by model and number of links.

Links are drawn at random from the true ones, and all of them are learnt from. ``found`` is the share of the true links
among those that the run gives, ``wrong`` the number of its links that contradict a true one, both at the threshold of
the run and without a threshold (``all``). Seeds are added with ``--seeds-from``; the number 0 needs them. Examples::

    python tools/studies/own_links.py emoji-fr-en --links 0,5,20,100 --seeds-from name --models auto
    python tools/studies/own_links.py left.nt right.nt --gold gold.tsv --links 5,20,100,all --models auto,propagation
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmkg.compute.seeding import numpy_generator
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.loading import load
from mmkg.pipeline import align
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.settings import with_settings
from mmkg.typing import IntArray

COLUMNS = ("model", "seed", "given", "found", "wrong", "found, all", "wrong, all", "CPU-s", "what the run says")


def drawn(task: AlignmentTask, number: str, seed: int) -> AlignmentTask:
    """The task with some of its links, all of which are training links."""
    links = task.links.all()
    chosen = links[numpy_generator(seed, "own links").permutation(len(links))]
    chosen = chosen if number == "all" else chosen[: int(number)]
    none = np.empty((0, 2), np.int64)
    return replace(task, links=LinkSplit(chosen, none, none), candidates="all")


def counted(result: AlignmentResult, links: IntArray, threshold: float | None) -> tuple[float, int]:
    """Share of the true links that a run gives, and the number of its links that contradict one."""
    true = set(map(tuple, links.tolist()))
    ends = [{link[side] for link in true} for side in (0, 1)]
    given = set(map(tuple, result.linked(threshold=threshold).pairs.tolist()))
    wrong = sum(pair not in true and (pair[0] in ends[0] or pair[1] in ends[1]) for pair in given)
    return len(true & given) / len(true), wrong


def row(task: AlignmentTask, number: str, model: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    start = time.process_time()
    name, _, refined = model.partition("+")
    settings = with_settings({}, [*(args.set or []), *([f"refinement.rounds={refined}"] if refined else [])])
    seeds = args.seeds_from.split(",") if args.seeds_from else ()
    result = align(drawn(task, number, seed), name, seed=seed, seeds_from=seeds, settings=settings, progress=False)
    seconds = time.process_time() - start
    links = task.links.all()
    (found, wrong), (all_found, all_wrong) = (counted(result, links, threshold) for threshold in (None, 0.0))
    chosen = result.experiment.model if name == "auto" else ""
    values = (model + (f" ({chosen})" if chosen else ""), seed, number, found, wrong, all_found, all_wrong, seconds)
    return dict(zip(COLUMNS, (*values, result.summary().text()), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or one JSON object per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="+", help="a pair, or two graphs")
    parser.add_argument("--gold", help="file of the true links of two graphs")
    parser.add_argument("--links", default="0,5,20,100,all", help="numbers of links, comma-separated")
    parser.add_argument("--models", default="auto", help="comma-separated; propagation+4 = refined in 4 rounds")
    parser.add_argument("--seeds", default="0", help="random seeds, comma-separated")
    parser.add_argument("--seeds-from", default="", help="name, image or both: also learn from what agrees in these")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting of all runs")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    place = args.pair[0] if len(args.pair) == 1 else tuple(args.pair)
    task = load(place, **({"links": args.gold} if args.gold else {}))
    rows = []
    for model in args.models.split(","):
        for number in args.links.split(","):
            if number == "0" and not args.seeds_from:
                continue
            for seed in map(int, args.seeds.split(",")):
                rows.append(row(task, number, model, seed, args))
                if args.json:
                    print(json.dumps(rows[-1]), flush=True)
    if not args.json:
        shown = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in each.values()] for each in rows]
        seeds = f"seed links from {args.seeds_from}" if args.seeds_from else "no seed links"
        print(f"{task.name}: {len(task.links.all())} true links, {seeds}")
        print(text_table(COLUMNS, shown, left=[0, 8]), end="")


if __name__ == "__main__":
    main()
