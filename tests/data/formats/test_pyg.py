from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_cases import graphs, plain, triples
from torch_geometric.data import Data, HeteroData

from mmkg.data.formats.pyg import from_pyg, to_hetero, to_pyg
from mmkg.data.kg import ImageTable
from mmkg.errors import InputError

EDGES = torch.tensor([[0, 1], [1, 2]])


def test_bare_data_are_numbers():
    graph = from_pyg(Data(edge_index=EDGES, edge_type=torch.tensor([1, 0])))
    assert triples(graph) == [("0", "1", "1"), ("1", "0", "2")]
    assert triples(from_pyg(Data(edge_index=EDGES))) == [("0", "0", "1"), ("1", "0", "2")]
    assert from_pyg(Data(num_nodes=4)).entities == ("0", "1", "2", "3")


def hetero():
    made = HeteroData()
    made["person"].num_nodes = 2
    made["person"].names = ["Ann", None]
    made["city"].num_nodes = 3
    made["city"].entities = ["Rome", "Oslo", "Bonn"]
    made["person", "lives in", "city"].edge_index = torch.tensor([[0, 1], [2, 0]])
    made["person", "knows", "person"].edge_index = torch.tensor([[0], [1]])
    made["city", "knows", "city"].edge_index = torch.tensor([[0], [1]])
    return made


def test_nodes_of_all_types_are_entities_and_edge_types_relations():
    graph = from_pyg(hetero())
    assert graph.entities == ("person/0", "person/1", "Rome", "Oslo", "Bonn")
    assert graph.names == ("Ann", None, None, None, None)
    assert triples(graph) == [
        ("person/0", "lives in", "Bonn"),
        ("person/1", "lives in", "Rome"),
        ("person/0", "person/knows/person", "person/1"),
        ("Rome", "city/knows/city", "Oslo"),
    ]


def broken(**changes):
    made = hetero()
    made["person", "lives in", "city"].edge_index = changes.pop("edges", EDGES)
    for name, value in changes.items():
        made["person"][name] = value
    return made


MALFORMED = [
    ("data", "expected a PyG Data or HeteroData, got a value of type str"),
    (Data(), "expected a PyG Data with num_nodes, edge_index or features"),
    (Data(num_nodes=0), "a graph needs at least one entity"),
    (Data(edge_index=EDGES.float(), num_nodes=3), "expected integers [2, E] as edge_index, got float32 [2, 2]"),
    (Data(edge_index=EDGES[0], num_nodes=3), "expected integers [2, E] as edge_index, got int64 [2]"),
    (Data(edge_index=-EDGES, num_nodes=3), "expected node numbers >= 0 in edge_index, got -2"),
    (Data(edge_index=EDGES, num_nodes=2), "triple head or tail must be in 0..1, got 2"),
    (Data(edge_index=EDGES, edge_type=torch.tensor([0])), "expected one edge_type for each of 2 edges, got [1]"),
    (Data(edge_index=EDGES, edge_type=torch.tensor([0, 2]), relations=["r"]), "triple relation must be in 0..0, got 2"),
    (Data(edge_index=EDGES, entities=["a", "b"]), "expected entities for each of 3 nodes, got 2"),
    (Data(edge_index=EDGES, entities=["a", "b", "a"]), "entity labels must be unique, 'a' comes more than once"),
    (Data(edge_index=EDGES, names=["a"]), "expected one entry of names for each of 3 entities, got 1"),
    (HeteroData(), "a graph needs at least one entity"),
    (broken(edges=torch.tensor([[0], [3]])), "names a node that 'city' does not have"),
    (broken(edges=torch.tensor([[0]])), "expected integers [2, E] as edge_index of ('person', 'lives in', 'city')"),
    (broken(entities=["Ann"]), "expected entities for each of 2 nodes, got 1"),
]


@pytest.mark.parametrize(("data", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_knowledge_graph_is_refused(data, message):
    with pytest.raises(InputError) as caught:
        from_pyg(data)
    assert message in str(caught.value)


def test_relations_with_double_underscores_are_converted_without_a_warning(recwarn, monkeypatch):
    # PyG warns once per process, so that this must be the first time
    monkeypatch.setattr("torch_geometric.data.hetero_data._DISPLAYED_TYPE_NAME_WARNING", False)
    graph = from_pyg(Data(edge_index=EDGES, edge_type=torch.tensor([1, 0]), relations=["a__b", "__c"]))
    assert triples(from_pyg(to_hetero(graph))) == [("1", "a__b", "2"), ("0", "__c", "1")]
    assert len(recwarn) == 0


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans())
def test_any_graph_comes_back_as_it_was_given(graph, full):
    n = graph.num_entities
    if full:
        images = ImageTable(np.array([0, n - 1]), np.array([[1, 2], [3, 4]], np.float32))
        some = ("x", *(None,) * (n - 1))
        graph = replace(graph, names=some, pictures=some, display=graph.entities, images=images)
    found = from_pyg(to_pyg(graph))
    assert plain(found) == plain(graph) and found.relations == graph.relations and found.display == graph.display
    assert found.fingerprint() == graph.fingerprint()
    other = from_pyg(to_hetero(graph))
    assert other.entities == graph.entities and sorted(triples(other)) == sorted(triples(graph))
    assert other.names == graph.names


def test_values_may_be_numbers_and_missing_ones_are_none():
    data = Data(
        num_nodes=3,
        names=["a", None, float("nan")],
        attribute_entity=torch.tensor([0, 1, 2, 0]),
        attribute_type=torch.tensor([0, 0, 0, 0]),
        attribute_names=["age"],
        attribute_values=[1.5, float("nan"), None, True],
    )
    graph = from_pyg(data)
    assert graph.names == ("a", None, None) and graph.attributes.values == ("1.5", None, None, "true")
    data.attribute_values = [1, 2, 3, [4]]
    with pytest.raises(InputError, match="expected texts or numbers as attribute_values, got a value of type list"):
        from_pyg(data)
