import json
import re

import numpy as np
import pytest
from commands import check_figures, example, one_line, python
from small import FLAGS

import mmkg
from mmkg.result.result import AlignmentResult


def test_describe_tells_counts_and_what_is_missing(run, pair, small_task):
    done = run("describe", pair)
    assert done.code == 0 and re.search(r"entities +90 +90", done.out)
    assert "image" in done.out
    values = json.loads(run("describe", pair, "--json").out)
    assert values["left"]["triples"] == len(small_task.left.triples) and values["links"]["total"] == 81


@pytest.mark.slow
def test_the_example_of_align_runs_as_printed(run, tmp_path):
    words = [str(tmp_path / "run") if word == "RUN" else word for word in example("align")]
    assert run(*words).code == 0
    metrics = AlignmentResult.load(tmp_path / "run").metrics
    assert metrics["left_to_right"]["mrr"] > 0.5


def test_names_by_word_vectors_are_a_modality(run, pair, tmp_path):
    names = {name for _, words in json.loads((pair / f"dbp_{pair.name}.json").read_text()) for name in words}
    drawn = np.random.default_rng(0).standard_normal((len(names), 4)).round(3)
    lines = [" ".join([name.lower(), *map(str, row)]) for name, row in zip(sorted(names), drawn.tolist(), strict=True)]
    (tmp_path / "words.txt").write_text("\n".join(lines) + "\n")
    shared = ["--model", "propagation", "--modalities", "structure,text", "--json"]
    done = run("align", pair, *shared, "--text-encoder", tmp_path / "words.txt")
    values = json.loads(done.out)
    assert values["protocol"]["modalities"] == ["structure", "text"] and values["protocol"]["surface_names"]
    check_figures(values)
    assert values["test"]["left_to_right"]["hits@1"] > 0.3  # by names alone; twins share most of them
    (tmp_path / "words.txt").write_text("\n".join([*lines[:2], "rome 1 2"]) + "\n")
    done = run("align", pair, *shared, "--text-encoder", tmp_path / "words.txt")
    assert done.code == 1 and "words.txt:3: expected a word and 4 numbers, got 'rome 1 2'" in done.err


# --- JSON on stdout, progress on stderr


@pytest.mark.slow
def test_a_process_of_its_own_prints_the_same(aligned):
    done = python("-m", "mmkg", *aligned.words, "--overwrite")
    assert done.returncode == 0
    told, before = (re.sub(r"\d+\.\d s", "", text) for text in (done.stderr, aligned.err))  # times differ
    assert told == before
    assert json.loads(done.stdout)["test"] == json.loads(aligned.out)["test"]


def test_align_prints_one_json_object_and_its_progress_elsewhere(aligned):
    check_figures(json.loads(aligned.out))
    assert aligned.out.count("\n") == 1
    lines = [line.split("  ")[0] for line in aligned.err.splitlines()]
    assert [line for line in lines if "epoch " in line and "ran" not in line] == [
        "training: epoch 2/4",
        "training: epoch 4/4",
    ]
    assert lines[-1].startswith("match: ")


def test_align_prints_the_figures_of_its_run_folder(aligned):
    values = json.loads(aligned.out)
    loaded = AlignmentResult.load(aligned.folder)
    assert values["test"] == loaded.metrics and values["protocol"] == loaded.protocol.as_dict()
    assert values["protocol"]["seed"] == loaded.experiment.seed == 2
    assert set(values["seconds"]) == {"features", "train", "embed", "evaluate", "search", "match"}


def test_align_on_the_command_line_is_align_in_the_library(aligned, pair):
    task = mmkg.load(pair, seed=2)
    from small import SETTINGS

    result = mmkg.align(task, "meaformer", seed=2, settings=SETTINGS, device="cpu")
    assert json.loads(aligned.out)["test"] == result.metrics


def test_a_run_prints_matches_protocol_and_where_it_lies(run, pair, tmp_path):
    done = run("align", pair, "--modalities", "name", "--out", tmp_path / "run", *FLAGS)
    assert done.code == 0
    for part in (
        "A dozen test entities",
        "candidates: ",
        "peak memory",
        f"counterpart -> {tmp_path / 'run'}/alignment.tsv",
    ):
        assert part in done.out
    values = json.loads(run("align", pair, "--modalities", "name", "--json", "--hits", "2", *FLAGS).out)
    rows = (tmp_path / "run" / "alignment.tsv").read_text().splitlines()[1:]
    assert values["summary"]["links"] == len(rows) and "hits@2" in values["test"]["left_to_right"]
    assert f"{values['summary']['known']:,} known links, {values['summary']['sure']:,} sure links, " in done.out
    assert values["confidence"] in done.out and "about 48 known links more" in values["confidence"]
    again = run("align", pair, "--modalities", "name", "--out", tmp_path / "run", *FLAGS)
    assert again.code == 2 and "holds a finished run already" in again.err and again.out == ""
    assert run("align", pair, "--modalities", "name", "--out", tmp_path / "run", "--overwrite", *FLAGS).code == 0


def test_refit_learns_from_validation_links_too(run, pair, tmp_path):
    done = run("align", pair, "--model", "propagation", "--refit", "--json", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert json.loads(done.out)["protocol"]["refit"]
    result = mmkg.AlignmentResult.load(tmp_path / "run")
    assert result.experiment.refit and not len(result.links.valid)
    assert len(result.links.train) == result.protocol.num_train + result.protocol.num_valid > result.protocol.num_train


def test_rounds_of_pseudo_links_are_told_on_stderr_and_kept_in_the_run(run, pair, tmp_path):
    folder = tmp_path / "run"
    done = run("align", pair, "--model", "propagation", "--iterative", "--set", "bootstrap.rounds=2", "--json",
               "--out", folder)  # fmt: skip
    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert values["protocol"]["iterative"] and values["training"]["rounds"] == 2
    rounds = [line.partition(":")[0] for line in done.err.splitlines() if line.startswith("round")]
    assert rounds == ["round 0", "round 1", "round 2"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2] and rows[0]["pseudo_links"] == 0 < rows[1]["pseudo_links"]
    assert values["training"]["best_round"] == max(range(3), key=lambda step: rows[step]["valid"])
    assert json.loads(run("evaluate", folder, "--json").out)["test"] == values["test"]
    assert run("search", folder, "--entity", "chat").code == 0


# --- configuration


def test_settings_go_over_the_file_and_options_over_both(run, pair, tmp_path):
    (tmp_path / "run.toml").write_text(
        'model = "mclea"\nseed = 3\n[training]\nepochs = 9\neval_every = 5\n[options]\nhidden_dim = 8\nnum_layers = 1\n'
        '[features]\nmodalities = ["name"]\n'
    )
    flags = ["--set", "training.epochs=1", "--set", "options.hidden_dim=4", "--seed", "5", "--modalities", "attribute"]
    done = run("align", pair, "--config", tmp_path / "run.toml", *flags, "--out", tmp_path / "out", "--json")
    assert done.code == 0
    experiment = AlignmentResult.load(tmp_path / "out").experiment
    assert (experiment.model, experiment.seed, experiment.training.epochs) == ("mclea", 5, 1)
    assert (experiment.options.hidden_dim, experiment.options.num_layers) == (4, 1)
    assert experiment.features.modalities == ("attribute",) and experiment.training.eval_every == 5


def test_training_is_not_set_for_a_model_that_is_not_trained(run, pair, tmp_path):
    small = ["--modalities", "attribute", "--json"]
    said = one_line(run("align", pair, "--model", "propagation", "--set", "training.epochs=5", *small), 2)
    assert "training.epochs has no effect: propagation is not trained" in said and "combined" in said
    (tmp_path / "run.toml").write_text("[training]\nepochs = 5\n")
    assert run("align", pair, "--model", "propagation", "--config", tmp_path / "run.toml", *small).code == 0


def test_the_configuration_of_a_run_makes_the_run_again(run, aligned, pair):
    done = run("align", pair, "--config", aligned.folder / "config.toml", "--json")
    assert json.loads(done.out)["test"] == json.loads(aligned.out)["test"]
