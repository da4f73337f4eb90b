"""The same pair through every format, and how a format is recognised."""

from dataclasses import replace

import numpy as np
import pytest
from reader_cases import facts, pairs, plain, put, refused, triples
from small import FLAGS, SETTINGS
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.data.formats.graphs import graph_format, read_graph
from mmkg.data.formats.two_graphs import read_pair
from mmkg.data.formats.write import write_pair
from mmkg.data.kg import AttributeTriples
from mmkg.data.links.formats import LINK_FORMATS
from mmkg.data.links.oaei import Cell, write_oaei
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError, UsageError
from mmkg.sources.synthetic import twin_graphs

SPLIT = {"train_ratio": 0.3, "valid_ratio": 0.1, "candidates": "test"}  # as of a benchmark
MODALITIES = ("structure", "relation", "attribute")
KEPT = {  # format: whether it carries names, types and pictures
    "dbp15k": (True, False, False),
    "openea": (False, True, False),
    "ntriples": (True, True, True),
    "tsv": (True, True, True),
    "csv": (True, True, True),
    "parquet": (True, True, True),
    "graphml": (True, True, True),
    "json": (True, True, True),
}


def in_order_of_appearance(graph):
    """As a reader that meets triples alone numbers it: no loose entities, facts by entity, all with a value."""
    rows = list(dict.fromkeys(graph.triples[:, ::2].ravel().tolist()))
    kinds = list(dict.fromkeys(graph.triples[:, 1].tolist()))
    row_of = {old: new for new, old in enumerate(rows)}
    kind_of = {old: new for new, old in enumerate(kinds)}
    found = [[row_of[h], kind_of[r], row_of[t]] for h, r, t in graph.triples.tolist()]
    pairs = zip(graph.attributes.entity.tolist(), graph.attributes.attribute.tolist(), strict=True)
    own = sorted((row_of[entity], name) for entity, name in pairs if entity in row_of)
    seen = list(dict.fromkeys(name for _, name in own))
    attributes = AttributeTriples(
        np.array([row for row, _ in own]),
        np.array([seen.index(name) for _, name in own]),
        tuple(graph.attributes.names[name] for name in seen),
        tuple(f"value {name % 3}" for _, name in own),
        tuple("@en" if name % 2 else None for _, name in own),
    )
    return replace(
        graph,
        entities=tuple(graph.entities[row] for row in rows),
        relations=tuple(graph.relations[kind] for kind in kinds),
        triples=np.array(found),
        attributes=attributes,
        names=tuple(graph.names[row] for row in rows),
        images=None,
        pictures=tuple(f"http://p/{row}.png" if row % 3 else None for row in rows),
    ), row_of


@pytest.fixture(scope="module")
def twins():
    task = twin_graphs(80, mean_degree=8, noise=0.1, missing={}, train_ratio=0.5, valid_ratio=0.2, seed=4)
    (left, rows), (right, columns) = (in_order_of_appearance(graph) for graph in (task.left, task.right))
    # as DBP15K numbers them, relations of one label have one id: those of the right graph follow the left one's
    parts = [
        np.array([[rows[i], columns[j]] for i, j in part.tolist() if i in rows and j in columns])
        for part in (task.links.train, task.links.valid, task.links.test)
    ]
    return replace(task, left=left, right=right, links=LinkSplit(*parts))


@pytest.fixture(scope="module")
def folders(twins, tmp_path_factory):
    root = tmp_path_factory.mktemp("formats")
    return {form: write_pair(twins, root / form / "pair", form) for form in KEPT}


def through(form, twins, folders):
    if form == "networkx":
        graphs = [mmkg.from_networkx(mmkg.to_networkx(graph)) for graph in (twins.left, twins.right)]
        split = mmkg.load(folders["tsv"], seed=5, **SPLIT).links
        return replace(twins, left=graphs[0], right=graphs[1], links=split)
    if form == "pyg":
        graphs = [mmkg.from_pyg(mmkg.to_pyg(graph)) for graph in (twins.left, twins.right)]
        return replace(twins, left=graphs[0], right=graphs[1], links=mmkg.load(folders["csv"], seed=5, **SPLIT).links)
    return mmkg.load(folders[form], seed=5, **SPLIT)


@pytest.mark.parametrize("form", [*KEPT, "networkx", "pyg"])
def test_the_same_pair_through_every_format_is_the_same_graphs_and_split(form, twins, folders):
    task = through(form, twins, folders)
    names, types, pictures = KEPT.get(form, (True, True, True))
    for before, after in ((twins.left, task.left), (twins.right, task.right)):
        assert after.entities == before.entities
        once = form == "ntriples"  # RDF knows a statement once
        kept = (lambda items: list(dict.fromkeys(items))) if once else list
        assert triples(after) == kept(triples(before))
        assert set(after.relations) == set(before.relations)
        assert [fact[: 3 + types] for fact in facts(after)] == kept(fact[: 3 + types] for fact in facts(before))
        assert after.names == (before.names if names else None)
        assert after.pictures == (before.pictures if pictures else None)
    first = mmkg.load(folders["openea"], seed=5, **SPLIT)
    for part in ("train", "valid", "test"):
        assert getattr(task.links, part).tolist() == getattr(first.links, part).tolist()
    assert sorted(pairs(task)) == sorted(pairs(twins))


def test_the_same_pair_through_five_formats_gives_the_same_figures(twins, folders):
    found = {}
    for form in ("dbp15k", "openea", "ntriples", "parquet", "networkx"):
        task = through(form, twins, folders)
        order = sorted(task.right.relations)  # DBP15K numbers relations of both graphs together
        kinds = np.array([order.index(label) for label in task.right.relations])
        rows = task.right.triples.copy()
        rows[:, 1] = kinds[rows[:, 1]]
        task = replace(task, right=replace(task.right, relations=tuple(order), triples=rows))
        result = mmkg.align(task, "mclea", seed=1, modalities=MODALITIES, settings={"training": SETTINGS["training"]})
        found[form] = {key: value for key, value in result.metrics["left_to_right"].items()}
    assert 0 < found["openea"]["hits@1"] and all(metrics == found["openea"] for metrics in found.values()), found


@pytest.mark.parametrize("form", [form for form in KEPT if form != "dbp15k"])
def test_a_split_is_kept_where_that_is_asked_for(form, twins, tmp_path):
    folder = write_pair(twins, tmp_path / "pair", form, keep_split=True)
    task = mmkg.load(folder, seed=9, **({"fold": "split"} if form == "openea" else {}))
    for part in ("train", "valid", "test"):
        assert getattr(task.links, part).tolist() == getattr(twins.links, part).tolist()


def test_dbp15k_holds_no_split_and_an_unknown_format_names_the_nearest(twins, tmp_path):
    with pytest.raises(UsageError, match="no place for validation links"):
        write_pair(twins, tmp_path, "dbp15k", keep_split=True)
    with pytest.raises(UsageError, match="did you mean 'parquet'"):
        write_pair(twins, tmp_path, "parqet")


@pytest.mark.parametrize("links", LINK_FORMATS)
def test_links_are_written_in_any_format_beside_any_graphs(links, twins, tmp_path):
    folder = write_pair(twins, tmp_path / "pair", "tsv", links=links)
    assert len(list(folder.glob("links.*"))) == 1
    assert sorted(pairs(mmkg.load(folder))) == sorted(pairs(twins))
    if links in ("nt", "oaei", "sssom"):
        with pytest.raises(UsageError, match=f"links as {links} have no place for a split"):
            write_pair(twins, tmp_path / "again", "tsv", links=links, keep_split=True)
    else:
        found = mmkg.load(write_pair(twins, tmp_path / "again", "tsv", links=links, keep_split=True))
        assert found.links.valid.tolist() == twins.links.valid.tolist()


def test_a_layout_keeps_its_own_links_and_an_unknown_format_of_links_is_refused(twins, tmp_path):
    with pytest.raises(UsageError, match="the layout openea has a format of links of its own"):
        write_pair(twins, tmp_path, "openea", links="oaei")
    with pytest.raises(UsageError, match="unknown format of links 'oei'; did you mean 'oaei'"):
        write_pair(twins, tmp_path, "tsv", links="oei")
    with pytest.raises(UsageError, match="the layout mmkb has no place for validation links"):
        write_pair(twins, tmp_path, "mmkb", keep_split=True)


def test_dbp15k_comes_back_with_images_ids_and_relation_labels(tmp_path):
    task = twin_graphs(60, seed=2)
    folder = write_pair(task, tmp_path / "pair", "dbp15k")
    found = mmkg.load(folder)
    for before, after in ((task.left, found.left), (task.right, found.right)):
        assert plain(after)[:4] == plain(before)[:4]
        assert np.array_equal(after.images.features, before.images.features)
    again = mmkg.load(write_pair(found, tmp_path / "again", "dbp15k"))
    assert again.right.source_ids.tolist() == found.right.source_ids.tolist() and plain(again.left) == plain(found.left)


TSV, NT = "a\tr\tb\nb\tr\tc\n", "<http://e/a> <http://e/r> <http://e/b> .\n"
OTHER, LINKS = "x\tr\ty\ny\tr\tz\n", "a\tx\nb\ty\n"


def test_two_graphs_of_different_formats_and_links_make_a_pair(tmp_path):
    put(tmp_path, {"a.tsv": TSV, "b/triples.csv": "head,relation,tail\nhttp://e/x,r,http://e/y\n"})
    write_oaei(tmp_path / "links.rdf", [Cell("a", "http://e/x"), Cell("b", "http://e/y", ">")])
    task = mmkg.load((tmp_path / "a.tsv", tmp_path / "b"), links=str(tmp_path / "links.rdf"))
    assert task.name == "a_b" and pairs(task) == [("a", "http://e/x")]
    assert task.notes["links.rdf: cells of another relation than ="] == 1
    assert len(read_pair(tmp_path / "a.tsv", tmp_path / "b").links.all()) == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"g.nt": NT}, "rdf"),
        ({"g.ttl.gz": NT}, "rdf"),
        ({"g.tsv": TSV}, "tsv"),
        ({"g.csv.bz2": TSV}, "csv"),
        ({"g.parquet": ""}, "parquet"),
        ({"g.jsonl": ""}, None),
        ({"g/1.nt": NT, "g/readme.txt": ""}, "rdf"),
        ({"g/triples.tsv": TSV, "g/entities.tsv": ""}, "tsv"),
        ({"g/notes.txt": ""}, None),
    ],
)
def test_a_graph_is_recognised_by_its_name_or_its_files(tmp_path, files, expected):
    put(tmp_path, files)
    assert graph_format(tmp_path / next(iter(files)).partition("/")[0]) == expected


PAIR = {"left.tsv": TSV, "right.tsv": OTHER, "links.tsv": LINKS}
LOOKED = (
    "dbp15k: ent_ids_1, ent_ids_2, triples_1, triples_2; openea: rel_triples_1, rel_triples_2; mmkb: *_EntityTriples"
)
LAYOUTS = [  # files, settings, place below the folder, message
    ({}, {}, "", f"expected a pair of graphs, looked for {LOOKED}"),
    ({"a.md": ""}, {}, "", "found a.md"),
    ({"left.tsv": TSV}, {}, "", "expected one graph called right (file or folder), found none"),
    ({"right.tsv": TSV}, {}, "", "expected one graph called left (file or folder), found none"),
    ({**PAIR, "left.csv": ""}, {}, "", "expected one graph called left (file or folder), found left.csv, left.tsv"),
    ({**PAIR, "links.csv": ""}, {}, "", "expected one file of links, found links.csv, links.tsv"),
    ({"a.nt": NT, "b.nt": NT}, {}, "", "expected a pair of graphs, got one; give the other one and the links too"),
    ({"triples.tsv": TSV}, {}, "", "mmkg align LEFT RIGHT --links FILE"),
    ({"ent_ids_1": "0\ta\n"}, {}, "ent_ids_2", "no such file"),
    ({"rel_triples_2": TSV}, {}, "rel_triples_1", "no such file"),
    ({"X_EntityTriples.txt": "a r b .\n"}, {}, "", "expected two graphs (NAME_EntityTriples.txt), found X"),
    (PAIR, {"format": "openea"}, "rel_triples_1", "no such file"),
    (PAIR, {"format": "rdf"}, "left.tsv", "expected an RDF file"),
    (
        {**PAIR, "links.tsv": "a\tx\nc\tq\n"},
        {},
        "links.tsv:2",
        "expected an entity of the right graph, got the unknown 'q'",
    ),
]


@pytest.mark.parametrize(("files", "settings", "place", "message"), LAYOUTS, ids=range(len(LAYOUTS)))
def test_a_folder_that_is_no_pair_is_refused_with_what_was_looked_for(tmp_path, files, settings, place, message):
    folder = put(tmp_path / "pair", files)
    folder.mkdir(exist_ok=True)
    name, _, line = place.partition(":")
    path = folder / name if name else folder
    with pytest.raises(InputError) as caught:
        mmkg.load(folder, **settings)
    assert str(caught.value).startswith(f"{path}:{line + ':' if line else ''} ") and message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "parqet"}, "unknown format 'parqet'; did you mean 'parquet'"),
        (
            {"fold": "1"},
            "data.fold has no effect on .* layout pair; it is a setting for the layout openea$",
        ),
        ({"graphs": ("a", "b")}, "data.graphs has no effect on .* layout pair; it is a setting for the layout mmkb$"),
        ({"names": "n.json"}, "data.names has no effect on .* layout pair; it is a setting for the layout dbp15k$"),
        ({"fromat": "tsv"}, "did you mean 'format'"),
        ({"columns": ("a", "b")}, "expected the names of head, relation and tail"),
    ],
)
def test_a_setting_that_the_layout_does_not_take_is_refused(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        mmkg.load(put(tmp_path, PAIR), **settings)


def test_a_graph_of_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    put(tmp_path, {"g.jsonl": "", "g/notes": ""})
    for name, message in (
        ("g.jsonl", "expected a graph, one of .nt, .nq"),
        ("g", "a folder of RDF files, of tables with an id in each row, or with triples.tsv"),
    ):
        refused(lambda name=name: read_graph(tmp_path / name), tmp_path / name, None, message)
    refused(lambda: read_graph(tmp_path / "no.nt"), tmp_path / "no.nt", None, "no such file or folder")
    with pytest.raises(UsageError, match="unknown format of a graph 'dbp15k'"):
        read_graph(tmp_path / "g.jsonl", format="dbp15k")
    put(tmp_path, {"g.jsonl": TSV.replace("\t", ",")})
    refused(lambda: read_graph(tmp_path / "g.jsonl", format="rdf"), tmp_path / "g.jsonl", None, "expected an RDF file")


def test_readers_are_told_languages_and_columns(tmp_path):
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    put(
        tmp_path,
        {
            "g.nt": NT + f'<http://e/a> {label} "Rom"@de .\n<http://e/a> {label} "Rome"@en .\n',
            "g.tsv": "f\tg\th\n" + TSV,
        },
    )
    assert read_graph(tmp_path / "g.nt", languages=("de",)).names == ("Rom", None)
    assert len(read_graph(tmp_path / "g.tsv", columns=("f", "g", "h")).triples) == 2


def test_the_command_line_takes_two_graphs_and_their_links(tmp_path, twins):
    folder = write_pair(twins, tmp_path / "pair", "ntriples")
    paths = [str(folder / name) for name in ("left.nt", "right.nt", "links.nt")]
    shown = CliRunner().invoke(app, ["describe", *paths[:2], "--links", paths[2], "--json"])
    assert shown.exit_code == 0 and f'"total": {len(twins.links.all())}' in shown.stdout
    shown = CliRunner().invoke(app, ["describe", str(folder), "--json"])
    assert shown.exit_code == 0 and f'"total": {len(twins.links.all())}' in shown.stdout
    flags = [flag for flag in FLAGS if "options" not in flag]
    shown = CliRunner().invoke(app, ["align", *paths[:2], "--links", paths[2], "--model", "mclea", *flags])
    assert shown.exit_code == 0 and "left to right" in shown.stdout
