import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import networkx
import numpy as np
import pytest
from drawn import draw, save
from small import FLAGS, write_dbp15k
from typer.testing import CliRunner

import mmkg
from mmkg.cli import app as cli
from mmkg.data.links.sssom import read_sssom
from mmkg.result.result import AlignmentResult

ROOT = Path(__file__).parents[1]
COMMANDS = ("describe", "align", "evaluate", "search", "match", "merge", "images", "doctor")
DIRECTIONS = {"left_to_right", "right_to_left"}
IRI = r"<[^\x00-\x20<>\"{}|^`\\]+>"
NT_LINE = re.compile(rf"{IRI} <http://www\.w3\.org/2002/07/owl#sameAs> {IRI} \.")


@pytest.fixture(scope="module")
def pair(small_task, tmp_path_factory):
    return write_dbp15k(small_task, tmp_path_factory.mktemp("data") / "pair")


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, **options)


def example(command):
    text = CliRunner().invoke(cli.app, [command, "--help"]).stdout  # 80 columns: an example must fit on one line
    last = text.rstrip().splitlines()[-1]
    assert last.strip().startswith("Example: mmkg "), text
    return shlex.split(last.strip().removeprefix("Example: mmkg "))


def check_figures(values):
    assert {"protocol", "test", "seconds", "peak_rss_mb"} <= set(values)
    assert set(values["test"]) == DIRECTIONS
    for figures in values["test"].values():
        assert {"hits@1", "hits@10", "mrr", "mr"} <= set(figures)
        assert 0 <= figures["hits@1"] <= figures["hits@10"] <= 1 and 0 < figures["mrr"] <= 1 <= figures["mr"]
    assert all(seconds >= 0 for seconds in values["seconds"].values()) and values["peak_rss_mb"] > 10
    assert {"candidates", "csls_k", "modalities", "selection", "surface_names"} <= set(values["protocol"])


# --- help


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['mmkg', {}]\n"
        "from mmkg.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {{'torch', 'torch_geometric', 'faiss', 'numpy', 'scipy', 'networkx', 'jinja2'}}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    for arguments in ("'--help'", "'align', '--help'", "'sentiment', 'train', '--help'", "'--version'"):
        done = python("-c", code.format(arguments))
        assert done.stdout.splitlines()[-1] == "HEAVY []" and done.stderr == ""
        assert (
            any(text in done.stdout for text in ("Load, train, search", "align", "sentiment"))
            or mmkg.__version__ in done.stdout
        )


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


@pytest.mark.parametrize("command", ["describe", "evaluate", "search", "match", "doctor"])
def test_the_example_of_the_help_runs_as_printed(run, small_run, command):
    words = [str(small_run) if word == "RUN" else word for word in example(command)]
    assert words[0] == command
    done = run(*words)
    assert done.code == 0 and done.err == "" and len(done.out.splitlines()) > 3
    if command == "search":
        assert "chats" in done.out and "right/" in done.out


def test_the_example_of_merge_runs_on_the_pair_of_a_run(run, aligned, pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": aligned.folder, "emoji-fr-en": pair}
    words = [str(places.get(word, word)) for word in example("merge")]
    done = run(*words)
    task, result = mmkg.load(pair), AlignmentResult.load(aligned.folder)
    links = result.links
    matching = result.believed().pairs.tolist()
    unified = len(links.train) + len(links.valid)
    known = (
        {*links.train[:, 0].tolist(), *links.valid[:, 0].tolist()},
        {
            *links.train[:, 1].tolist(),
            *links.valid[:, 1].tolist(),
        },
    )
    unified += sum(i not in known[0] and j not in known[1] for i, j in matching)
    assert (
        done.code == 0 and done.err == "" and f"{180 - unified} entities, {unified} of them in both graphs" in done.out
    )
    read = mmkg.read_graph(tmp_path / "merged.nq")
    assert read.num_entities == 180 - unified
    assert len(read.triples) == len(task.left.triples) + len(task.right.triples)
    done = run("merge", aligned.folder, pair, "--out", "m.graphml", "--json")
    assert done.err == "" and json.loads(done.out)["unified"] == unified
    assert len(networkx.read_graphml(tmp_path / "m.graphml")) == 180 - unified


def test_a_run_is_merged_with_its_own_pair_only(run, small_run):
    done = run("merge", small_run, "emoji-fr-en", "--out", "never.nq")
    assert done.code == 2 and "this run belongs to other data: its left graph has 90 entities" in done.err


@pytest.mark.slow
def test_the_example_of_align_runs_as_printed(run, tmp_path):
    words = [str(tmp_path / "run") if word == "RUN" else word for word in example("align")]
    assert run(*words).code == 0
    metrics = AlignmentResult.load(tmp_path / "run").metrics
    assert metrics["left_to_right"]["mrr"] > 0.5


def test_the_example_of_images_runs_as_printed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        save(tmp_path / "PICTURES" / f"{number}.jpg", draw(number))
    (tmp_path / "PICTURES" / "bad.jpg").write_text("no picture")
    done = run(*example("images"))
    assert done.code == 0
    assert done.out == "features of 3 pictures, 2308 numbers each, written to features.safetensors\n"
    assert done.err.startswith("mmkg: 1 pictures left out, their entities count as having no image: PICTURES/bad.jpg (")
    assert done.err.endswith("; all are listed in features.safetensors.rejected.tsv\n")
    values = json.loads(run(*example("images"), "--json").out)
    assert (values["pictures"], values["dim"]) == (3, 2308)
    (bad,) = values["rejected"]
    assert (bad["picture"], bad["kind"]) == ("PICTURES/bad.jpg", "no picture")


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


def test_every_command_about_data_or_runs_takes_the_shared_options(run):
    for command in set(COMMANDS) - {"doctor", "images"}:
        text = run(command, "--help").out
        for option in ("--json", "--seed", "--device", "--config", "--set", "--modalities"):
            assert f"{option} " in text, (command, option)


# --- pictures


@pytest.fixture
def pictured(tmp_path):
    """Two graphs of one triple per entity, linked one by one, and a folder of pictures for each."""
    for side, word in (("left", "a"), ("right", "b")):
        rows = [f"{word}{n}\tr\t{word}{(n + 1) % 40}" for n in range(40)]
        (tmp_path / f"{side}.tsv").write_text("\n".join(rows) + "\n")
        for number in range(40):
            side_length, form = (80, "png") if side == "left" else (64, "jpg")
            save(tmp_path / side / f"{word}{number}.{form}", draw(number, side_length))
    (tmp_path / "links.tsv").write_text("".join(f"a{n}\tb{n}\n" for n in range(40)))
    (tmp_path / "right" / "b7.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return tmp_path


def test_two_graphs_are_aligned_by_their_pictures(run, pictured, caplog):
    data = ["left.tsv", "right.tsv", "--links", "links.tsv", "--images", "left", "--images", "right"]
    words = [str(pictured / word) if not word.startswith("-") else word for word in data]
    shown = run("describe", *words)
    assert shown.code == 0 and "right images left out: damaged: 1" in shown.out
    assert f"{pictured / 'right' / 'b7.jpg'} (Truncated File Read)" in caplog.text
    done = run("align", *words, "--model", "propagation", "--modalities", "image", "--json")
    figures = json.loads(done.out)["test"]["left_to_right"]
    assert figures["hits@1"] >= 0.95  # all but the one whose picture is damaged, at most
    turned = run("align", *words[:4], "--images", words[7], "--images", words[5], "--json")
    assert turned.code == 1 and "no picture is named like an entity" in turned.err


def test_features_are_made_once_and_used_by_name(run, pictured):
    for side in ("left", "right"):
        assert run("images", pictured / side, "--out", pictured / f"{side}.npz").code == 0
    data = [pictured / "left.tsv", pictured / "right.tsv", "--links", pictured / "links.tsv"]
    flags = ["--model", "propagation", "--modalities", "image", "--json"]
    stored = run("align", *data, "--images", pictured / "left.npz", "--images", pictured / "right.npz", *flags)
    direct = run("align", *data, "--images", pictured / "left", "--images", pictured / "right", *flags)
    assert json.loads(stored.out)["test"] == json.loads(direct.out)["test"]


def test_a_vision_model_in_a_folder_encodes_the_pictures(run, pictured):
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(pictured / "vit")
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(pictured / "vit")
    data = ["left.tsv", "right.tsv", "--links", "links.tsv", "--images", "left", "--images", "right"]
    words = [str(pictured / word) if not word.startswith("-") else word for word in data]
    model = f"data.image_encoder={json.dumps(str(pictured / 'vit'))}"
    assert run("describe", *words, "--set", model).code == 0
    out = pictured / "f.safetensors"
    done = run("images", pictured / "left", "--out", out, "--encoder", pictured / "vit", "--json")
    assert json.loads(done.out) == {"pictures": 40, "dim": 16, "rejected": []}


def test_features_by_id_are_for_dbp15k_folders(run, pictured):
    np.savez(pictured / "f.npz", ids=np.arange(2), features=np.eye(2, dtype=np.float32))
    data = [pictured / "left.tsv", pictured / "right.tsv", "--links", pictured / "links.tsv"]
    done = run("describe", *data, "--images", pictured / "f.npz")
    assert done.code == 2 and "holds features by entity id, which are for DBP15K folders alone" in done.err
    done = run("describe", *data, "--images", pictured / "none")
    assert done.code == 1 and "no such folder or table of pictures" in done.err


# --- JSON on stdout, progress on stderr


@pytest.fixture(scope="module")
def aligned(pair, tmp_path_factory):
    """`mmkg align --json` with its run folder."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    words = ["align", str(pair), "--json", "--seed", "2", "--device", "cpu", "--out", str(folder), *FLAGS]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["mmkg", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    assert not stop.value.code, err.getvalue()
    return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), folder=folder, words=words)


@pytest.mark.slow
def test_a_process_of_its_own_prints_the_same(aligned):
    done = python("-m", "mmkg", *aligned.words, "--overwrite")
    assert done.returncode == 0 and done.stderr == aligned.err
    assert json.loads(done.stdout)["test"] == json.loads(aligned.out)["test"]


def test_align_prints_one_json_object_and_its_progress_elsewhere(aligned):
    check_figures(json.loads(aligned.out))
    assert aligned.out.count("\n") == 1
    assert [line.split("  ")[0] for line in aligned.err.splitlines()] == [
        "training: epoch 2/4",
        "training: epoch 4/4",
    ]


def test_align_prints_the_figures_of_its_run_folder(aligned):
    values = json.loads(aligned.out)
    loaded = AlignmentResult.load(aligned.folder)
    assert values["test"] == loaded.metrics and values["protocol"] == loaded.protocol.as_dict()
    assert values["protocol"]["seed"] == loaded.experiment.seed == 2
    assert set(values["seconds"]) == {"features", "train", "embed", "evaluate", "index", "match"}


def test_align_on_the_command_line_is_align_in_the_library(aligned, pair):
    task = mmkg.load(pair, seed=2)
    from small import SETTINGS

    result = mmkg.align(task, seed=2, settings=SETTINGS, device="cpu")
    assert json.loads(aligned.out)["test"] == result.metrics


def test_every_command_prints_one_json_object(run, small_run, pair):
    keys = {
        ("describe", pair): {"left", "right", "links", "missing"},
        ("evaluate", small_run): {"protocol", "test", "seconds", "peak_rss_mb"},
        ("search", small_run, "--entity", "chat"): {"query", "answers"},
        ("match", small_run): {"links"},
        ("doctor",): set(),
    }
    for words, expected in keys.items():
        done = run(*words, "--json")
        assert done.code == 0 and done.err == ""
        values = json.loads(done.out)
        assert isinstance(values, dict) and expected <= set(values) and done.out.count("\n") == 1
        if words[0] == "evaluate":
            check_figures(values)


def test_search_in_json_says_what_the_library_says(run, small_run, small_result):
    values = json.loads(run("search", small_run, "--entity", "CHAT", "-k", "3", "--json").out)
    hits = small_result.search("Chat", k=3)
    assert [answer["label"] for answer in values["answers"]] == [hit.label for hit in hits]
    assert [answer["shares"] for answer in values["answers"]] == [hit.shares for hit in hits]
    assert values["query"]["display"] == "Chat" and values["query"]["label"].startswith("left/")


def test_search_asks_from_the_other_side_and_by_uri(run, small_run, small_task):
    label = small_task.right.entities[int(small_task.links.test[0, 1])]
    done = run("search", small_run, "--entity", label, "--side", "right", "-k", "2")
    lines = done.out.splitlines()
    assert lines[0] == f"chats   {label}" and "structure" in done.out and done.out.count("left/") == 2


# --- evaluate


def test_evaluate_prints_the_figures_of_the_run_and_their_protocol(run, small_run, small_result):
    done = run("evaluate", small_run)
    mrr = small_result.metrics["left_to_right"]["mrr"]
    assert done.code == 0 and re.search(rf"\b0?{f'{mrr:.3f}'.lstrip('0')}".replace(".", r"\."), done.out)
    assert "candidates: entities of the test links; CSLS k=3" in done.out
    assert "selected on validation links" in done.out


def test_all_candidates_are_no_easier_than_those_of_the_test_links(run, small_run):
    few, all_ = (
        json.loads(run("evaluate", small_run, "--json", "--csls-k", 0, "--candidates", who).out)
        for who in ("test", "all")
    )
    assert all_["protocol"]["candidates"] == "all" and few["protocol"]["csls_k"] == 0
    for direction in DIRECTIONS:
        assert all_["test"][direction]["mrr"] <= few["test"][direction]["mrr"]


def test_evaluate_by_some_modalities_is_the_restricted_run(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--json", "--modalities", "image, name").out)
    assert values["test"] == small_result.restrict(["image", "name"]).metrics
    assert values["protocol"]["modalities"] == ["image", "name"]


def test_search_settings_apply_to_a_finished_run(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--json", "--set", "search.csls_k=0").out)
    assert values["protocol"]["csls_k"] == 0 and values["test"] == small_result.evaluate(csls_k=0)
    answers = json.loads(run("search", small_run, "--entity", "chat", "--json", "--set", "search.index=hnsw").out)
    assert answers["answers"][0]["label"] == small_result.search("chat")[0].label


def test_an_assignment_is_ranked_apart_and_says_so_first(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--rescoring", "sinkhorn", "--json").out)
    assert values["protocol"]["rescoring"] == "sinkhorn" and values["test"] == small_result.evaluate_assignment()
    wide = ["--set", "search.sinkhorn.k=3", "--set", "search.sinkhorn.iterations=1"]
    other = json.loads(run("evaluate", small_run, "--rescoring", "sinkhorn", "--json", *wide).out)
    assert other["test"] != values["test"]
    assert "RE-SCORED BY SINKHORN" in run("evaluate", small_run, "--rescoring", "sinkhorn").out
    assert "RE-SCORED" not in run("evaluate", small_run).out


def test_matches_in_json_come_with_figures_of_their_own(run, small_run, small_result):
    values = json.loads(run("match", small_run, "--method", "sinkhorn", "--threshold", 0, "--json").out)
    assert values["figures"] == small_result.figures(small_result.match("sinkhorn"))
    assert 0 < values["figures"]["precision"] <= 1


# --- labels that spread


def test_rounds_of_pseudo_links_are_told_on_stderr_and_kept_in_the_run(run, pair, tmp_path):
    folder = tmp_path / "run"
    done = run("align", pair, "--model", "propagation", "--iterative", "--set", "bootstrap.rounds=2", "--json",
               "--out", folder)  # fmt: skip
    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert values["protocol"]["iterative"] and values["training"]["rounds"] == 2
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["round 0", "round 1", "round 2"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2] and rows[0]["pseudo_links"] == 0 < rows[1]["pseudo_links"]
    assert values["training"]["best_round"] == max(range(3), key=lambda step: rows[step]["valid"])
    assert json.loads(run("evaluate", folder, "--json").out)["test"] == values["test"]
    assert run("search", folder, "--entity", "chat").code == 0


# --- match


def test_matches_in_tsv_have_a_header_and_the_librarys_pairs(run, small_run, small_result):
    header, *lines = run("match", small_run, "--threshold", 0).out.splitlines()
    assert header.split("\t") == ["left", "right", "score", "confidence", "left_label", "right_label"]
    pairs = [(f"left/{i}", f"right/{j}") for i, j in small_result.matching.pairs.tolist()]
    assert [tuple(line.split("\t")[:2]) for line in lines] == pairs
    assert all(0 <= float(line.split("\t")[3]) <= 1 for line in lines)


@pytest.mark.parametrize("method", ["mutual", "greedy", "hungarian", "sinkhorn"])
def test_matches_as_ntriples_are_one_statement_a_line(run, small_run, small_result, method):
    lines = run("match", small_run, "--method", method, "--format", "nt", "--threshold", 0).out.splitlines()
    assert len(lines) == len(small_result.match(method).pairs) > 20
    assert all(NT_LINE.fullmatch(line) for line in lines)


def test_a_threshold_keeps_the_sure_links(run, small_run, small_result):
    everything = run("match", small_run, "--threshold", 0).out.splitlines()[1:]

    def as_sure(least):
        return [line for line in everything if float(line.split("\t")[3]) >= least]

    assert run("match", small_run, "--threshold", 0.5).out.splitlines()[1:] == as_sure(0.5)
    best = run("match", small_run).out.splitlines()[1:]
    assert best == as_sure(small_result.threshold()) and 0 < len(best) < len(everything)
    values = json.loads(run("match", small_run, "--min-precision", 0.9, "--json").out)
    assert values["threshold"] == small_result.threshold(0.9)
    assert len(values["links"]) == len(as_sure(values["threshold"]))


def test_entities_without_a_counterpart_are_judged_when_asked(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--counterparts", "--json").out)
    known, graph = (values["counterparts"][part] for part in ("known", "graph"))
    assert 0 <= known["calibration_error"] < 0.3 and len(known["reliability"]) == 10
    shown = run("evaluate", small_run, "--counterparts").out
    assert f"{known['f1']:.3f}" in shown and f"{graph['none_f1']:.3f}" in shown
    assert "candidates: all entities" in shown and f"{small_result.counterparts.share:.3f}" in shown
    assert "counterparts" not in json.loads(run("evaluate", small_run, "--json").out)


@pytest.mark.parametrize("threshold", ["-0.5", "1.5", "nan"])
def test_a_threshold_that_is_no_probability_is_wrong_usage(run, small_run, threshold):
    done = run("match", small_run, f"--threshold={threshold}")
    assert done.code == 2 and "threshold must be in 0..1" in done.err and done.out == ""


def test_matches_go_to_a_file_when_told(run, small_run, tmp_path):
    expected = run("match", small_run, "--format", "nt").out
    done = run("match", small_run, "--format", "nt", "--out", tmp_path / "links.nt")
    assert (tmp_path / "links.nt").read_text() == expected
    assert re.fullmatch(rf"{len(expected.splitlines())} links written to .*links\.nt, of confidence .*\n", done.out)
    values = json.loads(run("match", small_run, "--json", "--out", tmp_path / "links.tsv").out)
    assert len(values["links"]) == len((tmp_path / "links.tsv").read_text().splitlines()) - 1


def test_sssom_says_how_sure_a_link_is_and_lists_who_has_none(run, small_run, small_result, tmp_path):
    path = tmp_path / "links.sssom.tsv"
    values = json.loads(run("match", small_run, "--format", "sssom", "--out", path, "--json").out)
    found = read_sssom(path)
    links = [each for each in found if each.left is not None and each.right is not None]
    assert len(links) == len(values["links"]) == len(small_result.believed())
    for each in links:
        assert (each.predicate == "owl:sameAs") == (each.confidence >= values["same_as"] - 1e-9)
    assert values["same_as"] == small_result.same_as_threshold(values["threshold"])
    unmatched = [each for each in found if each not in links]
    assert values["unmatched"] == {"left": 90 - len(links), "right": 90 - len(links)}
    assert len(unmatched) == 2 * (90 - len(links))
    assert {each.left for each in found} == {*small_result.entities[0].labels, None}
    lines = run("match", small_run, "--format", "nt", "--same-as", 0.99).out.splitlines()
    sure = sum(link["confidence"] >= 0.99 for link in values["links"])
    assert sum("owl#sameAs" in line for line in lines) == sure and sum("closeMatch" in line for line in lines) > 0


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


def test_the_configuration_of_a_run_makes_the_run_again(run, aligned, pair):
    done = run("align", pair, "--config", aligned.folder / "config.toml", "--json")
    assert json.loads(done.out)["test"] == json.loads(aligned.out)["test"]


def test_a_run_prints_matches_protocol_and_where_it_lies(run, pair, tmp_path):
    done = run("align", pair, "--modalities", "name", "--out", tmp_path / "run", *FLAGS)
    assert done.code == 0
    for part in ("A dozen test entities", "candidates: ", "peak memory", f"run folder: {tmp_path / 'run'}"):
        assert part in done.out
    again = run("align", pair, "--modalities", "name", "--out", tmp_path / "run", *FLAGS)
    assert again.code == 2 and "holds a finished run already" in again.err and again.out == ""
    assert run("align", pair, "--modalities", "name", "--out", tmp_path / "run", "--overwrite", *FLAGS).code == 0


def test_describe_tells_counts_and_what_is_missing(run, pair, small_task):
    done = run("describe", pair)
    assert done.code == 0 and re.search(r"entities +90 +90", done.out)
    assert "image" in done.out
    values = json.loads(run("describe", pair, "--json").out)
    assert values["left"]["triples"] == len(small_task.left.triples) and values["links"]["total"] == 81


# --- errors


def one_line(done, code):
    assert done.code == code, (done.code, done.out, done.err)
    assert done.out == "" and "Traceback" not in done.err
    assert done.err.startswith("mmkg: ") and done.err.count("\n") == 1, done.err
    return done.err


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
        (["describe", "PAIR", "--set", "data.train_ratio=2"], "train_ratio must be in (0, 1], got 2"),
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
        (["search", "RUN", "--entity", "chat", "--device", "tpu"], "device must be auto, cpu or cuda"),
        (["match", "RUN", "--method", "hungarain"], "did you mean 'hungarian'"),
        (["match", "RUN", "--threshold", "0.5", "--min-precision", "0.9"], "give --threshold or --min-precision"),
        (["match", "RUN", "--format", "parquet"], "is no text to print; name a file with --out"),
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
        ["match", "RUN", "--format", "csv"],
        ["search", "RUN", "--entity", "chat", "-k", "five"],
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
        ["search", small_run, "--entity", "chat"],
    ):
        assert "sees no CUDA device; use device='cpu'" in one_line(run(*words, "--device", "cuda"), 2)


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
        patch.setattr("mmkg.training.progress.TrainingProgress.on_epoch", on_epoch)
        words = ["align", pair, *FLAGS, "--set", "training.checkpoint_seconds=0", "--json"]
        done = run(*words, "--out", tmp_path / "run")
        assert (done.code, done.out) == (130, "")
        assert done.err == "mmkg: the same command goes on from the last checkpoint\nmmkg: interrupted\n"
        assert run(*words).err == "mmkg: interrupted\n"  # nothing was kept
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
