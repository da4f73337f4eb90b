"""Callbacks of a run; TensorBoard for real, MLflow and W&B against fakes of their documented calls."""

import sys
from types import SimpleNamespace

import pytest
from small import SETTINGS, twins

import mmkg
from mmkg.callbacks import Callback, Callbacks, MLflow, TensorBoard, WandB
from mmkg.errors import MissingPackageError, UsageError

ROUNDS = {**SETTINGS, "model": "meaformer", "bootstrap": {"rounds": 1, "epochs": 2}}


class Listening(Callback):
    def __init__(self):
        self.heard = []

    def on_start(self, settings):
        self.heard.append(("start", settings["training"]["epochs"]))

    def on_epoch(self, row):
        self.heard.append(("epoch", row["epoch"], row.get("round", 0)))

    def on_round(self, row):
        self.heard.append(("round", row["step"]))

    def on_end(self, figures):
        self.heard.append(("end", figures and sorted(figures)[0]))


@pytest.fixture(scope="module")
def task():
    return twins()


def test_a_callback_hears_each_epoch_and_round_in_their_order(task, tmp_path):
    listening, board = Listening(), TensorBoard(tmp_path)
    result = mmkg.align(task, settings=ROUNDS, callbacks=[listening, board])
    first = [("epoch", number, 0) for number in range(4)]
    second = [("epoch", number, 1) for number in range(2)]
    end = ("end", "left_to_right/hits@1")
    assert listening.heard == [("start", 4), *first, ("round", 0), *second, ("round", 1), end]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    rows = [row for row in result.history if "loss" in row]
    losses = events.Scalars("train/loss")
    assert [each.step for each in losses] == list(range(6))  # the round after goes on where the first ended
    assert [each.value for each in losses] == pytest.approx([row["loss"] for row in rows])
    rounds = [row["valid"] for row in result.history if "step" in row]
    assert [each.value for each in events.Scalars("pseudo-links/valid")] == pytest.approx(rounds)
    hits = events.Scalars("metrics/left_to_right/hits@1")
    assert [each.value for each in hits] == pytest.approx([result.metrics["left_to_right"]["hits@1"]])
    text = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "training.epochs = 4" in text


def test_a_refinement_and_a_second_fit_are_told_apart(task):
    rows = []
    told = SimpleNamespace(on_round=lambda row: rows.append(("round", row["refined"])),
                           on_epoch=lambda row: rows.append(("epoch", row.get("refit", False))))  # fmt: skip
    settings = {**SETTINGS, "model": "meaformer", "refinement": {"rounds": 1}, "refit": True}
    settings["training"] = {"epochs": 2, "eval_every": 1}
    mmkg.align(task, settings=settings, callbacks=[told])
    assert rows[:3] == [("epoch", False)] * 2 + [("round", True)]
    assert rows[3:] and set(rows[3:]) == {("epoch", True)}


def test_a_run_that_fails_ends_without_figures(task):
    class Stops(Listening):
        def on_epoch(self, row):
            raise RuntimeError("the disk of the curves is full")

    before, stops = Listening(), Stops()
    with pytest.raises(RuntimeError, match="the disk of the curves is full"):
        mmkg.align(task, settings=ROUNDS, callbacks=[before, stops])
    assert before.heard == [("start", 4), ("epoch", 0, 0), ("end", None)] and stops.heard[-1] == ("end", None)


@pytest.mark.parametrize("wrong", [[print], [Listening], [object()], 5])
def test_an_object_that_hears_nothing_is_refused(wrong):
    with pytest.raises(UsageError, match="expected callbacks, objects with on_start or on_epoch or on_round or on_end"):
        Callbacks(wrong)


# --- MLflow: mlflow.org/docs/latest/python_api/mlflow.html


class FakeMLflow(SimpleNamespace):
    def __init__(self, active=None):
        calls = []
        keep = lambda name: lambda *args, **options: calls.append((name, *args, options))  # noqa: E731
        names = ("start_run", "log_params", "log_metrics", "end_run")
        super().__init__(calls=calls, active_run=lambda: active, **{name: keep(name) for name in names})


def followed(callback, figures):
    callback.on_start({"model": "eva", "training": {"epochs": 2}, "data": {"links": None}})
    callback.on_epoch({"epoch": 0, "loss": 2.0, "valid": 0.5})
    callback.on_epoch({"epoch": 0, "loss": None, "round": 1})
    callback.on_round({"step": 1, "pseudo_links": 7})
    callback.on_end(figures)


def test_mlflow_gets_a_run_with_parameters_and_metrics(monkeypatch):
    fake = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    followed(MLflow(run_name="a"), {"left_to_right/hits@1": 0.25})
    assert fake.calls == [
        ("start_run", {"run_name": "a"}),
        ("log_params", {"model": "eva", "training.epochs": 2, "data.links": "None"}, {}),
        ("log_metrics", {"train/loss": 2.0, "train/valid": 0.5}, {"step": 0}),
        ("log_metrics", {"pseudo-links/pseudo_links": 7.0}, {"step": 0}),
        ("log_metrics", {"left_to_right/hits_at_1": 0.25}, {}),
        ("end_run", {"status": "FINISHED"}),
    ]


@pytest.mark.parametrize(("active", "last"), [(None, ("end_run", {"status": "FAILED"})), ("run", None)])
def test_a_run_of_mlflow_that_was_active_stays_open(monkeypatch, active, last):
    fake = FakeMLflow(active)
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    followed(MLflow(), None)
    assert fake.calls[-1] == last or (active and "end_run" not in dict.fromkeys(each[0] for each in fake.calls))


# --- Weights & Biases: docs.wandb.ai/ref/python


@pytest.mark.parametrize(("figures", "code"), [({"left_to_right/mrr": 0.5}, 0), (None, 1)])
def test_wandb_gets_a_run_with_configuration_curves_and_summary(monkeypatch, figures, code):
    calls, summary = [], {}
    run = SimpleNamespace(log=calls.append, summary=summary, finish=lambda exit_code: calls.append(exit_code))
    fake = SimpleNamespace(init=lambda **options: calls.append(options) or run)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    followed(WandB(project="p"), figures)
    assert calls == [
        {"config": {"model": "eva", "training": {"epochs": 2}, "data": {"links": None}}, "project": "p"},
        {"train/loss": 2.0, "train/valid": 0.5, "train/step": 0},
        {"pseudo-links/pseudo_links": 7.0, "pseudo-links/step": 0},
        code,
    ]
    assert summary == (figures or {})


@pytest.mark.parametrize(("callback", "module", "extra"), [
    (lambda: TensorBoard("x"), "torch.utils.tensorboard.writer", "tensorboard"),
    (MLflow, "mlflow", "mlflow"),
    (WandB, "wandb", "wandb"),
])  # fmt: skip
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, callback, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=rf"pip install 'mmkg\[{extra}\]'"):
        callback()
