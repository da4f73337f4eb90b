"""Graphs and links out of lists and DataFrames, with the expected graphs written by hand."""

import datetime

import numpy as np
import pandas
import pyarrow
import pytest
from reader_cases import facts, triples

from mmkg import as_graph
from mmkg.data.formats.frames import links_of_object
from mmkg.errors import InputError, UsageError

TRIPLES = [("Curie", "born in", "Warsaw"), ("Curie", "won", "Nobel Prize"), ("Warsaw", "in", "Poland")]


def test_a_list_of_triples_is_a_graph():
    graph = as_graph(TRIPLES)
    assert graph.entities == ("Curie", "Warsaw", "Nobel Prize", "Poland")
    assert triples(graph) == TRIPLES and len(graph.attributes) == 0


def test_lists_and_arrays_are_triples_too():
    assert triples(as_graph([list(row) for row in TRIPLES])) == TRIPLES
    assert triples(as_graph(pandas.DataFrame(TRIPLES))) == TRIPLES  # columns 0, 1, 2


def test_a_tail_that_is_no_text_is_a_value():
    graph = as_graph([*TRIPLES, ("Curie", "born", datetime.date(1867, 11, 7)), ("Warsaw", "size", 517.2)])
    assert triples(graph) == TRIPLES
    assert facts(graph) == [("Curie", "born", "1867-11-07", None), ("Warsaw", "size", "517.2", None)]


def test_numbers_are_entities_where_heads_are_numbers():
    graph = as_graph([(1, "r", 2), (2, "r", 3)])
    assert graph.entities == ("1", "2", "3") and triples(graph) == [("1", "r", "2"), ("2", "r", "3")]


@pytest.mark.parametrize("make", [pandas.DataFrame, pyarrow.table])
@pytest.mark.parametrize("names", [("head", "relation", "tail"), ("source", "type", "target"), ("s", "p", "o")])
def test_columns_of_a_frame_are_found_by_name(make, names):
    head, relation, tail = zip(*TRIPLES, strict=True)
    graph = as_graph(make({names[2]: list(tail), names[0]: list(head), names[1]: list(relation)}))
    assert triples(graph) == TRIPLES


@pytest.mark.parametrize("make", [pandas.DataFrame, pyarrow.table])
def test_a_table_of_entities_gives_names_pictures_and_attributes(make):
    entities = make(
        {
            "uuid": ["u1", "u2", "u3", "u4"],
            "id": ["e1", "e2", "e3", "e4"],
            "title": ["Curie", "Warsaw", None, "Poland"],
            "image": ["c.jpg", None, None, None],
            "born": [1867, None, None, None],
            "also": [["Maria", "Marie"], [], None, ["PL"]],
        }
    )
    edges = make({"head": ["e1", "e1"], "relation": ["in", "won"], "tail": ["e2", "e3"]})
    graph = as_graph((entities, edges))
    assert graph.entities == ("e1", "e2", "e3", "e4")  # the column that the triples use
    assert graph.names == ("Curie", "Warsaw", None, "Poland")
    assert graph.pictures == ("c.jpg", None, None, None)
    born = "1867.0" if make is pandas.DataFrame else "1867"  # pandas keeps integers with gaps as floats
    assert facts(graph) == [
        *(
            (entity, "uuid", value, None)
            for entity, value in zip(graph.entities, ("u1", "u2", "u3", "u4"), strict=True)
        ),
        ("e1", "born", born, None),
        ("e1", "also", "Maria", None),
        ("e1", "also", "Marie", None),
        ("e4", "also", "PL", None),
    ]
    assert triples(graph) == [("e1", "in", "e2"), ("e1", "won", "e3")]


def test_triples_may_use_the_titles_of_entities():
    """As the tables of GraphRAG do: ids in one column, the ends of relationships are titles."""
    entities = pandas.DataFrame({"id": ["9f", "a0"], "title": ["CURIE", "WARSAW"], "type": ["PERSON", "CITY"]})
    edges = pandas.DataFrame({"source": ["CURIE"], "type": ["born in"], "target": ["WARSAW"]})
    graph = as_graph((entities, edges))
    assert graph.entities == ("CURIE", "WARSAW")
    assert ("CURIE", "type", "PERSON", None) in facts(graph)


def test_tables_without_a_relation_have_one_called_related():
    """As the relationships of GraphRAG."""
    entities = pandas.DataFrame({"id": ["9f", "a0"], "title": ["CURIE", "WARSAW"], "type": ["PERSON", "CITY"]})
    edges = pandas.DataFrame({"id": ["r"], "source": ["CURIE"], "target": ["WARSAW"], "description": ["x"]})
    assert triples(as_graph((entities, edges))) == [("CURIE", "related", "WARSAW")]


def test_a_table_with_one_entity_in_each_row_is_a_graph():
    """Columns of ids of the same table are relations, lists are several values."""
    found = as_graph(
        pandas.DataFrame(
            {
                "id": ["p1", "p2", "p3"],
                "name": ["Ann", "Bo", None],
                "parent": [None, "p1", "p1"],
                "age": [50, 20, 21],
                "also": [["Anna", "Annie"], [], None],
                "image": ["a.jpg", None, None],
            }
        )
    )
    assert found.entities == ("p1", "p2", "p3") and found.names == ("Ann", "Bo", None)
    assert triples(found) == [("p2", "parent", "p1"), ("p3", "parent", "p1")]
    assert {("p1", "age", "50", None), ("p1", "also", "Anna", None), ("p1", "also", "Annie", None)} <= set(facts(found))
    assert found.pictures == ("a.jpg", None, None)


FRAME = pandas.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b"]})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([("a", "r", "b"), ("a", "r")], r"graph:2: expected \(head, relation, tail\), got \('a', 'r'\)"),
        ([("a", "r", "b"), ("a", None, "c")], "graph:2: expected a relation, got None"),
        ([("", "r", "b")], "graph:1: expected a head, got ''"),
        ([("a", "r", ["b"])], r"graph:1: expected a text or number as tail, got a value of type list"),
        (
            pandas.DataFrame({"y": "aa", "relation": "rr", "x": list("bc"), "z": 1}),
            "graph: expected a column 'head' or",
        ),
        (
            (pandas.DataFrame({"id": ["a", "c"]}), FRAME),
            "graph:1: expected an entity of the table of entities, got the",
        ),
        (
            (pandas.DataFrame({"id": ["a", "b", "a"]}), FRAME),
            "graph, entities:3: expected a unique id in the column 'id', got 'a' again",
        ),
        ((pandas.DataFrame({"id": ["x", "y"]}), FRAME), "expected a column with the heads and tails of the triples, g"),
        ((pandas.DataFrame({"id": ["a", "b"], "z": [{}, 1]}), FRAME), "lists of them in the column 'z', got dict"),
        (FRAME[:0], "expected at least one triple, got none"),
    ],
)
def test_a_wrong_object_gets_a_sentence_with_its_place(source, message):
    with pytest.raises(InputError, match=message):
        as_graph(source)


@pytest.mark.parametrize("source", [3, [], ["a", "b"], object(), {"a": 1}, (FRAME, FRAME, FRAME)])
def test_another_kind_of_object_is_refused_with_the_known_kinds(source):
    with pytest.raises(
        UsageError, match=r"expected graph as a file or folder, .*networkx.*DataFrames.*list of triples"
    ):
        as_graph(source)


@pytest.mark.parametrize(
    "links",
    [
        [("a", "x"), ("b", "y")],
        (["a", "x"], ["b", "y"]),
        np.array([["a", "x"], ["b", "y"]]),
        {"a": "x", "b": "y"},
        {("b", "y"), ("a", "x")},
        pandas.DataFrame({"right": ["x", "y"], "left": ["a", "b"]}),
        pandas.DataFrame([("a", "x"), ("b", "y")]),
        pyarrow.table({"entity1": ["a", "b"], "entity2": ["x", "y"]}),
    ],
)
def test_links_come_in_many_forms(links, tmp_path):
    found = links_of_object(links, tmp_path)
    assert list(zip(found.left, found.right, strict=True)) == [("a", "x"), ("b", "y")]
    assert found.lines.tolist() == [1, 2] and found.parts is None


def test_a_frame_of_links_may_have_parts(tmp_path):
    frame = pandas.DataFrame({"left": ["a", "b"], "right": ["x", "y"], "part": ["train", "test"]})
    assert links_of_object(frame, tmp_path).parts == ["train", "test"]


@pytest.mark.parametrize(
    ("links", "kind", "message"),
    [
        ([("a", "x"), ("b",)], InputError, r"links:2: expected \(left label, right label\), got \('b',\)"),
        ([("a", "x"), ("b", None)], InputError, "links:2: expected a text as right label, got None"),
        (pandas.DataFrame({"left": ["a"], "b": ["x"], "c": ["x"]}), InputError, "links: expected a column 'right'"),
        (3, UsageError, "links must be pairs of labels"),
    ],
)
def test_wrong_links_get_a_sentence(links, kind, message):
    with pytest.raises(kind, match=message):
        links_of_object(links, "links")
