"""Embeddings of eight bits per value, and runs that are stored so."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from small import twins

import mmkg
from mmkg.errors import InputError
from mmkg.result.eight_bits import from_eight_bits, in_eight_bits, rounded
from mmkg.result.read_hits import read_hits
from mmkg.result.result import AlignmentResult
from mmkg.result.stored import read_embeddings


def unit(number, width, seed=0):
    rows = np.random.default_rng(seed).standard_normal((number, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_codes_are_127ths_of_the_largest_value_of_their_row():
    codes, peaks = in_eight_bits(np.array([[0.5, -0.25, 0.0], [0, 0, 0], [-1, 0.003, 0.004]], np.float32))
    assert codes.tolist() == [[127, -64, 0], [0, 0, 0], [-127, 0, 1]]  # 0.004 * 127 = 0.508
    assert peaks.tolist() == [0.5, 0, 1]
    assert np.allclose(from_eight_bits(codes, peaks), [[0.5, -0.25197, 0], [0, 0, 0], [-1, 0, 0.007874]], atol=2e-4)


def test_values_change_by_half_a_step_and_what_is_read_back_does_not_change_again():
    rows = unit(5000, 12)  # more than a block
    found = rounded(rows, "int8")
    half = np.abs(rows).max(axis=1, keepdims=True) / 254
    assert (np.abs(found - rows) <= half + 5e-4).all() and found.dtype == np.float16
    assert np.array_equal(rounded(found, "int8"), found)
    assert rounded(rows, "float32") is rows and rounded(rows, "float16").dtype == np.float16


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        store: mmkg.align(
            twins(), "propagation", settings={"search.store": store}, device="cpu", progress=False, out=folder / store
        )
        for store in ("int8", "float16")
    }, folder


def test_a_run_has_the_figures_of_what_is_stored(runs):
    results, folder = runs
    loaded = AlignmentResult.load(folder / "int8", device="cpu")
    for side in ("left", "right"):
        assert np.array_equal(getattr(loaded, side), getattr(results["int8"], side))
    assert loaded.evaluate() == results["int8"].metrics
    for direction, figures in loaded.metrics.items():
        assert abs(figures["mrr"] - results["float16"].metrics[direction]["mrr"]) < 0.02
    sizes = [(folder / store / "embeddings.safetensors").stat().st_size for store in ("int8", "float16")]
    assert sizes[0] < 0.6 * sizes[1]
    light, whole = read_hits(folder / "int8").search(3), loaded.search(3)
    assert [hit.label for hit in light] == [hit.label for hit in whole]


def test_new_entities_are_stored_in_eight_bits_too(runs, tmp_path):
    graph = mmkg.as_graph([(f"{runs[0]['int8'].entities[0].labels[0]}", "likes", "somebody new")])
    grown = runs[0]["int8"].extend(graph)
    again = AlignmentResult.load(grown.save(tmp_path / "grown"), device="cpu")
    assert len(again.left) == len(grown.left) > len(runs[0]["int8"].left)
    assert np.array_equal(again.left, grown.left)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("left_peaks"), "expected tensors"),
        (lambda arrays: arrays.update(left_peaks=arrays["left_peaks"][:-1]), "expected left peaks float16"),
        (lambda arrays: arrays["left_peaks"].fill(np.nan), "left peaks must be finite"),
        (lambda arrays: arrays.update(left=arrays["left"][:, 0].copy()), "expected left rows"),
    ],
)
def test_codes_without_their_peaks_are_refused(tmp_path, change, message):
    arrays = {}
    for side, rows in (("left", unit(4, 3)), ("right", unit(5, 3, 1))):
        arrays[side], arrays[f"{side}_peaks"] = in_eight_bits(rows)
    path = tmp_path / "embeddings.safetensors"
    save_file(arrays, path, {"widths": json.dumps({"name": 3})})
    assert read_embeddings(path, (4, 5), csls=False)[0].shape == (4, 3)
    arrays = {name: array.copy() for name, array in load_file(path).items()}
    change(arrays)
    save_file(arrays, path, {"widths": json.dumps({"name": 3})})
    with pytest.raises(InputError, match=message):
        read_embeddings(path, (4, 5), csls=False)
