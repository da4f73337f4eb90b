import pytest
from rich.cells import cell_len

from mmkg.errors import UsageError
from mmkg.report.tables import (
    format_value,
    matches_table,
    matching_text,
    metric_table,
    protocol_line,
    shorten,
    text_table,
    whole_parts,
)

METRICS = {
    "left_to_right": {"hits@1": 0.91251, "hits@5": 0.95, "hits@10": 0.9618, "mrr": 0.9333, "mr": 1234.56},
    "right_to_left": {"hits@1": 0.9, "hits@10": 1.0, "mrr": 0.5, "mr": 1.0},
}
PROTOCOL = {"candidates": "test", "num_candidates": 1045, "csls": {"k": 3}, "iterative": False}
MATCH = {"left": "chat", "right": "cat", "score": 91.2, "confidence": 0.87}


def test_metric_table_shows_both_directions_and_the_protocol():
    assert metric_table(METRICS, PROTOCOL).splitlines() == [
        "               Hits@1  Hits@5  Hits@10    MRR       MR",
        "left to right   0.913   0.950    0.962  0.933  1,234.6",
        "right to left   0.900       -    1.000  0.500      1.0",
        "",
        "candidates: test · num candidates: 1,045 · csls.k: 3 · iterative: no",
    ]


def test_metric_table_in_markdown_has_a_rule_with_the_alignment():
    lines = metric_table(METRICS, PROTOCOL, style="markdown").splitlines()
    assert lines[0] == "|               | Hits@1 | Hits@5 | Hits@10 |   MRR |      MR |"
    assert lines[1] == "| :------------ | -----: | -----: | ------: | ----: | ------: |"
    assert lines[3].startswith("| right to left |  0.900 |      - |")
    assert lines[-1] == "*candidates: test · num candidates: 1,045 · csls.k: 3 · iterative: no*"


def test_columns_of_hits_are_those_that_there_are_by_ascending_k():
    metrics = {"left_to_right": {"hits@20": 1.0, "hits@3": 0.5, "hits@1": 0.25, "mrr": 0.4, "mr": 2.0, "hits@x": 0.0}}
    assert metric_table(metrics, {}).splitlines()[0].split() == ["Hits@1", "Hits@3", "Hits@20", "MRR", "MR"]


def test_figures_of_few_links_are_counts_with_an_interval():
    metrics = {"left_to_right": {"hits@1": 1.0, "hits@5": 1.0, "mrr": 1.0, "mr": 1.0}}
    assert metric_table(metrics, {}, links=4).splitlines() == [
        "                          Hits@1             Hits@5",
        "left to right  4 of 4 (.40 to 1)  4 of 4 (.40 to 1)",
        "",
        "95 % intervals in brackets, of 4 links",
    ]
    assert metric_table(METRICS, PROTOCOL, links=50) == metric_table(METRICS, PROTOCOL)


def test_matches_of_few_links_are_counts_with_an_interval():
    figures = {"precision": 0.75, "recall": 0.75, "f1": 0.75, "found": 4, "right": 3, "links": 4}
    text = matching_text(figures, "mutual")
    assert "3 of 4 (.19 to .99) test links found, 3 of 4 (.19 to .99) of the matches" in text and "0.75" not in text
    assert "precision 0.750, recall 0.750, F1 0.750 on 50 test links (mutual)" in matching_text(
        figures | {"links": 50}, "mutual"
    )


def test_a_match_shows_mark_confidence_and_parts_that_add_up():
    right = MATCH | {"correct": True, "parts": {"name": 60.6, "image": 30.6}}
    wrong = MATCH | {"correct": False, "right": "dog", "gold": "cat", "parts": {"name": 99.6, "image": -8.5}}
    assert matches_table([right, wrong]).splitlines() == [
        "left  right       ok  score  conf.  name  image",
        "chat  cat          ✓     91   0.87    61     30",
        "chat  dog [cat]    ✗     91   0.87   100     -9",
    ]


def test_matches_without_gold_or_shares_leave_those_columns_out():
    assert matches_table([MATCH, MATCH | {"right": None, "confidence": None}]).splitlines() == [
        "left  right   score  conf.",
        "chat  cat        91   0.87",
        "chat  (none)     91      -",
    ]


def test_wide_letters_and_emoji_line_up():
    lines = text_table(["left", "right"], [["日本", "x"], ["🐈", "x"], ["cat", "x"]], left=[0, 1]).splitlines()
    assert {cell_len(line[: line.index("x")]) for line in lines[1:]} == {6}


def test_control_characters_cannot_break_a_row_or_reach_the_terminal():
    table = text_table(["a"], [["x\ny\x1b[31m\tz\r"]], left=[0])
    assert table.splitlines() == ["a", r"x y\x1b[31m z"]


def test_markdown_escapes_what_would_break_the_table():
    assert text_table(["a"], [["x|y<b>*"]], left=[0], style="markdown").splitlines()[2] == r"| x\|y\<b\>\* |"


@pytest.mark.parametrize(
    ("text", "short"), [("chat", "chat"), ("chats", "cha…"), ("日本", "日本"), ("日本語", "日…"), ("日x本", "日x…")]
)
def test_labels_are_cut_by_terminal_cells(text, short):
    assert shorten(text, 4) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (10500, "10,500"),
        (0.05, "0.05"),
        (12345.678, "12,345.7"),
        (["a", 1], "a, 1"),
        ("x", "x"),
    ],
)
def test_values_are_shown_as_people_read_them(value, text):
    assert format_value(value) == text


def test_a_seed_is_a_name_and_not_a_quantity():
    assert protocol_line({"seed": 20240, "links": 20240}) == "seed: 20240 · links: 20,240"


def test_an_empty_protocol_leaves_the_table_alone():
    assert protocol_line({}) == ""
    assert len(metric_table(METRICS, {}).splitlines()) == 3


def test_an_unknown_style_is_named():
    with pytest.raises(UsageError, match="'text' or 'markdown', got 'latex'"):
        text_table(["a"], [], style="latex")


@pytest.mark.parametrize(
    ("parts", "score", "whole"),
    [
        ({"a": 30.6, "b": 30.6, "c": 30.6}, 92, [31, 31, 30]),  # 91.8; two of the three are rounded up
        ({"a": 50.5, "b": -8.4}, 42, [50, -8]),
        ({"a": 99.6, "b": 0.4}, 100, [100, 0]),
        ({"a": 0.0, "b": 0.0}, 0, [0, 0]),
        ({"a": 2.0, "b": -1.0, "c": -1.0}, 0, [2, -1, -1]),
    ],
)
def test_whole_parts_add_up_and_are_near_their_values(parts, score, whole):
    found, rounded = whole_parts(parts)
    assert (found, list(rounded.values())) == (score, whole)
    assert sum(rounded.values()) == found and all(abs(rounded[name] - parts[name]) < 1 for name in parts)
