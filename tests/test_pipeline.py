import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import FLAGS, OPTIONS, SETTINGS, twins, write_dbp15k

import mmkg
from mmkg.config.data import DataConfig
from mmkg.config.experiment import Experiment
from mmkg.config.search import SearchConfig
from mmkg.data.features.build import build_inputs
from mmkg.data.kg import AttributeTriples, ImageTable
from mmkg.data.split import sample_links
from mmkg.errors import InputError, UsageError
from mmkg.evaluation import link_ranks
from mmkg.learners import learn as learners
from mmkg.learners.trained import build_model
from mmkg.learners.validation import validator
from mmkg.models import MCLEA, MCLEAConfig, MEAformer, RefinementConfig
from mmkg.pipeline import resolve_device
from mmkg.progress import TrainingProgress
from mmkg.result.result import AlignmentResult
from mmkg.settings import merged
from mmkg.training import loop


def same_bits(one, other):
    return np.array_equal(one.left, other.left) and np.array_equal(one.right, other.right)


def with_links(task, **parts):
    return replace(task, links=replace(task.links, **parts))


def fail_at(monkeypatch, epoch):
    """Training stops with an error at the end of an epoch, before its checkpoint."""

    class Stopped(Exception):
        pass

    def on_epoch(self, row):
        if row["epoch"] == epoch:
            raise Stopped

    monkeypatch.setattr(TrainingProgress, "on_epoch", on_epoch)
    return Stopped


# --- load


def test_an_embedded_pair_is_loaded_by_name():
    task = mmkg.load("emoji-fr-en", train_ratio=0.2, candidates="all", seed=3)
    assert task.left.num_entities == 3288 and task.right.num_entities == 3597
    links = task.links
    assert len(links.all()) == 1914 and len(links.train) + len(links.valid) == int(1914 * 0.2)
    assert task.candidates == "all"


def test_a_folder_is_loaded_by_path(small_task, tmp_path):
    folder = write_dbp15k(small_task, tmp_path / "pair")
    for source in (folder, str(folder)):
        task = mmkg.load(source, train_ratio=0.5, valid_ratio=0.35, candidates="all")
        assert task.left.entities == small_task.left.entities and task.candidates == "all"
        assert {tuple(link) for link in task.links.all()} == {tuple(link) for link in small_task.links.all()}
        assert task.right.names == small_task.right.names


def test_the_split_follows_the_seed_unless_the_data_have_their_own(small_task, tmp_path):
    folder = write_dbp15k(small_task, tmp_path / "pair")
    train = {seed: mmkg.load(folder, seed=seed).links.train.tolist() for seed in (0, 1)}
    assert train[0] != train[1]
    assert mmkg.load(folder, seed=0, split_seed=1).links.train.tolist() == train[1]
    assert mmkg.load(folder, DataConfig(split_seed=1)).links.train.tolist() == train[1]


def test_an_unknown_source_is_refused():
    with pytest.raises(UsageError, match=r"'emoji-fr-em' is neither .*did you mean 'emoji-fr-en'\?"):
        mmkg.load("emoji-fr-em")


def test_a_missing_folder_and_a_file_in_its_place_are_bad_input(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder"):
        mmkg.load(tmp_path / "absent")
    with pytest.raises(InputError, match="absent/pair: no such folder"):
        mmkg.load(f"{tmp_path}/absent/pair")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: expected a graph, one of .nt"):
        mmkg.load(tmp_path / "file")


def test_unknown_and_double_data_settings_are_refused(small_task):
    with pytest.raises(UsageError, match=r"data\.train_ration; did you mean 'train_ratio'"):
        mmkg.load("emoji-fr-en", train_ration=0.2)
    with pytest.raises(UsageError, match="not as both"):
        mmkg.load("emoji-fr-en", DataConfig(), train_ratio=0.2)
    with pytest.raises(UsageError, match="seed: expected a whole number"):
        mmkg.load("emoji-fr-en", seed=-1)
    with pytest.raises(UsageError, match=r"data\.train_ratio: input should be less than or equal to 1, got 2"):
        mmkg.load("emoji-fr-en", train_ratio=2)


# --- devices and models


def test_devices_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="sees no CUDA device; use device='cpu'"):
        resolve_device("cuda")
    for device in ("cdua", "cuda0", "meta", "cpu:x", ""):
        with pytest.raises(UsageError, match="device"):
            resolve_device(device)


def test_the_weights_follow_the_seed_and_leave_the_global_generator(small_task):
    inputs = build_inputs(small_task)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (
        build_model(Experiment.of({"model": "meaformer", "seed": seed, "options": OPTIONS}), inputs)
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(3), expected)
    assert isinstance(first, MEAformer)
    states = [torch.cat([t.flatten() for t in model.state_dict().values()]) for model in (first, again, other)]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_a_model_by_object_is_trained_as_that_by_name(small_task, small_result):
    experiment = small_result.experiment
    model = build_model(experiment, build_inputs(small_task, experiment.features))
    result = mmkg.align(small_task, model, experiment=experiment)
    assert same_bits(result, small_result)
    assert result.experiment.model == "custom:MEAformer"
    assert result.experiment.training == experiment.training


def test_a_model_by_object_may_use_fewer_modalities_than_there_are(small_task):
    dims = {name: dim for name, dim in build_inputs(small_task).dims.items() if name in ("image", "name")}
    model = MCLEA.build(MCLEAConfig(hidden_dim=16), dims)
    result = mmkg.align(small_task, model, settings={"training": {"epochs": 1}})
    assert result.protocol.modalities == ("image", "name") and result.left.shape == (90, 32)


def test_the_configuration_of_a_run_by_object_does_not_make_its_model(small_task):
    with pytest.raises(UsageError, match="custom:EVA was given as an object; give it again, or name a model"):
        mmkg.align(small_task, "custom:EVA")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "meaformr"}, "unknown model 'meaformr'; did you mean 'meaformer'"),
        ({"modalities": ["imag"]}, "unknown modality 'imag'; did you mean 'image'"),
        ({"settings": {"training": {"epoch": 1}}}, r"training\.epoch; did you mean 'epochs'"),
        ({"settings": {"training": 5}}, "training is a section"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda, got 'tpu'"),
        ({"seed": -1}, "seed: expected"),
    ],
)
def test_unknown_arguments_of_align_are_refused(small_task, arguments, message):
    with pytest.raises(UsageError, match=message):
        mmkg.align(small_task, **arguments)


def test_settings_go_on_top_of_an_experiment_and_leave_the_rest(small_task):
    base = Experiment.of(
        {"model": "mclea", **SETTINGS, "search": {"options": {"hnsw_m": 8}}, "options": {"num_layers": 1}}
    )
    settings = {"training": {"epochs": 1}, "search": {"options": {"ef_search": 9}}}
    result = mmkg.align(small_task, experiment=base, modalities=["image"], seed=4, settings=settings)
    found = result.experiment
    assert (found.model, found.seed, found.options.num_layers) == ("mclea", 4, 1)
    assert found.features == replace(base.features, modalities=("image",))
    assert found.training == replace(base.training, epochs=1)
    assert (found.search.options.hnsw_m, found.search.options.ef_search) == (8, 9)


def test_another_model_than_the_experiments_brings_its_own_options_and_schedule(small_task):
    base = Experiment.of({"model": "mclea", "features": SETTINGS["features"], "options": {"structure_dim": 30}})
    settings = {"training": {"epochs": 1}, "options": OPTIONS}
    result = mmkg.align(small_task, "meaformer", experiment=base, settings=settings)
    assert result.experiment.training == replace(Experiment(model="meaformer").training, epochs=1)
    assert result.experiment.features == base.features


# --- seeds and leaks


@pytest.mark.parametrize("model", ["meaformer", "mclea", "eva"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(small_task, model):
    options = {"meaformer": OPTIONS, "mclea": {"hidden_dim": 8}, "eva": {"hidden_dim": 8, "structure_dims": (8, 8, 8)}}
    settings = {**SETTINGS, "options": options[model], "training": {"epochs": 2, "batch_size": 10}}
    first = mmkg.align(small_task, model, seed=5, settings=settings)
    torch.manual_seed(99)  # the global generator has no part in it
    again = mmkg.align(small_task, model, seed=5, settings=settings)
    other = mmkg.align(small_task, model, seed=6, settings=settings)
    assert same_bits(first, again) and first.metrics == again.metrics
    assert not np.array_equal(first.left, other.left)


def test_test_links_change_no_embedding(small_task, small_result):
    test = small_task.links.test
    shuffled = np.stack([test[:, 0], np.roll(test[:, 1], 7)], axis=1)
    for links in (shuffled, test[:3]):
        result = mmkg.align(with_links(small_task, test=links), "meaformer", seed=0, settings=SETTINGS)
        assert same_bits(result, small_result)
        assert [row.get("valid") for row in result.history] == [row.get("valid") for row in small_result.history]
        assert result.metrics != small_result.metrics


def test_the_validator_reads_no_test_link(small_task):
    inputs = build_inputs(small_task)
    model = build_model(Experiment.of({"model": "meaformer", "options": OPTIONS}), inputs)
    emptied = with_links(small_task, test=np.empty((0, 2), np.int64))
    assert validator(emptied, inputs)(model) == validator(small_task, inputs)(model)


def test_the_validator_is_the_mean_mrr_among_all_untrained_entities(small_task):
    inputs = build_inputs(small_task)
    model = build_model(Experiment.of({"model": "meaformer", "options": OPTIONS}), inputs)
    left, right = model.embed(inputs).double().split([inputs.num_left, inputs.num_right])
    cosine = (left / left.norm(dim=1, keepdim=True).clamp_min(1e-12)) @ (
        right / right.norm(dim=1, keepdim=True).clamp_min(1e-12)
    ).T
    trained = small_task.links.train
    free_left = [row for row in range(inputs.num_left) if row not in trained[:, 0]]
    free_right = [row for row in range(inputs.num_right) if row not in trained[:, 1]]
    reciprocal = []
    for i, j in small_task.links.valid.tolist():
        reciprocal.append(1 / sum(float(cosine[i, c]) >= float(cosine[i, j]) for c in free_right))
        reciprocal.append(1 / sum(float(cosine[r, j]) >= float(cosine[i, j]) for r in free_left))
    assert validator(small_task, inputs)(model) == pytest.approx(np.mean(reciprocal), abs=1e-4)


# --- selection and links


def test_the_weights_are_those_of_the_best_validation(small_task):
    """A learning rate that is far too high: later epochs are worse than an earlier one."""
    settings = {**SETTINGS, "training": {"epochs": 6, "eval_every": 1, "learning_rate": 0.3, "warmup": 0.0}}
    result = mmkg.align(small_task, "meaformer", settings=settings)
    scores = [row["valid"] for row in result.history]
    best = int(np.argmax(scores))
    assert result.record.protocol["best_epoch"] == best + 1 and scores[best] > scores[-1]
    inputs = build_inputs(small_task, result.experiment.features)
    model = build_model(result.experiment, inputs)
    model.load_state_dict(result.weights)
    assert validator(small_task, inputs)(model) == scores[best]


def test_without_validation_links_nothing_is_selected(small_task):
    result = mmkg.align(with_links(small_task, valid=np.empty((0, 2), np.int64)), "meaformer", settings=SETTINGS)
    assert result.protocol.selection == "none" and result.protocol.num_valid == 0
    assert all("valid" not in row for row in result.history)
    assert result.record.protocol["best_epoch"] == 4
    assert result.metrics["left_to_right"]["mrr"] > 0.3 and result.counterparts.num_links == 0


def test_the_protocol_tells_the_run(small_result):
    protocol = small_result.protocol
    assert (protocol.num_train, protocol.num_valid, protocol.num_test) == (26, 14, 41)
    assert (protocol.selection, protocol.candidates, protocol.csls_k, protocol.seed) == ("validation", "test", 3, 0)
    assert protocol.modalities == ("structure", "relation", "attribute", "image", "name") and protocol.surface_names


def test_without_training_links_there_is_nothing_to_learn(small_task):
    with pytest.raises(InputError, match="at least one link"):
        mmkg.align(with_links(small_task, train=np.empty((0, 2), np.int64)), "meaformer", settings=SETTINGS)


def test_all_candidates_are_ranked_when_the_task_says_so(small_task, small_result):
    task = replace(small_task, candidates="all")
    result = mmkg.align(task, "meaformer", settings=SETTINGS)
    assert result.protocol.candidates == "all" and same_bits(result, small_result)
    expected = mmkg.evaluate(result.left, result.right, task.links.test, candidates="all")
    assert result.metrics == expected != small_result.metrics


# --- modalities


@pytest.mark.parametrize("modalities", [("name",), ("structure", "relation"), ("image", "attribute")])
def test_a_run_uses_the_modalities_asked_for(small_task, modalities):
    result = mmkg.align(small_task, "meaformer", modalities=modalities, settings=SETTINGS)
    assert set(result.widths) == set(modalities) == set(result.protocol.modalities)
    assert result.left.shape == (90, 16 * len(modalities))
    assert result.protocol.surface_names == ("name" in modalities)


def test_the_order_of_the_modalities_does_not_matter(small_task):
    one, other = (
        mmkg.align(small_task, "meaformer", modalities=names, settings=SETTINGS)
        for names in (("image", "attribute"), ("attribute", "image"))
    )
    assert same_bits(one, other) and list(one.widths) == list(other.widths) == ["attribute", "image"]


def test_a_modality_the_data_lack_is_refused(small_task):
    task = replace(small_task, left=replace(small_task.left, images=None), right=replace(small_task.right, images=None))
    with pytest.raises(UsageError, match="has no image; it has structure, relation, attribute, name"):
        mmkg.align(task, "meaformer", modalities=["image"])
    assert "image" not in mmkg.align(task, "meaformer", settings=SETTINGS).widths


def bare(graph, row, keep=()):
    """The graph with one entity that has no triple, and nothing else but what is kept."""
    facts, images = graph.attributes, graph.images
    own = facts.entity != row if "attribute" not in keep else np.ones(len(facts), bool)
    values = tuple(value for value, stays in zip(facts.values, own.tolist(), strict=True) if stays)
    pictured = images.rows != row
    return replace(
        graph,
        triples=graph.triples[(graph.triples[:, ::2] != row).all(axis=1)],
        attributes=AttributeTriples(facts.entity[own], facts.attribute[own], facts.names, values),
        images=ImageTable(images.rows[pictured], images.features[pictured]),
        names=graph.names if "name" in keep else tuple(None if i == row else n for i, n in enumerate(graph.names)),
    )


def test_entities_without_triples_and_without_anything_are_aligned_too(small_task, tmp_path):
    no_triple, nothing = (int(row) for row in small_task.links.test[1:3, 0])
    trained = int(small_task.links.train[0, 0])
    left = bare(bare(bare(small_task.left, no_triple, keep=("name", "attribute")), nothing), trained)
    result = mmkg.align(replace(small_task, left=left), "meaformer", settings=SETTINGS)
    assert np.isfinite(result.left).all()
    assert not result.left[nothing].any() and not result.left[trained].any()
    shares = result.search(no_triple, k=1)[0].shares
    assert shares["structure"] == shares["relation"] == shares["image"] == 0 and shares["name"] != 0
    hits = result.search(nothing, k=3)
    assert len(hits) == 3 and all(set(hit.shares.values()) == {0.0} for hit in hits)
    loaded = AlignmentResult.load(result.save(tmp_path / "run"))
    assert loaded.search(nothing, k=3) == hits and loaded.metrics == result.metrics
    assert 1 <= result.metrics["left_to_right"]["mr"] <= 41


def test_entities_that_have_nothing_match_nobody(small_task):
    nothing = int(small_task.links.test[2, 0])
    result = mmkg.align(replace(small_task, left=bare(small_task.left, nothing)), "meaformer", settings=SETTINGS)
    hits = {tuple(pair) for pair in result.match("mutual").pairs.tolist()}
    assert nothing not in {left for left, _ in hits}


# --- run folders


def test_a_run_folder_holds_no_trainer_when_it_is_finished(small_task, small_result, tmp_path):
    result = mmkg.align(small_task, "meaformer", out=tmp_path / "deep" / "run", settings=SETTINGS)
    assert same_bits(result, small_result)
    names = {path.name for path in (tmp_path / "deep" / "run").iterdir()}
    assert "manifest.json" in names and not {name for name in names if "trainer" in name or name.startswith(".")}
    assert AlignmentResult.load(tmp_path / "deep" / "run").metrics == result.metrics


@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_run_goes_on_to_the_same_bits(small_task, tmp_path, monkeypatch, epoch):
    settings = {**SETTINGS, "training": {"epochs": 5, "eval_every": 2, "batch_size": 10, "checkpoint_seconds": 0}}
    whole = mmkg.align(small_task, "meaformer", settings=settings)
    stopped = fail_at(monkeypatch, epoch)
    with pytest.raises(stopped):
        mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} == {"trainer.safetensors"}
    with pytest.raises(InputError, match="unfinished run"):
        AlignmentResult.load(tmp_path)
    rows = []
    shown = TrainingProgress.on_epoch
    monkeypatch.setattr(TrainingProgress, "on_epoch", lambda self, row: (rows.append(row["epoch"]), shown(self, row)))
    resumed = mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path)
    assert same_bits(whole, resumed) and rows == [0, 1, 2, 3, 4]
    assert list(resumed.history) == list(whole.history) and resumed.metrics == whole.metrics
    for name, tensor in whole.weights.items():
        assert torch.equal(resumed.weights[name], tensor), name


def test_a_save_that_failed_is_made_good_by_the_same_command(small_task, small_result, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmkg.result.run_folder.write_tsv", full)
    with pytest.raises(OSError, match="No space"):
        mmkg.align(small_task, "meaformer", settings=SETTINGS, out=tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "trainer.safetensors").is_file()
    monkeypatch.setattr("mmkg.training.loop.train_epoch", None)  # nothing is left to train
    assert same_bits(mmkg.align(small_task, "meaformer", settings=SETTINGS, out=tmp_path), small_result)
    assert not (tmp_path / "trainer.safetensors").exists()


def test_an_unfinished_run_of_other_settings_or_data_is_refused(small_task, tmp_path, monkeypatch):
    settings = {**SETTINGS, "training": {"epochs": 3, "checkpoint_seconds": 0}}
    stopped = fail_at(monkeypatch, 1)
    with pytest.raises(stopped):
        mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path)
    monkeypatch.undo()
    before = (tmp_path / "trainer.safetensors").read_bytes()
    for task, changes in (
        (small_task, {"seed": 1}),
        (small_task, {"settings": {**settings, "training": {"epochs": 4, "checkpoint_seconds": 0}}}),
        (small_task, {"modalities": ["name"]}),
        (twins(seed=4), {}),
    ):
        with pytest.raises(InputError, match=r"trainer\.safetensors: .*other data or another configuration"):
            mmkg.align(task, "meaformer", out=tmp_path, **{"settings": settings, **changes})
    assert (tmp_path / "trainer.safetensors").read_bytes() == before


def test_a_finished_run_is_not_overwritten_unless_told(small_task, small_result, tmp_path):
    small_result.save(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="holds a finished run already"):
        mmkg.align(small_task, "meaformer", out=tmp_path, settings=SETTINGS)
    assert (tmp_path / "manifest.json").read_bytes() == before
    mmkg.align(small_task, "meaformer", out=tmp_path, overwrite=True, seed=1, settings=SETTINGS)
    assert AlignmentResult.load(tmp_path).experiment.seed == 1


def test_a_file_in_place_of_the_run_folder_is_refused_before_training(small_task, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("mmkg.stages.learn", None)
    with pytest.raises(UsageError, match="file is a file"):
        mmkg.align(small_task, "meaformer", out=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_without_training_is_the_untrained_model(small_task, tmp_path):
    settings = {**SETTINGS, "training": {"epochs": 0}}
    result = mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path)
    inputs = build_inputs(small_task, result.experiment.features)
    assert np.array_equal(
        np.concatenate([result.left, result.right]), build_model(result.experiment, inputs).embed(inputs).numpy()
    )
    assert AlignmentResult.load(tmp_path).history == []


def test_the_record_is_json_and_names_the_data(small_result, small_task):
    record = json.loads(small_result.record.to_json())
    assert record["fingerprint"] == small_task.fingerprint()
    assert record["protocol"]["epochs"] == 4 and record["device"] == "cpu"
    assert record["protocol"] | small_result.protocol.as_dict() == record["protocol"]


def test_the_flags_of_the_small_run_say_what_its_settings_say():
    from mmkg.settings import with_settings

    flags = [flag.removeprefix("--set=") for flag in FLAGS if flag.startswith("--set=")]
    assert with_settings({}, flags) == SETTINGS


# --- progress


def test_progress_goes_to_stderr_a_line_per_validation(small_task, capsys):
    mmkg.align(small_task, "meaformer", settings=SETTINGS, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert [re.split("  | all|: [0-9]", line)[0] for line in lines] == [
        "features", "training: epoch 2/4", "training: epoch 4/4", "training ran", "train", "embed", "search",
        "evaluate", "match",
    ]  # fmt: skip
    assert "loss" in lines[1] and "best validation MRR 0." in lines[2]


def test_the_library_is_silent_by_default(small_task, capsys):
    mmkg.align(small_task, "meaformer", settings=SETTINGS)
    assert capsys.readouterr() == ("", "")


# --- large graphs


def small_model_of(task):
    inputs = build_inputs(task)
    return inputs, build_model(Experiment.of({"model": "meaformer", "options": OPTIONS}), inputs)


def watched(model, monkeypatch):
    """Rows that the model is asked to embed."""
    asked, embed = [], model.embed
    monkeypatch.setattr(model, "embed", lambda inputs, rows: (asked.append(rows.numpy()), embed(inputs, rows=rows))[1])
    return asked


def test_a_capped_validator_ranks_a_sample_among_a_sample(small_task, monkeypatch):
    inputs, model = small_model_of(small_task)
    config = SearchConfig(valid_queries=6, valid_candidates=20)
    both = model.embed(inputs).double().numpy()
    asked = watched(model, monkeypatch)
    score = validator(small_task, inputs, config, seed=4)(model)
    rows = asked[0]
    left, right = rows[rows < 90], rows[rows >= 90] - 90
    assert len(left) == len(right) == 20
    trained, valid = small_task.links.train, small_task.links.valid
    assert not set(left) & set(trained[:, 0]) and not set(right) & set(trained[:, 1])
    inside = [(i, j) for i, j in valid.tolist() if i in left and j in right]
    assert len(inside) >= 6
    cosine = both[:90] @ both[90:].T
    reciprocal = {}
    for i, j in inside:
        there = sum(cosine[i, c] >= cosine[i, j] for c in right)
        back = sum(cosine[r, j] >= cosine[i, j] for r in left)
        reciprocal[i, j] = (1 / there + 1 / back) / 2
    samples = [np.mean(values) for values in itertools.combinations(reciprocal.values(), 6)]
    assert min(abs(score - mean) for mean in samples) < 1e-6
    again = validator(small_task, inputs, config, seed=4)(model)
    assert again == score and np.array_equal(asked[1], rows)
    validator(small_task, inputs, config, seed=5)(model)
    assert not np.array_equal(asked[2], rows)


def test_caps_beyond_the_data_change_nothing(small_task):
    inputs, model = small_model_of(small_task)
    whole = validator(small_task, inputs)(model)
    for config in (SearchConfig(valid_queries=0, valid_candidates=0), SearchConfig(valid_queries=14)):
        assert validator(small_task, inputs, config)(model) == whole


def test_the_ends_of_the_ranked_links_are_candidates_even_beyond_the_cap(small_task, monkeypatch):
    inputs, model = small_model_of(small_task)
    asked = watched(model, monkeypatch)
    validator(small_task, inputs, SearchConfig(valid_candidates=3))(model)
    valid = small_task.links.valid
    assert asked[0].tolist() == sorted(valid[:, 0].tolist()) + sorted((valid[:, 1] + 90).tolist())


def test_a_sample_of_the_test_links_is_ranked_among_all_of_them(small_task, tmp_path):
    settings = {**SETTINGS, "search": {"test_queries": 10, "valid_queries": 12, "valid_candidates": 30}}
    result = mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path / "run")
    text = result.protocol.describe()
    assert "10 of 41 test links, sampled (seed 0)" in text
    assert "12 of 14 validation links, sampled (seed 0) among 30 entities a side" in text
    test = small_task.links.test
    asked = sample_links(test, 10, seed=0, label="ranked test links")
    chosen = [test.tolist().index(link) for link in asked.tolist()]
    for direction, ranks in zip(
        ("left_to_right", "right_to_left"), link_ranks(result.left, result.right, test), strict=True
    ):
        assert result.metrics[direction]["mrr"] == pytest.approx((1 / ranks.mean[chosen]).mean())
    loaded = AlignmentResult.load(tmp_path / "run")
    assert loaded.protocol == result.protocol and loaded.evaluate() == result.metrics


def test_how_many_test_links_are_ranked():
    assert [SearchConfig().ranked(number) for number in (0, 5, 100_000, 100_001)] == [0, 5, 100_000, 10_000]
    assert [SearchConfig(test_queries=0).ranked(number) for number in (0, 10**6)] == [0, 10**6]
    assert [SearchConfig(test_queries=50).ranked(number) for number in (0, 49, 51)] == [0, 49, 50]
    for name in ("test_queries", "valid_queries", "valid_candidates"):
        with pytest.raises(UsageError, match=f"{name}: input should be greater than or equal to 0, got -1"):
            SearchConfig(**{name: -1})


def test_embeddings_stored_as_float16_answer_like_those_of_float32(small_task, small_result, tmp_path):
    result = mmkg.align(
        small_task, "meaformer", settings={**SETTINGS, "search": {"store": "float16"}}, out=tmp_path / "run"
    )
    loaded = AlignmentResult.load(tmp_path / "run")
    for found in (result, loaded):
        assert found.left.dtype == found.right.dtype == np.float16
        assert np.abs(found.left.astype(np.float32) - small_result.left).max() < 2**-11
        hits, expected = found.search("Chat", k=3), small_result.search("Chat", k=3)
        assert [hit.row for hit in hits] == [hit.row for hit in expected]
        assert [hit.raw for hit in hits] == pytest.approx([hit.raw for hit in expected], abs=4e-3)
        assert found.metrics["left_to_right"]["mrr"] == pytest.approx(
            small_result.metrics["left_to_right"]["mrr"], abs=0.03
        )
        assert found.restrict(["name"]).left.dtype == np.float16
    assert (tmp_path / "run" / "embeddings.safetensors").stat().st_size < 2 * 180 * 80 + 4 * 180 + 1000


# --- models without training


def propagated(task, **options):
    return mmkg.align(task, "propagation", **options)


def test_labels_alone_find_most_test_links(small_task):
    result = propagated(small_task, settings={"search": {"width": 0}})  # else validation links choose the width
    assert result.metrics["left_to_right"]["hits@1"] > 0.8
    assert not result.protocol.iterative and result.protocol.selection == "none"
    assert not result.weights and not result.history


def test_the_same_seed_spreads_the_same_labels(small_task):
    first, again, other = (propagated(small_task, seed=seed) for seed in (5, 5, 6))
    assert same_bits(first, again) and first.metrics == again.metrics
    assert not np.array_equal(first.left, other.left)


def test_the_shares_of_a_propagated_pair_sum_to_its_cosine(small_task):
    result = propagated(small_task)
    pairs = small_task.links.test[:20]
    cosines = (result.left[pairs[:, 0]].astype(np.float64) * result.right[pairs[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(sum(result.shares(pairs).values()), cosines, atol=1e-5)
    assert result.restrict(["relation", "image"]).metrics["left_to_right"]["mrr"] > 0


def test_rounds_keep_the_best_on_validation_and_read_no_test_link(small_task):
    settings = {"bootstrap": {"rounds": 2}}
    result = propagated(small_task, settings=settings)
    scores = [row["valid"] for row in result.history]
    assert result.protocol.iterative and result.protocol.selection == "validation"
    assert result.record.protocol["best_round"] == int(np.argmax(scores)) == result.protocol.pseudo_rounds
    assert len(scores) == 3
    test = small_task.links.test
    shuffled = replace(small_task.links, test=np.stack([test[:, 0], np.roll(test[:, 1], 7)], axis=1))
    other = propagated(replace(small_task, links=shuffled), settings=settings)
    assert same_bits(result, other)
    assert other.metrics["left_to_right"]["hits@1"] < 0.3


def test_pseudo_links_below_the_least_score_are_left_out(small_task):
    none = propagated(small_task, settings={"bootstrap": {"rounds": 1, "min_score": 5.0}})
    assert [row["pseudo_links"] for row in none.history] == [0, 0]


def test_a_propagated_run_is_saved_and_loaded(small_task, tmp_path):
    result = propagated(small_task, out=tmp_path / "run", settings={"search": {"store": "float16"}})
    again = AlignmentResult.load(tmp_path / "run")
    assert again.metrics == result.metrics and again.left.dtype == np.float16
    assert again.experiment == result.experiment


def test_matches_are_counted_on_test_links(small_result):
    figures = small_result.figures()
    pairs = set(map(tuple, small_result.matching.pairs.tolist()))
    right = sum(tuple(link) in pairs for link in small_result.links.test.tolist())
    assert figures["right"] == right and figures["recall"] == right / len(small_result.links.test)


@pytest.mark.parametrize("candidates", ["test", "all"])
def test_an_assignment_over_all_pairs_ranks_as_its_dense_plan(small_result, candidates):
    settings = {"search": {"sinkhorn": {"k": 1000, "iterations": 500, "temperature": 0.1}}}
    experiment = Experiment.of(merged(small_result.experiment.to_dict(), settings))
    result = replace(small_result, experiment=experiment)
    metrics = result.evaluate_assignment(candidates=candidates)
    left, right, test = small_result.left, small_result.right, small_result.links.test
    pools = [np.unique(test[:, s]) if candidates == "test" else np.arange(len(x)) for s, x in enumerate((left, right))]
    plan = np.exp((left[pools[0]] @ right[pools[1]].T).astype(np.float64) / 0.1)
    for _ in range(3000):
        plan /= plan.sum(axis=1, keepdims=True)
        plan /= plan.sum(axis=0, keepdims=True)
    rows, cols = (np.searchsorted(pools[side], test[:, side]) for side in (0, 1))
    ranks = 1 + (plan[rows] > plan[rows, cols][:, None]).sum(axis=1)
    assert metrics["left_to_right"]["mrr"] == pytest.approx(float((1 / ranks).mean()), abs=0.02)


# --- rounds of pseudo-links for trained models, and combined models

ROUNDS = {**SETTINGS, "bootstrap": {"rounds": 2, "epochs": 2}}
COMBINED = {"training": {"epochs": 4, "eval_every": 2}, "features": SETTINGS["features"]}


def with_other_test_links(task):
    test = task.links.test
    shuffled = np.stack([test[:, 0], np.roll(test[:, 1], 7)], axis=1)
    return replace(task, links=replace(task.links, test=shuffled))


def test_a_trained_model_learns_from_pseudo_links_and_reads_no_test_link(small_task):
    plain, result = (mmkg.align(small_task, "meaformer", settings=s) for s in (SETTINGS, ROUNDS))
    steps = [row for row in result.history if "step" in row]
    assert [row["step"] for row in steps] == [0, 1, 2] and steps[1]["pseudo_links"] > 0
    assert result.record.protocol["best_round"] == int(np.argmax([row["valid"] for row in steps]))
    assert result.protocol.iterative and not plain.protocol.iterative
    assert same_bits(result, mmkg.align(with_other_test_links(small_task), "meaformer", settings=ROUNDS))
    assert [row["epoch"] for row in result.history if row.get("round") == 1] == [0, 1]  # bootstrap.epochs
    embedded = build_model(result.experiment, inputs := build_inputs(small_task, result.experiment.features))
    embedded.load_state_dict(result.weights)  # those of the round that was kept
    assert np.array_equal(embedded.embed(inputs).numpy(), np.concatenate([result.left, result.right]))


def test_rounds_that_were_killed_go_on_with_the_same_bits(small_task, tmp_path, monkeypatch):
    whole = mmkg.align(small_task, "meaformer", settings=ROUNDS, out=tmp_path / "whole")
    assert not list((tmp_path / "whole").glob("trainer*"))
    calls, propose = [], learners.propose

    def killed(*values, **options):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return propose(*values, **options)

    monkeypatch.setattr(learners, "propose", killed)
    with pytest.raises(KeyboardInterrupt):
        mmkg.align(small_task, "meaformer", settings=ROUNDS, out=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").glob("trainer*")) == [
        "trainer-1.safetensors",
        "trainer.safetensors",
    ]
    monkeypatch.undo()
    fits, epoch = [], loop.train_epoch
    monkeypatch.setattr(loop, "train_epoch", lambda *v, **o: fits.append(o["epoch"]) or epoch(*v, **o))
    again = mmkg.align(small_task, "meaformer", settings=ROUNDS, out=tmp_path / "run")
    assert same_bits(whole, again) and fits == [0, 1]  # the last round alone is trained


def test_a_combined_model_iterates_and_reads_no_test_link(small_task, monkeypatch):
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", 10)
    settings = merged(COMBINED, {"bootstrap": {"rounds": 1, "epochs": 2}})
    result, other = (
        mmkg.align(task, "combined", settings=settings) for task in (small_task, with_other_test_links(small_task))
    )
    assert same_bits(result, other) and result.protocol.iterative
    assert other.metrics["left_to_right"]["hits@1"] < 0.3


@pytest.mark.parametrize("matcher", ["mutual", "sinkhorn", "hungarian", "gromov-wasserstein"])
def test_any_matcher_draws_up_pseudo_links(small_task, matcher):
    settings = {"bootstrap": {"rounds": 1, "matcher": matcher, "precision": 0.5}}
    rows = propagated(small_task, settings=settings).history
    assert rows[1]["pseudo_links"] > 10 and rows[1]["pseudo_precision"] >= 0.5


def test_an_unknown_matcher_of_pseudo_links_is_refused(small_task):
    with pytest.raises(UsageError, match="unknown matcher 'sinkhron'; did you mean 'sinkhorn'"):
        propagated(small_task, settings={"bootstrap": {"rounds": 1, "matcher": "sinkhron"}})


REFINED = {"features": {"modalities": ["structure", "relation", "attribute"]}, "refinement": {"rounds": 3}}


def test_refinement_finds_more_without_reading_a_test_link(small_task):
    plain = propagated(small_task, settings=merged(REFINED, {"refinement": {"rounds": 0}}))
    refined, other = (propagated(task, settings=REFINED) for task in (small_task, with_other_test_links(small_task)))
    assert refined.metrics["left_to_right"]["mrr"] > plain.metrics["left_to_right"]["mrr"]
    assert same_bits(refined, other) and other.metrics["left_to_right"]["hits@1"] < 0.3
    kept = refined.record.protocol["refined_by"]["round"]
    assert refined.protocol.refined == kept > 0 and f"soft matches, {kept} round" in refined.protocol.describe()
    assert plain.protocol.refined == 0 and "refined" not in plain.protocol.describe()


def test_a_refined_model_keeps_a_round_that_is_no_worse_and_its_shares(small_task, tmp_path):
    result = propagated(small_task, settings=REFINED, out=tmp_path / "run")
    facts = result.record.protocol["refined_by"]
    assert len(facts["valid"]) == 1 + min(facts["round"] + 1, 3)
    assert facts["round"] > 0 and facts["valid"][facts["round"]] > facts["valid"][0]  # the embeddings as they were
    assert set(facts["weights"]) == {"base", "structure", "relation", "attribute", "rules"}
    assert sum(result.widths.values()) == result.left.shape[1]
    pairs = small_task.links.test[:20]
    cosines = (result.left[pairs[:, 0]].astype(np.float64) * result.right[pairs[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(sum(result.shares(pairs).values()), cosines, atol=1e-5)
    assert AlignmentResult.load(tmp_path / "run").metrics == result.metrics


def test_what_refinement_does_not_help_stays_as_it_was(small_task, tmp_path, monkeypatch):
    """Evidence that says nothing, at weights that nothing chooses."""

    def noise(inputs, left, right, probability, config, *, seed=0, dtype=torch.float32):
        draws = torch.Generator().manual_seed(0)
        return {
            name: F.normalize(torch.randn(inputs.num_entities, config.dim(name), generator=draws), dim=1).to(dtype)
            for name in ("structure", "relation", "attribute")
        }

    monkeypatch.setattr("mmkg.learners.evidence.spread_matches", noise)
    monkeypatch.setattr("mmkg.learners.validation.best_weights", lambda _, start, grid: dict.fromkeys(start, 1.0))
    weigh = {"rules_weight": 0.0, "weigh": "validation"}
    settings = merged(REFINED, {"bootstrap": {"rounds": 1}, "refinement": weigh})
    result = propagated(small_task, settings=settings, out=tmp_path / "run")
    plain = propagated(small_task, settings=merged(settings, {"refinement": {"rounds": 0}}))
    facts = result.record.protocol["refined_by"]
    assert facts["round"] == result.protocol.refined == 0
    assert len(facts["valid"]) == 2 and facts["valid"][1] <= facts["valid"][0]
    np.testing.assert_array_equal(result.left, plain.left)
    assert result.widths == plain.widths
    assert AlignmentResult.load(tmp_path / "run").metrics == plain.metrics


def test_refinement_without_validation_links_ends_with_its_last_round(small_task):
    links = replace(small_task.links, valid=np.empty((0, 2), np.int64))
    settings = merged(REFINED, {"refinement": {"weigh": "validation"}})
    result = propagated(replace(small_task, links=links), settings=settings)
    config = RefinementConfig()
    assert result.record.protocol["refined_by"] == {
        "round": 3,
        "weights": {
            "base": 1.0,
            **{name: config.weight(name) for name in ("structure", "relation", "attribute", "rules")},
        },
    }


def test_what_has_no_graph_is_not_refined(small_task):
    one, other = (
        propagated(small_task, settings={"features": {"modalities": ["image"]}, "refinement": {"rounds": rounds}})
        for rounds in (0, 2)
    )
    assert same_bits(one, other)
