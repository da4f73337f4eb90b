"""Compares synthetic twins with a real pair: degrees, relations and attributes per entity.

python tools/studies/twin_facts.py FOLDER      (a pair in DBP15K layout, or the name of an embedded pair)
"""

import argparse
from collections.abc import Iterable

import numpy as np

from mmkg.data.kg import KnowledgeGraph
from mmkg.loading import load
from mmkg.report.tables import text_table
from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs

SHARES = (0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
RANKS = (1, 10, 100, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair")
    task = load(parser.parse_args().pair)
    twins = twin_graphs(task.left.num_entities, image_dim=0, **{**LIKE_DBP15K, "missing": {"attribute": 0.23}})
    header = ["per entity", "graph", "none", *(f"{share:.0%}" for share in SHARES), "mean"]
    header += [f"share of no. {rank}" for rank in RANKS]
    graphs = {"left": task.left, "right": task.right, "twin": twins.left}
    rows = [
        line
        for what in ("triples", "relations", "attributes")
        for line in ([what, name, *facts(graph, what)] for name, graph in graphs.items())
    ]
    print(text_table(header, rows, left=[0, 1]), end="")


def facts(graph: KnowledgeGraph, what: str) -> Iterable[str]:
    """Cells of a row: quantiles over entities, and the share of all uses of the most frequent labels."""
    if what == "attributes":
        entity, label, size = graph.attributes.entity, graph.attributes.attribute, len(graph.attributes.names)
    else:
        between = graph.triples[graph.triples[:, 0] != graph.triples[:, 2]]
        entity, label = between[:, ::2].ravel(), between[:, 1].repeat(2)
        size = len(graph.relations)
    if what != "triples":  # how many different ones
        entity, label = np.divmod(np.unique(entity * size + label), size)
    number = np.bincount(entity, minlength=graph.num_entities)
    yield f"{(number == 0).mean():.1%}"
    for share in SHARES:
        yield f"{np.quantile(number, share, method='inverted_cdf'):,.0f}"
    yield f"{number.mean():.2f}"
    often = -np.sort(-np.bincount(label, minlength=size)) / len(label)
    for rank in RANKS:
        yield "" if what == "triples" or rank > len(often) else f"{often[rank - 1]:.3%}"


if __name__ == "__main__":
    main()
