"""GraphML, node-link JSON, and the files of GraphRAG and LightRAG."""

import csv
import json
from dataclasses import replace

import networkx
import numpy as np
import pytest
from reader_cases import facts, put, refused, triples
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.data.formats.graphs import graph_format, read_graph, read_graph_data
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.parsing.columns import Faults

GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="label" attr.type="string"/>
<key id="d1" for="node" attr.name="born" attr.type="int"/>
<key id="d2" for="edge" attr.name="label" attr.type="string"/>
<key id="d3" for="edge" attr.name="weight" attr.type="double"/>
<graph edgedefault="directed">
<node id="n1"><data key="d0">Marie Curie</data><data key="d1">1867</data></node>
<node id="n2"><data key="d0">Warsaw</data></node>
<edge source="n1" target="n2"><data key="d2">born in</data><data key="d3">0.5</data></edge>
<edge source="n2" target="n1"/>
</graph></graphml>
"""
LINKED = {
    "directed": True,
    "nodes": [{"id": "n1", "name": "Marie Curie", "born": 1867}, {"id": 2, "name": "Warsaw"}],
    "links": [{"source": "n1", "target": 2, "relation": "born in"}, {"source": 2, "target": "n1", "key": 0}],
}


def read(path):
    faults = Faults()
    return read_graph_data(path, faults).graph, faults.notes


def test_graphml_has_names_values_and_relations(tmp_path):
    graph, notes = read(put(tmp_path, {"g.graphml": GRAPHML}) / "g.graphml")
    assert graph.entities == ("n1", "n2") and graph.names == ("Marie Curie", "Warsaw")
    assert triples(graph) == [("n1", "born in", "n2"), ("n2", "edge", "n1")]
    assert facts(graph) == [("n1", "born", "1867", None)]
    assert notes == {"g.graphml: weight of edges, which graphs of triples have no place for": 1}


def test_node_link_json_has_names_values_and_relations(tmp_path):
    for key in ("links", "edges"):
        text = json.dumps(LINKED).replace('"links"', f'"{key}"')
        graph = read_graph(put(tmp_path, {"g.json": text}) / "g.json")
        assert graph.entities == ("n1", "2") and graph.names == ("Marie Curie", "Warsaw")
        assert triples(graph) == [("n1", "born in", "2"), ("2", "edge", "n1")]
        assert facts(graph) == [("n1", "born", "1867", None)]


@pytest.mark.parametrize("kind", ["Graph", "DiGraph", "MultiGraph", "MultiDiGraph"])
def test_what_networkx_writes_is_read(tmp_path, kind):
    made = getattr(networkx, kind)()
    made.add_node("a", name="Ann")
    made.add_edge("a", "b", relation="knows")
    if "Multi" in kind:
        made.add_edge("a", "b", relation="likes")
    networkx.write_graphml(made, tmp_path / "g.graphml")
    (tmp_path / "g.json").write_text(json.dumps(networkx.node_link_data(made, edges="links")))
    expected = [("a", "knows", "b"), ("a", "likes", "b")][: made.number_of_edges()]
    for name in ("g.graphml", "g.json"):
        graph = read_graph(tmp_path / name)
        assert triples(graph) == expected and graph.names == ("Ann", None)


@pytest.mark.parametrize("form", ["graphml", "json"])
def test_what_is_written_is_read_back(tmp_path, form):
    hard = ("a b", "tab\there", '"quoted" <&>', "line\nfeed", "東京", "alone")
    kinds = np.array([[0, 1, 2], [0, 0, 2], [3, 0, 3], [0, 1, 2], [4, 1, 0]])
    values = AttributeTriples(
        np.array([1, 1, 4]), np.array([0, 1, 0]), ("p", "q r"), ("1.5", None, "x\ny"), ("@en", None, None)
    )
    names = ("A", None, "<c>", None, "東京", None)
    pictures = ("http://p/1.png", *(None,) * 5)
    graph = KnowledgeGraph(hard, ("r", "s"), kinds, values, names=names, pictures=pictures)
    task = mmkg.AlignmentTask(graph, graph, mmkg.LinkSplit(*(np.empty((0, 2), np.int64),) * 3))
    mmkg.write_pair(task, tmp_path, form)
    back = read_graph(tmp_path / f"left.{form}")
    assert triples(back) == triples(graph) and facts(back) == facts(graph)
    assert replace(back, relations=(), triples=back.triples[:0]) == replace(graph, relations=(), triples=kinds[:0])


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        (
            "g.graphml",
            GRAPHML.replace('id="n2"', 'id="n1"'),
            9,
            "expected a unique id of each node, got 'n1'",
        ),
        (
            "g.graphml",
            GRAPHML.replace('target="n1"', 'target="zz"'),
            11,
            "target of each edge, got the unknown 'zz'",
        ),
        ("g.graphml", GRAPHML.replace("</graph>", ""), 12, "expected GraphML, got mismatched tag"),
        ("g.graphml", GRAPHML.replace('key="d1"', 'key="d9"'), None, "got 'Bad GraphML data: no key d9'"),
        ("g.graphml", GRAPHML.replace(">1867<", ">early<"), None, "expected GraphML with nodes and edges, got"),
        ("g.graphml", "<graphml/>", None, "expected GraphML with"),
        ("g.graphml", "", None, "expected GraphML"),
        ("g.graphml", "<a>" * 600 + "</a>" * 600, 1, "expected at most 500 elements inside each other"),
        (
            "g.graphml",
            '<!DOCTYPE g [<!ENTITY a "xxxx"><!ENTITY b "&a;&a;">]>\n<g>&b;</g>',
            1,
            "expected entities that are plain text",
        ),
        ("g.json", "{", 1, "expected JSON, got"),
        ("g.json", "[" * 200_000, None, "expected JSON without deep nesting"),
        ("g.json", '{"nodes": []}', None, "got the keys 'nodes'"),
        ("g.json", '[{"@id": "x"}]', None, "JSON-LD ends in .jsonld"),
        ("g.json", '{"nodes": [], "edges": []}', None, "expected at least one node, got none"),
        ("g.json", '{"nodes": [{"name": "x"}], "edges": []}', None, "nodes[0]: expected an object with a unique id"),
        (
            "g.json",
            '{"nodes": [{"id": 1}, {"id": 1}], "edges": []}',
            None,
            "nodes[1]: expected an object",
        ),
        (
            "g.json",
            '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": "b"}]}',
            None,
            "links[0]: expected",
        ),
        ("g.json", '{"nodes": [{"id": 1, "x": {"y": 2}}], "links": []}', None, "expected a text or a number as 'x'"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path, name, text, line, message):
    path = put(tmp_path, {name: text}) / name
    refused(lambda: read_graph(path), path, line, message)


LIGHT = [("ALICE", "PERSON", "A girl.<SEP>She fell."), ("WONDERLAND", "GEO", "A place.")]


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_folder_of_lightrag(tmp_path, quote):
    made = networkx.Graph()
    for name, kind, text in LIGHT:
        data = {
            "entity_type": f"{quote}{kind}{quote}",
            "description": text,
            "source_id": "chunk-1",
            "file_path": "a.txt",
        }
        made.add_node(f"{quote}{name}{quote}", entity_id=name, **data)
    ends = [f"{quote}{name}{quote}" for name, _, _ in LIGHT]
    made.add_edge(*ends, weight=2.0, description="She visits it.", keywords="visit,fall", source_id="chunk-1")
    networkx.write_graphml(made, tmp_path / "graph_chunk_entity_relation.graphml")
    (tmp_path / "kv_store_full_docs.json").write_text("{}")
    assert graph_format(tmp_path) == "lightrag"
    graph, notes = read(tmp_path)
    assert graph.entities == graph.names == ("ALICE", "WONDERLAND")
    assert triples(graph) == [("ALICE", "related", "WONDERLAND")]
    assert sorted(fact[:3] for fact in facts(graph)) == [
        ("ALICE", "description", "A girl."),
        ("ALICE", "description", "She fell."),
        ("ALICE", "type", "PERSON"),
        ("WONDERLAND", "description", "A place."),
        ("WONDERLAND", "type", "GEO"),
    ]
    assert notes["graph_chunk_entity_relation.graphml: nodes of LightRAG, read with type and description"] == 2


def write_graphrag(folder, form, prefix, label):
    entities = [
        {"id": f"u{k}", "human_readable_id": k, label: n, "type": t, "description": d}
        for k, (n, t, d) in enumerate(LIGHT)
    ]
    related = [{"id": "r0", "source": "ALICE", "target": "WONDERLAND", "description": "She visits it.", "weight": 2.0}]
    folder.mkdir(exist_ok=True)
    for name, rows in (("entities", entities), ("relationships", related)):
        path = folder / f"{prefix}{name}.{form}"
        if form == "csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            pyarrow = pytest.importorskip("pyarrow")
            from pyarrow import parquet

            rows = [{**row, "text_unit_ids": ["t1", "t2"]} for row in rows]
            parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return folder


@pytest.mark.parametrize(
    ("form", "prefix", "label"),
    [("parquet", "", "title"), ("parquet", "create_final_", "name"), ("csv", "", "title")],
)
def test_a_folder_of_graphrag(tmp_path, form, prefix, label):
    write_graphrag(tmp_path, form, prefix, label)
    assert graph_format(tmp_path) == "graphrag"
    graph, notes = read(tmp_path)
    assert graph.entities == graph.names == ("ALICE", "WONDERLAND")
    assert triples(graph) == [("ALICE", "related", "WONDERLAND")]
    assert ("ALICE", "type", "PERSON", None) in facts(graph) and len(facts(graph)) == 4
    assert notes[f"{prefix}relationships.{form}: descriptions, which graphs of triples have no place for"] == 1


def test_a_relationship_of_an_unknown_entity_is_refused(tmp_path):
    write_graphrag(tmp_path, "csv", "", "title")
    path = tmp_path / "relationships.csv"
    path.write_text(path.read_text().replace("WONDERLAND", "OZ"))
    refused(lambda: read_graph(tmp_path), path, 2, "expected an entity of entities.csv, got the unknown 'OZ'")


def test_every_format_is_a_side_of_a_pair(tmp_path):
    write_graphrag(tmp_path / "rag", "csv", "", "title")
    put(tmp_path, {"g.graphml": GRAPHML, "g.json": json.dumps(LINKED)})
    ld = '{"@id": "http://e/n1", "http://e/p": {"@id": "http://e/n2"}}'
    put(tmp_path, {"a.jsonld": ld, "b.jsonld": ld.replace("/e/", "/f/")})
    run = CliRunner()
    for left, right in (("rag", "g.graphml"), ("g.graphml", "g.json"), ("a.jsonld", "b.jsonld")):
        sides = [str(tmp_path / left), str(tmp_path / right)]
        assert run.invoke(app, ["inspect", *sides]).exit_code == 0
        done = run.invoke(app, ["convert", *sides, str(tmp_path / f"out{left}"), "--to", "tsv"])
        assert done.exit_code == 0, done.output
    seeds = ["--set", 'data.seeds_from=["name"]', "--set", "data.pivot_share=1", "--model", "propagation"]
    done = run.invoke(app, ["align", str(tmp_path / "g.graphml"), str(tmp_path / "g.json"), *seeds])
    assert done.exit_code == 0, done.output
