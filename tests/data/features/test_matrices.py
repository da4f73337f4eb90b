import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pairs import graph, pair

from mmkg.data.features import matrices
from mmkg.data.features.matrices import count_matrix, distinct_triples

TRIPLES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), max_size=15)


@pytest.mark.parametrize("largest", [matrices.LARGEST_KEY, 10], ids=["one number per triple", "too large for that"])
@settings(max_examples=40, deadline=None)
@given(TRIPLES, TRIPLES)
def test_distinct_triples_are_those_of_a_set(largest, left, right):
    task = pair(graph(4, relations=["a", "b", "c"], triples=left), graph(4, relations=["c", "d", "a"], triples=right))
    column = {"a": 0, "b": 1, "c": 2, "d": 3}
    expected = {(h, column["abc"[r]], t) for h, r, t in left if h != t}
    expected |= {(h + 4, column["cda"[r]], t + 4) for h, r, t in right if h != t}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrices, "LARGEST_KEY", largest)
        found, number = distinct_triples(task)
    assert [tuple(row) for row in found.T.tolist()] == sorted(expected) and number == 4
    assert found.dtype == np.int64 and found.shape == (3, len(expected))


def test_equal_places_are_counted():
    counts = count_matrix(np.array([1, 0, 1, 1]), np.array([2, 0, 0, 2]), (2, 3))
    assert counts.to_dense().tolist() == [[1, 0, 0], [1, 0, 2]] and counts.col_indices().tolist() == [0, 0, 2]
