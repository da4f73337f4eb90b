"""A new part is its file and one line: each is registered here from outside of mmkg, and used by name.

Toy matchers and index kinds are in tests/matching/test_matcher.py and tests/search/test_kind.py.
"""

import tomllib

import numpy as np
import pytest
from small import SETTINGS
from toys import ToyEncoder, ToyFill, ToyModel, ToyModelConfig, ToyPropagation, toy_loss

import mmkg
from mmkg.encoders import ENCODERS
from mmkg.errors import UsageError
from mmkg.fusion import FILLS
from mmkg.losses import LOSSES
from mmkg.models import MODELS, ModelEntry

QUICK = {"training": {"epochs": 3, "eval_every": 1}}


def test_a_model(small_task, monkeypatch, run, tmp_path):
    monkeypatch.setitem(MODELS, "toy", ModelEntry(ToyModelConfig, ToyModel.build, training={"epochs": 2}))
    result = mmkg.align(small_task, "toy", settings={"options": {"width": 5}}, out=tmp_path / "toy")
    assert result.widths == dict.fromkeys(("relation", "attribute", "image", "name"), 5)
    assert result.experiment.training.epochs == 2 and len(result.history) == 2
    assert [row["icl"] for row in result.history] == [row["loss"] for row in result.history]
    assert mmkg.AlignmentResult.load(tmp_path / "toy").experiment == result.experiment
    combined = mmkg.align(small_task, "combined", settings=QUICK | {"options": {"trained": "toy"}})
    assert "name by toy" in combined.record.protocol["weights"]
    shown = run("align", "emoji-fr-en", "--model", "toy", "--modalities", "name,attribute", "--out", tmp_path / "x")
    assert shown.code == 0, shown.err
    assert tomllib.loads((tmp_path / "x" / "config.toml").read_text())["options"] == {"width": 8}
    wrong = run("align", "emoji-fr-en", "--model", "toyy")
    assert wrong.code == 2 and "did you mean 'toy'" in wrong.err


def test_a_model_without_training(small_task, monkeypatch):
    monkeypatch.setitem(MODELS, "toy", ModelEntry(ToyModelConfig, ToyPropagation, learner="propagated"))
    result = mmkg.align(small_task, "toy", settings={"options": {"width": 64}, "bootstrap": {"rounds": 1}})
    assert result.widths == {"structure": 64} and len(result.history) == 2
    left, right = small_task.links.train[0]
    assert result.left[left] @ result.right[right] > 0.3  # the two ends of a seed link share its label
    with pytest.raises(UsageError, match="unknown model 'toy'; .*mclea"):
        mmkg.align(small_task, "combined", settings={"options": {"trained": "toy"}})


@pytest.mark.parametrize("model", ["mclea", "meaformer", "eva", "dual-amn"])
def test_a_loss(small_task, monkeypatch, model):
    monkeypatch.setitem(LOSSES, "toy", toy_loss)
    plain, more = (
        mmkg.align(small_task, model, seed=0, settings=QUICK | {"options": options}, ranks_only=True)
        for options in ({}, {"joint_loss": "toy"})
    )
    first = more.history[0]
    assert 0 < first["joint.toy"] < 4 and "joint.toy" not in plain.history[0]
    terms = [value for name, value in first.items() if "." in name]
    assert first["loss"] == pytest.approx(sum(terms), rel=1e-4)
    assert not np.array_equal(plain.left, more.left)


@pytest.mark.parametrize("model", ["mclea", "meaformer", "eva", "dual-amn"])
def test_an_encoder(small_task, monkeypatch, model):
    monkeypatch.setitem(ENCODERS, "toy", ToyEncoder)
    settings = QUICK | {"options": {"encoder": "toy"}}
    result = mmkg.align(small_task, model, settings=settings, modalities=["attribute", "name"], ranks_only=True)
    assert {name for name in result.weights if name.startswith("encoders.")} == {
        "encoders.attribute.direction",
        "encoders.name.direction",
    }


def test_a_fill(small_task, monkeypatch):
    monkeypatch.setitem(FILLS, "toy", ToyFill)
    settings = {**SETTINGS, "options": {**SETTINGS["options"], "fill": "toy"}}
    filled = mmkg.align(small_task, "meaformer", settings=settings, ranks_only=True)
    plain = mmkg.align(small_task, "meaformer", settings=SETTINGS, ranks_only=True)
    without = np.setdiff1d(np.arange(90), small_task.left.images.rows)
    ends = np.cumsum(list(plain.widths.values()))
    image = slice(*ends[list(plain.widths).index("image") + np.array([-1, 0])])
    assert not plain.left[without, image].any() and filled.left[without, image].any(axis=1).all()


def test_encoder_and_fill_as_objects(small_task):
    inputs = mmkg.data.features.build.build_inputs(small_task)
    for name in ("mclea", "meaformer", "eva", "dual-amn"):
        entry = MODELS[name]
        model = entry.build(
            entry.config(), inputs.dims, num_relations=inputs.num_relations, encoder=ToyEncoder, fill=ToyFill
        )
        assert isinstance(model.encoders["image"], ToyEncoder) and isinstance(model.fill, ToyFill)
        result = mmkg.align(small_task, model, settings=QUICK, ranks_only=True)
        assert np.isfinite(result.left).all() and result.experiment.model == f"custom:{type(model).__name__}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "liner"}, "unknown encoder 'liner'; did you mean 'linear'"),
        ({"fill": "tokn"}, "unknown fill 'tokn'; did you mean 'token'"),
        ({"joint_loss": "ica"}, "unknown loss 'ica'; did you mean '(nca|icl)'"),
    ],
)
def test_a_name_nobody_registered_is_refused_with_the_nearest(small_task, options, message):
    with pytest.raises(UsageError, match=message):
        mmkg.align(small_task, "mclea", settings=QUICK | {"options": options})
