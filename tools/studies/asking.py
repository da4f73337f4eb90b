"""Which pairs to ask about: recall over the number of answers, by the order of questions.

A run starts from a few links. In each round it gives a batch of pairs, the truth answers yes or no, and the pair is
aligned again: a yes is a known link, a no is never matched. All links are learnt from, none judges. Pairs of two
entities without a true link, which may be right, are not part of a batch. Orders:

- ``random``: matches of the run in random order;
- ``margin``: the smallest margin first, among the best candidates of all open entities;
- ``unsure``: probable but not sure, by the confidence squared and the doubt that is left;
- ``probable``: the largest confidence first;
- ``gain``: by confidence and number of neighbours;
- ``ask``: ``mmkg ask``, the same without pairs that are like another one of the batch.

``recall`` is the share of the true links among the known links and the matches of the run, ``recall, sure`` and
``precision`` are those at the threshold of the run. With ``--reach`` the last lines say after how many answers a recall
is reached, interpolated between two rounds. The pair ``twins:400:0.3`` is planted, 400 entities per side with noise 0.3
and overlap 0.8, another one for each seed. Examples::

    python tools/studies/asking.py emoji-zh-en --start 20 --batch 50 --modalities structure,relation,attribute
    python tools/studies/asking.py twins:400:0.3 --start 10 --batch 20 --seeds 0,1 --set refinement.rounds=2
    python tools/studies/asking.py left.nt right.nt --gold gold.tsv --start 5 --batch 10 --rounds 3 --reach 0.9,0.95
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmkg.compute.seeding import numpy_generator
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.loading import load
from mmkg.pipeline import align
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.review.ask import best_first, gains, varied
from mmkg.review.open_pairs import OpenPairs
from mmkg.search.never import is_in
from mmkg.settings import with_settings
from mmkg.sources.synthetic import twin_graphs
from mmkg.typing import BoolArray, FloatArray, IntArray

COLUMNS = ("order", "seed", "answers", "yes", "recall", "recall, sure", "precision", "CPU-s")
NONE = np.empty((0, 2), np.int64)

Order = Callable[[AlignmentResult, int, IntArray, IntArray, np.random.Generator], IntArray]


def judged(pairs: IntArray, links: IntArray) -> BoolArray:
    """Which pairs have an entity of which the truth is known."""
    found: BoolArray = np.isin(pairs[:, 0], links[:, 0]) | np.isin(pairs[:, 1], links[:, 1])
    return found


def open_pairs(result: AlignmentResult, known: IntArray, links: IntArray) -> OpenPairs:
    """Best candidates of the entities that are in no known link, as far as the truth can judge them."""
    is_open = []
    for place, side in enumerate(("left", "right")):
        rows = np.zeros(len(result.entities[place].labels), bool)
        rows[result.embeddings.rows(side)] = True
        rows[known[:, place]] = False
        is_open.append(rows)
    found = OpenPairs.of(result, is_open)
    some = judged(found.pairs, links)
    columns = {name: getattr(found, name)[some] for name in ("pairs", "confidence", "margin", "rival", "neighbors")}
    return OpenPairs(**columns, against={name: prefers[some] for name, prefers in found.against.items()})


def in_random_order(
    result: AlignmentResult, batch: int, known: IntArray, links: IntArray, random: np.random.Generator
) -> IntArray:
    """Matches of the run."""
    found = result.matching.pairs
    found = found[~(np.isin(found[:, 0], known[:, 0]) | np.isin(found[:, 1], known[:, 1]))]
    found = found[judged(found, links)]
    return found[random.permutation(len(found))[:batch]]


def by_value(value: Callable[[OpenPairs], FloatArray]) -> Order:
    """An order by the value of each pair, the largest first."""

    def order(
        result: AlignmentResult, batch: int, known: IntArray, links: IntArray, random: np.random.Generator
    ) -> IntArray:
        found = open_pairs(result, known, links)
        return found.pairs[best_first(found.pairs, value(found))[:batch]]

    return order


def as_the_command(
    result: AlignmentResult, batch: int, known: IntArray, links: IntArray, random: np.random.Generator
) -> IntArray:
    """As ``mmkg ask``."""
    found = open_pairs(result, known, links)
    return found.pairs[varied(result, found.pairs, gains(found), batch)]


ORDERS: Mapping[str, Order] = {
    "random": in_random_order,
    "margin": by_value(lambda found: -np.abs(found.margin)),
    "unsure": by_value(lambda found: found.confidence**2 * (1.02 - found.confidence)),
    "probable": by_value(lambda found: found.confidence),
    "gain": by_value(gains),
    "ask": as_the_command,
}


def task_of(pair: Sequence[str], gold: str | None, seed: int) -> AlignmentTask:
    """The pair; planted twins are drawn by the seed."""
    if pair[0].startswith("twins:"):
        size, noise = pair[0].split(":")[1:]
        return twin_graphs(int(size), noise=float(noise), overlap=0.8, seed=seed)
    place = pair[0] if len(pair) == 1 else tuple(pair)
    return load(place) if gold is None else load(place, links=gold)


def replay(task: AlignmentTask, order: str, seed: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row per round: the run before any question, and after each batch of answers."""
    links, random = task.links.all(), numpy_generator(seed, "answers")
    known = links[numpy_generator(seed, "own links").permutation(len(links))[: args.start]]
    never, answers, yes, found = NONE, 0, 0, []
    settings = with_settings({"data": {"valid_ratio": 0}}, args.set or [])
    for number in range(args.rounds + 1):
        start = time.process_time()
        now = replace(task, links=LinkSplit(known, NONE, NONE), candidates="all", never=never)
        result = align(now, args.model, seed=seed, modalities=args.modalities, settings=settings, progress=False)
        matches, sure = result.linked(threshold=0).pairs, result.linked().pairs
        right = int(is_in(sure, links).sum())
        values = (int(is_in(matches, links).sum()) / len(links), right / len(links), right / max(len(sure), 1))
        if number < args.rounds:
            pairs = ORDERS[order](result, args.batch, known, links, random)
        seconds = time.process_time() - start
        found.append(dict(zip(COLUMNS, (order, seed, answers, yes, *values, seconds), strict=True)))
        if number < args.rounds:
            true = is_in(pairs, links)
            known, never = np.concatenate([known, pairs[true]]), np.concatenate([never, pairs[~true]])
            answers, yes = answers + len(pairs), yes + int(true.sum())
    return found


def answers_to_reach(rows: Sequence[Mapping[str, Any]], recall: float) -> float | None:
    """Number of answers after which a recall is reached, interpolated between two rounds; ``None`` = it is not."""
    if rows[0]["recall"] >= recall:
        return 0.0
    for before, after in zip(rows, rows[1:], strict=False):
        if after["recall"] >= recall:
            share = (recall - before["recall"]) / (after["recall"] - before["recall"])
            return float(before["answers"] + share * (after["answers"] - before["answers"]))
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or one JSON object per round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="+", help="a pair, or two graphs")
    parser.add_argument("--gold", help="file of the true links of two graphs")
    parser.add_argument("--start", type=int, default=20, help="known links at the beginning")
    parser.add_argument("--batch", type=int, default=50, help="pairs per round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--orders", default=",".join(ORDERS), help="comma-separated")
    parser.add_argument("--seeds", default="0", help="random seeds, comma-separated")
    parser.add_argument("--model", default="propagation")
    parser.add_argument("--modalities", default="", help="comma-separated; empty = all")
    parser.add_argument("--reach", default="", help="recalls, comma-separated")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting of all runs")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    args.modalities = [name for name in args.modalities.split(",") if name]
    tasks = {seed: task_of(args.pair, args.gold, seed) for seed in map(int, args.seeds.split(","))}
    rows, lines = [], []
    for order in args.orders.split(","):
        for seed, task in tasks.items():
            course = replay(task, order, seed, args)
            rows += course
            for recall in (float(each) for each in args.reach.split(",") if each):
                number = answers_to_reach(course, recall)
                after = "not reached" if number is None else f"after {number:.0f} answers"
                lines.append(f"{order}, seed {seed}: recall {recall:g} {after}")
            if args.json:
                print(*map(json.dumps, course), sep="\n", flush=True)
    if not args.json:
        shown = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in each.values()] for each in rows]
        print(f"{task.name}: {len(task.links.all()):,} true links, {args.start} known, {args.batch} answers per round")
        print(text_table(COLUMNS, shown, left=[0]), *lines, sep="\n")


if __name__ == "__main__":
    main()
