"""What a run says of entities without a counterpart, with the truth known: counterparts are removed from a pair.

Some test links lose their right entity and as many others their left one, with all triples, facts, names and images, so
that ``--share`` of the test entities that are left on each side have no counterpart. The run learns from the training
and validation links of the pair, or from ``--own`` true links alone, and matches all entities. Judged are the remaining
test entities, whose truth is known:

- ``links``: precision, recall and F1 of the links found for left ones, among all entities, at the threshold of the run;
- ``none``: precision, recall and F1 of the entities that are left without a link, left and right;
- ``AUC``: how often the best answer of an entity with a counterpart has a higher confidence than one without;
- ``share``: of left ones with a counterpart, estimated from their answers with its 95 % interval, and true;
- ``at .9``: true precision of their links above the threshold of a least precision of 0.9, the bound that held-out
  links promise for it, and recall.

Examples::

    python tools/studies/dangling.py DBP15K/zh_en --modalities structure,relation,attribute
    python tools/studies/dangling.py emoji-fr-en --models propagation+4 --own 20,50
    python tools/studies/dangling.py twins --small
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from growth import part_of

from mmkg.compute.seeding import numpy_generator
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import UsageError
from mmkg.evaluation import answers_to, counterpart_figures, roc_area
from mmkg.loading import load
from mmkg.matching.held_out import best_margins
from mmkg.matching.share import estimate_share
from mmkg.pipeline import align
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.settings import with_settings
from mmkg.sources.synthetic import twin_graphs
from mmkg.typing import IntArray

SIDES = ("left", "right")
NAMES = ("precision", "recall", "f1")
WANTED = 0.9
HEADER = (
    "model",
    "links",
    "links: P",
    "R",
    "F1",
    "none, left: P",
    "R",
    "F1",
    "AUC",
    "none, right: P",
    "R",
    "F1",
    "AUC",
)
LAST = ("share", "interval", "true", "at .9: P", "bound", "R", "CPU-s")


class Hidden(NamedTuple):
    """A pair without some counterparts.

    Args:
        task: the pair that a run reads.
        judged: the remaining test entities, left rows and right rows.
    """

    task: AlignmentTask
    judged: tuple[IntArray, IntArray]


def hidden(task: AlignmentTask, share: float, *, own: int = 0, seed: int = 0) -> Hidden:
    """Remove counterparts of test entities.

    Args:
        task: the pair with its true links.
        share: share in [0, 1) of the remaining test entities of each side that have no counterpart.
        own: number of true links, drawn at random, that the run is given; the others are test links. 0 = the split of
            the task.
        seed: random seed of what is removed, and of these links.
    """
    links = task.links
    if own:
        drawn = numpy_generator(seed, "own links").permutation(links.all())
        links = LinkSplit(drawn[:own], drawn[:0], drawn[own:])
    number = round(share / (1 + share) * len(links.test))
    order = numpy_generator(seed, "hidden counterparts").permutation(len(links.test))
    kept = [np.ones(graph.num_entities, bool) for graph in (task.left, task.right)]
    kept[0][links.test[order[:number], 0]] = False
    kept[1][links.test[order[number : 2 * number], 1]] = False
    place = [np.cumsum(mask) - 1 for mask in kept]
    left, right = (np.sort(place[side][(ends := links.test[:, side])[kept[side][ends]]]) for side in (0, 1))
    whole = [each[kept[0][each[:, 0]] & kept[1][each[:, 1]]] for each in (links.train, links.valid, links.test)]
    split = LinkSplit(*(np.stack([place[0][each[:, 0]], place[1][each[:, 1]]], axis=1) for each in whole))
    graphs = (part_of(task.left, kept[0]), part_of(task.right, kept[1]))
    return Hidden(replace(task, left=graphs[0], right=graphs[1], links=split, candidates="all"), (left, right))


def judged(result: AlignmentResult, links: IntArray, rows: tuple[IntArray, IntArray]) -> dict[str, Any]:
    """Figures of a run on entities whose truth is known.

    Args:
        result: the run, with confidences.
        links: the true links, ``[L, 2]``.
        rows: the left and the right entities that are judged.
    """
    confidences, learnt, matching = result.calibration, result.counterparts, result.matching
    assert learnt is not None and learnt.prior is not None
    found: dict[str, Any] = {}
    for side, known in zip(SIDES, rows, strict=True):
        ends = slice(None) if side == "left" else slice(None, None, -1)
        answers = answers_to(result.believed().pairs[:, ends], links[:, ends], known)
        area = roc_area(confidences.best_confidences(known, side), answers[2])
        found[side] = counterpart_figures(*answers) | {"auc": area}
        if side == "left":
            found["true share"] = float(answers[2].mean())
    nearest = confidences.searcher.nearest
    margins = best_margins(rows[0], nearest(rows[0], 2, "left"), nearest)
    found["share"] = estimate_share(margins, learnt.sample, learnt.prior, seed=result.experiment.seed)._asdict()
    try:
        chosen = learnt.threshold(WANTED)
    except UsageError:
        return found
    sure = answers_to(confidences.sure(matching, chosen.value).pairs, links, rows[0])
    found["sure"] = {"bound": chosen.bound, **{name: counterpart_figures(*sure)[name] for name in NAMES}}
    return found


def row(pair: Hidden, model: str, args: argparse.Namespace) -> dict[str, Any]:
    """Figures of one run."""
    start = time.process_time()
    name, _, rounds = model.partition("+")
    settings = with_settings({}, [*(args.set or []), *([f"refinement.rounds={rounds}"] if rounds else [])])
    test = pair.task.links.test
    task = replace(pair.task, links=replace(pair.task.links, test=test[:0])) if args.own != "0" else pair.task
    modalities = args.modalities.split(",") if args.modalities else ()
    result = align(task, name, modalities=modalities, seed=args.seed, settings=settings, progress=False)
    seconds = time.process_time() - start
    known = len(task.links.train) + len(task.links.valid)
    figures = judged(result, pair.task.links.all(), pair.judged)
    return {"model": model, "links": known, **figures, "cpu": round(seconds, 1)}


def cells(values: dict[str, Any]) -> list[str]:
    """A row of the table."""
    left, right, share, sure = (values.get(name, {}) for name in ("left", "right", "share", "sure"))
    none = [f"none_{name}" for name in NAMES]
    numbers = [left[name] for name in (*NAMES, *none, "auc")] + [right[name] for name in (*none, "auc")]
    numbers += [share["value"], values["true share"]]
    shown = [f"{number:.3f}" for number in numbers]
    shown.insert(-1, f"{share['low']:.2f}-{share['high']:.2f}")
    shown += [f"{sure[name]:.3f}" if sure else "-" for name in ("precision", "bound", "recall")]
    return [values["model"], str(values["links"]), *shown, f"{values['cpu']:.0f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or one JSON object per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", help="a folder, the name of an embedded pair, or twins")
    parser.add_argument("--share", type=float, default=0.3, help="of the test entities that have no counterpart")
    parser.add_argument("--own", default="0", help="numbers of true links that a run is given, comma-separated")
    parser.add_argument(
        "--models", default="propagation,propagation+4,combined", help="propagation+4 = refined 4 times"
    )
    parser.add_argument("--modalities", default="", help="comma-separated; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting of all runs")
    parser.add_argument("--small", action="store_true", help="200 twins, propagation alone")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    task = twin_graphs(200, noise=0.1, image_dim=0) if args.pair == "twins" or args.small else load(args.pair)
    rows = []
    for own in args.own.split(","):
        pair = hidden(task, args.share, own=int(own), seed=args.seed)
        args.own = own
        for model in ("propagation",) if args.small else args.models.split(","):
            rows.append(row(pair, model, args))
            if args.json:
                print(json.dumps({"pair": task.name, "share": args.share, "seed": args.seed, **rows[-1]}), flush=True)
    if not args.json:
        sizes = " and ".join(f"{len(each):,}" for each in pair.judged)
        print(f"{task.name}, seed {args.seed}: {args.share:.0%} of {sizes} judged entities have no counterpart")
        print(text_table((*HEADER, *LAST), [cells(each) for each in rows], left=[0]), end="")


if __name__ == "__main__":
    main()
