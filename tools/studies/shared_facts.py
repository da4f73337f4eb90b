"""What the two ends of test links have in common: a bound for any model that has no names, and Hits@1 by group.

Each test link is in one group. ``neighbour, learnt``: a neighbour of its left end and one of its right end are linked
by a training link. ``value``: otherwise, both have an equal attribute value, as ``value_facts`` compares them.
``neighbour, other``: otherwise, neighbours are linked by a validation or test link. ``nothing``: none of these; only
kinds and numbers of relations and attributes can tell the right answer. Hits@1 is from left to right, ranked as by the
run. Example, a table of FIGURES.md::

    python tools/studies/shared_facts.py FB15K_DB15K --ratios 0.2,0.5,0.8 --set data.on_error=skip \\
        --set data.one_to_one=false
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from few_seeds import given, place_of
from scipy import sparse

from mmkg.config.experiment import Experiment
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask
from mmkg.evaluation import link_ranks
from mmkg.learners.value_facts import value_facts
from mmkg.loading import load
from mmkg.models.rules import Facts
from mmkg.pipeline import align
from mmkg.settings import with_settings
from mmkg.typing import BoolArray, IntArray

GROUPS = ("neighbour, learnt", "value", "neighbour, other", "nothing")


def groups(task: AlignmentTask) -> IntArray:
    """The group of each test link, as a position in ``GROUPS``, ``[L]``."""
    test = task.links.test
    learnt, any_link = (_linked_neighbors(task, links) for links in (task.links.train, task.links.all()))
    found = np.full(len(test), GROUPS.index("nothing"))
    found[any_link] = GROUPS.index("neighbour, other")
    found[_equal_values(task)] = GROUPS.index("value")
    found[learnt] = GROUPS.index("neighbour, learnt")
    return found


def _linked_neighbors(task: AlignmentTask, links: IntArray) -> BoolArray:
    """Whether the ends of each test link have neighbours that a link joins."""
    shape = task.left.num_entities, task.right.num_entities
    joined = sparse.csr_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape)
    ends = task.links.test
    reached = _adjacency(task.left)[ends[:, 0]] @ joined
    common: BoolArray = np.asarray(reached.multiply(_adjacency(task.right)[ends[:, 1]]).sum(axis=1)).ravel() > 0
    return common


def _adjacency(graph: KnowledgeGraph) -> "sparse.csr_array":
    head, _, tail = graph.triples[graph.triples[:, 0] != graph.triples[:, 2]].T
    ends = np.concatenate([head, tail]), np.concatenate([tail, head])
    return sparse.csr_array((np.ones(len(ends[0])), ends), (graph.num_entities,) * 2)


def _equal_values(task: AlignmentTask) -> BoolArray:
    """Whether the ends of each test link have an equal value."""
    if not len(task.left.attributes.values) or not len(task.right.attributes.values):
        return np.zeros(len(task.links.test), bool)
    sizes = task.left.num_entities, task.right.num_entities
    sides = zip(value_facts(task.left, task.right), sizes, task.links.test.T, strict=True)
    left, right = (_literals(facts, size)[rows] for facts, size, rows in sides)
    common: BoolArray = np.asarray(left.multiply(right).sum(axis=1)).ravel() > 0
    return common


def _literals(facts: Facts, size: int) -> "sparse.csr_array":
    """Which literals the entities of a graph have, ``[n, literals]``."""
    own = facts.other >= size
    entries = facts.entity[own], facts.other[own] - size
    return sparse.csr_array((np.ones(len(entries[0])), entries), (size, facts.num_entities - size))


def measured(task: AlignmentTask, experiment: Experiment) -> list[dict[str, Any]]:
    """Number and share of the test links of each group, and Hits@1 there; a last row with all of them."""
    result = align(task, experiment=experiment, ranks_only=True, progress=False)
    vectors = result.embeddings
    ranks, _ = link_ranks(vectors.left, vectors.right, task.links.test, known=task.links.all(), device=result.device)
    first, group = ranks.mean < 2, groups(task)
    masks = {name: group == number for number, name in enumerate(GROUPS)} | {"all": np.ones(len(group), bool)}
    return [
        {"group": name, "links": int(some.sum()), "share": float(some.mean()), "hits@1": _mean(first[some])}
        for name, some in masks.items()
    ]


def _mean(values: BoolArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", help="an embedded pair, or a folder below $MMKG_DATA")
    parser.add_argument("--ratios", default="0.3", help="shares of the links to learn from")
    parser.add_argument("--models", default="propagation")
    parser.add_argument("--modalities", type=lambda text: text.split(","), help="default: all of the pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="a setting, as in `mmkg align`")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    tables = []
    for ratio in args.ratios.split(","):
        for model in args.models.split(","):
            settings = [*given(args), f"data.train_ratio={ratio}"]
            experiment = Experiment.of(with_settings({"model": model, "seed": args.seed}, settings))
            task = load(place_of(args.pair), experiment.data, seed=args.seed)
            rows = measured(task, experiment)
            tables.append({"ratio": float(ratio), "model": model, "rows": rows})
            print(json.dumps(tables[-1]), file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"pair": args.pair, "tables": tables}))
        return
    print(f"| {args.pair}, the ends have in common | model | seeds | links | share | H@1 |\n|---|---|---|---|---|---|")
    for table in tables:
        for row in table["rows"]:
            what = f"{row['group']} | {table['model']} | {table['ratio']:.0%} | {row['links']}"
            print(f"| {what} | {row['share']:.3f} | {row['hits@1']:.3f} |")


if __name__ == "__main__":
    main()
