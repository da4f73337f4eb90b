"""Measure how new entities are embedded without training, next to a run that does not know them and to a refit.

    python tools/studies/growth.py DBP15K/zh_en --share 0.2
    python tools/studies/growth.py ContEA/ZH-EN --set refinement.rounds=3

A folder with ``base`` and ``batch1``, as ContEA has them, grows by its first batch: the run learns from the training
links of the base, and the new test links of the batch are ranked besides the test links of the base. Of any other pair
both ends of a share of the test links are held back with all their triples, facts, names and images; these links are
the new ones. Links are ranked left to right among all right entities that the row of the table knows; a link whose
entities are not known counts as not found. CPU seconds are of the whole process.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mmkg
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.result.result import AlignmentResult
from mmkg.typing import BoolArray, IntArray

Labels = list[tuple[str, str]]


class Growing(NamedTuple):
    """A pair before it grows, the graphs after that, and test links of old and of new entities."""

    before: AlignmentTask
    left: KnowledgeGraph
    right: KnowledgeGraph
    old: Labels
    new: Labels


def contea(folder: Path) -> Growing:
    """The first snapshot of a ContEA pair, and its first batch."""
    sides = [_rows(folder / "base" / f"triples_{side}") for side in (1, 2)]
    more = [_rows(folder / "batch1" / f"new_triples_{side}") for side in (1, 2)]
    parts = {part: _rows(folder / "base" / f"{part}_links") for part in ("train", "valid", "test")}
    graphs, numbers = [], []
    for side, triples in enumerate(sides):
        ends = [triples[:, ::2].ravel(), *(links[:, side] for links in parts.values())]
        ids = np.unique(np.concatenate(ends))
        graphs.append(_graph(ids, triples))
        numbers.append(ids)
    split = LinkSplit(*(_numbered(links, numbers) for links in parts.values()))
    task = AlignmentTask(graphs[0], graphs[1], split, name="ContEA base")
    new = _rows(folder / "batch1" / "new_test_links")
    wholes = []
    for side in (0, 1):
        triples = np.concatenate([sides[side], more[side]])
        fresh = np.setdiff1d(np.concatenate([triples[:, ::2].ravel(), new[:, side]]), numbers[side])
        wholes.append(_graph(np.concatenate([numbers[side], fresh]), triples))
    return Growing(task, wholes[0], wholes[1], _labels(task, split.test), [(str(a), str(b)) for a, b in new.tolist()])


def held_back(task: AlignmentTask, share: float, seed: int) -> Growing:
    """A pair without both ends of a share of its test links."""
    test = task.links.test
    gone = np.random.default_rng(seed).permutation(len(test))[: round(share * len(test))]
    kept = [np.ones(graph.num_entities, bool) for graph in (task.left, task.right)]
    for side in (0, 1):
        kept[side][test[gone, side]] = False
    left, right = part_of(task.left, kept[0]), part_of(task.right, kept[1])
    place = [np.cumsum(mask) - 1 for mask in kept]
    parts = [task.links.train, task.links.valid, np.delete(test, gone, axis=0)]
    inside = [links[kept[0][links[:, 0]] & kept[1][links[:, 1]]] for links in parts]
    split = LinkSplit(*(np.stack([place[0][each[:, 0]], place[1][each[:, 1]]], axis=1) for each in inside))
    before = replace(task, left=left, right=right, links=split)
    return Growing(before, task.left, task.right, _labels(before, split.test), _labels(task, test[gone]))


def part_of(graph: KnowledgeGraph, kept: BoolArray) -> KnowledgeGraph:
    """The entities of a mask, bool ``[n]``, and the statements about these alone."""
    place = np.cumsum(kept) - 1
    triples = graph.triples[kept[graph.triples[:, 0]] & kept[graph.triples[:, 2]]]
    facts = graph.attributes
    stated = np.flatnonzero(kept[facts.entity])
    values = tuple(facts.values[fact] for fact in stated.tolist())
    attributes = AttributeTriples(place[facts.entity[stated]], facts.attribute[stated], facts.names, values)
    images = graph.images
    if images is not None:
        shown = kept[images.rows]
        images = ImageTable(place[images.rows[shown]], images.features[shown])
    rows = np.flatnonzero(kept).tolist()
    return KnowledgeGraph(
        tuple(graph.entities[row] for row in rows),
        graph.relations,
        np.stack([place[triples[:, 0]], triples[:, 1], place[triples[:, 2]]], axis=1),
        attributes,
        names=None if graph.names is None else tuple(graph.names[row] for row in rows),
        images=images,
    )


def measure(growing: Growing, model: str, settings: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """One row each for no update, transform and refit: Hits@1 and MRR of new and of old links, and CPU seconds."""
    fit, run = _timed(lambda: mmkg.align(growing.before, model, settings=settings, seed=seed, progress=False))
    rows = [{"row": "no update", "cpu": 0.0, "new": (0.0, 0.0), "old": _figures(run, growing.old), "fit": fit}]
    seconds, found = _timed(lambda: run.with_new(growing.left, growing.right))
    rows.append({"row": "transform", "cpu": seconds} | _both(found, growing))
    seconds, extended = _timed(lambda: run.extend(growing.left, growing.right))
    linked = {(extended.entities[0].labels[a], extended.entities[1].labels[b]) for a, b in extended.linked().pairs}
    found_links = len(linked & set(growing.new)) / len(growing.new)
    rows.append({"row": "extend", "cpu": seconds, "linked": found_links} | _both(extended, growing))
    assert extended.graphs is not None
    whole = replace(growing.before, left=extended.graphs[0], right=extended.graphs[1])
    seconds, again = _timed(lambda: mmkg.align(whole, model, settings=settings, seed=seed, progress=False))
    linked = {(again.entities[0].labels[a], again.entities[1].labels[b]) for a, b in again.linked().pairs}
    found_links = len(linked & set(growing.new)) / len(growing.new)
    rows.append({"row": "refit", "cpu": seconds, "linked": found_links} | _both(again, growing))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| | new Hits@1 | new MRR | new links found | old Hits@1 | old MRR | CPU-s |", "|---" * 7 + "|"]
    for row in rows:
        new, old = (f"{each[0]:.3f} | {each[1]:.3f}".replace("0.", ".") for each in (row["new"], row["old"]))
        linked = f"{row['linked']:.3f}".replace("0.", ".") if "linked" in row else "-"
        lines.append(f"| {row['row']} | {new} | {linked} | {old} | {row['cpu']:.1f} |")
    return "\n".join(lines)


def _both(run: AlignmentResult, growing: Growing) -> dict[str, Any]:
    return {"new": _figures(run, growing.new), "old": _figures(run, growing.old)}


def _figures(run: AlignmentResult, links: Labels) -> tuple[float, float]:
    found = run.evaluate(links=links, candidates="all")["left_to_right"]
    return found["hits@1"], found["mrr"]


def _timed(call: Callable[[], AlignmentResult]) -> tuple[float, AlignmentResult]:
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def _labels(task: AlignmentTask, links: IntArray) -> Labels:
    return [(task.left.entities[a], task.right.entities[b]) for a, b in links.tolist()]


def _rows(path: Path) -> IntArray:
    return np.loadtxt(path, dtype=np.int64, ndmin=2)


def _graph(ids: IntArray, triples: IntArray) -> KnowledgeGraph:
    """A graph whose labels are ids, in the given order."""
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids[order], triples[:, ::2])]
    relations, kinds = np.unique(triples[:, 1], return_inverse=True)
    labels = tuple(map(str, ids.tolist()))
    return KnowledgeGraph(
        labels, tuple(f"r{each}" for each in relations.tolist()), np.stack([rows[:, 0], kinds, rows[:, 1]], axis=1)
    )


def _numbered(links: IntArray, ids: list[IntArray]) -> IntArray:
    return np.stack([np.searchsorted(ids[side], links[:, side]) for side in (0, 1)], axis=1)


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pair", help="a folder of ContEA, or any pair that mmkg loads")
    options.add_argument("--model", default="propagation")
    options.add_argument("--share", type=float, default=0.2, help="share of the test links that is held back")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the run")
    args = options.parse_args(arguments)
    folder = Path(args.pair)
    if (folder / "batch1").is_dir():
        growing = contea(folder)
    else:
        growing = held_back(mmkg.load(args.pair), args.share, args.seed)
    print(f"{len(growing.new):,} new and {len(growing.old):,} old test links, {args.model} {' '.join(args.set)}\n")
    print(table(measure(growing, args.model, dict(each.split("=", 1) for each in args.set), args.seed)))


if __name__ == "__main__":
    main()
