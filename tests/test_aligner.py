import dataclasses

import numpy as np
import pytest
from small import OPTIONS, SETTINGS, twins

import mmkg
from mmkg.aligner import Prediction
from mmkg.errors import InputError, UsageError

PARAMS = {"model": "meaformer", "seed": 0, "modalities": (), "device": "cpu", "settings": SETTINGS}


@pytest.fixture(scope="module")
def aligner(small_task):
    return mmkg.Aligner(**PARAMS).fit(small_task)


def test_params_are_what_the_constructor_was_given():
    given = {"model": "mclea", "seed": 4, "modalities": ["image"], "device": "cpu", "settings": {"training": {}}}
    aligner = mmkg.Aligner(**given)
    assert aligner.get_params() == aligner.get_params(deep=False) == given
    assert all(aligner.get_params()[name] is value for name, value in given.items())  # scikit-learn's clone asks this


def test_params_are_set_by_name_and_unknown_ones_refused():
    aligner = mmkg.Aligner()
    assert aligner.set_params(model="eva", seed=3) is aligner
    assert (aligner.model, aligner.seed) == ("eva", 3)
    with pytest.raises(UsageError, match="unknown parameter 'modle'; did you mean 'model'"):
        aligner.set_params(seed=9, modle="mclea")
    assert aligner.seed == 3


def test_a_clone_is_not_fitted_and_fits_to_the_same_bits(aligner, small_task):
    clone = type(aligner)(**aligner.get_params())
    with pytest.raises(UsageError, match="not fitted"):
        clone.transform()
    for ours, theirs in zip(clone.fit(small_task).transform(), aligner.transform(), strict=True):
        assert np.array_equal(ours, theirs)


def test_fit_gives_what_align_gives(aligner, small_result):
    left, right = aligner.transform()
    assert np.array_equal(left, small_result.left) and np.array_equal(right, small_result.right)
    assert aligner.result_.metrics == small_result.metrics


def test_embeddings_are_unit_rows(aligner):
    for rows in aligner.transform():
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_every_question_to_an_unfitted_aligner_is_refused(small_task, tmp_path):
    aligner = mmkg.Aligner()
    for question in (
        aligner.transform,
        aligner.predict,
        aligner.score,
        lambda: aligner.score(small_task),
        lambda: aligner.save_pretrained(tmp_path / "run"),
    ):
        with pytest.raises(UsageError, match=r"not fitted; call fit\(task\) first"):
            question()
    assert not (tmp_path / "run").exists()


def test_other_data_are_refused(aligner, small_task):
    assert aligner.transform(small_task)[0] is aligner.transform()[0]
    for question in (aligner.transform, aligner.score):
        with pytest.raises(InputError, match="fitted on other data"):
            question(twins(seed=4))


def test_score_is_hits_at_1_on_the_test_links(aligner, small_task, small_result):
    assert aligner.score() == aligner.score(small_task) == small_result.metrics["left_to_right"]["hits@1"]


def test_there_is_no_score_without_test_links(small_task):
    from dataclasses import replace

    task = replace(small_task, links=replace(small_task.links, test=np.empty((0, 2), np.int64)))
    with pytest.raises(InputError, match="no test links"):
        mmkg.Aligner(**PARAMS).fit(task).score()


def test_predictions_are_the_k_best_of_every_entity_in_order(aligner, small_task, small_result):
    predictions = aligner.predict(k=3)
    assert len(predictions) == 3 * 90
    for row in (0, 41, 89):
        mine = [each for each in predictions if each.left == small_task.left.entities[row]]
        assert [each.rank for each in mine] == [1, 2, 3]
        hits = small_result.search(row, k=3)
        assert [each.right for each in mine] == [hit.label for hit in hits]
        np.testing.assert_allclose([each.score for each in mine], [hit.score for hit in hits], atol=1e-4)
        np.testing.assert_allclose([each.confidence for each in mine], [hit.confidence for hit in hits], atol=1e-6)


def test_predictions_never_exceed_the_right_graph(aligner):
    assert len(aligner.predict(k=500)) == 90 * 90
    assert isinstance(aligner.predict()[0], Prediction) and len(aligner.predict()) == 90
    with pytest.raises(UsageError, match="k must be"):
        aligner.predict(k=0)


def test_a_threshold_keeps_those_that_are_as_sure(aligner):
    everything = aligner.predict(k=2)
    middle = float(np.median([each.confidence for each in everything]))
    kept = aligner.predict(k=2, threshold=middle)
    assert kept == [each for each in everything if each.confidence >= middle]
    assert 0 < len(kept) < len(everything)
    assert aligner.predict(k=2, threshold=0.0) == everything


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(aligner, threshold):
    with pytest.raises(UsageError, match=r"threshold must be in 0\.\.1"):
        aligner.predict(threshold=threshold)


def test_a_threshold_needs_confidences(aligner, monkeypatch):
    monkeypatch.setattr("mmkg.result.calibrate.Confidences.counterparts", None)
    assert aligner.predict()[0].confidence is None
    with pytest.raises(UsageError, match="fewer than 5 matches.*give about 50 known links, links=FILE"):
        aligner.predict(threshold=0.5)


def test_a_saved_aligner_comes_back_with_its_params_and_answers(aligner, tmp_path):
    aligner.save_pretrained(tmp_path / "mine")
    loaded = mmkg.Aligner.from_pretrained(tmp_path / "mine")
    assert loaded.predict(k=2) == aligner.predict(k=2) and loaded.score() == aligner.score()
    assert loaded.model == "meaformer" and loaded.seed == 0
    assert loaded.settings["training"]["epochs"] == 4 and loaded.settings["options"]["hidden_dim"] == 16


def test_a_loaded_aligner_fits_to_the_same_bits(small_task, tmp_path):
    settings = {**SETTINGS, "options": {**OPTIONS, "num_heads": 1}, "search": {"csls_k": 2, "options": {"hnsw_m": 8}}}
    first = mmkg.Aligner("meaformer", seed=2, modalities=["attribute", "image"], settings=settings).fit(small_task)
    first.save_pretrained(tmp_path / "mine")
    second = mmkg.Aligner.from_pretrained(tmp_path / "mine")
    assert tuple(second.modalities) == ("attribute", "image")
    second.fit(small_task)
    assert second.result_.experiment == first.result_.experiment
    assert np.array_equal(second.result_.left, first.result_.left)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("combined", {"refinement": {"rounds": 0}, "training": {"epochs": 2}}),
        ("propagation", {"refinement": {"rounds": 1}, "bootstrap": {"rounds": 1, "matcher": "mutual"}}),
        ("propagation", {"data": {"seeds_from": ["name", "image"], "pivot_share": 0.3}}),
    ],
)
def test_every_section_of_the_settings_comes_back(small_task, tmp_path, model, settings):
    first = mmkg.Aligner(model, device="cpu", settings=settings).fit(small_task)
    first.save_pretrained(tmp_path / "mine")
    second = mmkg.Aligner.from_pretrained(tmp_path / "mine")
    assert second.device == "cpu"
    second.fit(small_task)
    assert second.result_.experiment == first.result_.experiment
    assert second.result_.protocol == first.result_.protocol
    assert np.array_equal(second.result_.left, first.result_.left)


def test_a_device_that_is_not_there_becomes_auto(aligner, tmp_path, monkeypatch):
    record = dataclasses.replace(aligner.result_.record, device="cuda:0")
    dataclasses.replace(aligner.result_, record=record).save(tmp_path / "mine")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert mmkg.Aligner.from_pretrained(tmp_path / "mine").device == "auto"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert mmkg.Aligner.from_pretrained(tmp_path / "mine").device == "cuda:0"


def test_a_run_of_align_is_a_pretrained_aligner(small_run, small_task, small_result):
    aligner = mmkg.Aligner.from_pretrained(small_run)
    assert aligner.score(small_task) == small_result.metrics["left_to_right"]["hits@1"]


def test_a_damaged_aligner_is_refused(aligner, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        mmkg.Aligner.from_pretrained(tmp_path / "absent")
    aligner.save_pretrained(tmp_path / "mine")
    with (tmp_path / "mine" / "embeddings.safetensors").open("ab") as file:
        file.write(b"!")
    with pytest.raises(InputError, match=r"embeddings\.safetensors is damaged"):
        mmkg.Aligner.from_pretrained(tmp_path / "mine")


def test_the_top_level_names_are_there_and_no_others():
    for name in mmkg.__all__:
        assert getattr(mmkg, name).__name__ == name
    assert set(mmkg.__all__) < set(dir(mmkg))
    with pytest.raises(AttributeError, match="has no attribute 'allign'"):
        mmkg.allign  # noqa: B018
