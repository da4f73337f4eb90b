"""Names from the texts of nodes and the ends of IRIs; identifiers without words give none."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.data.describe import describe_text
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.id_names import named_by_ids, names_of_ids
from mmkg.errors import UsageError


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("http://x/New_York_City", "New York City"),
        ("http://x/onto#bornInCity", "born In City"),
        ("http://x/NewYorkCity", "New York City"),
        ("http://x/XMLHttpRequest", "XML Http Request"),
        ("http://x/city/new-york-city/", "new york city"),
        ("http://x/Caf%C3%A9_Noir", "Café Noir"),
        ("http://x/AC%2FDC", "AC/DC"),
        ("http://x/東京", "東京"),
        ("http://x/people/ann-lee.html", "ann lee"),
        ("http://x/people/Ann_Lee#me", "Ann Lee"),
        ("http://x/Jean-Paul_Sartre", "Jean-Paul Sartre"),
        ("http://x/Apollo_11", "Apollo 11"),
        ("http://x/McDonald", "McDonald"),
        ("dbr:New_York", "New York"),
        ("concept:city:new_york", "new york"),
        ("Albert Einstein", "Albert Einstein"),
        ("Star Trek: Voyager", "Star Trek: Voyager"),
        ("New_York_City", "New York City"),
        ("YouTube", "YouTube"),
        ("H1N1", "H1N1"),
        ("C++", "C++"),
    ],
)
def test_words_of_labels(label, name):
    assert names_of_ids([label]) == [name]


@pytest.mark.parametrize(
    "label",
    [
        "Q42",
        "http://www.wikidata.org/entity/Q42",
        "/m/0abc",
        "http://rdf.freebase.com/ns/m.0abc",
        "_:b1",
        "123",
        "2001-05-03",
        "http://x/12",
        "http://x/page?id=3",
        "http://x/",
        "550e8400-e29b-41d4-a716-446655440000",
        "http://x/d41d8cd98f00b204e9800998ecf8427e",
        "ENSG00000139618",
        "tt0111161",
        "CHEBI_12345",
        "dQw4w9WgXcQ",
        "urn:isbn:0451450523",
    ],
)
def test_identifiers_without_words_give_no_name(label):
    assert names_of_ids([label]) == [None]


def test_ids_that_differ_in_their_digits_alone_are_numbered_and_not_named():
    numbered = [f"http://x/person1-Person{number}" for number in range(30)]
    assert names_of_ids([*numbered, "http://x/Paris", "http://x/Apollo_11", "http://x/Apollo_12"]) == [
        *[None] * 30,
        "Paris",
        "Apollo 11",
        "Apollo 12",
    ]
    assert names_of_ids([f"Apollo {number}" for number in range(9)])[3] == "Apollo 3"  # a text, not an id
    assert names_of_ids(["item1", "item2", "item3"]) == [None] * 3


def test_a_graph_with_words_in_hardly_any_id_gets_no_names():
    codes = [f"Q{number}" for number in range(97)]
    assert set(names_of_ids([*codes, "Paris", "Rome", "Oslo"])) == {None}
    assert names_of_ids([*codes[:57], "Paris", "Rome", "Oslo"])[-3:] == ["Paris", "Rome", "Oslo"]


def graph(*labels, names=None):
    return KnowledgeGraph(labels, ("r",), np.array([[0, 0, 1]]), names=names)


def test_by_default_only_a_graph_without_any_name_is_named():
    faults = Faults()
    bare = graph("http://x/New_York", "http://x/Q5", "_:b")
    named = named_by_ids(bare, "left", faults)
    assert named == replace(bare, names=("New York", None, None)) and bare.names is None
    assert faults.notes == {
        "left names, taken from the ends of IRIs": 1,
        "left ids without words, which give no name": 1,
    }
    some = graph("http://x/New_York", "Rome", names=(None, "Roma"))
    assert named_by_ids(some, "left", faults) is some
    assert named_by_ids(some, "left", faults, names_from="ids").names == ("New York", "Roma")
    assert named_by_ids(bare, "left", faults, names_from="labels") is bare
    with pytest.raises(UsageError, match="unknown names_from 'id'; did you mean 'ids'"):
        named_by_ids(bare, "left", faults, names_from="id")


def test_two_graphs_of_text_triples_have_names_and_say_where_from(tmp_path):
    for side, birth in (("left", "Born_In"), ("right", "bornIn")):
        (tmp_path / f"{side}.tsv").write_text(f"Ann Lee\t{birth}\tNew York\nBob\t{birth}\t1987\n")
    paths = (tmp_path / "left.tsv", tmp_path / "right.tsv")
    task = mmkg.load(paths)
    assert task.left.names == ("Ann Lee", "New York", "Bob", None)
    assert task.notes["left names, taken from the texts of nodes"] == 3
    assert task.notes["right ids without words, which give no name"] == 1
    assert "left names, taken from the texts of nodes: 3" in describe_text(task)
    assert mmkg.load(paths, names_from="labels").left.names is None
    assert mmkg.load(tmp_path).left.names == task.left.names  # a folder of two graphs
    assert mmkg.read_pair(*paths, names_from="labels").left.names is None


def test_convert_states_no_names_that_the_data_do_not(tmp_path):
    (tmp_path / "left.tsv").write_text("Ann Lee\tknows\tBob\n")
    (tmp_path / "right.tsv").write_text("Ann Lee\tknows\tBob\n")
    for settings, names in (((), None), (("--set", "data.names_from=ids"), ("Ann Lee", "Bob"))):
        found = CliRunner().invoke(app, ["convert", str(tmp_path), str(tmp_path / "out"), "--to", "csv", *settings])
        assert found.exit_code == 0, found.output
        assert mmkg.read_graph(tmp_path / "out" / "left").names == names


def test_an_embedded_pair_gets_names_from_its_ids_only_if_asked_for():
    stated = mmkg.load("emoji-fr-en").left
    filled = mmkg.load("emoji-fr-en", names_from="ids").left
    assert sum(map(bool, filled.names)) >= sum(map(bool, stated.names))
