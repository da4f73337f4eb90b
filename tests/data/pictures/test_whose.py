import bz2

import numpy as np
import pytest
from drawn import draw, save

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.parsing import delimited, parquet
from mmkg.data.parsing.columns import Faults
from mmkg.data.pictures.whose import entity_rows, list_pictures, names_of
from mmkg.errors import InputError


def graph(*labels, **options):
    return KnowledgeGraph(labels, (), np.empty((0, 3), np.int64), **options)


def rows(graph, *names, faults=None):
    found = entity_rows(
        graph, [names_of(name) if isinstance(name, str) else name for name in names], "x", faults or Faults()
    )
    return found


BERLIN = "http://dbpedia.org/resource/Berlin"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Berlin", "Berlin"),
        ("東京", "東京"),
        ("a b", "a b"),
        ("a b", "a%20b"),
        (BERLIN, "Berlin"),
        (BERLIN, "http%3A%2F%2Fdbpedia.org%2Fresource%2FBerlin"),
        (BERLIN, BERLIN),
        (BERLIN, "capitals/Berlin"),
        (BERLIN, "Berlin/image_1"),
        (BERLIN + "/", "Berlin"),
        ("http://x/onto#Berlin", "Berlin"),
        ("http://x/Caf%C3%A9", "Caf%C3%A9"),
        ("http://x/Café", "Caf%C3%A9"),
        ("/m/027rn", "m.027rn"),
        ("/m/027rn", "m.027rn/google_3"),
        ("http://rdf.freebase.com/ns/m.027rn", "m.027rn"),
        ("emoji:fr/emoji/chat", "emoji:fr/emoji/chat"),
    ],
)
def test_a_picture_is_that_of_the_entity_it_is_called_like(label, name):
    assert rows(graph("other", label, "third"), "nobody", name) == {1: 1}


@pytest.mark.parametrize("name", ["berlin", "Berlin2", "dbpedia.org", "resource", "m.027rn", "1", "Ber%lin", "%FF", ""])
def test_a_picture_of_another_name_is_nobodys(name):
    faults = Faults()
    assert rows(graph("other", BERLIN), name, faults=faults) == {}
    assert faults.notes == {f"x: pictures of no entity, e.g. {name!r}, where an entity is 'other'": 1}


def test_an_end_of_two_labels_tells_nothing_but_a_whole_label_does():
    both = graph("http://a/Berlin", "http://b/Berlin", "http://c/Paris")
    assert rows(both, "Berlin", "Paris") == {2: 1}
    assert rows(graph("http://a/Berlin", "Berlin", "c"), "Berlin") == {1: 0}


def test_ids_of_dbp15k_files_are_names_too():
    assert rows(graph("a", "b", source_ids=np.array([10500, 7])), "7", "10500", "8") == {0: 1, 1: 0}


def test_the_first_picture_of_an_entity_counts():
    faults = Faults()
    assert rows(graph("a", "b"), "b/1", "b/2", "a", "b/3", faults=faults) == {0: 2, 1: 0}
    assert faults.notes == {"x: more pictures of one entity": 2}


def test_what_the_graph_says_comes_first_and_may_be_shared():
    said = graph(
        "a",
        "b",
        "IMG1",
        "d",
        "e",
        pictures=(
            "http://commons.org/wiki/Special:FilePath/Foo%20Bar.jpg?width=300",
            "IMG1",
            None,
            "IMG1",
            "sub/x.png",
        ),
    )
    files = [("Foo Bar", "Foo Bar.jpg"), names_of("IMG1", "IMG1.png"), names_of("sub/x", "x.png")]
    assert rows(said, *files) == {0: 0, 1: 1, 3: 1, 4: 2}


def test_a_folder_is_searched_in_order_and_other_files_are_counted(tmp_path):
    for name in ("b.JPG", "a.png", "sub/deep/c.webp", "sub/d.gif", "z.jpeg"):
        save(tmp_path / name, draw(1), format="PNG")
    for name in ("notes.txt", "sub/drawing.svg", ".hidden"):
        (tmp_path / name).write_text("x")
    faults = Faults()
    found = list_pictures(tmp_path, faults)
    assert [file.path.relative_to(tmp_path).as_posix() for file in found] == [
        "a.png", "b.JPG", "z.jpeg", "sub/d.gif", "sub/deep/c.webp",
    ]  # fmt: skip
    assert found[-1].names == ("sub/deep/c", "c.webp", "c", "deep")
    assert faults.notes == {f"{tmp_path.name}: files with no suffix of a picture": 3}


ROWS = [("http://x/a", "one.png"), ("b,c", "sub/two.jpg"), ("d", None)]


@pytest.mark.parametrize("form", ["tsv", "csv", "parquet"])
def test_a_table_names_pictures_from_its_folder_on(tmp_path, form):
    path = tmp_path / f"pictures.{form}"
    if form == "parquet":
        pytest.importorskip("pyarrow")
    write = parquet.write_rows if form == "parquet" else delimited.write_rows
    write(path, ("entity", "picture"), ROWS)
    faults = Faults()
    found = list_pictures(path, faults)
    assert [(file.names, file.path) for file in found] == [
        (("http://x/a",), tmp_path / "one.png"),
        (("b,c",), tmp_path / "sub" / "two.jpg"),
    ]
    assert faults.notes == {f"pictures.{form}: entities without a picture": 1}


def test_a_table_may_be_compressed_and_have_other_columns(tmp_path):
    path = tmp_path / "t.csv.bz2"
    path.write_bytes(bz2.compress(b'Image,note,ID\n/abs/x.png,"a, b",e\n'))
    (file,) = list_pictures(path, Faults())
    assert file.names == ("e",) and str(file.path) == "/abs/x.png"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", b"entity\tfile\na\tb\n", "expected columns 'entity' and 'picture', got no 'picture' or 'image'"),
        ("t.tsv", b"a\tx.png\n", "t.tsv:1: expected a column 'entity' or 'id' or 'label', got 'a', 'x.png'"),
        ("t.tsv", b"entity\tpicture\na\n", "t.tsv:2: expected"),
        ("t.tsv", b"entity\tpicture\n\xff\tx.png\n", "t.tsv:2: expected UTF-8, got byte 0xff in column 1"),
        ("t.csv", b'entity,picture\n"a,x.png\n', "t.csv:2: expected CSV"),
        ("t.tsv", b"entity\tpicture\tpicture\na\tb\tc\n", "expected one column 'picture', got several"),
        ("t.parquet", b"PAR1 and no more", "expected a Parquet file"),
        ("t.xlsx", b"", "expected a folder of pictures, or a table of entity and picture"),
        ("t.png", b"", "expected a folder of pictures, or a table of entity and picture"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path, name, content, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        list_pictures(tmp_path / name, Faults())
    assert message in str(caught.value) and name in str(caught.value)


def test_bad_rows_may_be_skipped(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"entity\tpicture\na\n\tx.png\nb\ty.png\n")
    faults = Faults("skip")
    assert [file.names for file in list_pictures(tmp_path / "t.tsv", faults)] == [("b",)]
    assert faults.notes == {"t.tsv: skipped lines": 2}


def test_a_missing_source_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder or table of pictures"):
        list_pictures(tmp_path / "none", Faults())
