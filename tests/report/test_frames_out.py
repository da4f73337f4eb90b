import sys

import pytest

from mmkg.errors import MissingPackageError
from mmkg.report.frames import arrow_table, data_frame

COLUMNS = {"left": ["a", "b"], "score": [0.5, None]}


def test_a_table_has_the_columns_in_order_and_missing_numbers_stay_missing():
    table = arrow_table(COLUMNS, ["score"])
    assert table.column_names == ["left", "score"] and str(table.schema.field("score").type) == "float"
    assert table.to_pylist() == [{"left": "a", "score": 0.5}, {"left": "b", "score": None}]
    frame = data_frame(COLUMNS, ["score"])
    assert list(frame["left"]) == ["a", "b"] and frame["score"].isna().tolist() == [False, True]


def test_a_column_of_missing_numbers_is_a_column_of_numbers():
    assert str(arrow_table({"confidence": [None, None]}, ["confidence"]).schema.field("confidence").type) == "float"


@pytest.mark.parametrize(("make", "package"), [(data_frame, "pandas"), (arrow_table, "pyarrow")])
def test_a_missing_package_is_named(monkeypatch, make, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\["):
        make(COLUMNS)
