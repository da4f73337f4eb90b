import json

import numpy as np
import pytest
import torch

from mmkg.errors import InputError, UsageError
from mmkg.sentiment import MissingPolicy, SentimentExperiment, SentimentResult, evaluate, fit, predict, sweep, synthetic
from mmkg.sentiment.metrics import regression_metrics
from mmkg.training import loop

QUICK = {
    "options": {"dim": 8, "num_heads": 2},
    "training": {"epochs": 3, "batch_size": 20},
}
DATA = synthetic(sizes=(60, 20, 30), lengths={"text": 3, "audio": 4, "vision": 3})


def quick(model="tfr-net", data=DATA, **options):
    pre = {"pretraining": {"epochs": 2, "batch_size": 20}} if model == "tate" else {}
    return fit(data, model, progress=False, settings={**QUICK, **pre, **options.pop("settings", {})}, **options)


@pytest.fixture(scope="module")
def result():
    return quick("tate", missing="modality:0.3")


def test_the_same_seed_gives_the_same_run_and_another_one_another(result):
    torch.manual_seed(7)
    again, other = quick("tate", missing="modality:0.3"), quick("tate", missing="modality:0.3", seed=1)
    assert again.metrics == result.metrics and again.scores == result.scores
    assert other.metrics != result.metrics


def test_figures_are_those_of_the_scores_under_the_protocol(result):
    expected = regression_metrics(DATA.test.labels, [row[0] for row in result.scores.values()])
    assert result.metrics == pytest.approx(expected)
    assert result.protocol.name == "P3" and result.protocol.selection == "validation"
    assert result.protocol.train_missing == result.protocol.test_missing == "modality 0.3"
    best = max(row["valid"] for row in result.history if row.get("stage") != "teacher")
    assert -result.valid_metrics["mae"] == pytest.approx(best)


@pytest.mark.parametrize(
    ("missing", "name"),
    [("none", "complete"), ("frame:0.2", "P1"), ("modality:0.2", "P3"), ("block:0.2", "P4"), ("frame:text=0.2", "own")],
)
def test_protocols_have_the_names_of_those_who_use_them(missing, name):
    from mmkg.sentiment.protocol import published_name

    policy = MissingPolicy.parse(missing)
    assert published_name(policy, policy) == name
    assert published_name(policy, MissingPolicy.parse("frame:0.9")) == "own"


def test_one_optimiser_step_per_batch(monkeypatch):
    steps = []
    step = loop.step_if
    monkeypatch.setattr(loop, "step_if", lambda *arguments: (steps.append(1), step(*arguments)))
    quick()
    assert len(steps) == 3 * 3  # 60 samples in batches of 20, 3 epochs


def test_training_sees_other_masks_every_epoch(monkeypatch):
    asked = []
    observed = MissingPolicy.observed

    def watched(self, valid, *, split, epoch=0):
        asked.append((split, epoch))
        return observed(self, valid, split=split, epoch=epoch)

    monkeypatch.setattr(MissingPolicy, "observed", watched)
    quick(missing="frame:0.3")
    assert [each for each in asked if each[0] == "train"] == [("train", epoch) for epoch in range(3)]


def test_a_run_is_saved_whole_and_read_back(result, tmp_path):
    folder = result.save(tmp_path / "run")
    back = SentimentResult.load(folder)
    assert back.metrics == result.metrics and back.protocol == result.protocol
    assert back.experiment == result.experiment and back.valid_metrics == result.valid_metrics
    sample = {"text": DATA.test.values["text"][0], "audio": DATA.test.values["audio"][0]}
    assert back.predict(sample) == result.predict(sample) == predict(folder, sample)
    assert evaluate(folder, DATA)[0] == pytest.approx(result.metrics)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="model.safetensors is damaged"):
        SentimentResult.load(folder)
    with pytest.raises(InputError, match="expected a finished run"):
        SentimentResult.load(tmp_path)


def test_a_killed_run_goes_on_to_the_same_figures(result, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    from mmkg.sentiment import training

    optimise, bars = training.optimise, []

    def mortal(*arguments, **options):
        def on_epoch(row):
            bars.append(row)
            if len(bars) == 4:  # in the second stage
                raise Killed

        return optimise(*arguments, **(options | {"on_epoch": on_epoch}))

    always = {"training": QUICK["training"] | {"checkpoint_seconds": 0.0}}
    whole = quick("tate", missing="modality:0.3", settings=always)
    monkeypatch.setattr(training, "optimise", mortal)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 0)
    with pytest.raises(Killed):
        quick("tate", missing="modality:0.3", settings=always, out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"teacher.safetensors", "trainer.safetensors"}
    monkeypatch.setattr(training, "optimise", optimise)
    with pytest.raises(InputError, match="another configuration"):
        quick("tate", missing="modality:0.4", settings=always, out=tmp_path)
    resumed = quick("tate", missing="modality:0.3", settings=always, out=tmp_path)
    assert resumed.scores == whole.scores
    assert not (tmp_path / "trainer.safetensors").exists() and (tmp_path / "manifest.json").is_file()
    with pytest.raises(UsageError, match="finished run already"):
        quick("tate", out=tmp_path)


def test_one_sample_with_anything_absent_needs_no_masks(result):
    values = {name: DATA.test.values[name][3][DATA.test.valid[name][3]] for name in DATA.names}
    part = DATA.test.take(np.array([3]))
    whole = result.model(part.batch()).scores
    assert result.predict(values)["score"] == pytest.approx(whole.item(), abs=1e-5)
    for name in DATA.names:
        alone = result.predict({name: values[name]})
        assert alone["missing"] == [other for other in DATA.names if other != name]
        masks = {other: here & (other == name) for other, here in part.valid.items()}
        assert alone["score"] == pytest.approx(result.model(part.batch(masks)).scores.item(), abs=1e-5)
    unseen = values["text"].copy()
    unseen[0] = np.nan
    masks = {name: here.copy() for name, here in part.valid.items()}
    masks["text"][0, 0] = False
    found = result.predict(values | {"text": unseen})["score"]
    assert found == pytest.approx(result.model(part.batch(masks)).scores.item(), abs=1e-5)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({}, "at least one"),
        ({"txt": [[0.0]]}, "did you mean 'text'"),
        ({"text": [[0.0, 1.0]]}, r"text: expected \[T, 16\]"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(result, sample, message):
    with pytest.raises(InputError, match=message):
        result.predict(sample)


def test_a_modality_that_no_training_sample_has_is_left_out_and_named():
    train = synthetic(sizes=(40, 10, 10), lengths={"text": 3, "audio": 3, "vision": 3})
    train.train.valid["text"][:] = False
    found = quick(data=train)
    assert found.model.names == ("audio", "vision")
    assert found.protocol.left_out == ("text",) and "no training sample has it: text" in found.protocol.describe()
    train.train.valid["audio"][:], train.train.valid["vision"][:] = False, False
    with pytest.raises(InputError, match="no training sample has any modality"):
        quick(data=train)


def test_classes_are_chosen_by_accuracy():
    found = quick(settings={"options": QUICK["options"] | {"head": "classes"}})
    assert set(found.metrics) == {"accuracy", "macro_f1", "weighted_f1"}
    answer = found.predict({"audio": np.zeros(8)})
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_experiments_are_written_and_read_and_misspelt_keys_refused():
    import tomllib

    experiment = SentimentExperiment.of({"model": "tate", "missing": {"unit": "frame", "rates": {"text": 0.2}}})
    assert SentimentExperiment.of(tomllib.loads(experiment.to_toml())) == experiment
    for values, nearest in (({"optons": {}}, "options"), ({"options": {"dims": 3}}, "dim"), ({"model": "tat"}, "tate")):
        with pytest.raises(UsageError, match=f"did you mean '{nearest}'"):
            SentimentExperiment.of(values)
    with pytest.raises(UsageError, match="train without"):
        quick(settings={"training": {"fanout": [3]}})


def test_a_sweep_tests_both_ways_on_the_same_masks(tmp_path):
    experiment = SentimentExperiment.of({"model": "tfr-net", **QUICK})
    policies = MissingPolicy.parse_sweep("modality:0,0.5")
    options = {"experiment": experiment, "seeds": (0, 1), "ways": ("each", "complete"), "progress": False}
    found = sweep(DATA, policies, out=tmp_path, **options)
    rows = {(row.way, row.rate): row.runs for row in found.rows}
    assert rows["each", 0.0] == rows["complete", 0.0] and rows["each", 0.5] != rows["complete", 0.5]
    alone = fit(DATA, experiment=experiment, missing=MissingPolicy("modality", 0.5), seed=1, progress=False)
    assert rows["each", 0.5][1] == pytest.approx(alone.metrics)
    curve = found.curves()["each"]["figures"]["mae"]
    means = [np.mean([run["mae"] for run in rows["each", rate]]) for rate in (0.0, 0.5)]
    assert curve["mean"] == pytest.approx(means)
    assert curve["auilc"] == pytest.approx(0.25 * sum(means)) and curve["auilc_normalised"] == pytest.approx(
        sum(means) / 2
    )
    found.save(tmp_path)
    assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 1 + 2 * 2 * 2
    assert json.loads((tmp_path / "sweep.json").read_text())["seeds"] == [0, 1]
    assert (tmp_path / "sweep.html").read_text().count("<svg") == 6
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")}
    assert len(times) == 4
    assert sweep(DATA, policies, out=tmp_path, **options).to_dict() == found.to_dict()
    assert times == {path: path.stat().st_mtime_ns for path in times}
    with pytest.raises(InputError, match="other data or settings"):
        other = SentimentExperiment.of({"model": "tfr-net", **QUICK, "training": {"epochs": 2}})
        sweep(DATA, policies, out=tmp_path, **(options | {"experiment": other}))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tfr-net", "tate"])
def test_dropping_what_carries_the_label_costs_and_dropping_noise_does_not(model):
    data = synthetic(sizes=(300, 80, 200), strengths={"text": 1.0, "audio": 0.4, "vision": 0.0})
    settings = {"training": {"epochs": 12}, "pretraining": {"epochs": 6}}
    found = fit(data, model, missing="modality:0.3", progress=False, settings=settings)
    complete = found.evaluate(data, "none")
    without = {name: found.evaluate(data, f"modality:{name}=1") for name in data.names}
    assert complete["corr"] > 0.85
    assert without["text"]["mae"] > complete["mae"] + 0.25
    assert abs(without["vision"]["mae"] - complete["mae"]) < 0.08
