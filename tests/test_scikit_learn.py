"""The aligner as scikit-learn's tools use it; scikit-learn is a dependency of the tests, not of mmkg."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted
from small import SETTINGS, twins

import mmkg
from mmkg.errors import InputError, UsageError

FAST = {"training": {"epochs": 2}, "features": {"top_ngrams": 50}}
NONE = np.empty((0, 2), np.int64)


@pytest.fixture(scope="module")
def aligner(small_task):
    return mmkg.Aligner("propagation", device="cpu").fit(small_task)


def hits_at_1(left, right, links):
    """Share of links whose right end is the best by CSLS (k = 3) among the right ends, in plain NumPy."""
    queries, candidates = left[links[:, 0]], right[links[:, 1]]
    cosine = queries @ candidates.T
    rows = np.sort(cosine, axis=1)[:, -3:].mean(axis=1)
    columns = np.sort(cosine, axis=0)[-3:].mean(axis=0)
    return float(((2 * cosine - rows[:, None] - columns[None]).argmax(axis=1) == np.arange(len(links))).mean())


# --- is it fitted, what is it


def test_scikit_learn_knows_whether_it_is_fitted(aligner):
    check_is_fitted(aligner)
    with pytest.raises(NotFittedError, match="This Aligner instance is not fitted yet"):
        check_is_fitted(mmkg.Aligner())
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(aligner))


def test_tags_say_that_no_target_is_needed_and_the_input_is_no_matrix(aligner):
    tags = get_tags(aligner)
    assert tags.requires_fit and not tags.target_tags.required and tags.no_validation
    assert not tags.input_tags.two_d_array and not tags.input_tags.pairwise


# --- parameters


def test_a_clone_has_equal_parameters_of_its_own():
    first = mmkg.Aligner("eva", seed=3, modalities=["name"], settings={"training": {"epochs": 5}})
    second = clone(first)
    assert second.get_params() == first.get_params()
    second.settings["training"]["epochs"] = 9
    assert first.settings == {"training": {"epochs": 5}}


def test_a_nested_setting_is_changed_without_touching_the_given_ones():
    given = {"training": {"epochs": 5, "patience": 3}, "search": {"csls_k": 2}}
    before = copy.deepcopy(given)
    aligner = mmkg.Aligner(settings=given)
    assert aligner.set_params(settings__training__epochs=3, settings__options__hidden_dim=8) is aligner
    assert aligner.settings == {
        "training": {"epochs": 3, "patience": 3},
        "search": {"csls_k": 2},
        "options": {"hidden_dim": 8},
    }
    assert given == before
    assert mmkg.Aligner().set_params(settings__search__options__nprobe=4).settings == {
        "search": {"options": {"nprobe": 4}}
    }


def test_settings_as_a_whole_come_before_nested_ones():
    aligner = mmkg.Aligner(settings={"training": {"epochs": 5}})
    aligner.set_params(settings__training__epochs=3, settings={"search": {"csls_k": 0}}, seed=4)
    assert aligner.settings == {"search": {"csls_k": 0}, "training": {"epochs": 3}} and aligner.seed == 4


@pytest.mark.parametrize(
    "name", ["settings__", "settings__training__", "settings____epochs", "model__x", "epochs", "__"]
)
def test_a_nested_name_that_means_nothing_is_refused(name):
    aligner = mmkg.Aligner(seed=2)
    with pytest.raises(UsageError, match="unknown parameter"):
        aligner.set_params(seed=5, **{name: 1})
    assert aligner.seed == 2 and aligner.settings is None


def test_a_setting_inside_a_single_value_is_refused():
    aligner = mmkg.Aligner(seed=2, settings={"training": 3})
    with pytest.raises(UsageError, match="'training' is a single value"):
        aligner.set_params(seed=5, settings__training__epochs=1)
    assert aligner.seed == 2


def test_a_misspelt_nested_setting_is_refused_by_fit(small_task):
    aligner = mmkg.Aligner("propagation", device="cpu").set_params(settings__trainig__epochs=1)
    with pytest.raises(UsageError, match="'trainig'; did you mean 'training'"):
        aligner.fit(small_task)


# --- fit, transform, predict, score


def test_fit_and_score_ignore_a_target(aligner, small_task):
    other = clone(aligner).fit(small_task, None)
    assert np.array_equal(other.result_.left, aligner.result_.left)
    assert other.score(small_task, None) == other.score(small_task) == aligner.score()


def test_fit_transform_is_fit_then_transform(aligner, small_task):
    for ours, theirs in zip(clone(aligner).fit_transform(small_task, None), aligner.transform(), strict=True):
        assert np.array_equal(ours, theirs)


def test_predict_takes_the_task_first_as_a_pipeline_gives_it(aligner, small_task):
    assert aligner.predict(small_task) == aligner.predict() and aligner.predict(small_task, k=2) == aligner.predict(k=2)
    assert aligner.predict(2) == aligner.predict(k=2) == aligner.predict(np.int64(2))
    assert aligner.predict(2, threshold=0.5) == aligner.predict(k=2, threshold=0.5)
    with pytest.raises(InputError, match="fitted on other data"):
        aligner.predict(twins(seed=4))


def test_other_test_links_of_the_same_graphs_are_scored(aligner, small_task):
    left, right = aligner.transform()
    for rows in (slice(0, 20), slice(20, 41)):
        test = small_task.links.test[rows]
        other = replace(small_task, links=mmkg.LinkSplit(small_task.links.train[:3], NONE, test), name="other")
        assert aligner.transform(other)[0] is left
        assert aligner.score(other) == pytest.approx(hits_at_1(left, right, test))


def test_a_changed_graph_is_other_data(aligner, small_task):
    graph = replace(small_task.left, triples=small_task.left.triples[:-1])
    for question in (aligner.transform, aligner.score, aligner.predict):
        with pytest.raises(InputError, match="fitted on other data") as caught:
            question(replace(small_task, left=graph))
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("saved", [False, True])
def test_the_task_of_fit_is_taken_where_links_were_found(small_task, tmp_path, saved):
    settings = {"data": {"seeds_from": ["name"], "pivot_share": 0.3}}
    aligner = mmkg.Aligner("propagation", device="cpu", settings=settings).fit(small_task)
    if saved:
        aligner.save_pretrained(tmp_path / "run")
        aligner = mmkg.Aligner.from_pretrained(tmp_path / "run")
        mmkg.AlignmentResult.load(tmp_path / "run", fingerprint=small_task.fingerprint())
    left, right = aligner.transform(small_task)
    assert aligner.score(small_task) == pytest.approx(hits_at_1(left, right, small_task.links.test))
    assert aligner.score() == pytest.approx(hits_at_1(left, right, small_task.links.all()))  # none was given to fit


def test_a_run_of_an_older_version_is_known_by_its_labels(aligner, small_task, tmp_path):
    aligner.save_pretrained(tmp_path / "run")
    loaded = mmkg.Aligner.from_pretrained(tmp_path / "run")
    assert [*loaded.result_.record.graphs] == [small_task.left.fingerprint(), small_task.right.fingerprint()]
    record = replace(loaded.result_.record, graphs=())
    loaded.result_ = replace(loaded.result_, record=record)
    assert loaded.score(small_task) == aligner.score()
    short = mmkg.twin_graphs(30)
    with pytest.raises(InputError, match="fitted on other data"):
        loaded.transform(short)
    assert "graphs" in json.loads(record.to_json())


# --- the samples of a task


def test_samples_are_the_training_and_validation_links(small_task):
    train, valid = small_task.links.train, small_task.links.valid
    assert small_task.shape == (len(train) + len(valid),)
    whole = small_task[:]
    assert sorted(map(tuple, whole.links.train)) == sorted(map(tuple, train))
    assert sorted(map(tuple, whole.links.valid)) == sorted(map(tuple, valid))
    assert len(whole.links.test) == 0 and whole.left is small_task.left and whole.name == small_task.name


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_part_the_samples_and_share_the_validation_links(small_task, folds):
    number = len(small_task.links.valid)
    parts = [small_task[test] for _, test in KFold(folds).split(np.zeros(small_task.shape))]
    together = [tuple(link) for part in parts for link in part.links.all()]
    assert sorted(together) == sorted(map(tuple, small_task[:].links.all()))
    for part in parts:
        assert number // folds - 1 <= len(part.links.valid) <= -(-number // folds) + 1


@pytest.mark.parametrize(
    "rows", [[0, 2], np.array([0, 2]), (np.array([0, 2]), ...), [True, False, True], 0, slice(0, 3, 2)]
)
def test_samples_are_chosen_by_positions_a_mask_or_a_slice(rows):
    task = mmkg.twin_graphs(12, train_ratio=0.25, valid_ratio=0.34)
    assert task.shape == (3,) and len(task.links.train) == 2
    part = task[rows]
    assert len(part.links.all()) == (1 if isinstance(rows, int) else 2)
    assert {*map(tuple, part.links.all())} <= {*map(tuple, task.links.all()[:3])}


def test_a_sample_that_does_not_exist_is_refused(small_task):
    with pytest.raises(IndexError):
        small_task[[10_000]]


def test_a_task_is_one_object_to_numpy_and_no_sequence(small_task):
    assert np.asarray(small_task).shape == () and np.array([small_task, small_task]).shape == (2,)
    with pytest.raises(TypeError, match="not iterable"):
        iter(small_task)
    assert bool(small_task)


def test_a_part_without_test_links_is_scored_on_links_that_fit_was_not_given(small_task):
    train, test = train_test_split(small_task, test_size=0.4, random_state=1)
    aligner = mmkg.Aligner("propagation", device="cpu").fit(train)
    held_out = np.concatenate([test.links.train, test.links.valid])
    assert aligner.score(test) == pytest.approx(hits_at_1(*aligner.transform(), held_out))
    assert aligner.score(small_task[:]) == pytest.approx(
        hits_at_1(*aligner.transform(), np.array(sorted(map(tuple, held_out))))
    )
    with pytest.raises(InputError, match="no test links"):
        aligner.score(train)


# --- tools


def test_a_grid_search_compares_settings_on_held_out_training_links(small_task):
    grid = {"settings__training__epochs": [1, 8], "seed": [0]}
    search = GridSearchCV(mmkg.Aligner("meaformer", device="cpu", settings=SETTINGS), grid, cv=2, error_score="raise")
    search.fit(small_task)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (2,) and np.isfinite(scores).all() and scores[1] >= scores[0]
    assert search.best_params_["settings__training__epochs"] in (1, 8) and search.best_score_ == scores.max()
    best = clone(search.best_estimator_).fit(small_task)  # refitted on the whole task
    assert np.array_equal(best.result_.left, search.best_estimator_.result_.left)
    assert search.score(small_task) == best.score() == search.best_estimator_.score(small_task)
    assert "AlignmentTask" not in repr(search) and len(repr(search)) < 1000
    json.dumps(search.best_params_)


def test_the_scores_of_a_search_are_those_of_fits_by_hand(small_task):
    scores = cross_val_score(mmkg.Aligner("propagation", device="cpu"), small_task, cv=KFold(2), error_score="raise")
    for score, (train, test) in zip(scores, KFold(2).split(np.zeros(small_task.shape)), strict=True):
        aligner = mmkg.Aligner("propagation", device="cpu").fit(small_task[train])
        links = small_task[test].links
        assert score == pytest.approx(hits_at_1(*aligner.transform(), np.concatenate([links.train, links.valid])))


def test_models_are_searched_too(small_task):
    search = RandomizedSearchCV(
        mmkg.Aligner(device="cpu", settings=FAST), {"model": ["propagation"]}, n_iter=1, cv=2, error_score="raise"
    )
    assert search.fit(small_task).best_params_ == {"model": "propagation"}


def test_a_pipeline_fits_scores_predicts_and_sets_nested_settings(aligner, small_task):
    pipeline = Pipeline([("align", clone(aligner))]).set_params(align__settings__search__csls_k=0)
    assert pipeline.fit(small_task) is pipeline
    assert pipeline.named_steps["align"].settings == {"search": {"csls_k": 0}}
    assert pipeline.score(small_task) == pipeline[-1].score()
    assert pipeline.predict(small_task) == pipeline[-1].predict() and len(pipeline.predict(small_task, k=2)) == 180
    assert pipeline.transform(small_task)[0] is pipeline[-1].result_.left
    assert len(make_pipeline(clone(aligner)).fit_transform(small_task)) == 2
    check_is_fitted(pipeline)
    assert "Aligner" in repr(pipeline) and "Aligner" in pipeline._repr_html_()


def test_an_aligner_is_pickled_and_copied_with_what_it_learnt(aligner, small_task):
    for other in (pickle.loads(pickle.dumps(aligner)), copy.deepcopy(aligner)):
        assert other.predict(k=2) == aligner.predict(k=2) and other.score(small_task) == aligner.score()


def test_an_aligner_is_shown_with_the_arguments_that_are_not_defaults():
    assert repr(mmkg.Aligner()) == "Aligner(model='auto')"
    assert repr(mmkg.Aligner("eva", seed=3, settings={"training": {"epochs": 2}})) == (
        "Aligner(model='eva', seed=3, settings={'training': {'epochs': 2}})"
    )
    many = mmkg.Aligner(modalities=np.array(["name", "image"]), settings={"x": list(range(100_000))})
    assert len(repr(many)) < 400 and "\n" not in repr(many)
    assert "<td>auto</td>" in mmkg.Aligner()._repr_html_()
