"""Attribute values as facts, by hand."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.learners.value_facts import value_facts, with_equal_values
from mmkg.models.rules import Matches, Rules
from mmkg.sources.synthetic import twin_graphs

NONE = np.empty((0, 3), np.int64)


def graph(*facts):
    names = tuple(dict.fromkeys(name for _, name, _ in facts))
    attributes = AttributeTriples(
        np.array([row for row, _, _ in facts]),
        np.array([names.index(name) for _, name, _ in facts]),
        names,
        tuple(value for *_, value in facts),
    )
    return KnowledgeGraph(("a", "b", "c"), (), NONE, attributes=attributes)


@pytest.fixture
def graphs():
    left = graph((0, "born", "1982-05-03"), (1, "born", "1982-05-03"), (0, "height", "1.73"), (2, "height", None))
    right = graph((0, "date of birth", "1982.33"), (0, "height", "1.7300001"), (1, "height", "1.74"), (2, "note", "x"))
    return left, right


def test_equal_values_are_one_literal_of_both_graphs(graphs):
    left, right = value_facts(*graphs)
    of_entities = [facts.entity < 3 for facts in (left, right)]
    assert left.entity[of_entities[0]].tolist() == [0, 0, 1]
    assert right.entity[of_entities[1]].tolist() == [0, 0, 1, 2]
    born, height = left.other[of_entities[0]][:2]
    assert right.other[of_entities[1]][:2].tolist() == [born, height]  # 1982.3 and 1.73
    assert left.entities[of_entities[0]].tolist() == [2, 1, 2]  # two were born on that day
    known = with_equal_values(Matches.of(np.array([2]), np.array([2]), np.ones(1, np.float32)), (left, right), (3, 3))
    assert known.left.tolist() == [2, *sorted([born, height])] == known.right.tolist()
    assert known.probability.tolist() == [1, 1, 1]


def test_values_are_evidence_as_far_as_attributes_agree_for_known_entities(graphs, monkeypatch):
    monkeypatch.setattr("mmkg.models.rules.SMOOTHING", 0.0)
    facts = value_facts(*graphs)
    known = Matches.of(np.array([0]), np.array([0]), np.ones(1, np.float32))
    rules = Rules(*facts, with_equal_values(known, facts, (3, 3)))
    found = rules.evidence(np.array([1, 2, 0]), np.array([0, 2, 1]))
    # "born" is the date of birth, which two left entities and one right entity have
    assert found == pytest.approx([-np.log(1 - 2**-0.5) - np.log(0.01), 0, 0])


def test_a_refined_run_has_columns_for_values_in_their_modality():
    task = twin_graphs(90, train_ratio=0.4, seed=3)
    rows = np.arange(90)
    values = AttributeTriples(rows, np.zeros(90, np.int64), ("size",), tuple(str(row % 40) for row in rows))
    left, right = (replace(side, attributes=values) for side in (task.left, task.right))
    task = replace(task, left=left, right=right, links=replace(task.links, valid=task.links.valid[:0]))
    settings = {"refinement": {"rounds": 1, "values_dim": 30}, "search": {"store": "float32", "width": 0}}
    names = ("structure", "relation", "value")
    widths = []
    for weight in (0.0, 0.5):
        chosen = {**settings, "refinement": {**settings["refinement"], "values_weight": weight}}
        links = replace(task.links, valid=task.links.valid[:0])
        result = mmkg.align(replace(task, links=links), "propagation", modalities=names, settings=chosen, device="cpu")
        widths.append(result.widths)
        assert ("values" in result.record.protocol["refined_by"]["weights"]) == (weight > 0)
    assert widths[1] == {**widths[0], "value": widths[0]["value"] + 30}
