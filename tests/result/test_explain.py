"""Explanations of pairs, with the expected values from the dense matrix of scores."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.errors import UsageError
from mmkg.result.result import AlignmentResult
from mmkg.result.rules import RunRules

LEFT = [("Curie", "born in", "Warsaw"), ("Curie", "married", "Pierre"), ("Warsaw", "in", "Poland")]
RIGHT = [("M. Curie", "birthplace", "Warszawa"), ("P. Curie", "spouse", "M. Curie"), ("Warszawa", "part of", "Polska")]


@pytest.fixture(scope="module")
def result():
    links = [("Warsaw", "Warszawa"), ("Pierre", "P. Curie")]
    return mmkg.align(
        LEFT, RIGHT, links, model="propagation", settings={"data.train_ratio": 1.0, "search.store": "float32"}
    )


def csls(result, k):
    """2 s - mean of the k largest of the row - mean of the k largest of the column."""
    s = result.left.astype(np.float64) @ result.right.T.astype(np.float64)
    k = min(k, *s.shape)
    return 2 * s - -np.sort(-s, axis=1)[:, :k].mean(1)[:, None] - -np.sort(-s, axis=0)[:k].mean(0)[None], s


def test_score_margin_and_runner_up_are_those_of_the_whole_matrix(result):
    scores, cosines = csls(result, result.protocol.csls_k)
    left, right = result.entities[0].labels, result.entities[1].labels
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            found = result.explain((a, b))
            assert (found.left, found.right) == (a, b)
            assert found.raw == pytest.approx(scores[i, j], abs=1e-5)
            assert found.score == pytest.approx(100 * max(cosines[i, j], 0), abs=1e-3)
            assert found.score == pytest.approx(sum(found.parts.values()), abs=1e-6)
            row, column = np.delete(scores[i], j), np.delete(scores[:, j], i)
            best = right.index(found.runner_up)
            assert scores[i, best] == pytest.approx(row.max(), abs=1e-5)
            assert found.runner_up_score == pytest.approx(100 * max(cosines[i, best], 0), abs=1e-3)
            assert found.margin == pytest.approx(scores[i, j] - max(row.max(), column.max()), abs=1e-5)
            assert found.matched == ((a, b) in {(link.left, link.right) for link in result.export()})


def test_neighbours_that_are_matched_come_with_their_relations(result):
    found = result.explain(("Curie", "M. Curie"))
    assert found.matched and found.confidence is None
    assert [tuple(each) for each in found.neighbors] == [
        ("Warsaw", "Warszawa", "born in", "birthplace", True),
        ("Pierre", "P. Curie", "married", "<- spouse", True),
    ]
    assert result.explain(("Poland", "P. Curie")).neighbors == ()


def test_relations_that_are_iris_are_shown_by_their_words(tmp_path):
    iri = "http://dbpedia.org/ontology/{}".format
    rows = [(iri("Curie"), iri("birthPlace"), iri("Warsaw"))]
    found = mmkg.align(rows, rows, [(iri("Warsaw"), iri("Warsaw"))], model="propagation").explain((0, 0))
    assert [each[2:4] for each in found.neighbors] == [("birth Place", "birth Place")]


def test_an_explanation_is_shown_in_sentences(result):
    text = str(result.explain(("Curie", "M. Curie")))
    assert text.startswith("Curie is matched to M. Curie: score ")
    assert "structure " in text and "Next best for Curie: " in text
    assert "Neighbours matched to each other: Warsaw = Warszawa (born in, birthplace); Pierre = P. Curie" in text
    assert "is not matched to" in str(result.explain(("Curie", "Polska")))
    assert repr(result.explain((0, 0))).startswith("Explanation(left='Curie', right='M. Curie', score=")
    assert "<table" in result.explain((0, 0))._repr_html_()


def test_a_run_that_was_read_has_its_neighbours(result, tmp_path):
    loaded = AlignmentResult.load(result.save(tmp_path / "run"))
    pair = ("Curie", "M. Curie")
    assert loaded.explain(pair).neighbors == result.explain(pair).neighbors


def test_a_run_of_an_older_version_needs_the_task_for_neighbours(result, tmp_path):
    loaded = replace(AlignmentResult.load(result.save(tmp_path / "run")), store=None)
    found = loaded.explain(("Curie", "M. Curie"))
    assert found.neighbors is None and "give the task" in str(found)
    task = mmkg.AlignmentTask.of(LEFT, RIGHT)
    assert len(loaded.explain(("Curie", "M. Curie"), task=task).neighbors) == 2
    with pytest.raises(UsageError, match="this run belongs to other data"):
        loaded.explain(("Curie", "M. Curie"), task=mmkg.AlignmentTask.of(RIGHT, LEFT))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("Curie", r"expected a pair \(left entity, right entity\), got 'Curie'"),
        (("Curie", "Curie", "Curie"), "expected a pair"),
        (("Curie", "nobody"), "no entity has the label or name 'nobody'"),
        ((0, 99), r"row must be in 0\.\.3, got 99"),
    ],
)
def test_a_wrong_pair_gets_a_sentence(result, pair, message):
    with pytest.raises(UsageError, match=message):
        result.explain(pair)


def test_confidence_is_that_of_the_match(small_result):
    matching = small_result.matching
    place = int(np.argmax(matching.confidence))
    found = small_result.explain((int(matching.left[place]), int(matching.right[place])))
    assert found.confidence == pytest.approx(float(matching.confidence[place]), abs=1e-5) and found.matched


def test_rules_are_found_once_for_all_pairs_of_a_run(result, monkeypatch):
    found, times = RunRules.of, []
    monkeypatch.setattr(RunRules, "of", lambda *parts: times.append(parts) or found(*parts))
    other = result.without([("Curie", "P. Curie")])  # with other matches, perhaps
    answers = [other.explain(pair).rules for pair in (("Curie", "M. Curie"), ("Poland", "Polska"))]
    assert len(times) == 1 and answers[0] == result.explain(("Curie", "M. Curie")).rules
