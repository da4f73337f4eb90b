"""A format that is registered from outside of the package works wherever the package's own formats do."""

import json

import numpy as np
import pytest
from reader_cases import pairs, put, triples
from small import FLAGS
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.data.formats.graphs import GRAPH_FORMATS
from mmkg.data.formats.pairs import PAIR_FORMATS
from mmkg.data.formats.registry import GraphData, GraphFormat, PairFormat
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.links.checked import LabelLinks
from mmkg.data.links.pairs import PairData
from mmkg.errors import InputError, UsageError


def graph_of(facts):
    entities = tuple(dict.fromkeys(end for head, _, tail in facts for end in (head, tail)))
    relations = tuple(dict.fromkeys(kind for _, kind, _ in facts))
    rows = [[entities.index(head), relations.index(kind), entities.index(tail)] for head, kind, tail in facts]
    return KnowledgeGraph(entities, relations, np.array(rows))


def read_arrows(path, faults, *, languages=()):
    """Lines ``head -relation> tail``; the language is written before each label."""
    prefix = f"{languages[0]}:" if languages else ""
    facts = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        head, dash, rest = line.partition(" -")
        relation, arrow, tail = rest.partition("> ")
        if dash and arrow:
            facts.append((prefix + head, relation, prefix + tail))
        else:
            faults.bad("expected head -relation> tail", path, number)
    return GraphData(graph_of(facts))


def write_arrows(graph, path):
    lines = [f"{head} -{relation}> {tail}\n" for head, relation, tail in triples(graph)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".arrows").write_text("".join(lines))


def read_one_json(folder, faults, *, fold="links"):
    """``pair.json`` with left, right and lists of links."""
    data = json.loads((folder / "pair.json").read_text())
    left, right = (graph_of(data[side]) for side in ("left", "right"))
    ends = data[fold]
    links = LabelLinks(folder / "pair.json", [a for a, _ in ends], [b for _, b in ends], np.arange(1, len(ends) + 1))
    return PairData(left, right, [links], data.get("name", "json"))


def write_one_json(task, folder):
    put(
        folder,
        {"pair.json": json.dumps({"left": triples(task.left), "right": triples(task.right), "links": pairs(task)})},
    )


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(
        GRAPH_FORMATS, "arrows", GraphFormat((".arrows",), read_arrows, takes=("languages",), write=write_arrows)
    )
    monkeypatch.setitem(
        PAIR_FORMATS, "json", PairFormat(("pair.json",), read_one_json, takes=("fold",), write=write_one_json)
    )


@pytest.fixture(scope="module")
def twins():
    return mmkg.twin_graphs(60, mean_degree=20, seed=3, train_ratio=0.5, valid_ratio=0.2)


def command(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("form", ["json", "arrows"])
def test_a_pair_in_a_registered_format_is_written_read_described_and_aligned(form, twins, tmp_path):
    folder = mmkg.write_pair(twins, tmp_path / "pair", form)
    task = mmkg.load(folder, seed=2, train_ratio=0.5)
    assert sorted(pairs(task)) == sorted(pairs(twins)) and len(task.links.train) > 20
    assert sorted(triples(task.left)) == sorted(triples(twins.left))
    assert json.loads(command("describe", folder, "--json"))["links"]["total"] == len(pairs(twins))
    command("describe", folder, "--set", f"data.format={form}")
    flags = ["--modalities", "structure,relation", "--json", *(flag for flag in FLAGS if "options" not in flag)]
    shown = json.loads(command("align", folder, "--model", "mclea", *flags))
    assert shown["test"]["left_to_right"]["hits@1"] >= 0


def test_two_graphs_and_one_graph_in_a_registered_format(tmp_path):
    put(tmp_path, {"a.arrows": "a -r> b\nb -r> c\n", "b.tsv": "x\tr\ty\n", "links.tsv": "a\tx\n"})
    task = mmkg.read_pair(tmp_path / "a.arrows", tmp_path / "b.tsv", tmp_path / "links.tsv")
    assert task.left.entities == ("a", "b", "c") and pairs(task) == [("a", "x")]
    assert mmkg.read_graph(tmp_path / "a.arrows", languages=["fr"]).entities == ("fr:a", "fr:b", "fr:c")
    assert mmkg.read_graph(tmp_path / "b.tsv", format="tsv").relations == ("r",)


def test_its_faults_and_settings_are_treated_as_all_others(tmp_path):
    put(
        tmp_path,
        {"g.arrows": "a -r> b\noops\n", "p/pair.json": '{"left": [["a", "r", "b"]], "right": [["x", "r", "y"]]'},
    )
    with pytest.raises(InputError, match=r"g\.arrows:2: expected head -relation> tail"):
        mmkg.read_graph(tmp_path / "g.arrows")
    assert len(mmkg.read_graph(tmp_path / "g.arrows", on_error="skip").triples) == 1
    with pytest.raises(UsageError, match=r"header has no effect on .*g\.arrows; it is a setting for tsv graphs, csv"):
        mmkg.read_graph(tmp_path / "g.arrows", header=True)
    with pytest.raises(UsageError, match=r"data\.names has no effect on .*, a folder in the layout json; .* dbp15k$"):
        mmkg.load(tmp_path / "p", names="n.json")
    with pytest.raises(UsageError, match="the layout json has no place for validation links"):
        mmkg.write_pair(mmkg.twin_graphs(20), tmp_path / "w", "json", keep_split=True)


def test_settings_of_the_pair_reach_its_reader(tmp_path):
    sides = {"left": [["a", "r", "b"]], "right": [["x", "r", "y"]]}
    put(tmp_path, {"pair.json": json.dumps({**sides, "links": [["a", "x"]], "other": [["b", "y"]]})})
    assert pairs(mmkg.load(tmp_path)) == [("a", "x")] and pairs(mmkg.load(tmp_path, fold="other")) == [("b", "y")]
    command("describe", tmp_path, "--set", "data.fold=other")


def test_a_folder_of_tables_in_a_registered_format_is_recognised_by_its_triples(tmp_path):
    put(tmp_path, {"left/triples.arrows": "a -r> b\n", "right/triples.arrows": "x -r> y\n"})
    with pytest.raises(IsADirectoryError):  # recognised; this reader takes files only
        mmkg.load(tmp_path)
