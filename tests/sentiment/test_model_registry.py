"""A sentiment model from outside the package: its class, its configuration and one line in ``MODELS``."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mmkg.errors import UsageError
from mmkg.sentiment import MODELS, ModelEntry, SentimentExperiment, SentimentModel, SentimentResult, fit, synthetic
from mmkg.sentiment.model import SentimentOutput
from mmkg.sentiment.teacher import Teacher

DATA = synthetic(sizes=(200, 40, 100), lengths={"text": 3, "audio": 4, "vision": 3})
QUICK = {"training": {"epochs": 10, "batch_size": 20, "learning_rate": 0.02}, "pretraining": {"epochs": 1}}


@dataclass(frozen=True)
class MeanConfig:
    scale: float = 1.0


class MeanModel(SentimentModel):
    """A linear layer on the mean features of the steps that are seen."""

    def __init__(self, dims, steps, config):
        super().__init__(dims, steps, "regression")
        self.scale = config.scale
        self.layer = nn.Linear(sum(dims.values()), 1)
        self.teachers = []

    def forward(self, batch, *, for_loss=False):
        inputs = self.read(batch)
        means = [
            inputs.values[name].sum(dim=1) / inputs.seen[name].sum(dim=1, keepdim=True).clamp(min=1)
            for name in self.names
        ]
        return SentimentOutput(self.squeeze(self.scale * self.layer(torch.cat(means, dim=1))))

    def loss_terms(self, batch, labels, teacher=None):
        self.teachers.append(teacher)
        return {"task": self.task_loss(self(batch).scores, labels)}


class TaughtModel(MeanModel):
    uses_teacher = True


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(MODELS, "mean", ModelEntry(MeanConfig, MeanModel))
    monkeypatch.setitem(MODELS, "taught", ModelEntry(MeanConfig, TaughtModel))


def test_a_model_from_outside_is_trained_saved_and_loaded_by_name(tmp_path):
    result = fit(DATA, "mean", progress=False, out=tmp_path, settings=QUICK | {"options": {"scale": 2.0}})
    assert isinstance(result.model, MeanModel) and result.model.scale == 2.0
    assert result.metrics["corr"] > 0.8  # the label is a weighted sum of the modalities' means
    assert not any(row.get("stage") == "teacher" for row in result.history) and set(result.model.teachers) == {None}
    back = SentimentResult.load(tmp_path)
    assert back.experiment.options == MeanConfig(2.0)
    sample = {"text": DATA.test.values["text"][0]}
    assert back.predict(sample) == result.predict(sample)
    with pytest.raises(UsageError, match="did you mean 'scale'"):
        SentimentExperiment.of({"model": "mean", "options": {"scales": 1.0}})


def test_a_model_that_uses_a_teacher_gets_one_trained_on_complete_data():
    result = fit(DATA, "taught", missing="modality:0.3", progress=False, settings=QUICK)
    teachers = result.model.teachers
    assert {type(teacher) for teacher in teachers} == {type(None), Teacher}
    assert sum(row.get("stage") == "teacher" for row in result.history) == 1
    assert teachers[0] is None and isinstance(teachers[-1], Teacher)


def test_a_model_from_outside_is_trained_from_the_command_line(run):
    done = run("sentiment", "train", "synthetic", "--model", "mean", "--set", "training.epochs=1", "--json")
    assert done.code == 0 and '"mae"' in done.out


def test_an_unknown_model_is_refused_with_the_known_ones():
    for build in (lambda: SentimentExperiment(model="meen"), lambda: SentimentExperiment.of({"model": "meen"})):
        with pytest.raises(UsageError, match="unknown model 'meen'; did you mean 'mean'.*tate, taught, tfr-net"):
            build()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "seed: expected a whole number"),
        ({"pretraining": {"fanout": [3]}}, "pretraining.fanout and pretraining.precision apply to aligners only"),
        ({"data": {"valid_ratio": 1.0}}, "data.valid_ratio: input should be less than 1, got 1.0"),
        ({"data": {"context": -1}}, "data.context: input should be greater than or equal to 0, got -1"),
        ({"options": {"dropout": 1.5}}, "options.dropout: input should be less than or equal to 1, got 1.5"),
        ({"options": {"kernels": {"text": 0}}}, "options.kernels.text: input should be greater than or equal to 1"),
        ({"model": "tate", "options": {"temperature": 0}}, "options.temperature: input should be greater than 0"),
        ({"missing": {"rate": 1.5}}, "missing.rate: input should be less than or equal to 1, got 1.5"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_key(values, message):
    with pytest.raises(UsageError) as error:
        SentimentExperiment.of(values)
    assert str(error.value).startswith(message)
