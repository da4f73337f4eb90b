"""Rivals, conflicts, aligned relations."""

import pytest

from mmkg.errors import UsageError


def test_rivals_are_those_whose_best_candidate_is_linked_to_another(view, small_result):
    linked = small_result.linked()
    expected = set()
    for place, side in enumerate(("left", "right")):
        ends = {mine: other for mine, other in linked.pairs[:, :: 1 - 2 * place].tolist()}
        holders = {other: mine for mine, other in ends.items()}
        labels = [small_result.entities[each].labels for each in (place, 1 - place)]
        for row in small_result.embeddings.rows(side).tolist():
            if row not in ends:
                best = small_result.search(row, k=1, side=side)[0].row
                if best in holders:
                    expected.add((side, labels[0][row], labels[1][best], labels[0][holders[best]]))
    rows = view.lists("rivals", limit=500)
    assert rows["total"] == len(expected) and expected
    assert {(row["side"], row["key"], row["best"]["key"], row["taken_by"]["key"]) for row in rows["rows"]} == expected
    sure = [row["confidence"] for row in rows["rows"]]
    assert sure == sorted(sure, reverse=True)
    first = rows["rows"][0]
    ends = (first["key"], first["best"]["key"])
    pair = ends if first["side"] == "left" else ends[::-1]
    assert first["score"] == pytest.approx(small_result.explain(pair).score, abs=0.01)


def test_conflicts_are_types_that_do_not_go_together_and_functional_values_that_differ(people):
    found = people.lists("conflicts")
    assert found["total"] == 2
    by_kind = {row["kind"]: row for row in found["rows"]}
    value, kind = by_kind["value"], by_kind["type"]
    assert (value["left"], value["right"], value["attribute"]) == ("a:p3", "b:p3", "born")
    assert (value["left_values"], value["right_values"], value["near"]) == (["1853"], ["1900"], False)
    assert (kind["left"], kind["left_values"], kind["right_values"]) == ("a:p4", ["Person"], ["Place"])
    assert {row["match"] for row in found["rows"]} == {"known"}
    assert people.lists("conflicts", offset=1, limit=1)["rows"] == found["rows"][1:]


def test_aligned_relations_come_with_readable_names(people, view, small_result):
    rows = people.lists("relations")["rows"]
    assert ("knows", "knows", "relation") in {(row["left_name"], row["right_name"], row["kind"]) for row in rows}
    assert view.lists("relations")["total"] == len(small_result.relations())


def test_unmatched_lists_are_those_of_the_matches(view):
    for side in ("left", "right"):
        assert view.lists(f"unmatched_{side}", limit=500)["rows"] == view.matches(show=side, limit=500)["rows"]


def test_a_list_that_is_not_there_is_named(view):
    with pytest.raises(UsageError, match="no list is called 'rival'.*rivals"):
        view.lists("rival")
    with pytest.raises(UsageError, match="limit in 1..500"):
        view.lists("rivals", limit=0)
