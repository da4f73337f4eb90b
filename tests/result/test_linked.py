import json

import numpy as np
import pytest
from test_result import csls_by_hand

from mmkg.data.task import LinkSplit
from mmkg.evaluation import Protocol
from mmkg.matching import Matching
from mmkg.result.linked import Summary, given_links, one_to_one, summarised, with_known
from mmkg.result.result import AlignmentResult


def matching(pairs, confidence=None):
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    confidence = None if confidence is None else np.array(confidence, np.float32)
    return Matching(pairs[:, 0], pairs[:, 1], np.linspace(0.5, 0.9, len(pairs), dtype=np.float32), confidence)


def test_known_links_replace_the_matches_that_contradict_them():
    found = with_known(
        matching([[0, 0], [1, 2], [2, 1], [5, 5]], [0.9, 0.8, 0.7, 0.6]),
        np.array([[3, 3], [1, 1]]),
        np.array([0.1, 0.2]),
    )
    assert found.pairs.tolist() == [[0, 0], [1, 1], [3, 3], [5, 5]]
    assert found.confidence.tolist() == pytest.approx([0.9, 1, 1, 0.6])
    assert found.score.tolist() == pytest.approx([0.5, 0.2, 0.1, 0.9])
    assert with_known(matching([[0, 0]]), np.array([[1, 1]]), np.zeros(1)).confidence is None


def test_derived_links_are_not_known():
    links = LinkSplit(np.array([[0, 0], [1, 1], [2, 2]]), np.array([[3, 3]]), np.empty((0, 2), np.int64))
    for seeds_from, num_seeds, expected in (
        ((), None, [[0, 0], [1, 1], [2, 2], [3, 3]]),
        (("name",), None, []),  # written before links of both kinds could be learnt from
        (("name",), 4, []),
        (("name",), 2, [[0, 0], [3, 3]]),
        (("name",), 0, [[0, 0], [1, 1], [2, 2], [3, 3]]),
    ):
        protocol = Protocol(seeds_from=seeds_from, num_seeds=num_seeds)
        assert given_links(links, protocol).tolist() == expected


def test_of_links_that_share_an_entity_the_first_stays():
    links = np.array([[3, 0], [1, 0], [3, 2], [4, 2], [0, 5]])
    assert one_to_one(links).tolist() == [[3, 0], [4, 2], [0, 5]]
    assert one_to_one(np.empty((0, 2), np.int64)).shape == (0, 2)


def test_the_summary_counts_sure_links_those_to_check_and_who_has_none():
    linked = matching([[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]], [1.0, 1.0, 0.95, 0.7, 0.9])
    found = summarised(
        linked, np.array([[1, 1]]), (np.arange(9), np.arange(7)), calibrated=True, threshold=0.5, same_as=0.9
    )
    assert (found.known, found.sure, found.to_check) == (1, 3, 1)  # 0.9 is sure, 0.7 is not
    assert (found.left_without, found.right_without, found.links) == (4, 2, 5)
    assert found.text() == "1 known links, 3 sure links, 1 to check, 4 left and 2 right without a counterpart"
    bare = summarised(
        matching([[0, 0], [1, 1]]),
        np.empty((0, 2)),
        (np.arange(2), np.arange(3)),
        calibrated=False,
        threshold=0,
        same_as=1,
    )
    assert bare.text() == "2 matches without a confidence, to check, 0 left and 1 right without a counterpart"
    assert (bare.sure, bare.to_check) == (0, 2)


def test_the_summary_of_a_run_agrees_with_its_files(small_result, small_run):
    found = small_result.summary()
    header, *lines = (small_run / "alignment.tsv").read_text().splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    known = {(f"left/{i}", f"right/{j}") for i, j in small_result.known.tolist()}
    assert len(rows) == found.links and known == {(r["left"], r["right"]) for r in rows} & known
    others = [float(row["confidence"]) for row in rows if (row["left"], row["right"]) not in known]
    assert found.known == len(known) == len(small_result.links.train) + len(small_result.links.valid)
    assert found.sure == sum(each >= np.float32(found.same_as) - 1e-7 for each in others) > 0
    assert found.to_check == len(others) - found.sure and min(others) >= found.threshold - 1e-7
    assert found.left_without == found.right_without == 90 - len(rows)
    assert found.text() in (small_run / "report.html").read_text()
    assert AlignmentResult.load(small_run).summary() == found
    assert json.loads(json.dumps(found.as_dict()))["links"] == found.links and isinstance(found, Summary)


def test_known_links_have_the_score_of_the_run(small_result):
    expected = csls_by_hand(small_result.left, small_result.right)
    linked = small_result.linked(threshold=0)
    assert linked.score == pytest.approx(expected[linked.left, linked.right], abs=1e-5)
    known = set(map(tuple, small_result.known.tolist()))
    sure = {tuple(pair) for pair, each in zip(linked.pairs.tolist(), linked.confidence, strict=True) if each == 1}
    assert known <= sure and len(linked) >= len(known)
