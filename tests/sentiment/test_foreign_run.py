"""Sentiment runs of somebody else, and samples without a usable number."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmkg.errors import InputError
from mmkg.sentiment import SentimentResult, fit, synthetic

sys.path.insert(0, str(Path(__file__).parents[1] / "drills"))
from damage import seal


@pytest.fixture(scope="module")
def result():
    return fit(synthetic(sizes=(30, 10, 10)), settings={"training": {"epochs": 1}, "pretraining": {"epochs": 1}})


@pytest.fixture
def folder(result, tmp_path):
    return result.save(tmp_path / "run")


CHANGES = [
    ("shape.json", lambda text: text.replace('"dims"', '"dim"'), "shape.json: dims: field required"),
    ("shape.json", lambda text: json.dumps(json.loads(text) | {"label_range": [1]}), "label_range"),
    (
        "shape.json",
        lambda text: json.dumps({**json.loads(text), "dims": {"text": 10**12}}),
        "dims and steps|do not fit",
    ),
    (
        "config.toml",
        lambda text: text.replace("seed = 0", "seed = -1"),
        "not the configuration of a run: data.split_seed",
    ),
    ("metrics.jsonl", lambda text: text + "[1]\n", "metrics.jsonl:[0-9]+: expected a JSON object"),
    ("metrics.jsonl", lambda text: text + '{"epoch": 1e999}\n', "1e999 is too large"),
    ("predictions.csv", lambda text: text + "x,nan\n", "expected finite predictions"),
    ("predictions.csv", lambda text: text + "x,y\n", "expected an id and numbers"),
    ("record.json", lambda text: text.replace('"seed": 0', '"seed": "zero"', 1), "record.json: seed: input should be"),
    ("record.json", lambda _: "[" * 10_000, "nested too deeply"),
]


@pytest.mark.parametrize(
    ("name", "change", "message"), CHANGES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CHANGES)]
)
def test_a_file_of_another_form_is_refused_though_its_hash_fits(folder, name, change, message):
    text = (folder / name).read_text()
    assert change(text) != text
    (folder / name).write_text(change(text))
    seal(folder)
    with pytest.raises(InputError, match=message):
        SentimentResult.load(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, value in weights.items() if value.dtype == np.float32 and value.size)
    weights[name].reshape(-1)[0] = np.nan
    save_file(weights, folder / "model.safetensors")
    seal(folder)
    with pytest.raises(InputError, match=f"weights {name} must be finite"):
        SentimentResult.load(folder)


def test_a_sample_that_gives_no_number_is_an_error(result):
    huge = {name: np.full((3, dim), 3e38, np.float32) for name, dim in result.shape.dims.items()}
    try:
        found = result.predict(huge)
    except InputError as error:
        assert "are its values too large" in str(error)
    else:
        assert np.isfinite(found["score"])


def test_ids_with_line_ends_and_formulas_are_read_back(result, tmp_path):
    from dataclasses import replace

    scores = {"=1+1": [0.5], "a\nb": [1.0], "\\-x": [0.0], "\u2028": [0.25], "plain": [2.0]}
    folder = replace(result, scores=scores).save(tmp_path / "run")
    assert "\n\\=1+1,0.5\n" in (folder / "predictions.csv").read_text()
    assert SentimentResult.load(folder).scores == scores
