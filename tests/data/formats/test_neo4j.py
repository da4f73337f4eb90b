"""Folders of tables as Neo4j exports them."""

import pytest
from reader_cases import facts, put, refused, triples

import mmkg
from mmkg.data.formats.delimited import read_delimited
from mmkg.data.formats.graphs import graph_format

NODES = """personId:ID(Person),name:string,born:int,awards:string[],:LABEL,note:IGNORE
p1,Ann,1956,Oscar;Emmy,Person;Actor,x
p2,,,,Person,
p3,"Bo, Jr.",2001,,Person,y
"""
EDGES = ":START_ID(Person),role,:END_ID(Person),:TYPE\np1,lead,p2,KNOWS\np3,,p1,KNOWS\n"
FACTS = [
    ("p1", "awards", "Emmy", None),
    ("p1", "awards", "Oscar", None),
    ("p1", "born", "1956", None),
    ("p1", "label", "Actor", None),
    ("p1", "label", "Person", None),
    ("p2", "label", "Person", None),
    ("p3", "born", "2001", None),
    ("p3", "label", "Person", None),
]


@pytest.mark.parametrize(
    "names", [("nodes.csv", "relationships.csv"), ("entities.csv", "triples.csv"), ("nodes.tsv", "edges.tsv")]
)
def test_nodes_have_names_labels_and_properties(tmp_path, names):
    texts = [NODES, EDGES]
    if names[0].endswith("tsv"):
        texts = [
            text.replace('"Bo, Jr."', "Bo; Jr.").replace(",", "\t").replace("Bo; Jr.", "Bo, Jr.") for text in texts
        ]
    folder = put(tmp_path, dict(zip(names, texts, strict=True)))
    assert graph_format(folder) == names[0][-3:]
    graph = read_delimited(folder)
    assert graph.entities == ("p1", "p2", "p3") and graph.names == ("Ann", None, "Bo, Jr.")
    assert triples(graph) == [("p1", "KNOWS", "p2"), ("p3", "KNOWS", "p1")] and sorted(facts(graph)) == FACTS


def test_a_pair_of_such_folders_is_loaded(tmp_path):
    files = {
        f"{side}/{name}": text
        for side in ("left", "right")
        for name, text in (("nodes.csv", NODES), ("edges.csv", EDGES))
    }
    task = mmkg.load(put(tmp_path, {**files, "links.tsv": "p1\tp1\n"}))
    assert task.left.names == task.right.names == ("Ann", None, "Bo, Jr.")


MALFORMED = [
    ("nodes.csv", NODES + "p1,,,,,\n", 5, "expected a unique id of every node, got 'p1' again"),
    ("nodes.csv", NODES + ",,,,,\n", 5, "expected a unique id of every node, got an empty field"),
    ("nodes.csv", NODES + "p4\n", 5, "expected 6 comma-separated fields, got 1"),
    ("nodes.csv", ":ID,b:ID\np1,p1\n", 1, "expected one column :ID, got 2"),
    ("nodes.csv", ":ID,name\n", None, "expected at least one node, got none"),
    ("edges.csv", EDGES + "p1,,p9,KNOWS\n", 4, "expected an entity of nodes.csv, got the unknown 'p9'"),
]


@pytest.mark.parametrize(("name", "text", "line", "message"), MALFORMED)
def test_malformed_nodes_are_refused_with_their_place(tmp_path, name, text, line, message):
    folder = put(tmp_path, {"nodes.csv": NODES, "edges.csv": EDGES} | {name: text})
    refused(lambda: read_delimited(folder), folder / name, line, message)
