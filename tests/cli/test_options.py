import json
import re

import pytest
from commands import COMMANDS, one_line
from typer.main import get_command

from mmkg.cli import app as cli

EVERY = {"--json", "--config", "--set"}
SHARED = EVERY | {"--seed", "--device", "--modalities"}
TAKEN = {  # of the shared options
    "describe": SHARED,
    "align": SHARED,
    "evaluate": SHARED,
    "search": SHARED - {"--device"},
    "explain": SHARED,
    "ask": SHARED,
    "match": SHARED,
    "serve": {"--json"},
    "review": {"--json"},
    "merge": SHARED,
    "dedupe": {"--json", "--seed", "--device"},
    "extend": {"--json", "--device"},
    "publish": {"--json"},
    "images": EVERY | {"--device"},
    "fetch": {"--json"},
    "inspect": SHARED - {"--modalities"},
    "convert": SHARED - {"--modalities"},
    "doctor": {"--json"},
    "sentiment train": SHARED - {"--modalities"},
    "sentiment sweep": EVERY | {"--device"},
    "sentiment predict": {"--json"},
}


def parameters(words):
    """The options and arguments of a sub-command, as click has them."""
    command = get_command(cli.app)
    for word in words.split():
        command = command.commands[word]
    return command.params


@pytest.mark.parametrize("command", TAKEN)
def test_a_command_takes_the_shared_options_that_have_an_effect_on_it(command):
    taken = {name for each in parameters(command) for name in each.opts if name.startswith("-")}
    assert taken & SHARED == TAKEN[command]


def test_the_table_above_names_every_command():
    assert {name for name in TAKEN if " " not in name} == set(COMMANDS)


def test_the_default_of_a_seed_is_the_one_that_is_used(run):
    assert re.search(r"--seed .*\[default: *\(0\)\]", run("align", "--help").out)
    for command in ("evaluate", "search", "match", "merge"):
        text = " ".join(run(command, "--help").out.split())
        meaning = "Random seed of the links sampled for metrics and confidences. [default: (as trained)]"
        assert f"--seed <int> {meaning}" in text or f"--seed INTEGER {meaning}" in text  # as older click writes it


# --- each shared option of a finished run has an effect


FEW = ("--set", "search.valid_queries=11")  # of 14 validation links, so that the seed decides


@pytest.mark.parametrize("words", [["search", "--entity", "chat"], ["match"], ["evaluate", "--counterparts"]])
def test_the_seed_draws_the_links_that_confidences_are_calibrated_on(run, small_run, words):
    found = {run(words[0], small_run, *words[1:], *FEW, "--seed", seed, "--json").out for seed in range(4)}
    kept = [{key: json.loads(each)[key] for key in ("answers", "links", "counterparts") if key in json.loads(each)}
            for each in found]  # fmt: skip
    assert len({json.dumps(each) for each in kept}) > 1


def test_the_seed_draws_the_test_links_that_are_ranked(run, small_run):
    few = ("--set", "search.test_queries=10", "--json")
    found = [json.loads(run("evaluate", small_run, *few, "--seed", seed).out)["test"] for seed in (1, 2, 1)]
    assert found[0] == found[2] != found[1]


def test_a_file_of_search_settings_applies_to_a_finished_run(run, small_run, tmp_path):
    (tmp_path / "search.toml").write_text("[search]\ncsls_k = 0\n")
    values = json.loads(run("evaluate", small_run, "--config", tmp_path / "search.toml", "--json").out)
    assert values["protocol"]["csls_k"] == 0


# --- settings without effect are refused


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["describe", "PAIR", "--set", "training.epochs=5"], "training.epochs: describe takes settings of data"),
        (
            ["convert", "PAIR", "OUT", "--to", "csv", "--set", "search.csls_k=3"],
            "search.csls_k: convert takes settings",
        ),
        (["inspect", "PAIR", "--set", "model=eva"], "model: inspect takes settings of data and seed only"),
        (["images", "PAIR", "--out", "f.npz", "--set", "seed=3"], "seed: images takes settings of data only"),
        (
            ["sentiment", "sweep", "synthetic", "--missing", "frame:0.5", "--set", "seed=3"],
            "seed: sweep takes settings of",
        ),
        (
            ["sentiment", "sweep", "synthetic", "--missing", "sets", "--set", "missing.rate=1"],
            "and missing.spared only",
        ),
        (["describe", "PAIR", "PAIR", "PAIR"], "expected PAIR or two graphs, got 3 paths"),
    ],
)
def test_a_setting_without_effect_is_named(run, pair, tmp_path, words, message):
    places = {"PAIR": pair, "OUT": tmp_path / "out"}
    assert message in one_line(run(*(places.get(word, word) for word in words)), 2)


def test_the_configuration_of_a_whole_run_may_describe_its_pair(run, aligned, pair):
    assert run("describe", pair, "--config", aligned.folder / "config.toml").code == 0


def test_a_file_called_by_any_letters_is_found(run, tmp_path):
    (tmp_path / "l.tsv").write_text("a\tr\tb\n")
    (tmp_path / "r.tsv").write_text("x\tr\ty\n")
    (tmp_path / "links \U0001f642 \u00e9.tsv").write_text("a\tx\n")
    done = run("describe", tmp_path / "l.tsv", tmp_path / "r.tsv", "--links", tmp_path / "links \U0001f642 \u00e9.tsv",
               "--json")  # fmt: skip
    assert json.loads(done.out)["links"]["total"] == 1


# --- help


def test_no_line_of_the_list_of_commands_is_cut(run):
    for words in ([], ["sentiment"]):
        listed = run(*words, "--help").out.partition("Commands:\n")[2].splitlines()
        assert len(listed) >= 3
        for line in listed:
            assert re.fullmatch(r"  [a-z]+ +[A-Z].*\w\.", line) and not line.endswith("e.g."), line


def listed_in_help(run, option, *words):
    text = " ".join(run(*words, "--help").out.split())
    return text.partition(f"{option} ")[2].partition(" --")[0]


def test_the_help_of_a_choice_names_every_registered_part(run):
    from mmkg.data.formats.write import pair_writers
    from mmkg.data.links.formats import LINK_FORMATS
    from mmkg.matching import MATCHERS
    from mmkg.models import MODELS
    from mmkg.sentiment import MODELS as SENTIMENT_MODELS

    for option, known, *words in (
        ("--model", MODELS, "align"),
        ("--method", MATCHERS, "match"),
        ("--method", MATCHERS, "merge"),
        ("--format", LINK_FORMATS, "match"),
        ("--to", pair_writers(), "convert"),
        ("--links-to", LINK_FORMATS, "convert"),
        ("--model", SENTIMENT_MODELS, "sentiment", "train"),
    ):
        text = listed_in_help(run, option, *words)
        assert all(re.search(rf"\b{name}\b", text) for name in known), (option, text)
