"""A run on links of which some entities have several counterparts."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.learners.validation import judge_of
from mmkg.matching.held_out import hold_out
from mmkg.result.embeddings import Embeddings
from mmkg.search import Neighbors


def one_to_many(size=40, several=2):
    """``size`` left entities, each with ``several`` right ones of the same name; triples in a ring."""

    def graph(side, names):
        count = len(names)
        triples = np.array([[row, 0, (row + several) % count] for row in range(count)], np.int64)
        return KnowledgeGraph(tuple(f"{side}{row}" for row in range(count)), ("r",), triples, names=names)

    names = tuple(f"name of thing {row * 7919 % 10007}" for row in range(size))
    right = tuple(name for name in names for _ in range(several))
    links = np.stack([np.repeat(np.arange(size), several), np.arange(size * several)], axis=1)
    cuts = (several * size // 5, several * size // 2)
    split = LinkSplit(links[: cuts[0]], links[cuts[0] : cuts[1]], links[cuts[1] :])
    return AlignmentTask(graph("a", names), graph("b", right), split, one_to_one=False)


@pytest.fixture(scope="module")
def result():
    task = one_to_many()
    found = mmkg.align(task, "propagation", device="cpu")
    rows = np.eye(40, dtype=np.float32)
    perfect = Embeddings(rows, np.repeat(rows, 2, axis=0), {"name": 40})
    return replace(found, embeddings=perfect, projection={}).evaluated()


def test_a_perfect_run_has_perfect_figures_by_every_way_to_rank(result):
    for run in (result, sampled(result)):
        for csls_k in (0, 3):
            for candidates in ("test", "all"):
                figures = run.evaluate(candidates=candidates, csls_k=csls_k)
                assert [figures[way]["hits@1"] for way in figures] == [1.0, 1.0]
    for candidates in ("test", "all"):
        figures = result.evaluate_assignment(candidates=candidates)
        assert figures["left_to_right"]["hits@1"] == figures["right_to_left"]["hits@1"] == 1.0


def sampled(result):
    search = dataclasses.replace(result.experiment.search, test_queries=9)
    return replace(result, experiment=replace(result.experiment, search=search))


def test_the_protocol_names_the_filter_only_where_an_entity_has_several_counterparts(result, small_result, tmp_path):
    assert result.protocol.filtered and "filtered" in result.protocol.describe()
    assert not small_result.protocol.filtered and "filtered" not in small_result.protocol.describe()
    result.save(tmp_path / "run")
    assert mmkg.AlignmentResult.load(tmp_path / "run").evaluated().protocol == result.protocol


def test_a_one_to_one_matching_finds_at_most_one_of_two_links(result):
    figures = result.figures(result.match("greedy", k=5))
    assert figures["precision"] == 1.0 and figures["recall"] == 0.5


def test_validation_counts_no_other_right_answer():
    task = one_to_many()
    rows = np.eye(40, dtype=np.float32)
    left, right = (torch.from_numpy(each) for each in (rows, np.repeat(rows, 2, axis=0)))
    search = mmkg.Experiment().search
    for valid_queries in (0, 7):  # of a sample, the counterparts that are not drawn are no competitors either
        config = dataclasses.replace(search, valid_queries=valid_queries)
        assert judge_of(task, config, seed=0, device=left.device)(left, right) == 1.0


def test_a_held_out_entity_is_asked_once_and_all_its_counterparts_are_removed():
    scores = np.array([[0.9, 0.8, 0.3, 0.2], [0.1, 0.2, 0.7, 0.4]], np.float32)

    def nearest(rows, k, side):
        table = (scores if side == "left" else scores.T)[rows]
        order = np.argsort(-table, axis=1)[:, :k]
        return Neighbors(order.astype(np.int64), np.take_along_axis(table, order, axis=1))

    sample = hold_out(np.array([[0, 1], [1, 2], [0, 0]]), nearest)
    assert sample.present.tolist() == [True, True, False, False]
    assert sample.right.tolist() == [True, True, False, False]
    # with: 0.9 - 0.8 and 0.7 - 0.4; without: right 2 (0.3) against its 0.7, right 3 (0.4) against 0.2
    assert sample.margins.tolist() == pytest.approx([0.1, 0.3, -0.4, 0.2], abs=1e-6)
