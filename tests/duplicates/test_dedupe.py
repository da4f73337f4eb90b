"""Duplicates inside one graph: planted ones are found, and what differs stays apart."""

import json
from dataclasses import replace

import numpy as np
import pytest
from commands import example

import mmkg
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.duplicates.folder import write_duplicates
from mmkg.duplicates.linkage import NAME_SHARES
from mmkg.duplicates.words import EQUAL, OTHER
from mmkg.errors import InputError, UsageError

SYLLABLES = ("ba", "do", "ki", "mur", "len", "sto", "fre", "gal", "nix", "por", "tum", "vas")
N, COPIES = 150, 20


def name(draw):
    return " ".join("".join(draw.choice(SYLLABLES, 3)).capitalize() for _ in range(2))


def altered(text, kind):
    first, second = text.split()
    swapped = first[:2] + first[3] + first[2] + first[4:]
    return (text, f"{second} {first}", f"{swapped} {second}", f"{first[0]}. {second}", text.upper())[kind % 5]


def planted(seed=0):
    """N entities with random neighbours; the first COPIES have a second entity with an altered name.

    A copy shares two neighbours with its entity and has one of its own.
    """
    draw = np.random.default_rng(seed)
    names = [name(draw) for _ in range(N)]
    triples = [(row, int(draw.integers(0, 3)), int(draw.integers(COPIES, N))) for row in range(N) for _ in range(4)]
    for copy in range(COPIES):
        names.append(altered(names[copy], copy))
        own = [triple for triple in triples if triple[0] == copy]
        triples += [(N + copy, *triple[1:]) for triple in own[:2]] + [(N + copy, 1, int(draw.integers(COPIES, N)))]
    labels = tuple(f"e{k}" for k in range(len(names)))
    return KnowledgeGraph(labels, ("p", "q", "r"), np.array(triples, np.int64), names=tuple(names))


def pairs_of(found):
    return {(i, j) for rows in found.clusters for k, i in enumerate(rows.tolist()) for j in rows.tolist()[k + 1 :]}


@pytest.fixture(scope="module")
def graph():
    return planted()


@pytest.fixture(scope="module")
def found(graph):
    return mmkg.dedupe(graph, device="cpu")


GOLD = {(row, N + row) for row in range(COPIES)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_duplicates_are_found(seed):
    pairs = pairs_of(mmkg.dedupe(planted(seed), device="cpu"))
    assert len(pairs & GOLD) >= 0.9 * COPIES and len(pairs & GOLD) >= 0.9 * len(pairs)


def test_the_result_is_a_record_of_clusters_and_pairs(graph, found):
    again = mmkg.dedupe(graph, device="cpu")
    assert again == found and again.summary() == found.summary()
    summary = found.summary()
    assert summary["clusters"] == found.num_clusters == len(found.clusters) and summary["largest"] == 2
    assert summary["in_clusters"] == len(found.members()) == int((found.cluster >= 0).sum())
    assert "clusters" in repr(found)
    for member in found.members():
        row = graph.entities.index(member.entity)
        assert (
            found.cluster[row] == member.cluster - 1 and member.name == graph.names[row] or member.name == member.entity
        )
        assert 0.5 <= member.confidence <= 1
    for link in found.links():
        assert 0 < link.confidence <= 1 and link.score == pytest.approx(100 * link.confidence)
    sure = [link.confidence for link in found.pair_links()]
    assert sure == sorted(sure, reverse=True) and min(sure) >= 0.05
    checked = found.confidence[found.to_check]
    assert (np.diff(np.abs(checked - 0.5)) >= 0).all()
    assert list(found.to_frame().columns) == ["cluster", "entity", "name", "confidence"]


def test_pairs_that_differ_are_apart(graph, found):
    row, copy = sorted(pairs_of(found))[0]
    never = [(graph.entities[copy], graph.entities[row])]
    again = mmkg.dedupe(graph, never=never, device="cpu")
    assert (row, copy) not in pairs_of(again)
    listed = {tuple(pair) for pair in again.pairs.tolist()}
    assert (row, copy) not in listed and (row, copy) in {tuple(pair) for pair in found.pairs.tolist()}


def test_known_duplicates_are_together(graph, found):
    rows = [30, 40, 50]
    links = [("e30", "e40"), ("e50", "e40")]
    again = mmkg.dedupe(graph, links=links, device="cpu")
    assert {(30, 40), (30, 50), (40, 50)} <= pairs_of(again) and not {(30, 40)} & pairs_of(found)
    assert len(set(again.cluster[rows].tolist())) == 1


def test_numbers_in_names_keep_entities_apart():
    names = ["Apollo 11", "Apollo 12", "apollo 11", "Apollo  12", "Apollo"] + [
        name(np.random.default_rng(7)) for _ in range(30)
    ]
    triples = np.array([(row, 0, 5 + row % 3) for row in range(len(names))], np.int64)
    graph = KnowledgeGraph(tuple(f"e{k}" for k in range(len(names))), ("p",), triples, names=tuple(names))
    pairs = pairs_of(mmkg.dedupe(graph, device="cpu"))
    assert {(0, 2), (1, 3)} <= pairs
    assert not {(0, 1), (0, 3), (1, 2), (2, 3)} & pairs


def table(births):
    """People with a name, a town and a date of birth."""
    draw = np.random.default_rng(3)
    names = [name(draw) for _ in range(60)]
    towns = [str(draw.choice(SYLLABLES)) for _ in range(60)]
    names += names[:6]
    towns += towns[:6]
    size = len(names)
    facts = AttributeTriples(np.tile(np.arange(size), 2), np.repeat([0, 1], size), ("born", "town"), (*births, *towns))
    labels = tuple(f"Q{k}" for k in range(size))
    return KnowledgeGraph(labels, (), np.empty((0, 3), np.int64), facts, names=tuple(names))


def test_different_values_of_a_key_keep_entities_apart():
    births = [f"19{10 + k:02}-03-{1 + k % 28:02}" for k in range(60)]
    same = table([*births, *births[:6]])
    assert pairs_of(mmkg.dedupe(same, device="cpu")) >= {(row, 60 + row) for row in range(6)}
    other = table([*births, *births[:5], "1871-11-30"])
    found = mmkg.dedupe(other, device="cpu")
    assert pairs_of(found) >= {(row, 60 + row) for row in range(5)} and (5, 65) not in pairs_of(found)
    assert found.summary()["keys"] == 1


def test_literals_and_context_have_no_duplicates():
    labels = ["1824", "1824.0", "_:a", "_:b", *(f"{name(np.random.default_rng(k))}" for k in range(20))]
    triples = np.array([(row, 0, row % 4) for row in range(4, 24)], np.int64)
    graph = KnowledgeGraph(tuple(labels), ("p",), triples)
    found = mmkg.dedupe(graph, device="cpu")
    assert found.summary()["left_out"] == 4 and not (found.cluster[:4] >= 0).any()


@pytest.mark.parametrize(
    "graph",
    [
        KnowledgeGraph(("a",), (), np.empty((0, 3), np.int64)),
        KnowledgeGraph(("Ada Lovelace", "Grace Hopper"), (), np.empty((0, 3), np.int64)),
        KnowledgeGraph(("Q1", "Q2", "Q3"), ("p",), np.array([[0, 0, 1]])),
    ],
    ids=["one entity", "no facts", "no names"],
)
def test_graphs_of_almost_nothing_have_no_duplicates(graph):
    found = mmkg.dedupe(graph, device="cpu")
    assert found.num_clusters == 0 and found.members() == [] and found.clusters == [] and len(found.pairs) == 0


def test_images_are_compared(graph):
    features = np.random.default_rng(0).standard_normal((len(graph.entities), 8)).astype(np.float32)
    features[N : N + COPIES] = features[:COPIES]
    images = mmkg.data.kg.ImageTable(np.arange(len(graph.entities)), features)
    assert len(pairs_of(mmkg.dedupe(replace(graph, images=images), device="cpu")) & GOLD) >= 0.9 * COPIES


def test_bad_input_is_named(graph, tmp_path):
    file = tmp_path / "never.tsv"
    file.write_text("e1\te2\ne1\tnobody\n")
    with pytest.raises(
        InputError, match=r"never.tsv:2: expected labels of entities of the graph, got the unknown 'nob"
    ):
        mmkg.dedupe(graph, never=file)
    with pytest.raises(InputError, match="expected two different entities, got 'e1' twice"):
        mmkg.dedupe(graph, links=[("e1", "e1")])
    links = [("e1", "e2"), ("e2", "e3")]
    with pytest.raises(InputError, match="'e1' and 'e3' are known duplicates by the links and different by the pairs"):
        mmkg.dedupe(graph, links=links, never=[("e3", "e1")])
    with pytest.raises(UsageError, match="threshold must be above 0 and at most 1, got 0"):
        mmkg.dedupe(graph, threshold=0)
    with pytest.raises(UsageError, match="k must be at least 1, got 0"):
        mmkg.dedupe(graph, k=0)
    with pytest.raises(UsageError, match="expected graph as a file"):
        mmkg.dedupe(3)
    with pytest.raises(UsageError, match="is a file; give a folder"):
        write_duplicates(mmkg.dedupe(graph, device="cpu"), file)


def test_prior_shares_fall_with_the_levels_of_the_names():
    assert (np.diff(NAME_SHARES[1:]) <= 0).all() and len(NAME_SHARES) == OTHER + 2 - EQUAL


def test_facts_out_of_texts_hold_one_entity_under_several_names():
    facts = [
        ("Ludwig van Beethoven", "composed", "Symphony No. 9"),
        ("Ludwig van Beethoven", "was born in", "Bonn"),
        ("ludwig van Beethoven", "lived in", "Vienna"),
        ("Salieri", "taught", "ludwig van Beethoven"),
        ("vienna", "is the capital of", "Austria"),
        ("Symphony No. 9", "premiered in", "1824"),
        ("Symphony No. 8", "premiered in", "1814"),
        ("World War II", "ended in", "1945"),
        ("World War 2", "began in", "1939"),
        ("World War I", "ended in", "1918"),
    ]
    found = mmkg.dedupe(facts, device="cpu")
    labels = found.entities.labels
    assert {frozenset(labels[row] for row in rows.tolist()) for rows in found.clusters} == {
        frozenset({"Ludwig van Beethoven", "ludwig van Beethoven"}),
        frozenset({"Vienna", "vienna"}),
        frozenset({"World War II", "World War 2"}),
    }


# --- the command


@pytest.fixture
def file(graph, tmp_path):
    path = tmp_path / "graph.nt"
    mmkg.data.formats.rdf.write_ntriples(graph, path)
    return path


def test_the_command_writes_a_folder(run, file, found, tmp_path):
    words = example("dedupe")
    assert words == ["dedupe", "GRAPH", "--out", "FOLDER"]
    out = tmp_path / "out"
    done = run("dedupe", file, "--out", out, "--format", "nt", "--device", "cpu")
    assert done.code == 0, done.err
    assert "clusters of" in done.out and "pairs to check" in done.out
    lines = (out / "clusters.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "cluster\tentity\tname\tconfidence" and len(lines) > COPIES
    counts = json.loads((out / "duplicates.json").read_text())
    assert counts["in_clusters"] == len(lines) - 1
    statements = (out / "links.nt").read_text(encoding="utf-8").splitlines()
    assert len(statements) == counts["in_clusters"] - counts["clusters"] and all(
        "sameAs" in each for each in statements
    )
    known = mmkg.data.links.formats.read_links(out / "pairs.tsv")
    assert len(known.left) >= counts["clusters"]


def test_the_command_prints_json(run, file):
    done = run("dedupe", file, "--json", "--device", "cpu", "--threshold", "0.9")
    values = json.loads(done.out)
    assert done.code == 0 and values["threshold"] == 0.9 and len(values["members"]) == values["in_clusters"]
    assert set(values["members"][0]) == {"cluster", "entity", "name", "confidence"}


def test_the_command_takes_pairs_and_names_what_is_wrong(run, file, tmp_path):
    never = tmp_path / "never.tsv"
    never.write_text("x\ty\n")
    done = run("dedupe", file, "--never", never)
    assert done.code == 1 and "never.tsv:1: expected labels of entities of the graph, got the unknown 'x'" in done.err
    done = run("dedupe", file, "--format", "nt")
    assert done.code == 2 and "--format writes a file of links to --out FOLDER" in done.err
    done = run("dedupe", tmp_path / "none.nt")
    assert done.code == 1 and "no such file" in done.err


def test_a_merged_graph_is_undone(run, file, graph, tmp_path):
    merged, back = tmp_path / "merged.nt", tmp_path / "back.nt"
    done = run("dedupe", file, "--merge", merged, "--device", "cpu")
    assert done.code == 0 and f"undo: mmkg dedupe {merged} --undo OUT" in done.out
    counts = mmkg.dedupe(mmkg.read_graph(file), device="cpu").summary()
    small = mmkg.read_graph(merged)
    assert small.num_entities == graph.num_entities - counts["in_clusters"] + counts["clusters"]
    done = run("dedupe", merged, "--undo", back, "--json")
    assert json.loads(done.out)["entities"] == graph.num_entities
    assert set(back.read_text().splitlines()) == set(file.read_text().splitlines())
    done = run("dedupe", merged, "--undo", back, "--out", tmp_path)
    assert done.code == 2 and "--out has no effect with --undo" in done.err


def test_duplicates_of_another_graph_are_refused(found):
    with pytest.raises(UsageError, match="these duplicates belong to another graph"):
        found.merge(KnowledgeGraph(("a",), (), np.empty((0, 3), np.int64)))
