import pytest
from small_pairs import dense, graph, pair

from mmkg.data.features.name import name_table


def test_name_table_puts_equal_names_of_both_graphs_together():
    left, right = graph(2, names=("Rome", None)), graph(2, names=("Paris", "rome"))
    table = name_table(pair(left, right))
    rows = dense(table, 4)
    assert table.observed.tolist() == [True, False, True, True]
    assert rows[0] @ rows[3] == pytest.approx(1) and rows[0] @ rows[2] < 0.5


def test_graph_without_names_has_no_observed_names():
    table = name_table(pair(graph(3), graph(2, names=("aa", "aa"))))
    assert table.observed.tolist() == [False, False, False, True, True]
