"""Filters and orders of the list of matches, against loops over single matches."""

import json
from itertools import pairwise

import numpy as np
import pytest

from mmkg.errors import UsageError


def rows_of(view, **query):
    found = view.matches(limit=500, **query)
    assert found["total"] == len(found["rows"])  # these runs are small
    return found["rows"]


def test_all_matches_come_once_with_the_values_of_explain(view, small_result):
    rows = rows_of(view)
    linked = small_result.linked(threshold=0.0)
    assert len(rows) == len(linked) and len({row["left"] for row in rows}) == len(rows)
    left, right = (list(table.labels) for table in small_result.entities)
    for row in rows[::9]:
        expected = small_result.explain((row["left"], row["right"]))
        assert (row["left_name"], row["right_name"]) == (expected.left_name, expected.right_name)
        assert row["score"] == pytest.approx(expected.score, abs=0.01)
        assert row["shares"] == {name: pytest.approx(part, abs=0.01) for name, part in expected.parts.items()}
        assert row["margin"] == (None if expected.margin is None else pytest.approx(expected.margin, abs=1e-3))
        known = [left.index(row["left"]), right.index(row["right"])] in small_result.known.tolist()
        assert row["kind"] == ("known" if known else "match")
        assert row["confidence"] == pytest.approx(1 if known else expected.confidence, abs=1e-3)
    json.dumps(rows, allow_nan=False)


def test_least_sure_matches_come_first_and_known_links_last(view):
    rows = rows_of(view)
    kinds = [row["kind"] for row in rows]
    assert kinds == sorted(kinds, reverse=True) and kinds[0] == "match"
    confidences = [row["confidence"] for row in rows]
    assert confidences == sorted(confidences)


def test_orders_by_score_and_by_label(view):
    scores = [row["score"] for row in rows_of(view, order="score")]
    assert scores == sorted(scores, reverse=True)
    names = [row["left_name"].casefold() for row in rows_of(view, order="label")]
    assert names == sorted(names)


def test_pages_put_together_are_the_whole_list(view):
    whole = rows_of(view)
    parts = [view.matches(offset=start, limit=7) for start in range(0, len(whole), 7)]
    assert [row for part in parts for row in part["rows"]] == whole
    assert view.matches(offset=len(whole) + 5)["rows"] == []


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ({"min_confidence": 0.5}, lambda row: row["confidence"] >= 0.5),
        ({"max_confidence": 0.5}, lambda row: row["confidence"] <= 0.5),
        ({"min_margin": 0.1, "max_margin": 0.4}, lambda row: row["margin"] is not None and 0.1 <= row["margin"] <= 0.4),
        ({"known": False}, lambda row: row["kind"] == "match"),
        (
            {"query": "CHAT"},
            lambda row: "chat" in (row["left"] + row["left_name"] + row["right"] + row["right_name"]).lower(),
        ),
    ],
)
def test_a_filter_keeps_what_a_loop_keeps(view, query, keep):
    assert rows_of(view, **query) == [row for row in rows_of(view) if keep(row)]


def test_words_may_be_in_either_name(view):
    row = rows_of(view)[0]
    both = f"{row['left_name'].split()[0]} {row['right_name'].split()[-1]}"
    assert row in rows_of(view, query=both)
    assert rows_of(view, query="no such words") == []


def test_a_modality_disagrees_where_it_finds_a_pair_less_alike_than_sure_links(view, small_result):
    columns, starts = view.columns, np.cumsum([0, *small_result.widths.values()])
    for place, name in enumerate(small_result.widths):
        own = []
        for left, right in columns.pairs.tolist():
            one, other = (
                rows[row, starts[place] : starts[place + 1]].astype(float)
                for rows, row in ((small_result.left, left), (small_result.right, right))
            )
            length = np.linalg.norm(one) * np.linalg.norm(other)
            own.append(one @ other / length if length else np.nan)
        own = np.array(own)
        there = ~np.isnan(own)
        bound = np.quantile(own[there & (columns.known | columns.sure)], 0.05)
        clear = there & (np.abs(own - bound) > 1e-5)
        assert (columns.disagreeing(name)[clear] == (own < bound)[clear]).all()
        assert not columns.disagreeing(name)[~there].any()


def test_entities_without_a_counterpart_come_with_their_best_candidate(view, small_result):
    for side, place in (("left", 0), ("right", 1)):
        rows = rows_of(view, show=side)
        linked = small_result.linked()
        free = set(range(len(small_result.entities[place].labels))) - set(linked.pairs[:, place].tolist())
        labels = small_result.entities[place].labels
        assert {row[side] for row in rows} == {labels[row] for row in free}
        for row in rows[::5]:
            best = small_result.search(row[side], k=1, side=side)[0]
            assert row["nearest"] == {
                "key": best.label,
                "name": best.display,
                "score": pytest.approx(best.score, abs=0.01),
            }
            assert row["confidence"] == pytest.approx(best.confidence, abs=1e-3)
            assert row["left" if side == "right" else "right"] is None
        assert [row["confidence"] for row in rows] == sorted((row["confidence"] for row in rows), reverse=True)


def test_decided_rows_carry_their_verdict(view):
    rows = rows_of(view)
    first, second, third = rows[:3]
    decisions = {
        (first["left"], first["right"]): "accept",
        (second["left"], second["right"]): "reject",
        (third["left"], None): "no_counterpart",
        (rows[4]["left"], rows[5]["right"]): "accept",  # not this pair
        ("unknown", "labels"): "reject",
    }

    def pairs(**query):
        return {(row["left"], row["verdict"]) for row in rows_of(view, decisions=decisions, **query)}

    assert pairs(state="accepted") == {(first["left"], "accept")}
    assert pairs(state="rejected") == {(second["left"], "reject"), (third["left"], "no_counterpart")}
    assert pairs(state="decided") == pairs(state="accepted") | pairs(state="rejected")
    assert len(pairs(state="open")) == len(rows) - 3
    free = rows_of(view, show="right")[0]["right"]
    found = rows_of(view, show="right", state="decided", decisions={(None, free): "no_counterpart"})
    assert [(row["right"], row["verdict"]) for row in found] == [(free, "no_counterpart")]


def test_known_wrong_matches_are_marked_by_test_links_only(view, curies, small_result):
    left, right = (list(table.labels) for table in small_result.entities)
    test = {(left[i], right[j]) for i, j in small_result.links.test.tolist()}
    about = [{pair[side] for pair in test} for side in (0, 1)]
    for row in rows_of(view):
        expected = None
        if row["kind"] == "match" and (row["left"] in about[0] or row["right"] in about[1]):
            expected = "right" if (row["left"], row["right"]) in test else "wrong"
        assert row["judged"] == expected
    assert {row["judged"] for row in curies.matches()["rows"]} == {None}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"order": "scores"}, "unknown order 'scores'.*score"),
        ({"state": "close"}, "unknown state"),
        ({"show": "all"}, "unknown show"),
        ({"limit": 501}, "limit in 1..500, got 0, 501"),
        ({"offset": -1}, "offset must be 0 or more"),
        ({"disagrees": "smell"}, "no modality 'smell'"),
        ({"sort": "x"}, "unknown filter 'sort'"),
    ],
)
def test_a_wrong_filter_is_named(view, query, message):
    with pytest.raises(UsageError, match=message):
        view.matches(**query)


def test_without_confidences_the_smallest_margin_comes_first(curies):
    found = [row for row in curies.matches()["rows"] if row["kind"] == "match"]
    margins = [np.inf if row["margin"] is None else row["margin"] for row in found]
    assert all(one <= other for one, other in pairwise(margins))
    assert [row["confidence"] for row in found] == [None, None]


@pytest.mark.parametrize("place", [0, 20, 60, 95, 100])
def test_groups_hold_as_many_matches_as_the_slider_counts(view, place):
    counts = view.summary()["thresholds"][place]
    for group in ("sure", "to_check"):
        rows = rows_of(view, group=group, threshold=counts["threshold"])
        assert len(rows) == counts[group] and all(row["kind"] == "match" for row in rows)
