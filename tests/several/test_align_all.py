"""More than two graphs: pair by pair, then clusters that hold at most one entity of each graph."""

import json

import numpy as np
import pytest

import mmkg
from mmkg.data.kg import KnowledgeGraph
from mmkg.errors import InputError, UsageError
from mmkg.several.links import links_of_pairs

N = 60


def graph(side, seed):
    """N entities in a random graph that all sides share, in another order."""
    draw = np.random.default_rng(7)
    triples = np.array([(a, int(r), b) for a, r, b in draw.integers(0, N, (5 * N, 3)) if a != b], np.int64)
    triples[:, 1] %= 3
    order = np.random.default_rng(seed).permutation(N)
    place = np.argsort(order)
    triples[:, ::2] = place[triples[:, ::2]]
    words = [f"{''.join(draw.choice(list('bcdfglmnprst'), 7))} {k}" for k in range(N)]
    names = tuple(words[k] for k in order)
    return KnowledgeGraph(tuple(f"{side}{k}" for k in order), ("p", "q", "r"), triples, names=names)


@pytest.fixture(scope="module")
def graphs():
    return {side: graph(side, number) for number, side in enumerate("abc")}


@pytest.fixture(scope="module")
def links():
    return [(f"a{k}", f"b{k}") for k in range(15)] + [(f"c{k}", f"b{k}") for k in range(10, 25)]


@pytest.fixture(scope="module")
def found(graphs, links):
    return mmkg.align_all(graphs, links, model="propagation", device="cpu", progress=False)


def clusters(found):
    groups = {}
    for member in found.members():
        groups.setdefault(member.cluster, []).append(member.entity)
    return list(groups.values())


def test_clusters_hold_one_entity_of_each_graph(found):
    groups = clusters(found)
    assert all(len({label[0] for label in group}) == len(group) for group in groups)
    right = [group for group in groups if len({label[1:] for label in group}) == 1]
    assert len(right) >= 0.9 * len(groups) and sum(len(group) == 3 for group in right) >= 0.8 * N


def test_the_runs_belong_to_the_pairs(found):
    assert list(found.runs) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.runs["a", "c"].entities[1].labels == found.entities[2].labels
    summary = found.summary()
    assert summary["graphs"] == 3 and summary["entities"] == 3 * N and summary["largest"] == 3
    assert summary["in_clusters"] == len(found.members())
    assert list(found.to_frame().columns) == ["cluster", "graph", "entity", "name", "confidence"]
    assert "clusters" in repr(found)


def test_known_links_are_in_one_cluster(found, links):
    groups = clusters(found)
    assert all(any({*link} <= {*group} for group in groups) for link in links)


def test_links_follow_along_chains():
    labels = [("a", "b"), ("x", "y"), ("p", "q")]
    found = links_of_pairs([[("a", "x"), ("p", "x"), ("y", "q")]], labels)
    assert {pair: rows.tolist() for pair, rows in found.items()} == {
        (0, 1): [[0, 0]],
        (0, 2): [[0, 0]],
        (1, 2): [[0, 0], [1, 1]],
    }
    assert all(rows.shape == (0, 2) for rows in links_of_pairs([], labels).values())


def test_contradictions_and_unknown_labels_are_named(graphs):
    labels = [("a", "b"), ("x", "y"), ("p", "q")]
    with pytest.raises(InputError, match="the links make 'a' and 'b' of one graph the same; remove a link"):
        links_of_pairs([[("a", "x"), ("x", "p"), ("p", "b")]], labels)
    many = links_of_pairs([[("a", "x"), ("b", "x")]], labels, many=True)
    assert many[0, 1].tolist() == [[0, 0], [1, 0]]
    for bad in (("a", "nobody"), ("a", "b")):
        with pytest.raises(InputError, match="expected labels of entities of two of the graphs, got 'a' = "):
            links_of_pairs([[bad]], labels)
    with pytest.raises(UsageError, match="expected at least two graphs, got 1"):
        mmkg.align_all([graphs["a"]])
    with pytest.raises(UsageError, match="threshold must be above 0 and at most 1, got 2"):
        mmkg.align_all(graphs, threshold=2)
    with pytest.raises(UsageError, match="expected several graphs in a list or a mapping"):
        mmkg.align_all("a.nt")
    with pytest.raises(InputError, match="learning needs at least one link"):
        mmkg.align_all(graphs, model="propagation", device="cpu")


@pytest.fixture(scope="module")
def files(graphs, links, tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    paths = []
    for side, each in graphs.items():
        mmkg.data.formats.rdf.write_ntriples(each, folder / f"{side}.nt")
        paths.append(folder / f"{side}.nt")
    (folder / "links.tsv").write_text("".join(f"{left}\t{right}\n" for left, right in links))
    return paths, folder / "links.tsv"


def test_the_command_aligns_several_graphs(run, files, tmp_path):
    paths, links = files
    done = run("align", *paths, "--links", links, "--model", "propagation", "--out", tmp_path / "x", "--device", "cpu")
    assert done.code == 0, done.err
    assert "clusters" in done.out and "in all 3 graphs" in done.out
    lines = (tmp_path / "x" / "clusters.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "cluster\tgraph\tentity\tname\tconfidence" and len(lines) > 2 * N
    assert (tmp_path / "x" / "a-b" / "manifest.json").is_file() and (tmp_path / "x" / "b-c" / "alignment.tsv").is_file()
    done = run("align", *paths, "--seeds-from", "name", "--model", "propagation", "--json", "--device", "cpu")
    values = json.loads(done.out)
    assert values["in_all_graphs"] >= 0.9 * N and len(values["members"]) == values["in_clusters"]


def test_two_graphs_take_no_option_of_several(run, files):
    paths, links = files
    done = run("align", *paths[:2], "--links", links, "--many")
    assert done.code == 2 and "--many" in done.err


def test_training_of_several_is_not_set_for_a_model_that_is_not_trained(run, files, tmp_path):
    paths, links = files
    model = ["--model", "propagation", "--set", "training.epochs=5"]
    done = run("align", *paths, "--links", links, *model, "--out", tmp_path / "x")
    assert done.code == 2 and "training.epochs has no effect: propagation is not trained" in done.err
    assert not (tmp_path / "x").exists()
