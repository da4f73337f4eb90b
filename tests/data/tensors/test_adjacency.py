import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.data.tensors.adjacency import adjacency

triples_of_seven = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 6)), min_size=0, max_size=40
).map(lambda rows: np.array(rows, np.int64).reshape(-1, 3))


def naive_adjacency(triples, n, *, directed=False):
    """{(target, source): weight} of D^-1/2 A D^-1/2, one triple after the other."""
    count = {(i, i): 1 for i in range(n)}
    for head, _, tail in triples.tolist():
        if head != tail:
            count[head, tail] = count.get((head, tail), 0) + 1
            if not directed:
                count[tail, head] = count.get((tail, head), 0) + 1
    degree = [sum(c for (i, _), c in count.items() if i == row) for row in range(n)]
    return {(i, j): c / (degree[i] * degree[j]) ** 0.5 for (i, j), c in count.items()}


def as_dict(edge_index, weight):
    source, target = edge_index.as_tensor().tolist()
    found = dict(zip(zip(target, source, strict=True), weight.tolist(), strict=True))
    assert len(found) == len(weight), "an edge comes twice"
    return found


def dense(edge_index, weight, n):
    matrix = torch.zeros(n, n)
    matrix[edge_index[1].as_tensor(), edge_index[0].as_tensor()] = weight
    return matrix.numpy()


@settings(max_examples=60, deadline=None)
@given(triples_of_seven, st.booleans())
def test_weights_are_those_of_the_loop(triples, directed):
    expected = naive_adjacency(triples, 7, directed=directed)
    found = as_dict(*adjacency(triples, 7, directed=directed))
    assert found.keys() == expected.keys()
    assert all(abs(found[edge] - expected[edge]) < 1e-6 for edge in expected)


def test_duplicate_and_reciprocal_triples_add_up_and_self_loops_do_not():
    triples = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 2, 1], [0, 0, 0]], np.int64)
    found = as_dict(*adjacency(triples, 3))
    # four triples join 0 and 1: A = 4 off the diagonal, 1 on it, degrees 5, 5, 1
    expected = {(0, 0): 0.2, (0, 1): 0.8, (1, 0): 0.8, (1, 1): 0.2, (2, 2): 1.0}
    assert found.keys() == expected.keys()
    assert all(abs(found[edge] - expected[edge]) < 1e-6 for edge in expected)


@settings(max_examples=40, deadline=None)
@given(triples_of_seven)
def test_matrix_is_symmetric_with_largest_eigenvalue_one(triples):
    matrix = dense(*adjacency(triples, 7), 7)
    assert np.array_equal(matrix, matrix.T)
    values = np.linalg.eigvalsh(matrix.astype(np.float64))
    assert abs(values.max() - 1) < 1e-6
    assert values.min() > -1


def test_edges_are_sorted_by_target_and_declared_so():
    triples = np.random.default_rng(0).integers(0, 20, (60, 3))
    edge_index, weight = adjacency(triples, 20)
    target = edge_index.as_tensor()[1]
    assert (target.diff() >= 0).all()
    assert edge_index.sort_order == "col" or edge_index.sort_order.value == "col"
    assert edge_index.validate() is edge_index  # raises where order or symmetry is not as declared
    assert weight.dtype == torch.float32


def test_directed_messages_go_from_tail_to_head():
    edge_index, _ = adjacency(np.array([[0, 0, 1]], np.int64), 2, directed=True)
    assert sorted(zip(*edge_index.as_tensor().tolist(), strict=True)) == [(0, 0), (1, 0), (1, 1)]


def test_no_triples_leave_the_self_loops():
    edge_index, weight = adjacency(np.empty((0, 3), np.int64), 4)
    assert edge_index.as_tensor().tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert weight.tolist() == [1.0] * 4
