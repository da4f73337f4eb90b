import numpy as np
import pytest
from small import SETTINGS, twins
from test_result import cosines

import mmkg
from mmkg.result.scale import EQUAL, scaled


def test_the_score_is_the_cosine_in_percent_and_its_parts_add_up():
    shares = {"name": np.array([0.5, 0.3, 0.1, -0.2]), "image": np.array([0.3, -0.1, -0.4, -0.1])}
    score, parts = scaled(shares)
    assert score == pytest.approx([80, 20, 0, 0])
    assert parts["name"] == pytest.approx([50, 30, 10, 0])  # the third: 10 - 40 becomes 10 - 10
    assert parts["image"] == pytest.approx([30, -10, -10, 0])
    score, parts = scaled({"a": np.array([0.6000001]), "b": np.array([0.4000001])})
    assert score[0] <= 100 and sum(parts.values())[0] == pytest.approx(score[0], abs=1e-12)


def test_equal_literal_nodes_have_one_part():
    shares = {"name": np.array([0.5, 0.3]), "image": np.array([0.3, 0.1])}
    score, parts = scaled(shares, np.array([False, True]))
    assert score == pytest.approx([80, 100]) and parts[EQUAL].tolist() == [0, 100]
    assert (parts["name"][1], parts["image"][1]) == (0, 0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_answers_have_the_cosine_of_the_embeddings_in_percent(small_result, side):
    expected = cosines(small_result.left, small_result.right)
    expected = 100 * (expected if side == "left" else expected.T).clip(0)
    for row in (0, 17, 44):
        for hit in small_result.search(row, k=90, side=side):
            assert hit.score == pytest.approx(expected[row, hit.row], abs=1e-3) and 0 <= hit.score <= 100
            assert sum(hit.parts.values()) == pytest.approx(hit.score, abs=1e-9)


@pytest.mark.parametrize("model", ["meaformer", "propagation"])
def test_planted_right_answers_are_not_negative_and_above_wrong_ones(model):
    task = twins(60, noise=0.0, overlap=1.0, missing={})
    settings = SETTINGS if model == "meaformer" else {}
    result = mmkg.align(task, model, modalities=("attribute", "image"), settings=settings)
    for left, right in task.links.test.tolist():
        first, second = result.search(left, k=2)
        assert first.row == right and first.score > max(50, second.score)
        assert sum(first.parts.values()) == pytest.approx(first.score, abs=1e-9)


def test_exported_links_have_the_scores_of_the_search(small_result):
    for link in list(small_result.export())[:10]:
        hit = next(hit for hit in small_result.search(link.left, k=90) if hit.label == link.right)
        assert link.score == pytest.approx(hit.score, abs=1e-4)
