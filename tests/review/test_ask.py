"""Which pairs to decide next: columns against naive loops, the order on hand-made columns, what decisions change."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.matching.held_out import pair_margins
from mmkg.result.linked import pair_scores
from mmkg.review.ask import best_first, gains, pairs_to_ask, questions_tsv, varied
from mmkg.review.open_pairs import OpenPairs


def everyone(result):
    return [np.ones(len(rows), bool) for rows in (result.left, result.right)]


def columns(confidence, neighbors):
    """Pairs with these columns, of different entities."""
    size = len(confidence)
    pairs = np.stack([np.arange(size)] * 2, axis=1)
    none = np.full(size, -1)
    return OpenPairs(pairs, np.array(confidence), np.zeros(size), none, {}, np.array(neighbors))


def test_each_open_entity_is_in_a_pair_with_its_best_open_candidate(small_result):
    left_open, right_open = everyone(small_result)
    left_open[::3] = right_open[1::4] = False
    found = OpenPairs.of(small_result, (left_open, right_open))
    scores = small_result.left.astype(np.float64) @ small_result.right.T.astype(np.float64)
    means = small_result.csls_means
    csls = 2 * scores - means[0][:, None] - means[1][None, :]
    csls[~left_open], csls[:, ~right_open] = -np.inf, -np.inf
    expected = {(row, int(csls[row].argmax())) for row in np.flatnonzero(left_open).tolist()}
    expected |= {(int(csls[:, col].argmax()), col) for col in np.flatnonzero(right_open).tolist()}
    assert set(map(tuple, found.pairs.tolist())) == expected
    raw = pair_scores(found.pairs, small_result.searcher)
    assert np.allclose(found.confidence, small_result.confidences(found.pairs, raw))
    assert np.allclose(found.margin, pair_margins(found.pairs, raw, small_result.nearest))


def test_neighbours_are_counted_once_on_the_side_with_fewer(small_result, small_task):
    found = OpenPairs.of(small_result, everyone(small_result))
    counts = []
    for graph in (small_task.left, small_task.right):
        near = [set() for _ in range(graph.num_entities)]
        for head, _, tail in graph.triples.tolist():
            near[head] |= {tail} - {head}
            near[tail] |= {head} - {tail}
        counts.append(list(map(len, near)))
    expected = [min(counts[0][left], counts[1][right]) for left, right in found.pairs.tolist()]
    assert found.neighbors.tolist() == expected and max(expected) > 3


def test_a_modality_is_against_a_pair_if_it_prefers_the_rival(small_result):
    found = OpenPairs.of(small_result, everyone(small_result))
    start = 0
    for name, width in small_result.widths.items():
        left, right = (rows[:, start : start + width] for rows in (small_result.left, small_result.right))
        start += width
        for place in range(0, len(found.pairs), 7):
            row, col = found.pairs[place]
            assert found.rival[place] != col
            assert found.against[name][place] == (left[row] @ right[found.rival[place]] > left[row] @ right[col])


def test_a_pair_gains_by_its_confidence_and_its_neighbours():
    # .5^4 (1 + 0), .9^4 (1 + 0), .5^4 (1 + log e^3)
    found = gains(columns([0.5, 0.9, 0.5], neighbors=[0, 0, round(np.e**3) - 1]))
    assert found == pytest.approx([0.0625, 0.6561, 0.0625 * (1 + np.log(20))])


def test_no_entity_comes_twice_in_a_batch():
    pairs = np.array([[0, 0], [0, 1], [1, 1], [2, 0], [2, 2]])
    assert best_first(pairs, np.array([0.5, 0.9, 0.8, 0.1, 0.05])).tolist() == [1, 3]
    assert best_first(pairs[:0], np.empty(0)).tolist() == []


def test_a_batch_is_varied():
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]  # the first two entities are alike
    result, pairs = SimpleNamespace(left=rows, right=rows), np.array([[0, 0], [1, 1], [2, 2], [3, 3]])
    assert varied(result, pairs, np.array([1.0, 0.9, 0.3, 0.2]), 3).tolist() == [0, 2, 3]
    assert varied(result, pairs, np.array([1.0, 0.9, 0.3, 0.2]), 9).tolist() == [0, 2, 3, 1]
    assert varied(result, pairs[:0], np.empty(0), 3).tolist() == []


def test_nothing_that_was_decided_is_a_question_again(small_result):
    first = pairs_to_ask(small_result, 6)
    assert len(first) == 6 and max(each.gain for each in first) == first[0].gain <= 1
    known = {small_result.entities[0].labels[row] for row in small_result.known[:, 0].tolist()}
    assert not known & {each.left for each in first}
    assert len({each.left for each in first}) == len({each.right for each in first}) == 6
    yes, no, none = first[0], first[1], first[2]
    decided = {(yes.left, yes.right): "accept", (no.left, no.right): "reject", (none.left, None): "no_counterpart"}
    after = pairs_to_ask(small_result, 500, decided)
    assert not {yes.left, none.left} & {each.left for each in after} and yes.right not in {each.right for each in after}
    assert (no.left, no.right) not in {(each.left, each.right) for each in after}
    rows = np.array([[small_result.entities[n].labels.index(label) for n, label in enumerate((no.left, no.right))]])
    again = OpenPairs.of(small_result.without(rows), everyone(small_result)).pairs
    assert set(rows[0, :1]) <= set(again[:, 0]) and set(rows[0, 1:]) <= set(again[:, 1])  # with their next best


def test_reasons_are_given_in_words(small_result):
    for each in pairs_to_ask(small_result, 10):
        assert each.why.startswith(f"right with probability {each.confidence:.2f}"), each
        assert set(each.as_dict()) == {
            "left",
            "right",
            "left_name",
            "right_name",
            "confidence",
            "margin",
            "gain",
            "why",
        }


def test_a_run_without_confidences_is_asked_about_all_the_same(small_result):
    embeddings = small_result.embeddings.excluding(np.empty((0, 2), np.int64))
    result = replace(small_result, embeddings=embeddings)
    embeddings.keep(result.calibration.key, None)
    assert result.counterparts is None
    found = pairs_to_ask(result, 5)
    assert len(found) == 5 and all(each.confidence is None for each in found)
    assert next(iter(list(questions_tsv(found))[1:])).split("\t")[4] == ""


@pytest.mark.parametrize(("decided", "message"), [
    ({("L", "R"): "maybe"}, "expected accept or reject of two labels, or no_counterpart of one, got 'maybe'"),
    ({("L", None): "accept"}, "got 'accept' of"),
    ({("L", "R"): "no_counterpart"}, "got 'no_counterpart' of"),
    ({(None, None): "no_counterpart"}, "got 'no_counterpart' of"),
])  # fmt: skip
def test_decisions_that_mean_nothing_are_refused(small_result, decided, message):
    labels = {"L": small_result.entities[0].labels[0], "R": small_result.entities[1].labels[0]}
    named = {tuple(labels.get(each, each) for each in pair): verdict for pair, verdict in decided.items()}
    with pytest.raises(UsageError, match=message):
        pairs_to_ask(small_result, 3, named)


def test_decisions_about_entities_of_another_run_change_nothing(small_result):
    label = small_result.entities[0].labels[0]
    decided = {("nowhere", None): "no_counterpart", (label, "no one"): "reject", ("nowhere", "no one"): "accept"}
    assert pairs_to_ask(small_result, 500, decided) == pairs_to_ask(small_result, 500)


@pytest.mark.parametrize("budget", [0, -3, 2.5])
def test_a_budget_is_a_count(small_result, budget):
    with pytest.raises(UsageError, match="budget"):
        pairs_to_ask(small_result, budget)
