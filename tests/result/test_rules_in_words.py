"""Rules of a run in words, with weights worked out by hand."""

import json

import numpy as np
import pytest

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import LinkSplit
from mmkg.matching import Matching
from mmkg.models import rules as module
from mmkg.result.rules import PairRules, RulePiece, RunRules

LEFT = KnowledgeGraph(
    ("Athens", "Greece", "Piraeus", "Plato"),
    ("capital of", "in", "born in"),
    np.array([[0, 0, 1], [2, 1, 1], [3, 2, 0]]),
)
RIGHT = KnowledgeGraph(
    ("Athina", "Hellas", "Pireas", "Platon"),
    ("capital", "located in", "http://x.org/birthPlace"),
    np.array([[1, 0, 0], [2, 1, 1], [3, 2, 0]]),
)
NONE = np.empty((0, 2), np.int64)


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.setattr(module, "SMOOTHING", 0.0)
    rows = np.array([0, 1, 3])
    matching = Matching(rows, rows, np.ones(3, np.float32), np.array([0.6, 0.9, 0.8], np.float32))
    return RunRules.of((LEFT, RIGHT), LinkSplit(np.array([[1, 1]]), NONE, NONE), matching)


def test_facts_that_agree_are_told_in_words_the_strongest_first(rules):
    pieces, probability = rules.of_pairs(np.array([[0, 0]]))[0]
    # all statements of known and matched entities agree; each fact holds of one entity; a known link counts .99 at most
    assert pieces[0] == ("Greece", "Hellas", "capital of", "capital", False, True, pytest.approx(1 - 0.01**2), True)
    assert pieces[1][:6] == ("Plato", "Platon", "born in", "birth Place", True, True)
    # .6 * .8 of the statement is matched, of .6 * .8 that could be: Plato = Platon by .8
    assert pieces[1][6:] == (pytest.approx(1 - 0.2**2), False)
    assert probability == pytest.approx(1 - 0.01**2 * 0.2**2)
    assert pieces[0].text() == "the left has capital of, the right is capital of Greece = Hellas (1.00)"
    assert pieces[1].text() == "both are born in / birth Place of Plato = Platon (0.96)"


def test_pairs_without_facts_in_common_have_no_pieces(rules):
    one, other = rules.of_pairs(np.array([[0, 2], [3, 3]]))
    assert one == ((), 0.0) and one.text() == ""
    assert [piece.text() for piece in other.pieces] == ["both have born in / birth Place Athens = Athina (0.84)"]


def test_the_three_strongest_pieces_are_in_the_sentence():
    piece = RulePiece("a", "b", "capital of", "capital of", True, True, 0.5, True)
    assert piece.text() == "both are capital of a = b (0.50)"
    assert PairRules((piece,) * 5, 0.9).text().endswith("(0.50); 2 more")


def test_an_explanation_has_its_rules_also_as_json(small_result):
    row = int(small_result.linked().left[0])
    found = small_result.explain((row, int(small_result.linked().right[0])))
    values = json.loads(json.dumps(found.as_dict()))
    assert values["left"] == found.left and values["parts"] == pytest.approx(dict(found.parts))
    assert len(values["neighbors"]) == len(found.neighbors) > 0
    assert len(values["rules"]["pieces"]) == len(found.rules.pieces) > 0
    assert f"Rules: {found.rules.text()}. Together {found.rules.probability:.2f}." in str(found)
