from dataclasses import replace

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_cases import facts, graphs, plain, triples

from mmkg.data.formats.nx import from_networkx, to_networkx
from mmkg.data.kg import ImageTable
from mmkg.errors import InputError


def test_a_graph_written_by_hand_is_read(tmp_path):
    made = networkx.MultiDiGraph()
    made.add_node("Paris", name="Paris", population=2_100_000, rivers=["Seine", "Bièvre"], picture="p.jpg")
    made.add_node(75, image_features=[1, 2.5])
    made.add_edge("Paris", "France", relation="in")
    made.add_edge("Paris", "France", "capital of")
    made.add_edge(75, "Paris")
    graph = from_networkx(made)
    assert graph.entities == ("Paris", "75", "France")
    assert triples(graph) == [("Paris", "in", "France"), ("Paris", "capital of", "France"), ("75", "edge", "Paris")]
    assert facts(graph) == [
        ("Paris", "population", "2100000", None),
        ("Paris", "rivers", "Seine", None),
        ("Paris", "rivers", "Bièvre", None),
    ]
    assert graph.names == ("Paris", None, None) and graph.pictures == ("p.jpg", None, None)
    assert graph.images.rows.tolist() == [1] and graph.images.features.tolist() == [[1, 2.5]]


@pytest.mark.parametrize("kind", [networkx.Graph, networkx.DiGraph, networkx.MultiGraph])
def test_other_kinds_of_graph_are_read_too(kind):
    made = kind([("a", "b", {"kind": "r"}), ("b", "c", {"kind": "s"})])
    assert triples(from_networkx(made, relation="kind")) == [("a", "r", "b"), ("b", "s", "c")]


def graph_of(nodes=(), edges=()):
    made = networkx.MultiDiGraph()
    made.add_nodes_from(nodes)
    made.add_edges_from(edges)
    return made


MALFORMED = [
    ("a graph", "expected a networkx graph, got a value of type str"),
    (graph_of(), "expected at least one triple, got none"),
    (graph_of(["1", 1]), "expected nodes with different texts, got '1' twice or empty"),
    (graph_of([""]), "expected nodes with different texts, got '' twice or empty"),
    (graph_of(edges=[("a", "b", {"relation": 7})]), "expected a text as relation of the edge from 'a' to 'b', got 7"),
    (graph_of(edges=[("a", "b", {"relation": ""})]), "expected a text as relation of the edge"),
    (graph_of([("a", {"name": 5})]), "expected a text as name of the node 'a', got 5"),
    (graph_of([("a", {"picture": b"x"})]), "expected a text as picture of the node 'a', got b'x'"),
    (graph_of([("a", {"age": {"years": 5}})]), "expected a text or a number as 'age' of the node 'a', got dict"),
    (graph_of([("a", {"age": None})]), "got NoneType; remove it, or turn it into text"),
    (graph_of([("a", {7: "x"})]), "expected texts as names of the data of 'a', got 7"),
    (graph_of([("a", {"attributes": ["age"]})]), "expected (attribute, value) or (attribute, value, type)"),
    (graph_of([("a", {"attributes": [("age", 7)]})]), "expected (attribute, value) or (attribute, value, type)"),
    (graph_of([("a", {"image_features": "x"})]), "expected a vector as image_features of the node 'a', got 'x'"),
    (graph_of([("a", {"image_features": [[1.0]]})]), "expected a vector as image_features of the node 'a'"),
    (
        graph_of([("a", {"image_features": [1]}), ("b", {"image_features": [1, 2]})]),
        "of one length, got 1 and 2 numbers",
    ),
    (graph_of([("a", {"image_features": [float("inf")]})]), "image features must be finite"),
]


@pytest.mark.parametrize(("graph", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_knowledge_graph_is_refused(graph, message):
    with pytest.raises(InputError) as caught:
        from_networkx(graph)
    assert message in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans(), st.booleans())
def test_any_graph_comes_back_as_it_was_given(graph, named, pictured):
    n = graph.num_entities
    names = ("x", *(None,) * (n - 1)) if named else None
    images = ImageTable(np.array([0, n - 1]), np.array([[1, 2], [3, 4]], np.float32)) if pictured else None
    graph = replace(graph, names=names, images=images, pictures=names, display=graph.entities if named else None)
    made = to_networkx(graph)
    found = from_networkx(made)
    assert plain(found) == plain(graph) and found.relations == graph.relations and found.display == graph.display
    assert networkx.utils.graphs_equal(
        to_networkx(replace(found, images=None)), to_networkx(replace(graph, images=None))
    )
