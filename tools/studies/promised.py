"""How often the precision that a run promises is kept: repetitions of synthetic twins with few known links.

Twins of several overlaps and noises are aligned by propagation or another model (``--model``), refined in four rounds,
each with so many validation links (``--links``), or so many links in all that are held out (``--own``). Precision is
that of the best answers of all left entities outside the known links; the truth is complete. A row is about one wanted
precision:

- ``promised`` runs, whose held-out links promise it: their mean and least precision, how many keep the promise, how
  many of all runs promise it and break the promise (5 % at most are to) with an exact 95 % interval, recall;
- ``others``: the same, promised by as many test links, drawn with replacement, which chose nothing in the run. If the
  choices of a run were why promises break, these would be kept. It is no check of runs whose neighbours are compared:
  these links were candidates there;
- ``all``: the same of all runs, by the threshold of ``--min-precision``, promised or not;
- ``expected``: the same by the threshold at which the mean confidence is the wanted precision, without a bound.

The last line is about the estimated share of entities with a counterpart: mean error, root of the mean squared error,
and how often the 95 % interval contains the truth. Examples::

    python tools/studies/promised.py --links 18,32,48
    python tools/studies/promised.py --own 18,48 --size 300 --repeat 12
    python tools/studies/promised.py --own 50,100 --model combined --repeat 24
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import beta

from mmkg.compute.seeding import numpy_generator
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import UsageError
from mmkg.matching.counterparts import Counterparts
from mmkg.matching.held_out import HeldOut, best_margins
from mmkg.pipeline import align
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.sources.synthetic import twin_graphs
from mmkg.typing import BoolArray, FloatArray

WANTED = (0.8, 0.9, 0.95)
OVERLAPS, NOISES = (0.4, 0.6, 0.8, 0.95), (0.1, 0.25, 0.4)
TRAINING = 0.3  # share of the links that are training links beside the validation links
HEADER = ("wanted", "rows", "runs", "precision", "least", "kept", "broken", "interval", "recall")


def pair(size: int, overlap: float, noise: float, links: int, *, own: bool, seed: int) -> AlignmentTask:
    """Twins, of whose links some are known."""
    task = twin_graphs(size, overlap=overlap, noise=noise, image_dim=0, names=False, seed=seed)
    drawn = numpy_generator(seed, "known links").permutation(task.links.all())
    train = links if own else round(TRAINING * len(drawn))
    valid = train if own else train + links
    return replace(task, links=LinkSplit(drawn[:train], drawn[train:valid], drawn[valid:]))


def measured(task: AlignmentTask, model: str, rounds: int) -> dict[str, Any]:
    """Thresholds of a run and its true precision above them, and its share of entities with a counterpart."""
    given = replace(task, links=replace(task.links, test=task.links.test[:0]), candidates="all")
    result = align(given, model, progress=False, device="cpu", settings={"refinement.rounds": rounds})
    learnt = result.counterparts
    assert learnt is not None
    margins, right, present = answers(result, task)
    found: dict[str, Any] = {"share": learnt.share, "true": float(present.mean()), "interval": learnt.interval}
    for wanted, (by, counterparts) in itertools.product(
        WANTED, {"promised": learnt, "others": by_others(result, task)}.items()
    ):
        rows = {"expected": expected(counterparts, wanted)} if by == "promised" else {}
        try:
            chosen = counterparts.threshold(wanted)
        except UsageError:  # it is not expected either
            continue
        rows |= {"all": chosen.value} if by == "promised" else {}
        rows |= {by: chosen.value} if chosen.bound >= wanted else {}
        for name, least in rows.items():
            kept = counterparts.calibration.predict(margins) >= least
            figures = ((right & kept).sum() / max(int(kept.sum()), 1), (right & kept).sum() / present.sum())
            found[f"{wanted} {name}"] = tuple(map(float, figures))
    return found


def by_others(result: AlignmentResult, task: AlignmentTask) -> Counterparts:
    """What as many test links say as were held out, drawn with replacement."""
    learnt, links = result.counterparts, task.links.test
    assert learnt is not None and learnt.prior is not None
    drawn = numpy_generator(result.experiment.seed, "other links").integers(len(links), size=learnt.num_links)
    # each of the links by itself, so that one that is drawn twice counts twice
    held = result.calibration.sample_of(links)
    ends = np.concatenate([drawn, len(links) + drawn])
    sample = HeldOut(held.margins[ends], held.right[ends], held.present[ends])
    return Counterparts.of(sample, learnt.prior, learnt.answers, source=learnt.source)


def expected(learnt: Counterparts, wanted: float) -> float:
    """The lowest confidence down to which the mean confidence of answers is a wanted precision."""
    confidence = -np.sort(-learnt.calibration.predict(learnt.answers).astype(np.float64))
    means = np.cumsum(confidence) / np.arange(1, len(confidence) + 1)
    reached = np.flatnonzero(means >= wanted)
    return float(confidence[reached[-1]]) if len(reached) else float(confidence[0])


def answers(result: AlignmentResult, task: AlignmentTask) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Margin of the best answer of each left entity outside the known links, whether it is right, and whether the
    entity has a counterpart."""
    links, nearest = task.links, result.calibration.searcher.nearest
    rows = np.setdiff1d(np.arange(task.left.num_entities), np.concatenate([links.train, links.valid])[:, 0])
    gold = np.full(task.left.num_entities, -2)
    gold[links.test[:, 0]] = links.test[:, 1]
    found = nearest(rows, 2, "left")
    return best_margins(rows, found, nearest), found.ids[:, 0] == gold[rows], gold[rows] >= 0


def share_interval(number: int, of: int) -> tuple[float, float]:
    """Exact 95 % interval of a share."""
    low = beta.ppf(0.025, number, of - number + 1) if number else 0.0
    return float(low), float(beta.ppf(0.975, number + 1, of - number)) if number < of else 1.0


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Rows of all wanted precisions, and a line about the share."""
    rows = []
    for wanted, name in itertools.product(WANTED, ("promised", "others", "all", "expected")):
        figures = np.array([run[f"{wanted} {name}"] for run in runs if f"{wanted} {name}" in run]).reshape(-1, 2)
        if len(figures):
            precision, recall = figures.T
            broken = int((precision < wanted).sum())
            numbers = (precision.mean(), precision.min(), (precision >= wanted).mean(), broken / len(runs))
            between = "-".join(f"{end:.3f}" for end in share_interval(broken, len(runs)))
            shown = [f"{number:.3f}" for number in numbers]
            rows.append([f"{wanted:g}", name, str(len(figures)), *shown, between, f"{recall.mean():.3f}"])
    errors = np.array([run["share"] - run["true"] for run in runs])
    covered = np.mean([run["interval"][0] <= run["true"] <= run["interval"][1] for run in runs])
    share = f"share: mean error {errors.mean():+.3f}, RMSE {np.sqrt((errors**2).mean()):.3f}, covered {covered:.2f}\n"
    return text_table(HEADER, rows, left=[1]) + share


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", default="18,32,48", help="numbers of validation links, comma-separated")
    parser.add_argument("--own", help="numbers of links in all, comma-separated, instead of validation links")
    parser.add_argument("--size", type=int, default=500, help="entities of each side")
    parser.add_argument("--repeat", type=int, default=36, help="runs")
    parser.add_argument("--model", default="propagation", help="propagation (default), combined or another model")
    parser.add_argument("--rounds", type=int, default=4, help="of refinement")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--small", action="store_true", help="three runs of 100 entities, not refined")
    args = parser.parse_args(arguments)
    size, repeat, rounds = (100, 3, 0) if args.small else (args.size, args.repeat, args.rounds)
    if args.own and max(map(int, args.own.split(","))) >= (least := round(min(OVERLAPS) * size)):
        parser.error(
            f"twins of {size} entities have {least} links at least, and some must be left to judge; see --size"
        )
    cases = itertools.product(OVERLAPS, NOISES, map(int, (args.own or args.links).split(",")))
    runs = [
        measured(pair(size, overlap, noise, links, own=bool(args.own), seed=args.seed + number), args.model, rounds)
        for number, (overlap, noise, links) in enumerate(itertools.islice(itertools.cycle(list(cases)), repeat))
    ]
    known = f"{args.own} links of one's own" if args.own else f"{args.links} validation links"
    print(f"{args.model}, {len(runs)} pairs of {size} twins, {known}, seeds {args.seed} to {args.seed + len(runs) - 1}")
    print(table(runs), end="")


if __name__ == "__main__":
    main()
