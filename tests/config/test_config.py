import dataclasses
import re
import tomllib

import pytest

from mmkg.config.data import DataConfig
from mmkg.config.experiment import Experiment
from mmkg.config.search import SearchConfig
from mmkg.data.features.config import FeatureConfig
from mmkg.errors import InputError, UsageError
from mmkg.models import MODELS
from mmkg.search.config import IndexConfig
from mmkg.settings import read_toml, with_settings
from mmkg.training.config import TrainingConfig

MODEL_CONFIGS = [entry.config for entry in MODELS.values()]
CONFIGS = [Experiment, DataConfig, FeatureConfig, SearchConfig, IndexConfig, TrainingConfig, *MODEL_CONFIGS]


@pytest.mark.parametrize("model", MODELS)
def test_toml_gives_the_experiment_back(model):
    changed = Experiment.of(
        {
            "model": model,
            "seed": 7,
            "data": {"train_ratio": 0.2, "split_seed": 5, "names": "names.json", "candidates": "all"},
            "features": {"modalities": ["image", "name"], "ngram_sizes": [2], "fill_images": "gaussian"},
            "training": {"epochs": 3, "learning_rate": 1e-3, "schedule": "constant"},
            "search": {"csls_k": 0, "index": "hnsw", "matcher": "greedy", "options": {"hnsw_m": 8}},
        }
    )
    for experiment in (changed, Experiment(model=model)):
        assert Experiment.of(tomllib.loads(experiment.to_toml())) == experiment
    assert changed.features.modalities == ("image", "name") and changed.search.options.hnsw_m == 8


def test_toml_says_each_value_in_its_section():
    values = tomllib.loads(Experiment(model="meaformer", seed=3).to_toml())
    assert set(values) == {
        "model",
        "seed",
        "data",
        "features",
        "options",
        "training",
        "bootstrap",
        "refinement",
        "search",
    }
    assert (values["model"], values["seed"]) == ("meaformer", 3)
    assert values["data"]["pivot_share"] == 0.5 and values["search"]["options"]["hnsw_m"] == 32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainign": {}}, r"unknown configuration key 'trainign'; did you mean 'training'\?"),
        ({"training": {"epoch": 5}}, r"training\.epoch; did you mean 'epochs'\?"),
        ({"search": {"options": {"nprobes": 5}}}, r"search\.options\.nprobes; did you mean 'nprobe'\?"),
        ({"model": "meaformr"}, r"unknown model 'meaformr'; did you mean 'meaformer'\?"),
        (
            {"model": "mclea", "options": {"structure_dims": 5}},
            r"options\.structure_dims; did you mean 'structure_dim'",
        ),
        ({"features": {"top_ngram": 5}}, r"features\.top_ngram; did you mean 'top_ngrams'\?"),
        ({"search": {"matcher": "mutal"}}, r"search: unknown matcher 'mutal'; did you mean 'mutual'\?"),
        ({"search": {"index": "hsnw"}}, r"search: unknown index 'hsnw'; did you mean 'hnsw'\?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(values, message):
    with pytest.raises(UsageError, match=message):
        Experiment.of(values)


@pytest.mark.parametrize(
    ("values", "key", "value"),
    [
        ({"training": {"epochs": "many"}}, "training.epochs", "'many'"),
        ({"training": {"epochs": 1.5}}, "training.epochs", "1.5"),
        ({"training": {"schedule": "linear"}}, "training.schedule", "'linear'"),
        ({"data": {"one_to_one": "perhaps"}}, "data.one_to_one", "'perhaps'"),
        ({"data": {"names": 5}}, "data.names", "5"),
        ({"data": {"candidates": "some"}}, "data.candidates", "'some'"),
        ({"features": {"modalities": "image,name"}}, "features.modalities", "'image,name'"),
        ({"features": {"ngram_sizes": ["two"]}}, "features.ngram_sizes.0", "'two'"),
        ({"seed": "first"}, "seed", "'first'"),
        ({"seed": 1.5}, "seed", "1.5"),
        ({"seed": True}, "seed", "True"),
        ({"seed": None}, "seed", "None"),
        ({"seed": -1}, "seed", "-1"),
        ({"seed": 2**32}, "seed", "4294967296"),
        ({"training": 5}, "training", "5"),
        ({"training": {"eval_every": 0}}, "training.eval_every", "0"),
        ({"training": {"batch_size": -1}}, "training.batch_size", "-1"),
        ({"training": {"epochs": -1}}, "training.epochs", "-1"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate", "nan"),
        ({"training": {"warmup": 2.0}}, "training.warmup", "2.0"),
        ({"search": {"csls_k": -1}}, "search.csls_k", "-1"),
        ({"search": {"options": {"nprobe": 0}}}, "search.options.nprobe", "0"),
        ({"options": 3}, "options", "3"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(values, key, value):
    with pytest.raises(UsageError) as caught:
        Experiment.of(values)
    message = str(caught.value)
    assert message.startswith(f"{key}:") or message.startswith(f"{key} is a section"), message
    assert value in message and "\n" not in message


def test_training_defaults_are_those_of_the_models_paper():
    meaformer, mclea, eva = (Experiment(model=name).training for name in ("meaformer", "mclea", "eva"))
    assert (meaformer.epochs, meaformer.batch_size, meaformer.schedule) == (250, 3500, "cosine")
    assert (mclea.epochs, mclea.batch_size, mclea.schedule, mclea.weight_decay) == (500, 0, "constant", 0.01)
    assert (eva.epochs, eva.learning_rate) == (500, 5e-4)


def test_a_training_setting_leaves_the_models_other_defaults():
    assert Experiment.of({"model": "mclea", "training": {"patience": 3}}).training == dataclasses.replace(
        Experiment(model="mclea").training, patience=3
    )


def test_settings_are_toml_or_bare_text():
    values = with_settings(
        {"seed": 1, "training": {"epochs": 9, "patience": 4}},
        [
            "training.epochs=5",
            "training.learning_rate=1e-3",
            "data.one_to_one=false",
            'features.modalities=["image", "name"]',
            "search.options.nprobe=8",
            "model=mclea",
            "data.names=some/folder/names.json",
            "data.images='12'",
            "training.schedule=constant",
        ],
    )
    assert values == {
        "seed": 1,
        "model": "mclea",
        "training": {"epochs": 5, "patience": 4, "learning_rate": 0.001, "schedule": "constant"},
        "data": {"one_to_one": False, "names": "some/folder/names.json", "images": "12"},
        "features": {"modalities": ["image", "name"]},
        "search": {"options": {"nprobe": 8}},
    }


def test_a_setting_may_hold_an_equals_sign_and_the_last_one_counts():
    assert with_settings({}, ["data.names=a=b.json", "seed=1", "seed=2"]) == {"data": {"names": "a=b.json"}, "seed": 2}


def test_settings_leave_the_given_values_as_they_were():
    values = {"search": {"options": {"nprobe": 8}}}
    with_settings(values, ["search.options.nprobe=9", "search.csls_k=0"])
    assert values == {"search": {"options": {"nprobe": 8}}}


@pytest.mark.parametrize("setting", ["training.epochs", "=5", "seed.value=3"])
def test_a_setting_of_another_form_is_refused(setting):
    with pytest.raises(UsageError, match="key=value|is no setting"):
        with_settings({"seed": 1}, [setting])


def test_a_configuration_file_is_read(tmp_path):
    (tmp_path / "run.toml").write_text('model = "mclea"\n[training]\nepochs = 3\n')
    experiment = Experiment.of(read_toml(tmp_path / "run.toml"))
    assert (experiment.model, experiment.training.epochs) == ("mclea", 3)


def test_a_bad_configuration_file_is_refused_with_its_path(tmp_path):
    (tmp_path / "broken.toml").write_text("model = \n")
    (tmp_path / "latin.toml").write_bytes(b'model = "\xe9"\n')
    (tmp_path / "folder.toml").mkdir()
    for name, what in (
        ("absent", "no such"),
        ("broken", "not a TOML file"),
        ("latin", "not a TOML"),
        ("folder", "cannot be read"),
    ):
        with pytest.raises(InputError, match=rf"{name}\.toml: .*{what}"):
            read_toml(tmp_path / f"{name}.toml")


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.__name__)
def test_every_field_is_documented(cls):
    documented = re.findall(r"^ {8}([a-z_0-9, ]+):", cls.__doc__, flags=re.MULTILINE)
    names = {name.strip() for group in documented for name in group.split(",")}
    assert names == {field.name for field in dataclasses.fields(cls)}


def test_small_pairs_may_have_more_columns():
    sizes = (0, 90, 20_000, 30_000, 35_156, 38_960, 10**6)
    assert [SearchConfig().columns(number) for number in sizes] == [2048, 2048, 1800, 1200, 1024, 1024, 1024]
    assert SearchConfig(width=300).columns(90) == SearchConfig(width=300).columns(10**6) == 300
    assert SearchConfig(width=0).columns(90) == 0
