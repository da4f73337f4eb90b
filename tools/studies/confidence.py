"""Whether confidences mean what they say: bins of confidence against the share that is right, with few links or none.

python tools/studies/confidence.py emoji-fr-en                          (no link: seeds from names)
python tools/studies/confidence.py LEFT RIGHT --links GOLD --known 0,5,20,100 --seeds name,image --model meaformer
python tools/studies/confidence.py twins:0.8:0.4                        (overlap and noise of 1,000 synthetic twins)

Matches outside the learnt links are judged if one of their entities has a true link; a match of two others may be
right.
``kept`` are the true links above the threshold of owl:sameAs, and ``right there`` the share of right matches above it.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import mmkg
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.evaluation import answers_to, calibration_error, reliability
from mmkg.report.tables import text_table
from mmkg.result.result import AlignmentResult
from mmkg.typing import IntArray

BINS = 5
HEADER = ("known", "CPU s", "source", "matches", "right", "confidence", "ECE", "kept", "right there", "bins")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="+")
    parser.add_argument("--links", help="true links of two graphs")
    parser.add_argument("--known", default="0", help="numbers of true links that are given, comma-separated")
    parser.add_argument("--seeds", default="name", help="modalities of seed links where no link is given")
    parser.add_argument("--model", default="propagation")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of refinement")
    given = parser.parse_args()
    task = load(given.pair, given.links)
    rows = [
        [f"{known:,}", *measured(task, known, given.seeds.split(","), given.model, given.rounds)]
        for known in map(int, given.known.split(","))
    ]
    print(text_table(HEADER, rows, left=[2, 9]), end="")


def load(pair: list[str], links: str | None) -> AlignmentTask:
    """The pair with its true links."""
    if len(pair) == 2:
        return mmkg.read_pair(pair[0], pair[1], links, train_ratio=1.0, valid_ratio=0.0)
    if pair[0].startswith("twins:"):
        overlap, noise = map(float, pair[0].split(":")[1:])
        return mmkg.twin_graphs(1000, overlap=overlap, noise=noise, image_dim=0)
    return mmkg.load(pair[0])


def measured(task: AlignmentTask, known: int, seeds: list[str], model: str, rounds: int) -> Iterator[str]:
    """Cells of a row: one run with some of the true links, judged by the others."""
    gold = task.links.all()
    gold = gold[np.random.default_rng(0).permutation(len(gold))]
    nothing = np.empty((0, 2), np.int64)
    start = time.process_time()
    result = mmkg.align(
        replace(task, links=LinkSplit(gold[:known], nothing, nothing)),
        model=model,
        progress=False,
        seeds_from=() if known else seeds,
        settings={"refinement.rounds": rounds},
    )
    yield f"{time.process_time() - start:.0f}"
    learnt = result.counterparts
    if learnt is None:
        yield result.calibration.text()
        return
    yield f"{'rough' if learnt.rough else 'calibrated'}, {learnt.num_links} links"
    yield from cells(result, gold)


def cells(result: AlignmentResult, gold: IntArray) -> Iterator[str]:
    """Figures of the matches outside the learnt links."""
    matching, seen = result.matching, np.concatenate([result.links.train, result.links.valid])
    assert matching.confidence is not None
    judged = np.isin(matching.left, gold[:, 0]) | np.isin(matching.right, gold[:, 1])
    judged &= ~np.isin(matching.left, seen[:, 0])
    right = answers_to(matching.pairs, gold, matching.left)[1][judged]
    confidence = matching.confidence[judged]
    curve = reliability(confidence, right, bins=BINS)
    sure = confidence >= result.same_as_threshold()
    yield f"{len(right):,}"
    yield f"{right.mean():.3f}"
    yield f"{confidence.mean():.3f}"
    yield f"{calibration_error(curve):.3f}"
    yield f"{right[sure].sum() / (~np.isin(gold[:, 0], seen[:, 0])).sum():.3f}"
    yield f"{right[sure].mean():.3f}" if sure.any() else "-"
    yield " ".join(f"{each.confidence:.2f}/{each.right:.2f}" for each in curve)


if __name__ == "__main__":
    main()
