"""Compares the model that ``auto`` chooses with each single model, over pairs and numbers of known links.

``all`` keeps the split of a benchmark: Hits@1 is that of its test links, among their entities. A number is one of a
user's own links, all of which are learnt from, drawn with each seed from all known links; the others judge, among all
entities of the right graph. With 0, names give the seed links. Cost is CPU-seconds of the whole run. Examples::

    python tools/studies/auto.py emoji-fr-en --links 0,5,20,100,all --models auto,propagation,refined,combined --seeds 0
    python tools/studies/auto.py left.nt right.nt --gold gold.tsv --links 0,20 --set data.candidates=all

``refined`` is ``propagation`` with ``refinement.rounds=4``.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np

from mmkg.compute.seeding import numpy_generator
from mmkg.config.experiment import Experiment
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.loading import load
from mmkg.pipeline import align
from mmkg.settings import with_settings

REFINED = ("propagation", {"refinement.rounds": 4})


def measured(place: Any, links: str, model: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Hits@1 from left to right, CPU-seconds, and the model of one run."""
    name, settings = REFINED if model == "refined" else (model, {})
    own = links != "all"
    values = with_settings({"seed": seed}, args.set or [])
    if args.gold:
        values["data"] = {**values.get("data", {}), "links": args.gold}
    experiment = Experiment.of(values)
    task = load(place, experiment.data, seed=seed)
    task, rest = part(task, int(links), seed) if own else (task, task.links.test)
    seeds = "name" if links == "0" else ()
    start = time.process_time()
    result = align(
        task, name, experiment=experiment, settings=settings, seeds_from=seeds, ranks_only=True, progress=False
    )
    spent = time.process_time() - start
    metrics = result.evaluate(links=rest, candidates="all") if own else result.metrics
    chosen = result.experiment.model + ("+" if result.experiment.refinement.rounds else "")
    return {"hits": metrics["left_to_right"]["hits@1"], "seconds": spent, "chosen": chosen}


def part(task: AlignmentTask, number: int, seed: int) -> tuple[AlignmentTask, Any]:
    """The task with some of its links, all to learn from, and the other links."""
    known = task.links.all()
    drawn = known[numpy_generator(seed, "study").permutation(len(known))]
    none = np.empty((0, 2), np.int64)
    return replace(task, links=LinkSplit(drawn[:number], none, none), candidates="all"), drawn[number:]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="+", help="a pair, or two graphs")
    parser.add_argument("--gold", help="file of the true links of two graphs")
    parser.add_argument("--links", default="all", help="numbers of known links, comma-separated; all = the benchmark")
    parser.add_argument("--models", default="auto,propagation,refined,combined,meaformer,mclea")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    place = tuple(args.pair) if len(args.pair) > 1 else args.pair[0]
    rows = []
    for links in args.links.split(","):
        for model in args.models.split(","):
            runs = [measured(place, links, model, int(seed), args) for seed in args.seeds.split(",")]
            rows.append({"links": links, "model": model, "runs": runs})
            print(f"{links} links, {model}: {runs}", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"pair": args.pair, "rows": rows}))
        return
    print("| links | model | Hits@1 | per seed | CPU-s |\n|---|---|---|---|---|")
    for row in rows:
        runs = row["runs"]
        each = " ".join(f"{run['hits']:.3f}" for run in runs)
        took = ", ".join(sorted({run["chosen"] for run in runs}))
        model = f"{row['model']} ({took})" if row["model"] == "auto" else row["model"]
        cost = mean(run["seconds"] for run in runs)
        print(f"| {row['links']} | {model} | {mean(run['hits'] for run in runs):.3f} | {each} | {cost:.0f} |")


if __name__ == "__main__":
    main()
