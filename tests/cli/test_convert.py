import json

import numpy as np
from commands import example, one_line
from drawn import draw, save

import mmkg
from mmkg.data.formats.graphs import GRAPH_FORMATS
from mmkg.data.formats.registry import GraphData, GraphFormat
from mmkg.data.formats.write import pair_writers
from mmkg.data.pictures.descriptor import Descriptor
from mmkg.files import write_text


def test_a_pair_goes_through_all_formats_and_comes_out_the_same(run, tmp_path):
    task = mmkg.twin_graphs(40, image_dim=0, attribute_names=0, seed=2)
    source = mmkg.write_pair(task, tmp_path / "start", "csv", keep_split=True)
    for form in pair_writers():
        if form not in ("dbp15k", "openea", "mmkb"):  # which number anew, and hold no split of three parts
            done = run("convert", source, tmp_path / form, "--to", form, "--keep-split")
            assert done.code == 0 and str(tmp_path / form) in done.out
            source = tmp_path / form
    found = mmkg.load(source)
    assert found.left.entities == task.left.entities and found.right.names == task.right.names
    assert np.array_equal(found.links.test, task.links.test) and np.array_equal(found.links.valid, task.links.valid)


def test_pictures_are_encoded_on_the_way(run, tmp_path):
    for side, word in (("l", "a"), ("r", "b")):
        (tmp_path / f"{side}.tsv").write_text(f"{word}1\tr\t{word}2\n")
        save(tmp_path / side / f"{word}2.png", draw(ord(side)))
    (tmp_path / "links").write_text("a1\tb1\n")
    folders = f'data.images=["{tmp_path / "l"}", "{tmp_path / "r"}"]'
    graphs = (tmp_path / "l.tsv", tmp_path / "r.tsv", tmp_path / "out")
    assert run("convert", *graphs, "--links", tmp_path / "links", "--to", "dbp15k", "--set", folders).code == 0
    found = mmkg.load(tmp_path / "out")
    for side, graph in (("l", found.left), ("r", found.right)):
        assert graph.images.rows.tolist() == [1]
        assert np.array_equal(graph.images.features, Descriptor()([draw(ord(side))]))


def test_a_pair_becomes_mmkb_and_links_an_alignment(run, tmp_path):
    files = {"left.tsv": "a\tr\tb\nb\ts\tc\n", "right.tsv": "x\tr\ty\n", "links.tsv": "left\tright\na\tx\nc\ty\n"}
    (tmp_path / "start").mkdir()
    for name, text in files.items():
        (tmp_path / "start" / name).write_text(text)
    assert run("convert", tmp_path / "start", tmp_path / "mmkb", "--to", "mmkb").code == 0
    lines = (tmp_path / "mmkb" / "RIGHT_SameAsLink.txt").read_text().splitlines()
    assert sorted(lines) == ["a\tSameAs\tx\t.", "c\tSameAs\ty\t."]
    assert run("convert", tmp_path / "mmkb", tmp_path / "oaei", "--to", "ntriples", "--links-to", "oaei").code == 0
    found, start = mmkg.load(tmp_path / "oaei"), mmkg.load(tmp_path / "start")
    assert (tmp_path / "oaei" / "links.rdf").is_file() and found.left.entities == start.left.entities
    assert np.array_equal(found.left.triples, start.left.triples)
    assert sorted(found.links.all().tolist()) == sorted(start.links.all().tolist())


def test_two_graphs_are_converted_with_their_links(run, tmp_path):
    (tmp_path / "l.tsv").write_text("a\tr\tb\n")
    (tmp_path / "r.tsv").write_text("x\tr\ty\n")
    (tmp_path / "links").write_text("a\tx\n")
    paths = (tmp_path / "l.tsv", tmp_path / "r.tsv")
    assert run("convert", *paths, tmp_path / "out", "--to", "openea", "--links", tmp_path / "links").code == 0
    assert (tmp_path / "out" / "rel_triples_2").read_text() == "x\tr\ty\n"
    done = run("inspect", *paths, "--links", tmp_path / "links")
    assert done.code == 0 and "a  =  x" in done.out and "x -- r -> y" in done.out


def test_what_cannot_be_read_is_said_in_a_line(run, tmp_path):
    for name, more in (("convert", (tmp_path / "out", "--to", "csv")), ("inspect", ())):
        assert "no such folder" in one_line(run(name, tmp_path / "nowhere" / "at all", *more), 1)


def test_an_unknown_format_is_wrong_usage_with_the_nearest_one(run, tmp_path):
    done = run("convert", "emoji-fr-en", tmp_path / "out", "--to", "parket")
    assert "unknown format 'parket'; did you mean 'parquet'" in one_line(done, 2)


def test_a_format_registered_from_outside_is_written_and_read(run, tmp_path, monkeypatch):
    """One line a triple, its parts separated by ``|``."""

    def read(path, faults):
        rows = [line.split("|") for line in path.read_text().splitlines()]
        labels = sorted({label for head, _, tail in rows for label in (head, tail)})
        relations = sorted({relation for _, relation, _ in rows})
        triples = [[labels.index(h), relations.index(r), labels.index(t)] for h, r, t in rows]
        return GraphData(mmkg.KnowledgeGraph(tuple(labels), tuple(relations), np.array(triples)))

    def write(graph, path):
        rows = [(graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.triples.tolist()]
        write_text(path.with_suffix(".bar"), "".join("|".join(row) + "\n" for row in rows))

    monkeypatch.setitem(GRAPH_FORMATS, "bar", GraphFormat((".bar",), read, write=write))
    (tmp_path / "l.bar").write_text("a|r|b\nb|s|c\n")
    (tmp_path / "r.tsv").write_text("x\tr\ty\n")
    (tmp_path / "links").write_text("a\tx\n")
    paths = (tmp_path / "l.bar", tmp_path / "r.tsv", tmp_path / "out")
    assert run("convert", *paths, "--links", tmp_path / "links", "--to", "bar").code == 0
    assert (tmp_path / "out" / "left.bar").read_text() == "a|r|b\nb|s|c\n"
    assert (tmp_path / "out" / "right.bar").read_text() == "x|r|y\n"
    assert mmkg.load(tmp_path / "out").left.relations == ("r", "s")


def test_the_example_of_the_help_runs_as_printed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = example("convert")
    assert words == ["convert", "emoji-fr-en", "OUT", "--to", "parquet"]
    assert run(*words).code == 0
    found, start = mmkg.load("OUT"), mmkg.load("emoji-fr-en")
    assert found.left.entities == start.left.entities
    assert sorted(found.links.all().tolist()) == sorted(start.links.all().tolist())


def test_json_counts_what_was_written(run, tmp_path):
    (tmp_path / "l.tsv").write_text("a\tr\tb\n")
    (tmp_path / "r.tsv").write_text("x\tr\ty\ny\tr\tz\n")
    (tmp_path / "links").write_text("a\tx\n")
    paths = (tmp_path / "l.tsv", tmp_path / "r.tsv", tmp_path / "out", "--links", tmp_path / "links")
    values = json.loads(run("convert", *paths, "--to", "tsv", "--json").out)
    assert values == {
        "folder": str(tmp_path / "out"),
        "entities": {"left": 2, "right": 3},
        "links": 1,
        "notes": {},
        "left_out": {},
    }


def test_the_seed_draws_the_split_that_is_kept(run, tmp_path):
    task = mmkg.twin_graphs(40, image_dim=0, seed=2)
    start = mmkg.write_pair(task, tmp_path / "start", "csv")
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        run("convert", start, tmp_path / name, "--to", "csv", "--keep-split", "--seed", seed)
    a, b, c = ((tmp_path / name / "links.csv").read_text() for name in "abc")
    assert a == c != b
