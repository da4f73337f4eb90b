"""Run folders of somebody else, with hashes that fit: other types, ranges, shapes and numbers are refused."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mmkg.errors import InputError
from mmkg.result.result import AlignmentResult

sys.path.insert(0, str(Path(__file__).parents[1] / "drills"))
from damage import seal


@pytest.fixture
def copy(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "copy")


def refused(folder, message):
    seal(folder)
    with pytest.raises(InputError, match=message):
        AlignmentResult.load(folder)


def change_json(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


TEXTS = [
    ("entities.json", lambda _: "[]", "entities.json: .*field required|too short|missing"),
    ("entities.json", lambda _: "[" * 10_000, "nested too deeply"),
    ("links.json", lambda text: text.replace("[[", "[[-1, 0], [", 1), "links.json: train.0.0: .*greater"),
    ("links.json", lambda text: text.replace("[[", "[[0, 100000], [", 1), "train links must name rows below"),
    ("links.json", lambda text: text.replace("[[", '[["a", 0], [', 1), "links.json: train.0.0: "),
    ("links.json", lambda text: "\xff", "expected JSON"),
    ("relations.json", lambda text: text.replace('"support": ', '"support": 9999', 1), "must not exceed the counts"),
    ("relations.json", lambda text: text.replace('"relation"', '"other"', 1), "relations.json: .*kind"),
    (
        "config.toml",
        lambda text: text + "\n[mine]\nx = 1\n",
        "not the configuration of a run: unknown configuration key",
    ),
    ("config.toml", lambda text: "a = " + "[" * 5000, "not a TOML file"),
    ("metrics.jsonl", lambda text: "{}\n[]\n", r"metrics.jsonl:2: expected a JSON object, got a list"),
    ("metrics.jsonl", lambda text: '{"loss": "low"}\n', "expected numbers as epoch, step, loss and valid"),
    ("metrics.jsonl", lambda text: '{"loss": NaN}\n', "NaN is no number of JSON"),
    ("metrics.jsonl", lambda text: '{"note": "\\ud800"}\n', "expected JSON: .*surrogates not allowed"),
]
INDEX_TEXTS = [
    (lambda text: text.replace('"size": ', '"size": 9', 1), "its sidecar has 9"),
    (lambda text: text.replace('"metric": "ip"', '"metric": "cosine"'), "expected an index of"),
]


@pytest.mark.parametrize(("name", "change", "message"), TEXTS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(TEXTS)])
def test_text_of_another_form_is_refused_though_its_hash_fits(copy, name, change, message):
    text = (copy / name).read_text(encoding="utf-8")
    assert change(text) != text
    (copy / name).write_text(change(text), encoding="utf-8")
    refused(copy, message)


@pytest.mark.parametrize(("change", "message"), INDEX_TEXTS)
def test_an_index_of_another_form_is_refused_though_its_hash_fits(small_result, tmp_path, change, message):
    search = replace(small_result.experiment.search, index="hnsw")
    other = replace(small_result, experiment=replace(small_result.experiment, search=search))
    path = other.save(tmp_path / "run") / "index.faiss.json"
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")
    refused(tmp_path / "run", message)


def set_at(*path, value):
    def change(values):
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    return change


VALUES = [
    ("record.json", set_at("seed", value="zero"), "record.json: seed: "),
    ("record.json", set_at("metrics", "left_to_right", value=None), "record.json: left_to_right: "),
    ("record.json", set_at("metrics", "left_to_right", "mrr", value="high"), "record.json: left_to_right.mrr: "),
    ("record.json", set_at("protocol", "csls_k", value=10**9), "expected csls_k in 0..10000"),
    ("record.json", set_at("protocol", "csls_k", value=0), "expected tensors left, right, got"),
    ("record.json", set_at("protocol", "candidates", value="best"), "unknown candidates 'best'"),
    ("record.json", set_at("protocol", value=[]), "record.json: protocol: "),
    ("entities.json", set_at(0, "labels", 1, value=7), "entities.json: 0.labels.1: .*valid string"),
    ("entities.json", lambda values: set_at(0, "labels", 1, value=values[0]["labels"][0])(values), "unique labels"),
    ("entities.json", lambda values: values[1]["names"].pop(), "as many names"),
    ("entities.json", lambda values: [values[0][key].pop() for key in values[0]], "expected left rows"),
    ("manifest.json", set_at("counterparts", "share", value=7), "share: .*less than or equal to 1"),
    ("manifest.json", set_at("counterparts", "margins", value=[0.5]), "as many booleans"),
    ("manifest.json", set_at("counterparts", "margins", 0, value=None), "margins.0: "),
    ("manifest.json", set_at("counterparts", value=[]), "manifest.json: "),
    ("manifest.json", set_at("description", "left", value=3), "left: "),
    ("manifest.json", set_at("format", value="1"), "expected run format 1"),
]


@pytest.mark.parametrize(("name", "change", "message"), VALUES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(VALUES)])
def test_values_of_another_type_or_range_are_refused_though_their_hash_fits(copy, name, change, message):
    change_json(copy / name, change)
    refused(copy, message)


def widen(tensors, widths):
    widths["name"] = 10**6


def as_integers(tensors, widths):
    tensors["left"] = (tensors["left"] * 100).astype(np.int32)


def fewer_rows(tensors, widths):
    tensors["right"] = tensors["right"][:-1]


def poisoned(name, value):
    def change(tensors, widths):
        tensors[name].reshape(-1)[3] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (widen, "expected left rows float16 or float32"),
        (lambda tensors, widths: widths.clear(), "at least 1 item"),
        (as_integers, "expected left rows float16 or float32 .*int32"),
        (fewer_rows, "expected right rows"),
        (poisoned("left", np.nan), "left rows must be finite"),
        (poisoned("right", np.inf), "right rows must be finite"),
        (poisoned("right", 40.0), r"right rows must be within \+-1.01"),
        (poisoned("left_mean", np.nan), "left_mean must be finite"),
        (lambda tensors, widths: tensors.pop("left_mean"), "expected tensors left, left_mean, right, right_mean"),
        (lambda tensors, widths: tensors.update(more=np.zeros(1)), "expected tensors .* got left, left_mean, more"),
    ],
)
def test_embeddings_of_another_form_are_refused_though_their_hash_fits(copy, change, message):
    path = copy / "embeddings.safetensors"
    with safe_open(path, "np") as file:
        widths = json.loads(file.metadata()["widths"])
    tensors = {name: value.copy() for name, value in load_file(path).items()}
    change(tensors, widths)
    save_file(tensors, path, metadata={"widths": json.dumps(widths)})
    refused(copy, message)


def test_weights_that_are_no_numbers_are_refused(copy):
    weights = {name: value.copy() for name, value in load_file(copy / "model.safetensors").items()}
    name = next(name for name, value in weights.items() if value.dtype == np.float32 and value.size)
    weights[name].reshape(-1)[0] = np.inf
    save_file(weights, copy / "model.safetensors")
    refused(copy, f"weights {name} must be finite")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("left_ids"), "expected tensors left_ids, left_scores, right_ids, right_scores"),
        (lambda tensors: tensors.update(left_ids=tensors["left_ids"][:-1]), "int32 and float32 neighbours of 90 left"),
        (lambda tensors: tensors.update(right_ids=tensors["right_ids"].astype(np.int64)), "neighbours of 90 right"),
        (lambda tensors: tensors["left_ids"].fill(90), r"must be in 0..89, or -1"),
        (lambda tensors: tensors["right_ids"].fill(-2), r"must be in 0..89, or -1"),
        (lambda tensors: tensors["right_scores"].fill(np.nan), r"scores of right entities must be in -5..5"),
        (lambda tensors: tensors["left_ids"].fill(-1), r"scores of left entities must be in -5..5"),
    ],
)
def test_neighbours_of_another_form_are_refused_though_their_hash_fits(copy, change, message):
    path = copy / "neighbors.safetensors"
    tensors = {name: value.copy() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)
    refused(copy, message)
