"""Where pseudo-links may come from: how many of them are right, and what a round that learns from them gives.

``combined`` learns once from the training links. Each source then gives pseudo-links between entities that are in
none of them, and one more round learns from them, every time from the same state::

    joint             Sinkhorn on the embeddings of the run: what ``--iterative`` learns from
    mutual            the same embeddings, mutual nearest neighbours
    neighbours        the same embeddings, fused Gromov-Wasserstein steps
    two               pairs that two of label propagation, the trained model and the run find, each by Sinkhorn
    both              pairs that label propagation and the trained model find
    right             the right ones of ``joint``: reads test links, to show what the wrong ones cost

Precision is the share of right ones among the pairs that contain an entity of a validation link, and among those that
contain an entity of any link that is not learnt from. The first table has that of the pairs of ``joint``, by how many
of the two models find them, too. Nothing is chosen on test links. CPU-s is that of the round. Example, a table of
FIGURES.md::

    python tools/studies/pseudo_links.py emoji-fr-en --modalities structure,relation,attribute
"""

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from few_seeds import given, place_of
from torch import Tensor

from mmkg.config.experiment import Experiment
from mmkg.data.task import AlignmentTask
from mmkg.evaluation import evaluate_sample
from mmkg.learners.combined import Combined
from mmkg.learners.learn import refined
from mmkg.learners.setting import Learned, Learner, Setting
from mmkg.learners.validation import free_entities
from mmkg.loading import load
from mmkg.matching import MATCHERS, among
from mmkg.report import Stopwatch
from mmkg.settings import with_settings
from mmkg.training.bootstrap import precision_on
from mmkg.typing import IntArray

MEMBERS = ("propagation", "trained")
MATCHER = {"mutual": "mutual", "neighbours": "gromov-wasserstein"}
SOURCES = ("joint", *MATCHER, "two", "both", "right")


class Rounds:
    """``combined``, refined and compared as in a run, and what each of its two models embedded last."""

    def __init__(self, task: AlignmentTask, experiment: Experiment) -> None:
        self.task, self.experiment = task, experiment
        self.setting = Setting(task, experiment, torch.device("cpu"), Stopwatch())
        self.base = Combined(self.setting)
        self.learner = refined(self.setting, self.base)
        self.judge = self.setting.judge()
        self.last: dict[str, Learned] = {}
        models: tuple[Learner, ...] = (self.base.propagated, self.base.trained)
        for name, model in zip(MEMBERS, models, strict=True):
            vars(model)["embed"] = self._remembered(name, model.embed)
        self.base._first = None  # so that label propagation embeds in the next call
        self.first = self.learner.embed(task.links.train)
        self.free = [np.flatnonzero(rows) for rows in free_entities(task)]
        self.state = copy.deepcopy(self.base.trained.model.state_dict()), self.base.calls, self.base.trained.calls

    def _remembered(self, name: str, embed: Callable[[IntArray], Learned]) -> Callable[[IntArray], Learned]:
        def remembered(links: IntArray) -> Learned:
            self.last[name] = embed(links)
            return self.last[name]

        return remembered

    def again(self, pairs: IntArray) -> Learned:
        """Learn from training links and pseudo-links, from the state after the first embedding."""
        weights, self.base.calls, self.base.trained.calls = self.state
        self.base.trained.model.load_state_dict(weights)
        return self.learner.embed(np.concatenate([self.task.links.train, pairs]))

    def matched(self, found: Learned, matcher: str = "sinkhorn") -> IntArray:
        """Pairs of free entities that a matcher finds, int64 ``[P, 2]``."""
        options: dict[str, Any] = self.experiment.search.matcher_options(matcher)
        options["never"] = among(self.task.never, *self.free)
        if MATCHERS[matcher].edges:
            graphs = zip((self.task.left, self.task.right), self.free, strict=True)
            options["edges"] = tuple(among(graph.triples[:, ::2], rows, rows) for graph, rows in graphs)
        sides: list[Tensor] = [side[rows] for side, rows in zip((found.left, found.right), self.free, strict=True)]
        matching = MATCHERS[matcher](
            *sides, csls_k=self.experiment.search.csls_k, kind="auto", device=self.setting.device, **options
        )
        return matching.named(*self.free).pairs

    def figures(self, found: Learned) -> tuple[float, float]:
        """MRR on validation links, and Hits@1 from left to right on test links, among their entities."""
        links = self.task.links.test
        rows = np.repeat(np.arange(len(links))[:, None], 2, axis=1)
        sides = found.left[links[:, 0]], found.right[links[:, 1]]
        csls_k = self.experiment.search.csls_k
        metrics = evaluate_sample(*sides, rows, rows, csls_k=csls_k, device=self.setting.device)
        valid = float("nan") if self.judge is None else self.judge(found.left, found.right)
        return valid, metrics["left_to_right"]["hits@1"]


def votes(pairs: IntArray, matchings: Sequence[IntArray]) -> IntArray:
    """How many of the matchings contain each pair, int64 ``[P]``."""
    size = 1 + max(int(each.max(initial=0)) for each in (pairs, *matchings))
    keys, others = pairs[:, 0] * size + pairs[:, 1], [each[:, 0] * size + each[:, 1] for each in matchings]
    found: IntArray = np.sum([np.isin(keys, other) for other in others], axis=0)
    return found


def drawn(rounds: Rounds, source: str, matchings: dict[str, IntArray]) -> IntArray:
    """The pseudo-links of a source; ``matchings`` has those of the run and of either model by Sinkhorn."""
    joint = matchings["joint"]
    if source in MATCHER:
        return rounds.matched(rounds.first, MATCHER[source])
    if source in ("two", "both"):
        some = list(matchings.values()) if source == "two" else [matchings[name] for name in MEMBERS]
        pairs = np.unique(np.concatenate(some), axis=0)
        return pairs[votes(pairs, some) >= 2]
    return joint[votes(joint, [rounds.task.links.all()]) > 0] if source == "right" else joint


def row(name: str, rounds: Rounds, pairs: IntArray) -> str:
    """Cells of the precision of pairs."""
    links = rounds.task.links
    rest = np.concatenate([links.valid, links.test])
    cells = []
    for known in (links.valid, rest):
        share, judged = precision_on(pairs, known)
        cells.append("-" if share is None else f"{share:.3f} of {judged:,}")
    return f"| {name} | {len(pairs):,} | {' | '.join(cells)} | {int((votes(pairs, [rest]) > 0).sum()):,} |"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en", help="an embedded pair, or a folder below $MMKG_DATA")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--modalities", type=lambda text: text.split(","), help="default: all of the pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    args = parser.parse_args(argv)

    experiment = Experiment.of(with_settings({"model": "combined", "seed": args.seed}, given(args)))
    rounds = Rounds(load(place_of(args.pair), experiment.data, seed=args.seed), experiment)
    matchings = {name: rounds.matched(rounds.last[name]) for name in MEMBERS}
    matchings["joint"] = joint = rounds.matched(rounds.first)
    found = votes(joint, [matchings[name] for name in MEMBERS])
    head = "pairs | right, validation | right, all | right ones |"
    print(f"| {args.pair}, pairs of joint that | {head}\n|---|---|---|---|---|")
    for number, text in enumerate(("neither model finds", "one finds", "both find")):
        print(row(text, rounds, joint[found == number]))
    print(f"\n| source | {head} validation MRR | H@1 | CPU-s |\n|---|---|---|---|---|---|---|---|")
    print("| no pseudo-links | 0 | - | - | - | {:.4f} | {:.3f} | - |".format(*rounds.figures(rounds.first)))
    for source in args.sources.split(","):
        pairs, start = drawn(rounds, source, matchings), time.process_time()
        valid, hits = rounds.figures(rounds.again(pairs))
        print(
            f"{row(source, rounds, pairs)} {valid:.4f} | {hits:.3f} | {time.process_time() - start:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
