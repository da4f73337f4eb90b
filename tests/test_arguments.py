"""Arguments as other programs give them: numbers of NumPy, one name for several, dotted keys, and wrong types."""

import numpy as np
import pytest
import torch
from small import twins

import mmkg
import mmkg.sentiment
from mmkg import Experiment, load
from mmkg.config.data import DataConfig
from mmkg.data.features.config import FeatureConfig
from mmkg.errors import MmkgError, UsageError
from mmkg.learners.pivots import pivot_links
from mmkg.sentiment import SentimentExperiment
from mmkg.settings import check_seed, nested
from mmkg.training import TrainingConfig

FAST = {"training.epochs": 1, "options.hidden_dim": 16, "options.feedforward_dim": 16, "features.top_ngrams": 50}


@pytest.fixture(scope="module")
def task():
    return twins()


def align(task, **options):
    return mmkg.align(task, options.pop("model", "propagation"), device="cpu", progress=False, **options)


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), np.int32(3), np.array(3)[()]])
def test_a_seed_may_be_a_number_of_numpy(task, seed, tmp_path):
    result = align(task, seed=seed)
    assert type(result.experiment.seed) is int and np.array_equal(result.left, align(task, seed=3).left)
    result.save(tmp_path / "run")
    assert mmkg.AlignmentResult.load(tmp_path / "run").experiment.seed == 3
    assert Experiment(seed=seed) == Experiment(seed=3) and SentimentExperiment(seed=seed) == SentimentExperiment(seed=3)
    assert mmkg.twin_graphs(20, seed=seed).fingerprint() == mmkg.twin_graphs(20, seed=3).fingerprint()


@pytest.mark.parametrize("seed", [True, np.bool_(True), 3.0, np.float64(3), "3", -1, np.int64(-1), 2**32, [3], None])
def test_other_seeds_are_refused(seed):
    with pytest.raises(UsageError, match="seed: expected a whole number in 0..4294967295, got "):
        check_seed(seed)


def test_numbers_of_numpy_are_settings():
    values = {"training": {"epochs": np.int64(3), "learning_rate": np.float32(0.5), "fanout": np.array([4, 2])}}
    training = Experiment.of({"model": "eva", **values}).training
    assert (training.epochs, training.learning_rate, training.fanout) == (3, 0.5, (4, 2))
    assert type(training.epochs) is int and "epochs = 3" in Experiment.of({"model": "eva", **values}).to_toml()
    assert TrainingConfig(epochs=np.int64(3)) == TrainingConfig(3) == TrainingConfig(np.int64(3))


def test_one_modality_may_be_a_text(task):
    expected = align(task, modalities=["image"])
    assert list(expected.widths) == ["image"]
    for options in (
        {"modalities": "image"},
        {"modalities": ("image",)},
        {"modalities": np.array(["image"])},
        {"settings": {"features": {"modalities": "image"}}},
        {"settings": {"features.modalities": ["image"]}},
        {"experiment": Experiment.of({"model": "propagation", "features": {"modalities": "image"}})},
    ):
        assert np.array_equal(align(task, **options).left, expected.left)
    assert np.array_equal(
        mmkg.Aligner("propagation", modalities="image", device="cpu").fit(task).result_.left, expected.left
    )
    whole = align(task)
    assert list(whole.restrict("image").widths) == list(whole.restrict(["image"]).widths) == ["image"]
    assert FeatureConfig(modalities="name").modalities == ("name",)
    assert DataConfig(seeds_from="name").seeds_from == ("name",)
    links = pivot_links(task, "name", device="cpu")
    assert np.array_equal(links.train, pivot_links(task, ["name"], device="cpu").train)


def test_settings_may_have_dotted_keys(task):
    expected = align(task, model="meaformer", settings={"training": {"epochs": 1}, **_nested_fast()})
    assert np.array_equal(align(task, model="meaformer", settings=FAST).left, expected.left)
    aligner = mmkg.Aligner("meaformer", settings=FAST, device="cpu").fit(task, progress=False)
    assert np.array_equal(aligner.result_.left, expected.left) and expected.experiment.training.epochs == 1
    changed = align(task, settings={"search.index": "ivf", "search.options.nprobe": 2, "search.sinkhorn.k": 7})
    search = changed.experiment.search
    assert (search.index, search.options.nprobe, search.matchers["sinkhorn"].k) == ("ivf", 2, 7)
    assert Experiment.of({"model": "mclea", "training.epochs": 7}).training.epochs == 7
    assert SentimentExperiment.of({"training.epochs": 7}).training.epochs == 7


def _nested_fast():
    return {"options": {"hidden_dim": 16, "feedforward_dim": 16}, "features": {"top_ngrams": 50}}


def test_dotted_and_nested_keys_join():
    values = {"a.b": 1, "a": {"c": {"d.e": 2}}, "a.c.f": np.int64(3), "g": None}
    assert nested(values) == {"a": {"b": 1, "c": {"d": {"e": 2}, "f": 3}}, "g": None}
    assert values == {"a.b": 1, "a": {"c": {"d.e": 2}}, "a.c.f": 3, "g": None}


@pytest.mark.parametrize("values", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}])
def test_a_section_is_no_single_value(values):
    with pytest.raises(UsageError, match="is no setting"):
        nested(values)


class Unknown:
    """An object whose text is as long as a graph."""

    def __repr__(self):
        return "x" * 100_000


WRONG = {
    "align a name": lambda task: mmkg.align("emoji-fr-en"),
    "align nothing": lambda task: mmkg.align(None),
    "align a graph": lambda task: mmkg.align(task.left),
    "align two graphs": lambda task: mmkg.align((task.left, task.right)),
    "align an object": lambda task: mmkg.align(Unknown()),
    "model number": lambda task: align(task, model=3),
    "model class": lambda task: align(task, model=torch.nn.Linear),
    "model module": lambda task: align(task, model=torch.nn.Linear(2, 2)),
    "modalities number": lambda task: align(task, modalities=3),
    "modalities numbers": lambda task: align(task, modalities=[1, 2]),
    "experiment text": lambda task: align(task, experiment="config.toml"),
    "experiment mapping": lambda task: align(task, experiment={"seed": 3}),
    "settings text": lambda task: align(task, settings="training.epochs=1"),
    "settings list": lambda task: align(task, settings=["training.epochs=1"]),
    "settings empty list": lambda task: align(task, settings=[]),
    "settings number keys": lambda task: align(task, settings={1: 2}),
    "settings section": lambda task: align(task, settings={"training": 3}),
    "settings value": lambda task: align(task, settings={"training.epochs": Unknown()}),
    "settings long value": lambda task: align(task, settings={"training.epochs": "9" * 100_000}),
    "settings key": lambda task: align(task, settings={"training.epoch": 3}),
    "device number": lambda task: mmkg.align(task, device=0),
    "device nothing": lambda task: mmkg.align(task, device=None),
    "device object": lambda task: mmkg.align(task, device=Unknown()),
    "seed": lambda task: align(task, seed="3"),
    "aligner": lambda task: mmkg.Aligner().fit("emoji-fr-en"),
    "aligner settings": lambda task: mmkg.Aligner(settings="x").fit(task),
    "load ratio": lambda task: load("emoji-fr-en", 0.3),
    "load mapping": lambda task: load("emoji-fr-en", {"train_ratio": 0.3}),
    "load text": lambda task: load("emoji-fr-en", "0.3"),
    "load experiment": lambda task: load("emoji-fr-en", Experiment()),
    "load both": lambda task: load("emoji-fr-en", DataConfig(), train_ratio=0.2),
    "load nothing": lambda task: load(None),
    "load number": lambda task: load(3),
    "load mapping of graphs": lambda task: load({"left": "a", "right": "b"}),
    "load graphs": lambda task: load((task.left, task.links)),
    "load task": lambda task: load(task),
    "load three": lambda task: load(["a", "b", "c"]),
    "load seed": lambda task: load("emoji-fr-en", seed="x"),
    "load value": lambda task: load("emoji-fr-en", train_ratio="much"),
    "restrict": lambda task: align(task).restrict(3),
    "sentiment name": lambda task: mmkg.sentiment.fit("planted"),
    "sentiment task": lambda task: mmkg.sentiment.fit(task),
    "sentiment settings": lambda task: mmkg.sentiment.fit(mmkg.sentiment.synthetic(), settings="x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_type_gets_a_sentence(task, name):
    with pytest.raises(MmkgError) as caught:
        WRONG[name](task)
    message = str(caught.value)
    assert "\n" not in message and 20 < len(message) < 400, message


def test_sentences_say_what_to_do():
    with pytest.raises(
        UsageError,
        match=r"align takes two graphs, or a pair that is loaded, got 'emoji-fr-en'; give load\('emoji-fr-en'\)",
    ):
        mmkg.align("emoji-fr-en")
    with pytest.raises(
        UsageError, match=r"config must be a DataConfig, got 0.3; give settings by name, e.g. train_ratio=0.3"
    ):
        load("emoji-fr-en", 0.3)
    with pytest.raises(UsageError, match=r'settings must map names to values, e.g. {"training.epochs": 50}, got \'x\''):
        nested("x")
