import json

import numpy as np
import pytest
import torch

from mmkg.errors import InputError, UsageError
from mmkg.sentiment import MissingPolicy, SentimentExperiment, SentimentResult, evaluate, fit, predict, sweep, synthetic
from mmkg.sentiment.metrics import regression_metrics
from mmkg.sentiment.patterns import Answers
from mmkg.sentiment.sweeping import combinations_of
from mmkg.training import loop

QUICK = {
    "options": {"dim": 8, "num_heads": 2},
    "training": {"epochs": 3, "batch_size": 20},
}
DATA = synthetic(sizes=(60, 20, 30), lengths={"text": 3, "audio": 4, "vision": 3})


def data_of(html):
    """The data inside a page."""
    return json.loads(html.partition('<script id="mmkg-data" type="application/json">')[2].partition("</script>")[0])


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
    assert result.protocol.name == "P3b" and result.protocol.selection == "validation"
    assert result.protocol.train_missing == result.protocol.test_missing == "modality 0.3"
    best = max(row["valid"] for row in result.history if row.get("stage") != "teacher")
    assert -result.valid_metrics["mae"] == pytest.approx(best)


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ("none", "complete"),
        ("frame:0.2", "P1"),
        ("modality:0.2", "P3b"),
        ("block:0.2", "P4"),
        ("frame:text=0.2", "own"),
    ],
)
def test_protocols_have_the_names_of_those_who_use_them(missing, name):
    from mmkg.sentiment.protocol import published_name

    policy = MissingPolicy.parse(missing)
    assert published_name(policy, policy) == name
    assert published_name(policy, MissingPolicy.parse("frame:0.9")) == "own"


@pytest.mark.parametrize(
    ("train", "test", "name"),
    [
        ("frame:mixed", "frame:0.9", "P2"),
        ("frame:mixed", "none", "P2"),
        ("frame:mixed", "frame:mixed", "own"),
        ("frame:mixed", "modality:text=1", "own"),
        ("modality:mixed", "modality:text=1,audio=1", "P3a"),
        ("modality:mixed", "none", "P3a"),
        ("modality:mixed", "modality:0.3", "own"),
        ("modality:mixed", "modality:text=0.5", "own"),
    ],
)
def test_one_model_for_all_rates_or_sets_has_its_own_name(train, test, name):
    from mmkg.sentiment.protocol import published_name

    assert published_name(MissingPolicy.parse(train), MissingPolicy.parse(test)) == name


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
    with pytest.raises(UsageError, match="training.fanout and training.precision apply to aligners only"):
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
    shown = data_of((tmp_path / "sweep.html").read_text())
    assert (shown["kind"], shown["table"], len(shown["curves"])) == ("curves", found.table(), 6)
    drawn = next(each for each in shown["curves"] if each["name"] == "mae, train: each")
    assert (drawn["x"], drawn["y"]) == ([0, 50], pytest.approx(means))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")}
    assert len(times) == 4
    assert sweep(DATA, policies, out=tmp_path, **options).to_dict() == found.to_dict()
    assert times == {path: path.stat().st_mtime_ns for path in times}
    with pytest.raises(InputError, match="other data or settings"):
        other = SentimentExperiment.of({"model": "tfr-net", **QUICK, "training": {"epochs": 2}})
        sweep(DATA, policies, out=tmp_path, **(options | {"experiment": other}))


def test_one_model_of_mixed_rates_is_tested_at_every_rate_and_on_every_set_of_modalities(tmp_path):
    experiment = SentimentExperiment.of({"model": "tfr-net", **QUICK, "training": {"epochs": 1}})
    options = {"experiment": experiment, "seeds": (0,), "progress": False}
    found = sweep(DATA, MissingPolicy.parse_sweep("frame:0,0.5"), ways=("mixed",), out=tmp_path, **options)
    assert "protocol P2;" in found.protocols["mixed"] and "missing in training: frame mixed" in found.protocols["mixed"]
    assert [path.name for path in tmp_path.iterdir()] == ["frame-mixed-seed0"]
    curve = found.curves()["mixed"]["figures"]["mae"]
    assert curve["average"] == pytest.approx(sum(curve["mean"]) / 2)
    found = sweep(DATA, combinations_of(DATA.names), ways=("mixed",), out=tmp_path, **options)
    assert "protocol P3a;" in found.protocols["mixed"]
    rows = {row.missing: row.runs[0] for row in found.rows}
    assert list(rows)[::3] == ["audio, vision", "vision", "none"] and len(rows) == 7
    run = SentimentResult.load(tmp_path / "modality-mixed-seed0")
    masks = {name: here & (name == "audio") for name, here in DATA.test.valid.items()}
    scores = run.model(DATA.test.batch(masks)).scores.detach().numpy()
    assert rows["text, vision"] == pytest.approx(regression_metrics(DATA.test.labels, scores), rel=1e-4)
    curve = found.curves()["mixed"]["figures"]["corr"]
    assert curve["average"] == pytest.approx(np.mean([run["corr"] for name, run in rows.items() if name != "none"]))
    assert "auilc" not in curve and "mean but none" in found.table() and not data_of(found.html())["curves"]
    with pytest.raises(UsageError, match="mixed rates need the unit frame or modality"):
        sweep(DATA, MissingPolicy.parse_sweep("block:0.5"), ways=("mixed",), **options)


def test_figures_by_what_a_sample_lacks_are_those_worked_out_by_hand():
    present = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=bool)
    labels, scores = np.array([1, 0, 1, -2, -1, 2.0]), np.array([0.5, 1, 1, 0, -1.5, 4])
    found = Answers(labels, scores, present, DATA.names).by_pattern()
    assert list(found) == ["none", "text", "text, audio"]
    assert found["none"] == pytest.approx({"count": 2, "mae": 0.5, "corr": 1, "deviation": 1})
    assert found["text"] == pytest.approx({"count": 3, "mae": 1, "corr": 3 / 12**0.5, "deviation": 2**0.5})
    assert found["text, audio"] == pytest.approx({"count": 1, "mae": 2, "corr": 0, "deviation": 0})
    logits = np.eye(3)[[2, 1, 1, 0, 2, 2]]  # of negative, neutral, positive
    found = Answers(labels, logits, present, DATA.names).by_pattern()
    assert found["text"] == pytest.approx({"count": 3, "accuracy": 2 / 3, "macro_f1": 2 / 3})


def test_a_sweep_tells_figures_by_what_a_sample_lacks_of_test_and_validation(tmp_path):
    experiment = SentimentExperiment.of({"model": "tfr-net", **QUICK})
    options = {"experiment": experiment, "seeds": (0, 1), "by_pattern": True, "progress": False}
    found = sweep(DATA, MissingPolicy.parse_sweep("modality:0.5"), out=tmp_path, **options)
    rows = found.curves()["each"]["patterns"]
    for split, number in (("test", 30), ("valid", 20)):
        runs = [SentimentResult.load(tmp_path / f"modality-0.5-seed{seed}") for seed in (0, 1)]
        told = [run.answers(DATA, split=split).by_pattern() for run in runs]
        assert [sum(each["count"] for each in one.values()) for one in told] == [number, number]
        for row in (row for row in rows if row["split"] == split):
            means = [one[row["pattern"]]["mae"] for one in told if row["pattern"] in one]
            assert row["mae"] == pytest.approx(np.mean(means))
    assert "by what a sample lacks" in found.table() and rows[0]["pattern"] == "none"


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
