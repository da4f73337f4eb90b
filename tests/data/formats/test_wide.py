"""Tables with one entity in each row: what they are taken for, and the graph that they are."""

import numpy as np
import pytest
from drawn import draw, save
from reader_cases import facts, put, refused, triples
from typer.testing import CliRunner

import mmkg
from mmkg.cli.app import app
from mmkg.data.formats.graphs import graph_format, read_graph, read_graph_data
from mmkg.data.parsing.columns import Faults

SHOP = {
    "products.csv": "id,name,brand,price,image\n"
    "p1,Red Lamp,b1,12.5,img/lamp.png\n"
    'p2,"Chair, blue",b2,40,http://x/chair.png\n'
    "p3,Desk,,,\n",
    "brands.csv": "brand_id,title,country\nb1,Lumina,France\nb2,Sit Well,Spain\n",
}


def read(path, **settings):
    """Graph, and the notes of the reader."""
    faults = Faults(settings.pop("on_error", "raise"))
    return read_graph_data(path, faults, **settings).graph, faults.notes


def test_a_table_is_read_as_entities_and_says_how(tmp_path):
    graph, notes = read(put(tmp_path, SHOP) / "products.csv")
    assert graph.entities == ("p1", "p2", "p3") and graph.names == ("Red Lamp", "Chair, blue", "Desk")
    assert graph.pictures == (str(tmp_path / "img/lamp.png"), "http://x/chair.png", None)
    assert sorted(facts(graph)) == [
        ("p1", "brand", "b1", None),
        ("p1", "price", "12.5", None),
        ("p2", "brand", "b2", None),
        ("p2", "price", "40", None),
    ]
    said = "rows read as entities (id: id; name: name; picture: image; attributes: brand, price)"
    assert triples(graph) == [] and notes == {f"products.csv: {said}": 3}


def test_a_folder_of_tables_is_one_graph_with_relations_between_them(tmp_path):
    assert graph_format(put(tmp_path, SHOP)) == "csv"
    graph, notes = read(tmp_path)
    assert graph.entities == ("b1", "b2", "p1", "p2", "p3")
    assert triples(graph) == [("p1", "brand", "b1"), ("p2", "brand", "b2")]
    assert "relations: brand -> brands.brand_id" in " ".join(notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,parent\n1,\n2,1\n3,1\n", [("2", "parent", "1"), ("3", "parent", "1")]),
        ("id,related\nP-1,P-2|P-3\nP-2,\nP-3,\n", [("P-1", "related", "P-2"), ("P-1", "related", "P-3")]),
        ("id,part of\nP-1,P-2;P-3\nP-2,\nP-3,\n", [("P-1", "part of", "P-2"), ("P-1", "part of", "P-3")]),
        ("id,stock\n1,3\n2,1\n3,2\n", []),  # small numbers are ids by chance
        ("id,boss\n90001,\n42,90001\n77777,42\n123456,77777\n", [("42", "boss", "90001"), ("77777", "boss", "42")]),
        ("name;price\nRed Lamp;12,5\nDesk;4,0\n", []),
    ],
)
def test_columns_of_known_ids_are_relations(tmp_path, text, expected):
    graph, _ = read(put(tmp_path, {"t.csv": text}) / "t.csv")
    assert triples(graph)[: len(expected)] == expected and bool(triples(graph)) == bool(expected)


def test_fields_of_a_relation_that_are_no_ids_are_attributes(tmp_path):
    graph, notes = read(put(tmp_path, {"t.csv": "id,parent_id\na,b\nb,zz\nc,b\n"}) / "t.csv")
    assert triples(graph) == [("a", "parent_id", "b"), ("c", "parent_id", "b")]
    assert facts(graph) == [("b", "parent_id", "zz", None)]
    assert notes["t.csv: fields of parent_id that are no id, read as attributes"] == 1


def test_tables_with_common_ids_are_told_apart(tmp_path):
    graph, _ = read(
        put(tmp_path, {"cities.tsv": "id\tname\tcountry\n1\tParis\t2\n", "countries.tsv": "id\tname\n2\tF\n1\tG\n"})
    )
    assert graph.entities == ("cities/1", "countries/2", "countries/1")
    assert triples(graph) == [("cities/1", "country", "countries/2")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a,knows,b\nb,knows,c\n", 2),
        ("head,relation,tail\na,knows,b\n", 1),
        ("id,source,target,label\n1,a,b,knows\n", 1),
        ("a,knows,b,2010\nb,knows,c,2011\n", 2),
        ("a,id,b\na,name,c\n", 2),
        ("x,name,y\nx,p,y\nx,q,z\n", 3),
    ],
)
def test_triples_stay_triples(tmp_path, text, number):
    graph, _ = read(put(tmp_path, {"t.csv": text}) / "t.csv")
    assert len(graph.triples) == number


def test_the_setting_decides(tmp_path):
    path = put(tmp_path, {"t.csv": "id,name,brand\n1,Lamp,x\n2,Desk,y\n"}) / "t.csv"
    assert read_graph(path).names == ("Lamp", "Desk")
    assert len(read_graph(path, table="triples").triples) == 3
    assert len(read_graph(path, header=False).triples) == 3
    path = put(tmp_path, {"u.csv": "land,capital\nFR,Paris\nDE,Berlin\n"}) / "u.csv"
    refused(lambda: read_graph(path), path, 1, "expected 3 comma-separated fields, got 2")
    assert read_graph(path, table="entities").entities == ("FR", "DE")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "id,name\na,x\na,y\n",
            3,
            "expected a unique id in the column 'id', got 'a' again, which is in line 2; to read",
        ),
        ("id,name\na,x\n,y\n", 3, "expected a unique id in the column 'id', got an empty field"),
        ("id,name\na\n", 2, "expected 2 comma-separated fields, got 1: 'a'"),
        ("id,name\n", None, "expected at least one row below the names of the columns, got none"),
        ("id,name,x,x\na,b,c,d\n", 1, "expected one column 'x', got several of this name"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path, text, line, message):
    path = put(tmp_path, {"t.csv": text}) / "t.csv"
    refused(lambda: read_graph(path, table="entities"), path, line, message)


def test_bad_rows_are_skipped_and_counted(tmp_path):
    path = put(tmp_path, {"t.csv": "id,name\na,x\na,y\n,z\nb,w\n"}) / "t.csv"
    graph, notes = read(path, on_error="skip")
    assert graph.entities == ("a", "b") and graph.names == ("x", "w") and notes["t.csv: skipped lines"] == 2


def test_more_columns_of_a_table_beside_triples_are_attributes(tmp_path):
    put(
        tmp_path,
        {"entities.csv": "entity,name,founded\nx,Ex,1987\ny,Why,\n", "triples.csv": "head,relation,tail\nx,r,y\n"},
    )
    graph = read_graph(tmp_path)
    assert graph.names == ("Ex", "Why") and facts(graph) == [("x", "founded", "1987", None)]
    put(tmp_path, {"triples.csv": "head,relation,tail\nx,r,z\n"})
    refused(
        lambda: read_graph(tmp_path),
        tmp_path / "triples.csv",
        2,
        "expected an entity of entities.csv, got the unknown 'z'",
    )


def test_a_parquet_table_has_lists_numbers_and_dates(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {
        "id": ["a", "b", "c"],
        "name": ["Ann", "Bob", None],
        "knows": [["b", "c"], [], None],
        "tags": [["x", "y"], None, ["z"]],
        "age": [7, None, 9],
        "vector": [[[0.5]], [[1.0]], None],
    }
    parquet.write_table(pyarrow.table(table), tmp_path / "people.parquet")
    graph, notes = read(tmp_path / "people.parquet")
    assert graph.entities == ("a", "b", "c") and graph.names == ("Ann", "Bob", None)
    assert triples(graph) == [("a", "knows", "b"), ("a", "knows", "c")]
    assert sorted(fact[:3] for fact in facts(graph)) == [
        ("a", "age", "7"),
        ("a", "tags", "x"),
        ("a", "tags", "y"),
        ("c", "age", "9"),
        ("c", "tags", "z"),
    ]
    assert any("column 'vector' of list<element: list" in note for note in notes)
    assert graph_format(tmp_path) == "parquet" and read_graph(tmp_path).entities == graph.entities


def test_from_tables_with_pictures_to_links_in_three_commands(tmp_path, monkeypatch):
    """Same pictures, other ids, other words: pictures and names alone lead to the links."""
    order = np.random.default_rng(0).permutation(12).tolist()
    words = ("lamp", "chair", "desk", "sofa", "shelf", "mirror", "carpet", "stool", "bench", "vase", "clock", "bed")
    for number in range(12):
        save(tmp_path / "shop" / "img" / f"{number}.png", draw(number, 48))
        save(tmp_path / "store" / "photos" / f"photo{order[number]}.jpg", draw(number, 40))
    shop = [f"s{number},The {words[number]},img/{number}.png" for number in range(12)]
    store = [f"{order[number]};{words[number].title()} (new);photos/photo{order[number]}.jpg" for number in range(12)]
    put(tmp_path / "shop", {"products.csv": "\n".join(["sku,name,image", *shop]) + "\n"})
    put(
        tmp_path / "store",
        {"items.csv": "\n".join(["id;title;picture", *sorted(store, key=lambda row: int(row.split(";")[0]))]) + "\n"},
    )
    put(tmp_path, {"some.csv": f"left,right\ns0,{order[0]}\ns1,{order[1]}\n"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pair, run = ("shop/products.csv", "store/items.csv", "--links", "some.csv"), CliRunner()
    seen = run.invoke(app, ["inspect", *pair])
    assert seen.exit_code == 0, seen.output
    assert "left pictures of the data, encoded (classical): 12" in seen.output
    assert "products.csv: rows read as entities (id: sku; name: name; picture: image): 12" in seen.output
    done = run.invoke(app, ["align", *pair, "--model", "propagation", "--out", "run"])
    assert done.exit_code == 0, done.output
    done = run.invoke(app, ["match", "run", "--out", "links.tsv", "--threshold", "0"])
    assert done.exit_code == 0, done.output
    rows = [line.split("\t")[:2] for line in (tmp_path / "links.tsv").read_text().splitlines()[1:]]
    assert sorted(rows) == sorted([f"s{number}", str(order[number])] for number in range(12))


def test_pictures_that_are_no_file_are_counted_with_an_example(tmp_path):
    save(tmp_path / "a.png", draw(1, 24))
    put(tmp_path, {"l.csv": "id,name,image\nx,Ann,a.png\ny,Bob,b.png\nz,Cid,c.png\n", "r.csv": "id,name\nu,Ann\n"})
    task = mmkg.load((tmp_path / "l.csv", tmp_path / "r.csv"), image_cache="")
    assert task.left.images.rows.tolist() == [0] and task.right.images is None
    assert task.notes[f"left pictures that are no file, e.g. {str(tmp_path / 'b.png')!r}"] == 2
