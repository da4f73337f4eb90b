"""Chooses default weights of `propagation`, and the similarity of `neutral`, on pairs without figures of their own.

Of the links of each pair 15 % are labels and 15 % judge; ContEA has its own split. Every part is made once. Then each
weight in turn takes the value of a grid that gives the largest mean MRR over the pairs that have the modality. With
--similarity half of the images are removed, and the cosine above which an image is evidence is varied.

python tools/studies/defaults.py emoji-ja-en OAEI/anatomy ContEA/ZH-EN     # folders as data/README.md has them
python tools/studies/defaults.py emoji-ja-en --similarity
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from growth import contea

from mmkg.compute.seeding import numpy_generator
from mmkg.data.features.incidence import build_incidence
from mmkg.data.task import AlignmentTask
from mmkg.evaluation.reweigh import GRID, LinkScores
from mmkg.loading import load
from mmkg.models.neutral import SIMILARITY, neutral
from mmkg.models.propagation import Propagation, PropagationConfig

MOST_LINKS = 1000
SIMILARITIES = (0.0, 0.25, 0.5, 0.75, 0.9)
PASSES = 3

Pair = tuple[LinkScores, LinkScores]


def read(pair: str, seed: int, image_ratio: float) -> AlignmentTask:
    """A pair by name, a folder of two ontologies and their reference, or a folder of ContEA."""
    folder = Path(pair)
    if (folder / "base").is_dir():
        return contea(folder).before
    settings: dict[str, Any] = {"train_ratio": 0.3, "valid_ratio": 0.5}
    if (folder / "reference.xml.gz").is_file():
        sides = folder / "source.xml.gz", folder / "target.xml.gz"
        return load(sides, links=str(folder / "reference.xml.gz"), seed=seed, one_to_one=False, **settings)
    if image_ratio < 1:
        settings["image_ratio"] = image_ratio
    return load(pair, seed=seed, **settings)


def scored(task: AlignmentTask, seed: int) -> Pair:
    """Scores of the judging links in both directions, part by part, each part of unit length."""
    inputs = build_incidence(task, seed=seed)
    model = Propagation(PropagationConfig())
    joint = model.embed(inputs, task.links.train, seed=seed)
    widths = model.widths(inputs)
    links = task.links.valid
    if len(links) > MOST_LINKS:
        links = numpy_generator(seed, "judges").permutation(links)[:MOST_LINKS]
    pairs, none = torch.from_numpy(np.ascontiguousarray(links)), np.empty((0, 2), np.int64)
    there, back = LinkScores(pairs, none), LinkScores(pairs.flip(1), none)
    sides = joint[: task.left.num_entities], joint[task.left.num_entities :]
    for name, (left, right) in zip(
        widths, zip(*(side.split(list(widths.values()), dim=1) for side in sides), strict=True), strict=True
    ):
        left, right = (torch.nn.functional.normalize(part, dim=1) for part in (left, right))
        there.add(name, left[pairs[:, 0]], right)
        back.add(name, right[pairs[:, 1]], left)
    return there, back


def mrr(pair: Pair, weights: Mapping[str, float]) -> float:
    """Mean MRR of both directions with the weights of the modalities that the pair has."""
    own = {name: weights[name] for name in pair[0].scores}
    return float(torch.stack([way.reciprocal_ranks(own) for way in pair]).mean())


def chosen(pairs: Sequence[Pair], start: Mapping[str, float]) -> dict[str, float]:
    """Weights after coordinate ascent of the mean MRR over the pairs, relative to that of structure."""
    weights = dict(start)
    best = float(np.mean([mrr(pair, weights) for pair in pairs]))
    for _ in range(PASSES):
        before = dict(weights)
        for name in weights:
            if name == "structure":
                continue  # only ratios count
            for value in GRID:
                tried = {**weights, name: value}
                found = float(np.mean([mrr(pair, tried) for pair in pairs]))
                if found > best + 1e-6:
                    best, weights = found, tried
        if weights == before:
            break
    return weights


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", help="names or folders of pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--similarity", action="store_true", help="vary the similarity of `neutral` instead")
    args = parser.parse_args(argv)
    config = PropagationConfig()
    if args.similarity:
        print("| similarity | " + " | ".join(args.pairs) + " |\n" + "|---" * (len(args.pairs) + 1) + "|")
        for value in SIMILARITIES:
            with patch("mmkg.models.own_part.neutral", partial(neutral, similarity=value)):
                pairs = [scored(read(pair, args.seed, 0.5), args.seed) for pair in args.pairs]
            cells = [f"{mrr(pair, {name: config.weight(name) for name in pair[0].scores}):.4f}" for pair in pairs]
            mark = " (default)" if value == SIMILARITY else ""
            print(f"| {value}{mark} | " + " | ".join(cells) + " |", flush=True)
        return
    pairs = [scored(read(pair, args.seed, 1.0), args.seed) for pair in args.pairs]
    names = list(dict.fromkeys(name for there, _ in pairs for name in there.scores))
    default = {name: config.weight(name) for name in names}
    rows = {"default": default, "equal": dict.fromkeys(names, 1.0), "chosen": chosen(pairs, default)}
    rows |= {
        f"chosen on {pair} alone": chosen([own], {name: default[name] for name in own[0].scores})
        for pair, own in zip(args.pairs, pairs, strict=True)
    }
    print("| weights | " + " | ".join([*names, *args.pairs]) + " |\n" + "|---" * (1 + len(names) + len(pairs)) + "|")
    for what, weights in rows.items():
        cells = [f"{weights[name]:.2f}" if name in weights else "" for name in names]
        cells += [f"{mrr(pair, weights):.4f}" if set(pair[0].scores) <= set(weights) else "" for pair in pairs]
        print(f"| {what} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
