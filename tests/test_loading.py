"""Which settings of the section data have an effect on which source; any other one is an error that names it."""

import dataclasses
import subprocess
import sys

import pytest
from reader_cases import pairs, put
from small import twins
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.config.data import DataConfig
from mmkg.errors import UsageError
from mmkg.loading import SHARED, fitting_settings

NT = "<http://{0}/a> <http://{0}/r> <http://{0}/b> .\n<http://{0}/b> <http://{0}/r> <http://{0}/c> .\n"
TSV = "a\tr\tb\nb\tr\tc\n"
LINKS = "a\ta\nb\tb\nc\tc\n"
FILES = {
    "dbp15k/ent_ids_1": "0\ta\n1\tb\n2\tc\n",
    "dbp15k/ent_ids_2": "3\ta\n4\tb\n5\tc\n",
    "dbp15k/triples_1": "0\t0\t1\n1\t0\t2\n",
    "dbp15k/triples_2": "3\t0\t4\n4\t0\t5\n",
    "dbp15k/ill_ent_ids": "0\t3\n1\t4\n2\t5\n",
    "openea/rel_triples_1": TSV,
    "openea/rel_triples_2": TSV,
    "openea/ent_links": LINKS,
    "openea/1/train_links": "a\ta\n",
    "openea/1/valid_links": "b\tb\n",
    "openea/1/test_links": "c\tc\n",
    "mmkb/X_EntityTriples.txt": "a r b .\nb r c .\n",
    "mmkb/Y_EntityTriples.txt": "a r b .\nb r c .\n",
    "mmkb/Y_SameAsLink.txt": "a SameAs a .\n",
    "tsv/left.tsv": "h\tr\tt\n" + TSV,
    "tsv/right.tsv": "h\tr\tt\n" + TSV,
    "tsv/links.tsv": LINKS,
    "rdf/left.nt": NT.format("e"),
    "rdf/right.nt": NT.format("f"),
    "rdf/links.tsv": "http://e/a\thttp://f/a\n",
    "mixed/left.nt": NT.format("e"),
    "mixed/right.tsv": "h\tr\tt\n" + TSV,
    "mixed/links.tsv": "http://e/a\ta\n",
    "names.json": '[[0, ["name"]]]',
    "no_links.tsv": "",
}
VALUES = {  # a value other than the default of every setting that depends on the source
    "one_to_one": False,
    "names": "names.json",
    "format": None,  # depends on the source
    "links": "no_links.tsv",
    "fold": "1",
    "graphs": ("Y", "X"),
    "languages": ("fr",),
    "header": False,
    "columns": ("t", "r", "h"),
    "table": "triples",
    "neutral": False,
    "image_ratio": 0.5,
}
ANY_FILES, GRAPHS = {"one_to_one", "format"}, {"one_to_one", "format", "links"}
TAKEN = {  # source -> a fitting format, and the settings that have an effect on it
    "emoji-fr-en": ("tsv", {"neutral", "image_ratio"}),
    "characters-zh-ja": ("tsv", {"image_ratio"}),
    "dbp15k": ("dbp15k", {*ANY_FILES, "names"}),
    "openea": ("openea", {*ANY_FILES, "fold"}),
    "mmkb": ("mmkb", {*ANY_FILES, "graphs"}),
    "tsv": ("pair", {*GRAPHS, "header", "columns", "table"}),
    "rdf": ("rdf", {*GRAPHS, "languages"}),
    "mixed": ("pair", {*GRAPHS, "header", "columns", "table", "languages"}),
    "tsv/left.tsv tsv/right.tsv": ("tsv", {*GRAPHS, "header", "columns", "table"}),
    "rdf/left.nt rdf/right.nt": ("rdf", {*GRAPHS, "languages"}),
    "mixed/left.nt mixed/right.tsv": (None, {*GRAPHS, "header", "columns", "table", "languages"} - {"format"}),
}


def source_of(name):
    return tuple(name.split()) if " " in name else name


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(put(tmp_path, FILES))


def test_the_table_of_this_test_has_every_setting():
    assert {*VALUES, *SHARED} == {field.name for field in dataclasses.fields(DataConfig)}


@pytest.mark.parametrize("setting", VALUES)
@pytest.mark.parametrize("name", TAKEN)
def test_a_setting_is_taken_or_refused_by_its_name(name, setting):
    form, taken = TAKEN[name]
    value = form if setting == "format" else VALUES[setting]
    if setting == "links" and setting in taken:
        value = name.partition("/")[0] + "/links.tsv"
    if value is None:
        pytest.skip("graphs of two formats have no format in common")
    if setting in taken:
        config = DataConfig(**{setting: value})
        assert mmkg.load(source_of(name), config).left.num_entities >= 2
        assert fitting_settings(source_of(name), config) == config
    else:
        with pytest.raises(UsageError, match=rf"^data\.{setting} has no effect on .*; it is a setting for "):
            mmkg.load(source_of(name), **{setting: value})
        assert fitting_settings(source_of(name), DataConfig(**{setting: value})) == DataConfig()


@pytest.mark.parametrize("name", TAKEN)
def test_settings_of_every_source_are_taken_and_kept(name):
    values = {"train_ratio": 0.5, "valid_ratio": 0.2, "split_seed": 3, "candidates": "all", "on_error": "skip"}
    config = DataConfig(**values, image_cache="", seeds_from=("name",), pivot_share=0.3)
    task = mmkg.load(source_of(name), config)
    assert task.candidates == "all" and fitting_settings(source_of(name), config) == config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["emoji-fr-en", "--links", "missing.tsv"],
            "data.links has no effect on emoji-fr-en, an embedded pair; it is a setting for the layout pair, "
            "two graphs",
        ),
        (
            ["openea", "--set", "data.neutral=false"],
            "data.neutral has no effect on openea, a folder in the layout openea; it is a setting for emoji-fr-en, "
            "emoji-zh-en, emoji-ja-en",
        ),
        (
            ["tsv", "--set", 'data.languages=["de"]'],
            "data.languages has no effect on tsv, a folder in the layout pair; it is a setting for rdf graphs, "
            "sparql graphs",
        ),
        (
            ["rdf/left.nt", "rdf/right.nt", "--set", "data.header=true"],
            "data.header has no effect on the two graphs rdf/left.nt and rdf/right.nt; it is a setting for tsv graphs, "
            "csv graphs",
        ),
        (["tsv", "--set", "data.image_encoder=some/model"], "data.image_encoder has no effect without data.images"),
    ],
)
def test_the_command_line_names_the_setting_and_what_takes_it(words, message):
    done = CliRunner().invoke(app, ["describe", *words])
    assert isinstance(done.exception, UsageError) and str(done.exception) == message


def test_settings_of_a_run_that_another_pair_does_not_take_are_left_out():
    config = DataConfig(links="no_links.tsv", columns=("t", "r", "h"), split_seed=5, on_error="skip")
    assert fitting_settings("openea", config) == DataConfig(split_seed=5, on_error="skip")
    assert fitting_settings("rdf", config) == DataConfig(links="no_links.tsv", split_seed=5, on_error="skip")


def test_a_run_is_merged_with_its_pair_in_another_format(tmp_path):
    task = twins(60)
    first = mmkg.write_pair(task, tmp_path / "first", "tsv")
    links = first / "known.tsv"
    (first / "links.tsv").rename(links)
    again = mmkg.write_pair(task, tmp_path / "again", "dbp15k")
    flags = ["--model", "propagation", "--set", 'data.columns=["head","relation","tail"]', "--links", str(links)]
    done = CliRunner().invoke(app, ["align", str(first), *flags, "--out", "run", "--json"])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["merge", "run", str(again), "--out", "merged.nt", "--json"])
    assert done.exit_code == 0, done.output
    assert mmkg.read_graph("merged.nt").num_entities < 2 * 60


def test_the_split_of_two_graphs_follows_the_configuration():
    links = mmkg.load("tsv", train_ratio=0.67, valid_ratio=0.5).links
    assert [len(part) for part in (links.train, links.valid, links.test)] == [1, 1, 1]
    assert len(pairs(mmkg.load("tsv"))) == 3


def test_reading_a_pair_imports_no_model():
    code = "import sys, mmkg; mmkg.load('tsv'); print([name for name in sys.modules if name.startswith('mmkg.models')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
