"""The study of entities without a counterpart: what it removes, and what it counts."""

import json

import numpy as np
import pytest

import mmkg


@pytest.fixture
def dangling(load_tool):
    return load_tool("dangling")


@pytest.mark.parametrize("own", [0, 12])
def test_a_share_of_the_judged_entities_of_each_side_has_no_counterpart(dangling, own):
    task = mmkg.twin_graphs(130, seed=1, image_dim=0)
    pair = dangling.hidden(task, 0.3, own=own, seed=2)
    links, known = pair.task.links, len(task.links.train) + len(task.links.valid)
    assert len(links.train) + len(links.valid) == (own or known)
    number = len(task.links.all()) - (own or known)  # test links: 91 or 118; 21 or 27 lose one end or the other
    gone = round(number * 0.3 / 1.3)
    assert pair.task.left.num_entities == pair.task.right.num_entities == 130 - gone
    assert len(links.test) == number - 2 * gone
    for side, rows in enumerate(pair.judged):
        assert len(rows) == number - gone and np.isin(links.test[:, side], rows).all()
        without = 1 - np.isin(rows, links.test[:, side]).mean()
        assert without == pytest.approx(0.3, abs=0.01)
    # what is left is what was there, by its labels
    old = {(task.left.entities[a], task.right.entities[b]) for a, b in task.links.all().tolist()}
    assert {(pair.task.left.entities[a], pair.task.right.entities[b]) for a, b in links.all().tolist()} <= old


def test_a_row_has_the_figures_of_both_sides_and_repeats_itself(dangling, capsys):
    dangling.main(["twins", "--small", "--json"])
    (first,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["true share"] == pytest.approx(0.7, abs=0.01) and first["links"] == 60
    for side in ("left", "right"):
        assert 0.5 < first[side]["auc"] <= 1 and 0 <= first[side]["none_f1"] <= 1
    assert first["share"]["low"] <= first["share"]["value"] <= first["share"]["high"]
    dangling.main(["twins", "--small"])
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith("twins-200, seed 0: 30% of 108 and 108 judged entities have no counterpart")
    assert len(table) == 3 and f"{first['left']['auc']:.3f}" in table[2]
