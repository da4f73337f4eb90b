"""Shows which attributes of a pair are compared by value, and some linked entities with all that is said of them.

mmkg inspect emoji-fr-en
mmkg inspect left.nt right.nt --links links.tsv --links-shown 3
"""

import argparse
import sys

import numpy as np

import mmkg

from ..config.parse import with_settings
from ..data.describe import describe_text
from ..data.features.evidence import value_evidence
from ..errors import MmkgError


def main() -> int:
    """Run the command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("source", nargs="+", help="what `mmkg describe` takes: a pair, or two graphs")
    options.add_argument("--links", help="links of two graphs")
    options.add_argument("--links-shown", type=int, default=5, help="how many links")
    options.add_argument("--facts", type=int, default=6, help="how many triples and attributes of each entity")
    options.add_argument("--attributes", type=int, default=20, help="how many compared attributes")
    options.add_argument("--seed", type=int, default=0, help="of the choice")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. data.format=mmkb")
    args = options.parse_args()
    try:
        settings = with_settings({}, [*args.set, *([f"data.links={args.links}"] if args.links else [])])
        source = args.source[0] if len(args.source) == 1 else args.source
        task = mmkg.load(source, **settings.get("data", {}))
    except MmkgError as error:
        print(f"inspect: {error}", file=sys.stderr)
        return 1
    print(describe_text(task))
    compared = value_evidence(task).comparisons
    if compared:
        print("attributes compared by value, the most telling first; share of training links that agree beyond chance:")
    for each in compared[: args.attributes]:
        unit = "" if each.factor == 1 else f", right x {each.factor:.4g}"
        shares = " ".join(f"{share:.2f}" for share in each.agreement)
        print(f"  {each.left} = {each.right} ({each.links} links{unit}): {shares}")
    links = task.links.all()
    chosen = np.random.default_rng(args.seed).permutation(len(links))[: args.links_shown]
    for i, j in links[chosen].tolist():
        print(f"{task.left.label(i)}  =  {task.right.label(j)}")
        for side, graph, entity in (("left", task.left, i), ("right", task.right, j)):
            print(f"  {side}: {graph.entities[entity]}")
            for line in said(graph, entity, args.facts):
                print(f"    {line}")
    return 0


def said(graph: mmkg.KnowledgeGraph, entity: int, most: int) -> list[str]:
    """Names, pictures, triples and attributes of one entity, as lines."""
    found = []
    for what, column in (("name", graph.names), ("picture", graph.pictures)):
        if column is not None and column[entity]:
            found.append(f"{what}: {column[entity]}")
    if graph.images is not None and entity in graph.images.rows:
        found.append(f"image features: {graph.images.features.shape[1]} numbers")
    rows = np.flatnonzero((graph.triples[:, ::2] == entity).any(axis=1))
    for head, kind, tail in graph.triples[rows[:most]].tolist():
        found.append(f"{graph.label(head)} -- {graph.relations[kind]} -> {graph.label(tail)}")
    facts = graph.attributes
    own = np.flatnonzero(facts.entity == entity)
    found += [f"{facts.names[facts.attribute[k]]}: {facts.values[k] or '(no value)'}" for k in own[:most].tolist()]
    more = max(0, len(rows) - most) + max(0, len(own) - most)
    return [*found, f"and {more} more"] if more else found


if __name__ == "__main__":
    sys.exit(main())
