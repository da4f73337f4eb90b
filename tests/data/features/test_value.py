import pytest
from small_pairs import dense, graph, pair

from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.registry import available_modalities


def test_value_table_holds_what_the_graphs_agree_on():
    """Attributes of one name are compared without any link; one of another name is not."""
    left = graph(4, facts=[(0, "code", "7"), (1, "code", "8"), (2, "sort", "x"), (3, "code", "9")])
    right = graph(2, facts=[(0, "code", "8"), (0, "kind", "x"), (1, "code", None)])
    task = pair(left, right)
    inputs = build_inputs(task, FeatureConfig(modalities=("value",)))
    assert inputs.names == ("value",) == available_modalities(task)[1:]
    assert inputs.observed("value")[[1, 2, 4, 5]].tolist() == [True, False, True, False]
    rows = dense(inputs.tables["value"], 6)
    equal = rows[1] @ rows[4]
    assert equal == pytest.approx(rows[1] @ rows[1]) and rows[0] @ rows[4] < 0.9 * equal
