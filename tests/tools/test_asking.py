"""The study of orders of questions: what the truth answers, and when a recall is reached."""

import json

import numpy as np
import pytest

ORDERS = ("random", "margin", "unsure", "probable", "gain", "ask")


@pytest.fixture
def tool(load_tool):
    return load_tool("asking")


def test_a_recall_is_reached_between_two_rounds(tool):
    rows = [{"answers": 0, "recall": 0.5}, {"answers": 20, "recall": 0.6}, {"answers": 40, "recall": 0.9}]
    assert [tool.answers_to_reach(rows, recall) for recall in (0.4, 0.55, 0.75, 0.95)] == [
        0.0, pytest.approx(10), pytest.approx(30), None]  # fmt: skip


def test_a_yes_is_learnt_from_and_a_no_is_never_matched(tool, small_task, monkeypatch, capsys):
    runs, links = [], set(map(tuple, small_task.links.all().tolist()))
    aligned = tool.align

    def align(task, *words, **options):
        runs.append(task)
        return aligned(task, *words, **options)

    monkeypatch.setattr(tool, "align", align)
    monkeypatch.setattr(tool, "load", lambda place: small_task)
    tool.main(["twins", "--start", "9", "--batch", "6", "--rounds", "1", "--orders", ",".join(ORDERS), "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["order"], each["answers"]) for each in rows] == [
        (order, number) for order in ORDERS for number in (0, 6)
    ]
    for row, task in zip(rows, runs, strict=True):
        known, never = (set(map(tuple, part.tolist())) for part in (task.links.train, task.never))
        assert len(known) == 9 + row["yes"] and known <= links
        assert len(never) == row["answers"] - row["yes"] and not never & links
        assert not len(task.links.test) and len(known) / len(links) <= row["recall, sure"] <= row["recall"] <= 1
        assert len(np.unique(task.links.train[:, 0])) == len(known)


def test_a_table_and_when_a_recall_is_reached(tool, small_task, monkeypatch, capsys):
    monkeypatch.setattr(tool, "load", lambda place: small_task)
    assert tool.task_of(["twins:50:0.1"], None, 3).left.num_entities > 40
    tool.main(["twins", "--start", "9", "--batch", "3", "--rounds", "1", "--orders", "gain", "--reach", "0.1,0.99"])
    text = capsys.readouterr().out
    assert "twins" in text and "gain, seed 0: recall 0.1 after 0 answers" in text and "recall 0.99 not reached" in text
