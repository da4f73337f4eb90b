"""Compares label propagation with LightEA's way of it, on the same seed links and test links.

LightEA's way, from its equations (Mao et al., EMNLP 2022, Sec. 4): each seed link has one dense random vector of 1,024
values; two rounds in which an entity takes the sum of its neighbours and of its relations, and a relation the sum of
its entities, each scaled to unit length; the three levels of the entities side by side. Its third view, of relations,
is left out on both sides: mmkg computes the part ``structure`` alone. Ranks are by CSLS among the entities of the test
links. Floors are the bytes that LightEA's sparse products gather, at the rate of this process.
Example: python tools/bench/bench_propagation.py FOLDER --threads 1
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from harness import gather_rate, measure, parser, report, row, start
from torch import Tensor

import mmkg
from mmkg.config.data import DataConfig
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.task import AlignmentTask
from mmkg.evaluation.protocol import LEFT_TO_RIGHT
from mmkg.evaluation.ranking import evaluate
from mmkg.models.propagation import Propagation
from mmkg.sources.synthetic import twin_graphs
from mmkg.typing import IntArray

WIDTH, ROUNDS = 1024, 2


def merged_triples(task: AlignmentTask) -> tuple[IntArray, int, int]:
    """Triples of both graphs with one numbering ``[T, 3]``, and the numbers of entities and relations."""
    entities, relations = task.left.num_entities, len(task.left.relations)
    shifted = task.right.triples + np.array([entities, relations, entities])
    triples = np.concatenate([task.left.triples, shifted])
    return triples, entities + task.right.num_entities, relations + len(task.right.relations)


def counts(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> Tensor:
    """Sparse matrix of how often each (row, column) occurs."""
    places = torch.from_numpy(np.stack([rows, columns]))
    return (
        torch.sparse_coo_tensor(places, torch.ones(len(rows)), shape, check_invariants=False).coalesce().to_sparse_csr()
    )


def light_ea(triples: IntArray, entities: int, relations: int, links: IntArray, *, width: int = WIDTH) -> Tensor:
    """Labels of all entities after 0, 1 and 2 rounds, ``[entities, 3 * width]``, of unit length.

    Args:
        triples: (head, relation, tail), int64 ``[T, 3]``.
        entities, relations: how many there are.
        links: rows of both ends of each seed link, int64 ``[L, 2]``.
        width: values of a label.
    """
    heads, kinds, tails = triples.T
    ends, others, both = np.concatenate([heads, tails]), np.concatenate([tails, heads]), np.concatenate([kinds, kinds])
    neighbors = counts(ends, others, (entities, entities))
    of_entity, of_relation = counts(ends, both, (entities, relations)), counts(both, ends, (relations, entities))
    labels = torch.nn.functional.normalize(torch.randn(len(links), width, generator=torch.Generator().manual_seed(0)))
    entity, relation = torch.zeros(entities, width), torch.zeros(relations, width)
    for side in links.T:
        entity[torch.from_numpy(side)] = labels
    levels = [entity]
    for _ in range(ROUNDS):
        spread = neighbors @ entity + of_entity @ relation
        relation = torch.nn.functional.normalize(of_relation @ entity)
        entity = torch.nn.functional.normalize(spread)
        levels.append(entity)
    return torch.nn.functional.normalize(torch.cat(levels, dim=1))


def compared(task: AlignmentTask, name: str) -> list[dict[str, Any]]:
    """One row per way."""
    triples, entities, relations = merged_triples(task)
    links = np.concatenate([task.links.train, task.links.valid])
    ends = links + np.array([0, task.left.num_entities])
    inputs = build_incidence(task, FeatureConfig(modalities=("structure",)))
    ways = {
        "LightEA, dense labels": partial(light_ea, triples, entities, relations, ends),
        "mmkg, structure": partial(Propagation().embed, inputs, links),
    }
    gathered = ROUNDS * 4 * WIDTH * 6 * len(triples)  # each triple: twice in each of three sparse products
    rows: list[dict[str, Any]] = []
    for way, work in ways.items():
        joint, spent = measure(work)
        left, right = joint[: task.left.num_entities], joint[task.left.num_entities :]
        figures = evaluate(left, right, task.links.test, device="cpu")[LEFT_TO_RIGHT]
        rows.append(
            row("propagate labels", name, spent, floor_cpu_s=gathered / gather_rate(), way=way, width=joint.shape[1])
            | {"hits_at_1": figures["hits@1"], "mrr": figures["mrr"]}
        )
    times = rows[0]["cpu_s"] / rows[1]["cpu_s"]
    rows[1] |= {"headline": True, "times_light_ea": 1 / times}
    rows[1]["note"] = (
        f"{1 / times:.2f} of the CPU-seconds of LightEA's dense labels; Hits@1 {rows[1]['hits_at_1']:.3f} against "
        f"{rows[0]['hits_at_1']:.3f} of its entity view"
    )
    return rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("pair", nargs="?", default="twins", help="name or folder of a pair; default: synthetic twins")
    made.add_argument("--size", type=int, default=15_000, help="entities per side of the twins")
    args = start(made)
    if args.pair == "twins":
        size = 300 if args.small else args.size
        task = twin_graphs(size, mean_degree=6, noise=0.1, seed=0)
        name = f"twins of {size:,}"
    else:
        task = mmkg.load(args.pair, DataConfig())
        name = args.pair.rstrip("/").rpartition("/")[2]
    report("propagation", compared(task, name), args)


if __name__ == "__main__":
    main()
