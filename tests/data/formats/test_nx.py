from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from uuid import UUID

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_cases import facts, graphs, plain, triples

from mmkg.data.features.value import MODALITY as VALUE
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


def test_the_relation_is_found_under_the_usual_keys():
    made = networkx.MultiDiGraph()
    made.add_edge("a", "b", key="k", label="knows", type="x")
    made.add_edge("b", "c", key="k", type="likes", weight=2.0)
    made.add_edge("c", "d", key="hates", type=7)
    made.add_edge("d", "a", relation="sees", label="x")
    assert [kind for _, kind, _ in triples(from_networkx(made))] == ["knows", "likes", "hates", "sees"]
    assert [kind for _, kind, _ in triples(from_networkx(made, relation="label"))] == ["knows", "k", "hates", "x"]


@pytest.mark.parametrize("key", ["label", "title"])
def test_another_key_is_the_name_where_no_node_has_one(key):
    nodes = [("a", {key: "Ann", "age": 5}), ("b", {key: "Bo"}), ("c", {})]
    found = from_networkx(graph_of(nodes))
    assert found.names == ("Ann", "Bo", None) and facts(found) == [("a", "age", "5", None)]
    named = from_networkx(graph_of([*nodes, ("d", {"name": "Di"})]))
    assert named.names == (None, None, None, "Di") and ("a", key, "Ann", None) in facts(named)


def test_a_label_that_most_nodes_share_is_a_class_and_no_name():
    found = from_networkx(graph_of([(node, {"label": "Person"}) for node in "abc"]))
    assert found.names is None and facts(found) == [(node, "label", "Person", None) for node in "abc"]


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
    (graph_of([("a", {"age": [[7]]})]), "got list; remove it, or turn it into text"),
    (graph_of([("a", {"age": b"7"})]), "expected a text or a number as 'age' of the node 'a', got bytes"),
    (graph_of([("a", {7: "x"})]), "expected texts as names of the data of 'a', got 7"),
    (graph_of([("a", {"attributes": ["age"]})]), "expected (attribute, value) or (attribute, value, type)"),
    (graph_of([("a", {"attributes": [("age", [7])]})]), "expected (attribute, value) or (attribute, value, type)"),
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


def fake_pandas(name):
    """An object of a class as pandas has it for missing values; comparing ``pandas.NA`` gives no truth value."""

    def no_truth(self, other=None):
        raise TypeError("boolean value of NA is ambiguous")

    return type(name, (), {"__module__": "pandas._libs.missing", "__eq__": no_truth, "__bool__": no_truth})()


MISSING = {
    "None": None,
    "nan": float("nan"),
    "float32 nan": np.float32("nan"),
    "float16 nan": np.float16("nan"),
    "Decimal nan": Decimal("NaN"),
    "Decimal signalling nan": Decimal("sNaN"),
    "NaT": np.datetime64("NaT"),
    "NaT of a difference": np.timedelta64("NaT", "D"),
    "masked": np.ma.masked,
    "pandas.NA": fake_pandas("NAType"),
    "pandas.NaT": fake_pandas("NaTType"),
    "empty": "",
    "array without axes": np.array(np.nan),
}


@pytest.mark.parametrize("value", MISSING.values(), ids=MISSING)
def test_a_missing_value_is_no_fact(value):
    found = from_networkx(graph_of([("a", {"age": value, "size": [value, "1"]})]))
    assert facts(found) == [("a", "size", "1", None)]


@pytest.mark.parametrize("value", list(MISSING.values())[:-1], ids=list(MISSING)[:-1])
def test_missing_data_of_every_other_key_are_as_if_the_key_were_absent(value):
    keys = dict.fromkeys(("name", "picture", "display", "image_features", "attributes"), value)
    edges = [("a", "b", "key", {"relation": value})] if not isinstance(value, str) else [("a", "b", "key", {})]
    found = from_networkx(graph_of([("a", keys)], edges))
    assert triples(found) == [("a", "key", "b")] and facts(found) == []
    assert (found.names, found.pictures, found.images) == (None, None, None) and found.label(0) == "a"
    found = from_networkx(graph_of([("a", {"attributes": [("age", value), ("size", value, value)]})]))
    assert facts(found) == [("a", "age", None, None), ("a", "size", None, None)]


@pytest.mark.parametrize("value", [[], (), [None, float("nan"), ""], np.array([np.nan, np.nan]), set()], ids=range(5))
def test_a_list_without_values_is_no_fact(value):
    assert facts(from_networkx(graph_of([("a", {"age": value})]))) == []


def test_entities_without_a_value_do_not_agree_in_it():
    """Two nodes with nothing but a missing number have no value, and not the same one."""
    left = from_networkx(graph_of([("a", {"age": float("nan")}), ("b", {"age": 5.0})]))
    assert VALUE.present(left).tolist() == [False, True]


VALUES = [
    (True, ["true"]),
    (np.bool_(False), ["false"]),
    (7, ["7"]),
    (np.int8(-7), ["-7"]),
    (1.0, ["1.0"]),
    (np.float32(0.1), ["0.1"]),
    (Decimal("1.50"), ["1.50"]),
    (Decimal("1E+2"), ["100"]),
    (Fraction(1, 3), ["1/3"]),
    (date(2020, 5, 17), ["2020-05-17"]),
    (datetime(2020, 5, 17, 8, 30), ["2020-05-17T08:30:00"]),
    (datetime(2020, 5, 17, tzinfo=UTC), ["2020-05-17T00:00:00+00:00"]),
    (np.datetime64("2020-05-17"), ["2020-05-17"]),
    (np.datetime64("2020-05-17T08:30:00", "ns"), ["2020-05-17T08:30:00"]),
    (UUID(int=1), ["00000000-0000-0000-0000-000000000001"]),
    (Enum("Colour", {"RED": "red"})["RED"], ["red"]),
    (["x", None, 2, float("nan"), True], ["x", "2", "true"]),
    (("x", np.float64("nan")), ["x"]),
    ({"b", "a"}, ["a", "b"]),
    (np.array([1, 2]), ["1", "2"]),
    (np.array(["2020-01-01", "NaT"], "datetime64[D]"), ["2020-01-01"]),
    (np.ma.array([1, 2], mask=[True, False]), ["2"]),
]


@pytest.mark.parametrize(("value", "texts"), VALUES, ids=range(len(VALUES)))
def test_a_value_of_any_plain_type_becomes_the_text_that_rdf_has_for_it(value, texts):
    assert facts(from_networkx(graph_of([("a", {"k": value})]))) == [("a", "k", text, None) for text in texts]


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans(), st.booleans())
def test_any_graph_comes_back_as_it_was_given(graph, named, pictured):
    n = graph.num_entities
    names = ("x", *(None,) * (n - 1)) if named else None
    images = ImageTable(np.array([0, n - 1]), np.array([[1, 2], [3, 4]], np.float32)) if pictured else None
    graph = replace(graph, names=names, images=images, pictures=names, display=graph.entities if named else None)
    values = tuple(value or None for value in graph.attributes.values)  # an empty value is none
    graph = replace(graph, attributes=replace(graph.attributes, values=values))
    made = to_networkx(graph)
    found = from_networkx(made)
    assert plain(found) == plain(graph) and found.relations == graph.relations and found.display == graph.display
    assert networkx.utils.graphs_equal(
        to_networkx(replace(found, images=None)), to_networkx(replace(graph, images=None))
    )
