import json

import numpy as np
import pytest


def test_weights_are_those_of_the_normal_equations(load_tool):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 3)), generator.normal(size=50)
    weights, level = load_tool("sentiment_floor").ridge(x, y, 4.0)
    residual = y - level - x @ weights
    np.testing.assert_allclose(x.T @ residual, 4.0 * weights, atol=1e-9)


def test_the_floor_of_planted_data_is_high_and_steps_side_by_side_are_more_columns(load_tool, capsys):
    tool = load_tool("sentiment_floor")
    found = []
    for words in (["--penalty", "1"], ["--choose"], ["--flatten", "--penalty", "100"]):
        tool.main(["synthetic", "--json", *words])
        found.append(json.loads(capsys.readouterr().out))
    assert [each["columns"] for each in found] == [30, 30, 8 * 16 + 14 * 8 + 11 * 6]
    assert found[0]["test"]["corr"] > 0.9
    assert found[1]["penalty"] in (1.0, 10.0, 100.0, 1000.0, 10000.0)
    assert found[0]["test"]["mae"] == pytest.approx(found[1]["test"]["mae"], abs=0.1)


def test_a_modality_that_saw_the_labels_of_validation_is_far_better_there_than_on_test(load_tool, capsys, tmp_path):
    from mmkg.sentiment import synthetic, write_mmsa

    data = synthetic(strengths={"text": 1.0, "audio": 0.6, "vision": 0.0})
    for part in (data.train, data.valid):  # vision is noise, but for what was written into it
        part.values["vision"][:, :, 0] = np.where(part.valid["vision"], part.labels[:, None], 0)
    write_mmsa(data, tmp_path / "leak.npz")
    load_tool("sentiment_floor").main([str(tmp_path / "leak.npz"), "--leak", "--penalty", "1", "--json"])
    found = json.loads(capsys.readouterr().out)["corr"]
    assert found["vision"]["valid"] > 0.95 and abs(found["vision"]["test"]) < 0.3
    assert abs(found["text"]["valid"] - found["text"]["test"]) < 0.1
