"""The study of few links: what it counts as found and as wrong."""

import json
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def tool(load_tool):
    return load_tool("own_links")


def test_links_are_found_wrong_or_about_entities_without_a_true_link(tool):
    true = np.array([[0, 0], [1, 1], [2, 2], [3, 3]])
    given = np.array([[0, 0], [1, 2], [7, 3], [8, 9]])  # right, wrong, wrong, unknown
    result = SimpleNamespace(linked=lambda threshold: SimpleNamespace(pairs=given))
    assert tool.counted(result, true, None) == (0.25, 2)


def test_all_drawn_links_are_training_links(tool, small_task):
    task = tool.drawn(small_task, "7", seed=1)
    assert [len(getattr(task.links, part)) for part in ("train", "valid", "test")] == [7, 0, 0]
    assert set(map(tuple, task.links.train.tolist())) <= set(map(tuple, small_task.links.all().tolist()))
    assert len(tool.drawn(small_task, "all", seed=1).links.train) == len(small_task.links.all())


def test_one_row_is_printed_per_run(tool, small_task, monkeypatch, capsys):
    monkeypatch.setattr(tool, "load", lambda place: small_task)
    tool.main(["twins", "--links", "0,9", "--models", "propagation,propagation+1", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["model"], each["given"]) for each in rows] == [("propagation", "9"), ("propagation+1", "9")]
    assert all(9 / 81 <= each["found"] <= each["found, all"] <= 1 for each in rows)  # the given ones are found
    tool.main(["twins", "--links", "0", "--models", "propagation", "--seeds-from", "name"])
    assert "seed links from name" in (text := capsys.readouterr().out) and "sure links" in text or "without" in text
