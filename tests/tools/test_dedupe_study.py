"""The study of duplicates on a small set: what is planted, and the figures of the table."""

import json
import sys

import numpy as np
import pytest

import mmkg


@pytest.fixture
def study(load_tool):
    return load_tool("dedupe")


def test_planted_copies_hold_the_statements_of_their_originals(study):
    graph = mmkg.twin_graphs(60, image_dim=0, seed=1).left
    made, gold = study.planted(graph, 0.2, 0.0, 3)
    assert made.entities[: graph.num_entities] == graph.entities and len(gold) == made.num_entities
    back = made.triples.copy()
    back[:, ::2] = gold[back[:, ::2]]
    assert np.array_equal(back, graph.triples) and np.array_equal(gold[made.attributes.entity], graph.attributes.entity)
    more, _ = study.planted(graph, 0.2, 0.5, 3)
    assert len(more.triples) > len(graph.triples)
    copies = np.bincount(gold)
    assert copies.max() <= 3 and (copies > 1).sum() == 12


def test_figures_are_those_of_a_small_case(study):
    # by hand: 2 of 3 found pairs are right, 2 of 4 true ones are found
    found = study.figures({(0, 1), (1, 2), (3, 4)}, {(0, 1), (1, 2), (0, 2), (5, 6)})
    assert found == {"precision": pytest.approx(2 / 3), "recall": 0.5, "f1": pytest.approx(4 / 7)}
    assert study.pairs_of(np.array([0, -1, 0, 0, 1, -1])) == {(0, 2), (0, 3), (2, 3)}


def test_the_table_has_the_baselines(study, monkeypatch, capsys):
    monkeypatch.setattr(study.mmkg, "load", lambda pair: mmkg.twin_graphs(80, image_dim=0, seed=2))
    monkeypatch.setattr(sys, "argv", ["dedupe", "--pairs", "small", "--febrl", "", "--json"])
    study.main()
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["method"] for row in rows] == ["dedupe", "single linkage", "equal names"] * 2
    assert all(0 <= row["f1"] <= 1 for row in rows)
