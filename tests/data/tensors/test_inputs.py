from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from scipy import sparse

from mmkg.data.tensors.adjacency import adjacency
from mmkg.data.tensors.graph import EntityGraph
from mmkg.data.tensors.inputs import EntityInputs
from mmkg.data.tensors.tables import DenseTable, SparseTable
from mmkg.errors import UsageError

TRIPLES = np.array([[0, 0, 1], [3, 1, 4]])


def made(*, structure=True):
    linked = torch.tensor([True, True, False, True, True])
    graph = EntityGraph(*adjacency(TRIPLES, 5), linked, TRIPLES, 2)
    tables = {
        "relation": SparseTable(sparse.csr_matrix(np.eye(5, 3, dtype=np.float32))),
        "image": DenseTable(np.array([-1, 1, 0, 1, -1]), np.array([[1, 2], [3, 4]], np.float32)),
    }
    return EntityInputs(3, 2, tables, graph if structure else None)


def test_structure_comes_first_then_the_tables_as_given():
    inputs = made()
    assert inputs.names == ("structure", "relation", "image")
    assert inputs.dims == {"structure": 5, "relation": 3, "image": 2}
    assert inputs.num_entities == 5 and inputs.num_relations == 2
    assert inputs.observed("structure").tolist() == [True, True, False, True, True]
    assert inputs.observed("image").tolist() == [False, True, True, True, False]


def test_entities_may_share_a_vector():
    assert made().tables["image"].take(torch.tensor([3, 0, 1]))[:, 0].tolist() == [[3, 4], [0, 0], [3, 4]]


def test_without_structure_there_is_no_graph_to_cut():
    inputs = made(structure=False)
    assert inputs.names == ("relation", "image") and inputs.num_relations == 0
    assert inputs.graph_to("cpu") is inputs
    for read in (lambda: inputs.sampler, lambda: inputs.relation_graph, lambda: inputs.observed("structure")):
        with pytest.raises(UsageError, match="these inputs have no structure"):
            read()


def test_inputs_are_not_written_to_and_cut_their_graph_once():
    inputs = made()
    with pytest.raises(FrozenInstanceError):
        inputs.graph = None
    with pytest.raises(FrozenInstanceError):
        inputs.graph.linked = None
    assert inputs.sampler is inputs.sampler and inputs.relation_graph is inputs.relation_graph
    moved = inputs.graph_to("cpu")
    assert moved.tables is inputs.tables and moved.graph.triples is TRIPLES
    assert torch.equal(moved.graph.edge_weight, inputs.graph.edge_weight)
