import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from commands import COMMANDS, ROOT, check_figures, one_line, python
from small import FLAGS

import mmkg
from mmkg.cli import app as cli


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['mmkg', {}]\n"
        "from mmkg.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {{'requests', 'torch', 'torch_geometric', 'faiss', 'numpy', 'scipy', 'networkx', 'jinja2'}}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    for arguments in (
        "'--help'",
        "'align', '--help'",
        "'sentiment', 'train', '--help'",
        "'fetch', '--list'",
        "'--version'",
    ):
        done = python("-c", code.format(arguments))
        assert done.stdout.splitlines()[-1] == "HEAVY []" and done.stderr == ""
        assert (
            any(text in done.stdout for text in ("load, train, search", "align", "sentiment", "openea"))
            or mmkg.__version__ in done.stdout
        )


def test_describing_a_pair_needs_neither_torch_nor_scipy():
    code = (
        "import sys; sys.argv = ['mmkg', 'describe', 'emoji-fr-en']\n"
        "from mmkg.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as stop: print('CODE', stop.code)\n"
        "print('HEAVY', sorted({'torch', 'torch_geometric', 'scipy', 'faiss', 'networkx'} & set(sys.modules)))"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-2:] == ["CODE 0", "HEAVY []"], done.stderr
    assert "model: combined, chosen because 574 known links" in done.stdout


def test_importing_the_library_imports_nothing_heavy():
    done = python("-c", "import sys, mmkg; print({'torch', 'faiss', 'numpy', 'typer'} & set(sys.modules))")
    assert done.stdout.strip() == "set()"


def test_the_module_is_the_command(run):
    done = python("-m", "mmkg", "--version")
    assert (done.returncode, done.stdout) == (0, f"{mmkg.__version__}\n")
    assert run("--version").out == f"{mmkg.__version__}\n"


def test_help_names_every_command_and_says_what_it_does(run):
    shown = run("--help")
    assert shown.code == 0
    assert set(COMMANDS) == {info.name or info.callback.__name__ for info in cli.app.registered_commands}
    for command in COMMANDS:
        assert re.search(rf"^ +{command} +\w+", shown.out, flags=re.MULTILINE)


def test_every_command_prints_one_json_object(run, small_run, pair):
    keys = {
        ("describe", pair): {"left", "right", "links", "missing"},
        ("evaluate", small_run): {"protocol", "test", "seconds", "peak_rss_mb"},
        ("search", small_run, "--entity", "chat"): {"query", "answers"},
        ("match", small_run): {"links"},
        ("fetch", "--list"): {"openea"},
        ("inspect", pair): {"pair", "compared", "links"},
        ("doctor",): set(),
    }
    for words, expected in keys.items():
        done = run(*words, "--json")
        assert done.code == 0 and done.err == ""
        values = json.loads(done.out)
        assert isinstance(values, dict) and expected <= set(values) and done.out.count("\n") == 1
        if words[0] == "evaluate":
            check_figures(values)


# --- errors


def test_a_missing_folder_fails_with_its_path(run, tmp_path):
    for command in (["describe"], ["align"], ["evaluate"], ["match"], ["search", "--entity", "x"]):
        assert str(tmp_path / "absent") in one_line(run(*command, tmp_path / "absent"), 1)
    assert "no such configuration file" in one_line(run("align", "emoji-fr-en", "--config", tmp_path / "a.toml"), 1)


def test_a_malformed_file_fails_with_its_line(pair, run, tmp_path):
    broken = shutil.copytree(pair, tmp_path / "pair")
    lines = (broken / "triples_2").read_text().splitlines()
    lines[4] = "100\t1"
    (broken / "triples_2").write_text("\n".join(lines))
    for command in ("describe", "align"):
        assert f"{broken / 'triples_2'}:5: expected 3" in one_line(run(command, broken), 1)
    skipped = run("describe", broken, "--set", "data.on_error=skip")
    assert skipped.code == 0 and "triples_2" in skipped.out


def test_a_damaged_run_fails_with_the_files_name(run, small_run, tmp_path):
    copy = shutil.copytree(small_run, tmp_path / "run")
    (copy / "links.json").write_text("{}")
    for command in (["evaluate"], ["match"], ["search", "--entity", "chat"]):
        assert "links.json is damaged" in one_line(run(*command, copy), 1)


def test_a_file_system_that_refuses_fails_in_one_line(run, small_run, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in one_line(run("match", small_run, "--out", tmp_path / "file" / "links.tsv"), 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["align", "emoji-fr-em"], "did you mean 'emoji-fr-en'"),
        (["describe", "emoji-fr-em"], "did you mean 'emoji-fr-en'"),
        (["align", "PAIR", "--model", "meaformr"], "did you mean 'meaformer'"),
        (["align", "PAIR", "--set", "training.epoch=5"], "did you mean 'epochs'"),
        (["align", "PAIR", "--set", "training.epochs"], "expected key=value"),
        (["align", "PAIR", "--set", "training.epochs=many"], "training.epochs: "),
        (["align", "PAIR", "--set", "features=3", "--modalities", "name"], "'features' is a single value"),
        (["align", "PAIR", "--modalities", ","], "at least one modality"),
        (["align", "PAIR", "--set", "search.matcher=best"], "unknown matcher 'best'"),
        (["align", "PAIR", "--modalities", "nam"], "did you mean 'name'"),
        (["align", "PAIR", "--modalities", "image"], "pair has no image"),
        (["align", "PAIR", "--seed", "-1"], "seed: expected a whole number"),
        (["describe", "PAIR", "--modalities", "nam"], "did you mean 'name'"),
        (["describe", "PAIR", "--set", "data.train_ratio=2"], "train_ratio: input should be less than or equal to 1"),
        (["align", "PAIR", "--device", "tpu"], "device must be auto, cpu or cuda"),
        (["evaluate", "RUN", "--candidates", "al"], "unknown candidates 'al'; did you mean 'all'"),
        (["evaluate", "RUN", "--csls-k", "-1"], "csls_k must be a whole number >= 0"),
        (["evaluate", "RUN", "--modalities", "imag"], "did you mean 'image'"),
        (["evaluate", "RUN", "--modalities", ","], "at least one modality"),
        (["evaluate", "RUN", "--rescoring", "sinkhrn"], "did you mean 'sinkhorn'"),
        (["evaluate", "RUN", "--rescoring", "sinkhorn", "--csls-k", "5"], "leave csls_k out"),
        (
            ["evaluate", "RUN", "--set", "search.sinkhorn.temperature=0"],
            "search.sinkhorn.temperature: input should be greater than 0, got 0",
        ),
        (
            ["align", "PAIR", "--model", "propagation", "--set", "bootstrap.rounds=-1"],
            "bootstrap.rounds: input should be greater",
        ),
        (["align", "PAIR", "--model", "propagation", "--set", "options.hop=2"], "did you mean 'hops'"),
        (["evaluate", "RUN", "--device", "tpu"], "device must be auto, cpu or cuda"),
        (["evaluate", "RUN", "--set", "training.epochs=5"], "settings of the section search only"),
        (["evaluate", "RUN", "--set", "search=5"], "search is a section"),
        (["evaluate", "RUN", "--set", "search.cslsk=5"], "did you mean 'csls_k'"),
        (["search", "RUN", "--entity", "Chatt"], "near: 'Chat'"),
        (["search", "RUN", "--entity", "chat", "-k", "0"], "k must be"),
        (["search", "RUN", "--entity", "chat", "--side", "lefft"], "did you mean 'left'"),
        (["match", "RUN", "--method", "hungarain"], "did you mean 'hungarian'"),
        (["match", "RUN", "--threshold", "0.5", "--min-precision", "0.9"], "give --threshold or --min-precision"),
        (["match", "RUN", "--format", "parquet"], "is not text and cannot be printed; name a file with --out"),
        (["match", "RUN", "--format", "jsn"], "unknown format of links 'jsn'; did you mean 'jsonl'"),
        (["match", "RUN", "--min-precision", "2"], "the least precision must be in 0..1"),
        (["match", "RUN", "--device", "tpu"], "device must be auto, cpu or cuda"),
    ],
)
def test_a_wrong_word_is_wrong_usage_in_one_line(run, pair, small_run, words, message):
    places = {"PAIR": pair, "RUN": small_run}
    assert message in one_line(run(*(places.get(word, word) for word in words)), 2)


@pytest.mark.parametrize(
    "words",
    [
        ["alignn", "PAIR"],
        ["align"],
        ["align", "PAIR", "--epochs", "5"],
        ["search", "RUN"],
        ["search", "RUN", "--entity", "chat", "-k", "five"],
        ["search", "RUN", "--entity", "chat", "--device", "cpu"],  # a search of one entity runs on the CPU
    ],
)
def test_what_the_command_line_does_not_know_is_wrong_usage(run, pair, small_run, words):
    places = {"PAIR": pair, "RUN": small_run}
    done = run(*(places.get(word, word) for word in words))
    assert done.code == 2 and done.out == "" and "Usage: mmkg" in done.err and "Traceback" not in done.err


def test_cuda_without_cuda_is_wrong_usage(run, pair, small_run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for words in (
        ["align", pair],
        ["describe", pair],
        ["evaluate", small_run],
        ["match", small_run],
    ):
        assert "sees no CUDA device; use --device cpu" in one_line(run(*words, "--device", "cuda"), 2)


@pytest.mark.slow
def test_a_malformed_file_leaves_no_traceback_in_a_process_of_its_own(tmp_path):
    done = python("-m", "mmkg", "describe", str(tmp_path / "absent" / "pair"))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"mmkg: .*absent/pair: no such folder; check the path\n", done.stderr)


def test_an_interrupt_says_how_to_go_on(run, pair, tmp_path, monkeypatch):
    def on_epoch(self, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mmkg.progress.TrainingProgress.on_epoch", on_epoch)
        words = ["align", pair, *FLAGS, "--set", "training.checkpoint_seconds=0", "--json"]
        done = run(*words, "--out", tmp_path / "run")
        assert (done.code, done.out) == (130, "")
        steps = r"features: \d\.\d s\n"
        last = "mmkg: the same command continues from the last checkpoint\n", "mmkg: interrupted\n"
        assert re.fullmatch(f"{steps}{last[0]}{last[1]}", done.err)
        assert re.fullmatch(f"{steps}{last[1]}", run(*words).err)  # nothing was kept
    whole, resumed = run(*words), run(*words, "--out", tmp_path / "run")
    assert json.loads(resumed.out)["test"] == json.loads(whole.out)["test"]


def test_a_reader_that_is_gone_is_met_in_silence():
    """So little output that it is written at the very end only."""
    command = [sys.executable, "-m", "mmkg", "--version"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


def test_a_pipe_that_breaks_while_writing_is_met_in_silence(tmp_path):
    """More than a pipe holds, so that the break comes in the middle of a write."""
    code = (
        "from mmkg.cli import app as cli\n"
        "cli.app.command('flood')(lambda: print('x' * 1_000_000))\n"
        "import sys; sys.argv = ['mmkg', 'flood']; cli.main()"
    )
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    assert os.read(read, 10) == b"x" * 10
    os.close(read)
    with contextlib.closing(process.stderr) as stderr:
        assert stderr.read() == ""
    assert process.wait(60) == 1
