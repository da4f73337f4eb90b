"""What decisions of people do for confidences: an oracle decides some matches by the test links of a run.

Judged are the other matches of left entities with a test link, for which the truth is known. ``error`` is the
calibration error: the mean distance between confidence and share of right matches in ten bins; ``Brier`` the mean
squared one.

- ``links`` alone: the same decisions hold (accepted links are known, rejected ones matched no more), but confidences
  rest on held-out links and the run's own matches, as before;
- ``with decisions``: what was decided also corrects the confidences.

With ``--without-links`` the run forgets its validation links, as a run without known links.

Example::

    mmkg align emoji-fr-en --out RUN
    python tools/studies/decided.py RUN --decisions 20,50
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmkg.compute.seeding import numpy_generator
from mmkg.data.entities import is_among
from mmkg.decisions.decision import ACCEPT, REJECT, Decision
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.typing import BoolArray, FloatArray, IntArray

HEADER = ("decided", "which", "judged", "error", "Brier", "with decisions: error", "Brier")
BINS = 10


class Judged(NamedTuple):
    """Confidence and truth of matches.

    Args:
        confidence: float32 ``[J]``.
        right: bool ``[J]``.
    """

    confidence: FloatArray
    right: BoolArray

    @property
    def error(self) -> float:
        """Calibration error in ``BINS`` bins of equal width."""
        bins = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        gaps = np.bincount(bins, self.confidence, BINS) - np.bincount(bins, self.right, BINS)
        return float(np.abs(gaps).sum() / max(len(bins), 1))

    @property
    def brier(self) -> float:
        """Mean squared distance of confidence and truth."""
        return float(((self.confidence - self.right) ** 2).mean()) if len(self.right) else 0.0


def oracle(run: AlignmentResult, pairs: IntArray) -> list[Decision]:
    """Accepts the pairs ``[D, 2]`` that are test links, and rejects the others."""
    right = is_among(pairs, run.links.test).tolist()
    labels = [table.labels for table in run.entities]
    return [
        Decision(labels[0][left], labels[1][other], ACCEPT if fine else REJECT, "oracle")
        for (left, other), fine in zip(pairs.tolist(), right, strict=True)
    ]


def in_question(run: AlignmentResult) -> IntArray:
    """Places of the matches that nobody knows and a test link judges; the least sure first."""
    matching = run.matching
    assert matching.confidence is not None
    free = np.flatnonzero(~np.isin(matching.left, run.known[:, 0]) & np.isin(matching.left, run.links.test[:, 0]))
    return free[np.argsort(matching.confidence[free], kind="stable")]


def judged(run: AlignmentResult, about: IntArray, test: IntArray) -> Judged:
    """The matches of some left entities, judged by test links."""
    matching = run.matching
    assert matching.confidence is not None
    some = np.isin(matching.left, about)
    return Judged(matching.confidence[some], is_among(matching.pairs[some], test))


def rows_of(run: AlignmentResult, numbers: Sequence[int], *, seed: int) -> list[dict[str, Any]]:
    """A row for each number of decisions, about the least sure matches and about random ones."""
    order, found = in_question(run), []
    drawn = numpy_generator(seed, "decided matches").permutation(order)
    lefts, test = run.matching.left[order], run.links.test
    for number in numbers:
        for which, places in (("least sure", order[:number]), ("random", drawn[:number])):
            pairs = run.matching.pairs[places]
            decided = run.decided(oracle(run, pairs))
            others = np.setdiff1d(lefts, pairs[:, 0])
            plain, corrected = (judged(each, others, test) for each in (replace(decided, judged=None), decided))
            found.append(
                {
                    "decided": len(pairs),
                    "which": which,
                    "judged": len(plain.right),
                    "error": plain.error,
                    "brier": plain.brier,
                    "corrected_error": corrected.error,
                    "corrected_brier": corrected.brier,
                }
            )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("run", type=Path, help="folder of a run with test links")
    made.add_argument("--decisions", default="20,50", help="numbers of decisions")
    made.add_argument("--without-links", action="store_true", help="forget the validation links")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--json", action="store_true", help="print the rows as JSON")
    args = made.parse_args(argv)
    run = AlignmentResult.load(args.run)
    if args.without_links:
        run = replace(run, links=replace(run.links, valid=run.links.valid[:0]), held_out=None)
    rows = rows_of(run, [int(each) for each in args.decisions.split(",")], seed=args.seed)
    if args.json:
        print(json.dumps(rows))
        return
    names = ("error", "brier", "corrected_error", "corrected_brier")
    body = [
        [str(each["decided"]), each["which"], str(each["judged"]), *(f"{each[name]:.4f}" for name in names)]
        for each in rows
    ]
    print(run.calibration.text())
    print(text_table(HEADER, body, left=[1]))


if __name__ == "__main__":
    main()
