import json
import shlex

import numpy as np
import pytest
from small import newer_zip
from typer.testing import CliRunner

from mmkg.cli import app as cli
from mmkg.sentiment import synthetic, write_mmsa

QUICK = ["--set=options.dim=8", "--set=options.num_heads=2", "--set=training.epochs=2"]


@pytest.fixture
def run(run):
    return lambda *arguments: run("sentiment", *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "planted.npz"
    write_mmsa(synthetic(sizes=(50, 20, 20), lengths={"text": 3, "audio": 4, "vision": 3}), path)
    return path


def example(command):
    text = CliRunner().invoke(cli.app, ["sentiment", command, "--help"]).stdout
    last = text.rstrip().splitlines()[-1].strip()
    assert last.startswith(f"Example: mmkg sentiment {command} "), text
    return shlex.split(last.removeprefix("Example: mmkg sentiment "))


def test_a_run_is_trained_saved_and_asked(run, data, tmp_path):
    folder = tmp_path / "run"
    done = run("train", data, *QUICK, "--missing", "frame:0.3", "--out", folder, "--json")
    values = json.loads(done.out)
    assert done.code == 0 and values["protocol"]["name"] == "P1"
    assert {"mae", "corr", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "acc7"} <= set(values["test"])
    assert "epoch 2/2" in done.err
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"audio": np.zeros((4, 8)).tolist(), "text": None}))
    asked = run(*[{"RUN": folder, "sample.json": sample}.get(word, word) for word in example("predict")])
    assert asked.code == 0 and "on a scale from -3 to 3" in asked.out and "missing: text, vision" in asked.out
    np.savez(tmp_path / "sample.npz", audio=np.zeros((4, 8)))
    found = json.loads(run("predict", folder, tmp_path / "sample.npz", "--json").out)
    assert f"{found['score']:+.3f}" in asked.out
    again = run("train", data, *QUICK, "--out", folder)
    assert again.code == 2 and "--overwrite" in again.err
    assert run("train", data, *QUICK, "--out", folder, "--overwrite").code == 0


def test_what_the_reader_mended_is_said(run, data, tmp_path):
    arrays = dict(np.load(data))
    arrays["train/audio"][0, 0, :3] = -np.inf
    np.savez(tmp_path / "silent.npz", **arrays)
    words = [tmp_path / "silent.npz", *QUICK, "--json"]
    for command in (["train", *words], ["sweep", *words, "--seeds=1", "--missing=modality:0.5"]):
        done = run(*command)
        assert done.code == 0 and json.loads(done.out)
        assert "noted: train: audio features that were -inf or NaN: 3" in done.err


def test_a_sweep_prints_rates_and_areas_and_draws(run, data, tmp_path):
    words = ["sweep", data, *QUICK, "--seeds", "1", "--missing", "modality:0,0.5"]
    done = run(*words, "--out", tmp_path / "sweep")
    assert done.code == 0 and "AUILC / width" in done.out and "P3" not in done.err
    assert (tmp_path / "sweep" / "sweep.html").is_file()
    values = json.loads(run(*words, "--out", tmp_path / "sweep", "--json").out)
    assert values["curves"]["each"]["rates"] == [0.0, 0.5]


def test_a_sweep_over_sets_of_modalities_takes_one_model(run, data):
    words = [*QUICK, "--seeds", "1", "--train", "mixed", "--by-pattern", "--set", 'data.modalities=["text", "vision"]']
    done = run("sweep", data, *words, "--missing", "sets")
    assert done.code == 0 and "protocol P3a" in done.out and "by what a sample lacks" in done.out
    assert [line.split()[0] for line in done.out.splitlines()[2:6]] == ["vision", "text", "none", "mean"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "nowhere"], 2, "neither a file, a folder nor the word 'synthetic'"),
        (["train", "synthetic", "--missing", "frame"], 2, "expected UNIT:RATE"),
        (["train", "synthetic", "--model", "tfr"], 2, "did you mean 'tfr-net'"),
        (["train", "synthetic", "--set", "options.dims=3"], 2, "did you mean 'dim'"),
        (["train", "synthetic", "--device", "gpu"], 2, "device must be auto, cpu or cuda"),
        (["sweep", "synthetic", "--missing", "modality:0.5"], 2, "unknown way of training 'all'"),
        (["predict", "nowhere", "sample.json"], 1, "no such folder"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, words, code, message):
    words = [*words, *(["--train", "all"] if words[0] == "sweep" else [])]
    done = run(*words)
    assert done.code == code and message in done.err and len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["[1]", "{", '{"text": "x"}', '{"text": [["a"]]}'])
def test_a_sample_that_cannot_be_read_is_an_error(tmp_path, text):
    from mmkg.cli.sentiment import read_sample
    from mmkg.errors import InputError

    path = tmp_path / "sample.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"sample.json"):
        read_sample(path)
    for name, content in (("sample.txt", b"x"), ("other.npz", b"x"), ("newer.npz", newer_zip())):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_sample(tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "sweep"])
def test_the_example_of_the_help_runs_as_printed(run, tmp_path, command):
    words = [str(tmp_path / "run") if word == "RUN" else word for word in example(command)]
    done = run(*words)
    assert done.code == 0 and "mae" in done.out


def test_the_other_examples_are_there():
    assert example("train")[0] == "train" and example("sweep")[0] == "sweep"
