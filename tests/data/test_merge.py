import json
import re
from dataclasses import replace

import networkx
import numpy as np
import pyoxigraph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import FLOAT, facts, graphs, triples

import mmkg
from mmkg.data.formats.merged import write_merged
from mmkg.data.formats.rdf import read_rdf
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.merge import merge_graphs
from mmkg.data.relations import RelationPair
from mmkg.errors import InputError, UsageError

PAIRS = np.array([[0, 1], [2, 0]])  # a = x, c = b of the right graph


def two():
    left = KnowledgeGraph(
        ("http://e/a", "b", "c"),
        ("r", "s"),
        np.array([[0, 0, 1], [1, 1, 2]]),
        AttributeTriples(np.array([0]), np.array([0]), ("height",), ("1.5",), (FLOAT,)),
        names=("A", None, None),
        pictures=(None, "b.png", None),
    )
    right = KnowledgeGraph(
        ("b", "x", "y"),
        ("s", "t"),
        np.array([[1, 0, 0], [0, 1, 2]]),
        AttributeTriples(np.array([1, 2]), np.array([0, 1]), ("height", "age"), ("2", None)),
        names=("sea", "ex", "why"),
    )
    return left, right


def test_aligned_entities_are_one_and_nothing_else_is():
    merged = merge_graphs(*two(), PAIRS)
    assert merged.graph.entities == ("http://e/a", "b", "c", "y")
    assert triples(merged.graph) == [
        ("http://e/a", "r", "b"),
        ("b", "s", "c"),
        ("http://e/a", "s", "c"),
        ("c", "t", "y"),
    ]
    assert facts(merged.graph) == [
        ("http://e/a", "height", "1.5", FLOAT),
        ("http://e/a", "height", "2", None),
        ("y", "age", None, None),
    ]
    assert merged.graph.names == ("A", None, "sea", "why") and merged.graph.pictures == (None, "b.png", None, None)
    assert merged.origin.tolist() == [3, 1, 3, 2]
    assert merged.same == [("http://e/a", "x")] and merged.apart == []  # not c = b, which is another entity here
    assert merged.parts[1].names == ("ex", None, "sea", "why")


def test_equal_labels_that_are_not_aligned_stay_apart():
    merged = merge_graphs(*two(), PAIRS[:1])  # b of the left and b of the right graph are two entities now
    assert merged.graph.entities == ("http://e/a", "b", "c", "b.right", "y")
    assert triples(merged.graph)[2:] == [("http://e/a", "s", "b.right"), ("b.right", "t", "y")]
    assert merged.apart == ["b"] and merged.same == [("http://e/a", "x")]
    blank = KnowledgeGraph(("_:n", "_:n.right"), ("r",), np.array([[0, 0, 1]]))
    found = merge_graphs(blank, blank, PAIRS[:0]).graph.entities
    assert found == ("_:n", "_:n.right", "_:n.right.right", "_:n.right.right.right")


def same(left, right, kind="relation", inverse=False):
    return RelationPair(left, right, kind, inverse, 9, 9, 9, 0.0, 1.0)


def test_relations_that_are_the_same_get_the_left_name_and_inverses_are_turned(tmp_path):
    left, right = two()
    relations = [same("r", "t", inverse=True), same("s", "s"), same("height", "age", "attribute")]
    merged = merge_graphs(left, right, PAIRS, relations=relations)
    assert merged.graph.relations == ("r", "s") and merged.graph.attributes.names == ("height",)
    assert triples(merged.graph) == [
        ("http://e/a", "r", "b"),
        ("b", "s", "c"),
        ("http://e/a", "s", "c"),
        ("y", "r", "c"),  # c t y
    ]
    assert list(merged.same_relations) == [relations[0], relations[2]]  # s has its name already
    assert merged.parts[1].triples.tolist() == merged.graph.triples[2:].tolist()
    assert [fact[1:3] for fact in facts(merged.graph)] == [("height", "1.5"), ("height", "2"), ("height", None)]
    path = write_merged(merged, tmp_path / "m.nq")
    first, second, *_ = path.read_text().splitlines()
    assert first == "# <urn:mmkg:r> <http://www.w3.org/2002/07/owl#inverseOf> <urn:mmkg:t> ."
    assert second.endswith("<http://www.w3.org/2002/07/owl#equivalentProperty> <urn:mmkg:age> .")
    read = mmkg.read_graph(path)
    assert set(triples(read)) == set(triples(merged.graph)) and read.num_entities == merged.graph.num_entities
    made = networkx.read_graphml(write_merged(merged, tmp_path / "m.graphml"))
    assert [pair["right"] for pair in json.loads(made.graph["same_relations"])] == ["t", "age"]


def test_a_right_relation_that_the_left_graph_has_too_keeps_its_name():
    left, right = two()
    merged = merge_graphs(left, right, PAIRS, relations=[same("r", "s")])
    assert merged.same_relations == [] and triples(merged.graph)[2] == ("http://e/a", "s", "c")


CLASS, RESTRICTION = "http://www.w3.org/2002/07/owl#Class", "http://www.w3.org/2002/07/owl#Restriction"


def small(*entities):
    """A graph in which each entity but the first is of the type of the first."""
    triples = np.array([[row, 0, 0] for row in range(1, len(entities))], np.int64).reshape(-1, 3)
    return KnowledgeGraph(entities, ("type",), triples)


def merged_labels(left, right, pairs, **settings):
    merged = merge_graphs(small(*left), small(*right), np.array(pairs, np.int64).reshape(-1, 2), **settings)
    return merged, list(merged.graph.entities)


def test_an_iri_of_both_graphs_is_one_node():
    merged, labels = merged_labels((CLASS, "http://a/x", "http://s/1"), (CLASS, "http://s/1", "http://b/x"), [[1, 2]])
    assert labels == [CLASS, "http://a/x", "http://s/1"] and merged.origin.tolist() == [3, 3, 3]
    assert merged.same == [("http://a/x", "http://b/x")] and merged.apart == []
    assert {tail for _, _, tail in triples(merged.graph)} == {CLASS}


@pytest.mark.parametrize("label", ["plain", "_:b0", "file:///g.ttl#a", "a b:c", "/relative", ""])
def test_labels_that_are_local_stay_apart_and_are_never_the_same(label):
    merged, labels = merged_labels((CLASS, label), (CLASS, label), [])
    assert labels == [CLASS, label, label + ".right"] and merged.apart == [label] and merged.same == []


def test_iris_are_kept_apart_on_request_without_a_statement_that_they_are_the_same():
    merged, labels = merged_labels((CLASS, "http://s/1", "a"), (CLASS, "http://s/1", "b"), [[2, 2]], apart=True)
    assert labels == [CLASS, "http://s/1", "a", CLASS + ".right", "http://s/1.right"]
    assert merged.apart == [CLASS, "http://s/1"] and merged.same == [("a", "b")]


X, Y, Z = "http://s/x", "http://s/y", "http://s/z"


@pytest.mark.parametrize(
    ("pairs", "labels", "same", "origin"),
    [
        ([], [CLASS, X, Y, Z], [], [3, 3, 3, 2]),
        ([[1, 1], [2, 2]], [CLASS, X, Y, Z], [], [3, 3, 3, 2]),
        # the matching decides: left X is right Y, so neither left Y nor right X is it
        ([[1, 2]], [CLASS, X, Y, X + ".right", Z], [], [3, 3, 1, 2, 2]),
        ([[1, 2], [2, 1]], [CLASS, X, Y, Z], [], [3, 3, 3, 2]),  # crossed
        ([[1, 3]], [CLASS, X, Y, X + ".right"], [(X, Z)], [3, 3, 3, 2]),
    ],
)
def test_where_the_matching_and_the_iris_disagree_the_matching_decides(pairs, labels, same, origin):
    merged, found = merged_labels((CLASS, X, Y), (CLASS, X, Y, Z), pairs)
    assert found == labels and merged.same == same and merged.origin.tolist() == origin
    assert not {former for _, former in merged.same} & set(found)


def test_images_are_those_of_the_left_side_where_it_has_one():
    left, right = (KnowledgeGraph(("a", "b"), (), np.empty((0, 3), np.int64)) for _ in range(2))
    left = replace(left, images=ImageTable(np.array([1]), np.ones((1, 2), np.float32)))
    right = replace(right, images=ImageTable(np.array([0, 1]), np.full((2, 2), 2.0, np.float32)))
    images = merge_graphs(left, right, np.array([[1, 0], [0, 1]])).graph.images
    assert images.rows.tolist() == [0, 1] and images.features.tolist() == [[2.0, 2.0], [1.0, 1.0]]
    wide = replace(right, images=ImageTable(np.array([0]), np.ones((1, 3), np.float32)))
    assert merge_graphs(left, wide, PAIRS[:0]).graph.images.features.tolist() == [[1.0, 1.0]]
    bare = replace(left, images=None)
    assert merge_graphs(bare, right, np.array([[1, 0], [0, 1]])).graph.images.rows.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [([[0, 3]], r"right rows must be in 0\.\.2, got 3"), ([[0, 1], [0, 2]], "each left entity in one pair")],
)
def test_pairs_that_do_not_fit_are_refused(pairs, message):
    with pytest.raises(InputError, match=message):
        merge_graphs(*two(), np.array(pairs))


def test_quads_say_which_graph_a_statement_came_from(tmp_path):
    write_merged(merge_graphs(*two(), PAIRS), tmp_path / "m.nq")
    found = {"left": [], "right": [], "links": [], "merged": []}
    for quad in pyoxigraph.parse(path=str(tmp_path / "m.nq")):
        found[quad.graph_name.value.rpartition(":")[2]].append((quad.subject.value, quad.predicate.value))
    local = {side: sorted((s[-1], re.split("[#/:]", p)[-1]) for s, p in rows) for side, rows in found.items()}
    assert [s for s, _ in local["left"]] == ["a", "a", "a", "b", "b"]
    assert {p for _, p in local["left"]} == {"height", "label", "r", "depiction", "s"}
    assert [p for _, p in local["right"]].count("label") == 3 and len(local["right"]) == 3 + 2 + 2
    assert local["links"] == [("a", "sameAs")] and len(local["merged"]) == 4


def test_graphml_is_read_by_networkx_with_origins(tmp_path):
    write_merged(merge_graphs(*two(), PAIRS), tmp_path / "m.graphml")
    made = networkx.read_graphml(tmp_path / "m.graphml")
    assert {node: data["graph"] for node, data in made.nodes(data=True)} == {
        "http://e/a": "both",
        "b": "left",
        "c": "both",
        "y": "right",
    }
    assert (
        made.nodes["http://e/a"]["same_as"] == "x"
        and "same_as" not in made.nodes["c"]
        and made.nodes["c"]["name"] == "sea"
    )
    assert json.loads(made.nodes["http://e/a"]["attributes"]) == [["height", "1.5", FLOAT], ["height", "2", None]]
    edges = sorted((h, d["relation"], t, d["graph"]) for h, t, d in made.edges(data=True))
    assert edges == [
        ("b", "s", "c", "left"),
        ("c", "t", "y", "right"),
        ("http://e/a", "r", "b", "left"),
        ("http://e/a", "s", "c", "right"),
    ]


def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path):
    merged = merge_graphs(*two(), PAIRS)
    with pytest.raises(UsageError, match=r"unknown format of 'm\.ttl' by its suffix; .*\.nq"):
        write_merged(merged, tmp_path / "m.ttl")
    odd = KnowledgeGraph(("a", "b\x01"), ("r",), np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="text that XML can hold"):
        write_merged(merge_graphs(odd, odd, PAIRS[:0]), tmp_path / "m.graphml")
    lone = KnowledgeGraph(("a", "b"), ("r",), np.array([[0, 0, 1]]), names=("\ud800", None))
    with pytest.raises(InputError, match="UTF-8 can hold"):
        write_merged(merge_graphs(lone, odd, PAIRS[:0]), tmp_path / "m.nq")
    assert not list(tmp_path.iterdir())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), graphs(), st.data(), st.sampled_from([".nq", ".nt"]))
def test_any_merged_graph_is_read_back_as_it_is(tmp_path, left, right, data, suffix):
    size = min(left.num_entities, right.num_entities)
    number = data.draw(st.integers(0, size))
    rows = [data.draw(st.permutations(range(graph.num_entities)))[:number] for graph in (left, right)]
    merged = merge_graphs(left, right, np.array(rows, np.int64).T.reshape(-1, 2))
    assert len(merged.graph.triples) == len(left.triples) + len(right.triples)
    write_merged(merged, tmp_path / f"m{suffix}")
    found = read_rdf(tmp_path / f"m{suffix}")
    assert found.graph.entities == merged.graph.entities
    assert triples(found.graph) == list(dict.fromkeys(triples(merged.graph)))
    expected = list(dict.fromkeys((e, a, value or None, kind) for e, a, value, kind in facts(merged.graph)))
    assert facts(found.graph) == expected
    assert found.same_as == list(merged.same)


def test_merging_is_in_the_library():
    assert mmkg.merge_graphs is merge_graphs and mmkg.write_merged is write_merged
