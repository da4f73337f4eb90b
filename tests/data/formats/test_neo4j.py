"""Graphs as Neo4j exports them: tables of neo4j-admin, CSV and JSON of APOC, with graphs written by hand."""

import json

import pytest
from reader_cases import facts, put, refused, triples

import mmkg
from mmkg.data.formats.graphs import graph_format, read_graph_data
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

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
    assert graph_format(folder) == "neo4j"
    graph = mmkg.read_graph(folder)
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
    refused(lambda: mmkg.read_graph(folder), folder / name, line, message)


# --- several files, groups, headers of their own

MOVIES = {
    "movies.csv": "movieId:ID(Movie),title,year:int,:LABEL\nm1,The Matrix,1999,Movie\nm2,Jaws,1975,Movie;Thriller\n",
    "actors.csv": "personId:ID(Person),name,:LABEL\nk1,Keanu Reeves,Actor\nr1,Roy Scheider,Actor\n",
    "roles.csv": ":START_ID(Person),role,:END_ID(Movie),:TYPE\nk1,Neo,m1,ACTED_IN\nr1,,m2,ACTED_IN\n",
    "knows.csv": ":START_ID(Person),:END_ID(Person)\nk1,r1\n",
}
EXPECTED = [("k1", "ACTED_IN", "m1"), ("k1", "knows", "r1"), ("r1", "ACTED_IN", "m2")]


def check_movies(graph):
    assert dict(zip(graph.entities, graph.names, strict=True)) == {
        "m1": "The Matrix",
        "m2": "Jaws",
        "k1": "Keanu Reeves",
        "r1": "Roy Scheider",
    }
    assert sorted(triples(graph)) == EXPECTED
    assert ("m2", "label", "Thriller", None) in facts(graph) and ("m1", "year", "1999", None) in facts(graph)
    assert not any(attribute == "title" for _, attribute, _, _ in facts(graph))


def test_several_files_of_nodes_and_relationships_are_one_graph(tmp_path):
    faults = Faults()
    folder = put(tmp_path / "export", MOVIES)
    check_movies(read_graph_data(folder, faults).graph)
    assert faults.notes == {"export: properties of relationships left out": 1}


@pytest.mark.parametrize(("mark", "separator"), [("-header", ","), ("_header", "\t"), (".headers", "|")])
def test_headers_may_be_files_of_their_own_and_data_in_parts(tmp_path, mark, separator):
    files = {}
    for name, text in MOVIES.items():
        header, *rows = text.replace(",", separator).splitlines(keepends=True)
        stem = name.removesuffix(".csv")
        files |= {f"{stem}{mark}.csv": header, f"{stem}.csv": rows[0], f"{stem}-2.csv": "".join(rows[1:])}
    files["knows-2.csv"] = None
    check_movies(mmkg.read_graph(put(tmp_path, files)))


def test_an_id_in_two_groups_gets_the_name_of_its_group(tmp_path):
    files = {name: text.replace("k1", "1").replace("m1", "1") for name, text in MOVIES.items()}
    graph = mmkg.read_graph(put(tmp_path, files))
    assert set(graph.entities) == {"Person/1", "Movie/1", "Person/r1", "Movie/m2"}
    assert ("Person/1", "ACTED_IN", "Movie/1") in triples(graph)


def test_options_in_headers_of_newer_versions_are_read(tmp_path):
    nodes = 'id:ID(P){label:Person},"born:datetime{timezone:Europe/Stockholm}"\np1,1999-05-01\n'
    graph = mmkg.read_graph(put(tmp_path, {"people.csv": nodes, "r.csv": ":START_ID(P),:END_ID(P),:TYPE\np1,p1,IS\n"}))
    assert facts(graph) == [("p1", "born", "1999-05-01", None)] and triples(graph) == [("p1", "IS", "p1")]


@pytest.mark.parametrize(
    ("changed", "name", "line", "message"),
    [
        (
            {"roles.csv": MOVIES["roles.csv"] + "k9,,m1,X\n"},
            "roles.csv",
            4,
            "of the tables of nodes, got the unknown 'Pe",
        ),
        ({"roles.csv": MOVIES["roles.csv"] + "k1,,m1,\n"}, "roles.csv", 4, "expected the :TYPE, got an empty field"),
        ({"roles.csv": MOVIES["roles.csv"] + ",,m1,X\n"}, "roles.csv", 4, "expected the :START_ID, got an empty field"),
        (
            {"more.csv": "a,b\n1,2\n"},
            "more.csv",
            1,
            "expected a header with :ID, or :START_ID and :END_ID, in the first",
        ),
        ({"half.csv": ":START_ID(Person)\nk1\n"}, "half.csv", 1, "expected a column :END_ID, got none"),
    ],
)
def test_malformed_folders_are_refused_with_their_place(tmp_path, changed, name, line, message):
    folder = put(tmp_path, MOVIES | changed)
    refused(lambda: mmkg.read_graph(folder), folder / name, line, message)


# --- APOC

APOC_CSV = """"_id","_labels","age","kids","name","_start","_end","_type","since"
"188",":User:Admin","42","[""Sam"",""Anna""]","Adam",,,,
"189",":User","","","Jim",,,,
"190","","12","","",,,,
,,,,,"188","189","KNOWS","1993"
,,,,,"189","190","KNOWS",""
"""
APOC_JSON = [
    {"type": "node", "id": "188", "labels": ["User", "Admin"], "properties": {"name": "Adam", "age": 42}},
    {
        "id": "0",
        "type": "relationship",
        "label": "KNOWS",
        "properties": {"since": 1993},
        "start": {"id": "188", "labels": ["User"]},
        "end": {"id": "189", "labels": ["User"]},
    },
    {"type": "node", "id": "189", "labels": ["User"], "properties": {"name": "Jim"}},
    {"type": "node", "id": "190", "properties": {"age": 12, "at": {"crs": "wgs-84", "x": 1.5}}},
    {"id": "1", "type": "relationship", "label": "KNOWS", "start": {"id": "189"}, "end": {"id": "190"}},
]
APOC_JSON[0]["properties"]["kids"] = ["Sam", "Anna"]
KNOWS = [("188", "KNOWS", "189"), ("189", "KNOWS", "190")]
ADAM = [("188", "age", "42", None), ("188", "kids", "Sam", None), ("188", "kids", "Anna", None)]


def lines_of(objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


@pytest.mark.parametrize("name", ["all.csv", "all.json", "all.jsonl"])
def test_exports_of_apoc_are_read(tmp_path, name):
    path = put(tmp_path, {name: APOC_CSV if name.endswith("csv") else lines_of(APOC_JSON)}) / name
    faults = Faults()
    assert graph_format(path) == "neo4j"
    graph = read_graph_data(path, faults).graph
    assert graph.entities == ("188", "189", "190") and graph.names == ("Adam", "Jim", None)
    assert triples(graph) == KNOWS
    assert {*ADAM, ("188", "label", "Admin", None), ("190", "age", "12", None)} <= set(facts(graph))
    assert faults.notes == {f"{name}: properties of relationships left out": 1}


def test_points_of_json_stay_together(tmp_path):
    path = put(tmp_path, {"all.json": lines_of(APOC_JSON)}) / "all.json"
    assert ("190", "at", '{"crs": "wgs-84", "x": 1.5}', None) in facts(mmkg.read_graph(path))


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        (
            "all.json",
            lines_of(APOC_JSON) + '{"type": "node"}\n',
            6,
            "expected one JSON object of a node or relationship",
        ),
        (
            "all.json",
            lines_of(APOC_JSON) + "{\n",
            6,
            "expected one JSON object of a node or relationship of APOC, got '{'",
        ),
        ("all.json", lines_of(APOC_JSON[:2]), 2, "expected an entity of the file, got the unknown '189'"),
        ("all.csv", APOC_CSV + ',,,,,"188","","KNOWS",""\n', 7, "expected an _id, or _start and _end, got none"),
        ("all.csv", APOC_CSV + ',,,,,"188","7","KNOWS",""\n', 7, "an entity of the rows before, got the unknown '7'"),
    ],
)
def test_malformed_exports_of_apoc_are_refused_with_their_place(tmp_path, name, text, line, message):
    path = put(tmp_path, {name: text}) / name
    refused(lambda: mmkg.read_graph(path), path, line, message)


def test_bad_rows_are_skipped_and_counted(tmp_path):
    path = put(tmp_path, {"all.json": lines_of(APOC_JSON) + "{\n"}) / "all.json"
    assert triples(mmkg.read_graph(path, on_error="skip")) == KNOWS


def test_other_tables_and_json_are_no_exports(tmp_path):
    files = {"a.csv": "_id,name\n1,x\n", "b.json": '{"nodes": []}', "c.json": '[{"type": "node"}]'}
    folder = put(tmp_path, files)
    assert [graph_format(folder / name) for name in files] == ["csv", "json", "json"]
    with pytest.raises(InputError):
        mmkg.read_graph(folder / "c.json")
