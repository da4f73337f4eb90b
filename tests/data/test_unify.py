"""Several entities as one and back: nothing is lost."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.formats.unified import read_separated, write_graph, write_unified
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.unify import separate, unify
from mmkg.errors import InputError, UsageError


@pytest.fixture
def graph():
    """Ada under three names, Grace under two; repeated statements, one inside a cluster, a loop."""
    labels = ("ada", "a_l", "lovelace", "grace", "g_h", "london", "navy")
    triples = [(0, 0, 5), (1, 0, 5), (1, 1, 6), (2, 2, 0), (3, 1, 6), (4, 1, 6), (3, 3, 3), (5, 2, 2), (5, 2, 6)]
    facts = AttributeTriples(
        np.array([0, 1, 1, 4, 6]), np.array([0, 0, 1, 0, 1]), ("born", "note"), ("1815", "1815", "x", "1906", "y"),
        ("@en", "@en", None, None, None),
    )  # fmt: skip
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    return KnowledgeGraph(
        labels,
        ("lived", "served", "knew", "likes"),
        np.array(triples, np.int64),
        facts,
        names=("Ada", "A. L.", None, None, "Grace", "London", None),
        images=ImageTable(np.array([1, 2, 4, 5]), features),
        display=tuple(f"<{label}>" for label in labels),
        source_ids=np.arange(10, 17),
        pictures=(None, "p1", None, None, None, "p5", None),
    )


CLUSTERS = [np.array([0, 1, 2]), np.array([3, 4])]


def content(graph):
    """All that a graph holds, by labels, in any order."""
    facts = graph.attributes
    types = facts.types or (None,) * len(facts)
    columns = zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, types, strict=True)
    images = {} if graph.images is None else dict(zip(graph.images.rows.tolist(), graph.images.features, strict=True))
    described = {
        label: tuple(None if column is None else column[row] for column in (graph.names, graph.pictures, graph.display))
        + (None if graph.source_ids is None else int(graph.source_ids[row]),)
        + (tuple(images[row].tolist()) if row in images else None,)
        for row, label in enumerate(graph.entities)
    }
    return (
        described,
        Counter((graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.triples.tolist()),
        Counter((graph.entities[e], facts.names[a], value, kind) for e, a, value, kind in columns),
    )


def test_one_entity_has_what_all_members_had(graph):
    unified, _ = unify(graph, CLUSTERS)
    described, triples, facts = content(unified)
    # by hand: a_l has most statements (4: two triples, two facts); ada and lovelace have fewer; grace has 3, g_h 2
    assert list(described) == ["a_l", "grace", "london", "navy"]
    assert triples == Counter(
        [
            ("a_l", "lived", "london"),
            ("a_l", "served", "navy"),
            ("grace", "served", "navy"),
            ("grace", "likes", "grace"),
            ("london", "knew", "a_l"),
            ("london", "knew", "navy"),
        ]
    )
    assert facts == Counter(
        [
            ("a_l", "born", "1815", "@en"),
            ("a_l", "note", "x", None),
            ("grace", "born", "1906", None),
            ("navy", "note", "y", None),
        ]
    )
    assert described["a_l"] == ("A. L.", "p1", "<a_l>", 11, (0.0, 1.0, 2.0))
    assert described["grace"] == ("Grace", None, "<grace>", 13, (6.0, 7.0, 8.0))


def test_the_graph_is_restored(graph):
    assert content(separate(*unify(graph, CLUSTERS))) == content(graph)
    assert content(mmkg.separate(*unify(graph, []))) == content(graph)


def test_bare_graphs_are_restored():
    bare = KnowledgeGraph(("a", "b", "c"), ("p",), np.array([[0, 0, 1], [1, 0, 2]]))
    unified, origin = unify(bare, [np.array([0, 2])])
    assert unified.entities == ("a", "b") and len(unified.triples) == 2
    assert content(separate(unified, origin)) == content(bare)


def test_what_was_added_since_stays(graph):
    unified, origin = unify(graph, CLUSTERS)
    more = replace(unified, triples=np.concatenate([unified.triples, [[3, 0, 0]]]))
    expected = content(graph)
    expected[1]["navy", "lived", "a_l"] += 1
    assert content(separate(more, origin)) == expected


@pytest.mark.parametrize("name", ["merged.nt", "merged"])
def test_a_file_and_its_origin_restore_the_graph(graph, tmp_path, name):
    graph = replace(graph, source_ids=None, display=None, images=None if name.endswith(".nt") else graph.images)
    triples = np.unique(graph.triples, axis=0)
    graph = replace(graph, triples=triples)
    if name == "merged.nt":
        graph = replace(graph, pictures=tuple(each and f"http://e/{each}" for each in graph.pictures))
    write_unified(*unify(graph, CLUSTERS), tmp_path / name)
    assert content(read_separated(tmp_path / name)) == content(graph)


def test_wrong_clusters_graphs_and_records_are_named(graph, tmp_path):
    for clusters in ([np.array([0, 1]), np.array([1, 2])], [np.array([0])]):
        with pytest.raises(InputError, match="expected clusters of at least two entities, each entity in one"):
            unify(graph, clusters)
    with pytest.raises(InputError, match=r"expected rows in 0..6 in clusters, got 0..7"):
        unify(graph, [np.array([0, 7])])
    unified, origin = unify(graph, CLUSTERS)
    with pytest.raises(InputError, match="expected a graph without 'ada', which was unified"):
        separate(graph, origin)
    with pytest.raises(InputError, match="expected the unified entity 'a_l' in the graph"):
        separate(replace(unified, entities=("x", *unified.entities[1:])), origin)
    with pytest.raises(InputError, match=r"merged.nt.origin.json: no such file"):
        read_separated(tmp_path / "merged.nt")
    with pytest.raises(UsageError, match=r"give a file .nt or a folder"):
        write_graph(unified, tmp_path / "merged.xyz")
    write_unified(unified, origin, tmp_path / "merged")
    record = tmp_path / "merged.origin.json"
    values = json.loads(record.read_text())
    for bad in (
        {**values, "clusters": [[{"label": "a_l"}]]},
        {**values, "triples": [["q", "r", "s"]]},
        {"clusters": 3},
    ):
        record.write_text(json.dumps(bad))
        with pytest.raises(InputError, match="merged.origin.json"):
            read_separated(tmp_path / "merged")
