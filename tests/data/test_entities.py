"""Entities by label and by name."""

import pytest

from mmkg.data.entities import EntityTable
from mmkg.errors import UsageError


@pytest.fixture
def table():
    labels, names = ("u:1", "u:2", "u:3", "u:4"), ("Chat", "chat", "Chat", "u:1")
    return EntityTable(labels, names, names)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("u:1", [0]), ("u:3", [2]), ("Chat", [0, 2]), ("chat", [1]), ("CHAT", [0, 1, 2]), ("U:1", [3]), ("none", [])],
)
def test_a_label_comes_before_a_name_and_a_name_before_another_letter_case(table, text, rows):
    assert table.rows_of(text) == table.rows_of(text) == rows


def test_found_rows_are_the_callers_own(table):
    table.rows_of("Chat").append(9)
    assert table.rows_of("Chat") == [0, 2]


def test_an_unknown_name_is_refused_with_the_most_similar_ones(table):
    assert table.find("chat") == [1]
    with pytest.raises(UsageError, match="no entity has the label or name 'Chatt'; near: 'Chat', 'chat'"):
        table.find("Chatt")
