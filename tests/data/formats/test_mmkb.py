import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import LABEL, TEXT, facts, graphs, names_of, pairs, put, refused, task_of, triples

from mmkg.data.formats.mmkb import read_mmkb, write_mmkb
from mmkg.data.kg import AttributeTriples, ImageTable
from mmkg.data.parsing.terms import literal_of
from mmkg.errors import InputError, MissingPackageError, UsageError

PAIR = {
    "FB15K_EntityTriples.txt": "/m/1 /film/actor /m/2 .\n/m/2 /film/place /m/3 .\n",
    "DB15K_EntityTriples.txt": "<http://d/A> <http://d/p> <http://d/B> .\n<http://d/C> <http://d/p> <http://d/A> .",
    "DB15K_SameAsLink.txt": "/m/1 <SameAs> <http://d/A> .\n/m/2 <SameAs> <http://d/B> .\n"
    "/m/3 <SameAs> <http://d/C> .\n",
}


def write(folder, changes=None):
    return put(folder, {**PAIR, **(changes or {})})


def test_a_small_pair_is_read_as_written(tmp_path):
    task = read_mmkb(write(tmp_path))
    assert task.name == "FB15K_DB15K"
    assert task.left.entities == ("/m/1", "/m/2", "/m/3")
    assert task.right.entities == ("http://d/A", "http://d/B", "http://d/C") and task.right.relations == ("http://d/p",)
    assert triples(task.left) == [("/m/1", "/film/actor", "/m/2"), ("/m/2", "/film/place", "/m/3")]
    assert sorted(pairs(task)) == [("/m/1", "http://d/A"), ("/m/2", "http://d/B"), ("/m/3", "http://d/C")]


def test_numbers_keep_their_values_with_or_without_a_dot(tmp_path):
    text = '/m/2\theight\t1.5\t.\n/m/1\theight\t-2e5\n/m/9\theight\t1\n/m/1\tborn\t"1982"^^<http://t/gYear>\t.\n'
    task = read_mmkb(write(tmp_path, {"FB15K_NumericalTriples.txt": text}))
    assert facts(task.left) == [
        ("/m/2", "height", "1.5", None),
        ("/m/1", "height", "-2e5", None),
        ("/m/1", "born", "1982", "http://t/gYear"),
    ]
    assert dict(task.notes) == {"FB15K_NumericalTriples.txt: lines of unknown entities": 1}


NO_VALUES = ["x\t85\t.", "x\t85", "x\t\t85\t.", "\tp\t85\t.", "x\tp\t.\t.", "x\tp\t\t.", "x\tp\ttext", "x\tp\t8 5\t."]
NO_VALUES += ["x\tp\thttp://d/A", "x\tp\t1\t2", "x\tp\t1.2.3", "x\tp\t--", "x\tp\tnan", 'x\tp\t"open', "x\tp\t1e"]


@pytest.mark.parametrize("line", NO_VALUES)
def test_a_line_without_a_value_or_an_attribute_is_refused(tmp_path, line):
    """Without its attribute, a line would make the number an attribute and the dot its value."""
    name = "FB15K_NumericalTriples.txt"
    folder = write(tmp_path, {name: f"/m/1\theight\t1\t.\n{line}\n".replace("x", "/m/2")})
    refused(lambda: read_mmkb(folder), folder / name, 2, "expected ")
    task = read_mmkb(folder, on_error="skip")
    assert facts(task.left) == [("/m/1", "height", "1", None)] and task.notes == {f"{name}: skipped lines": 1}


VALUES = ["1", "-1.5", "+.5", "1.", "2e-5", "1982-07-01", "1982-##-##", "-0044-03", '"text"', '"1982"^^<http://t/y>']


@pytest.mark.parametrize("value", VALUES)
def test_numbers_dates_and_literals_are_values(tmp_path, value):
    folder = write(tmp_path, {"FB15K_NumericalTriples.txt": f"/m/1\tp\t{value}\t.\n"})
    assert facts(read_mmkb(folder).left) == [("/m/1", "p", *literal_of(value))]


def test_pictures_come_from_the_index_and_their_features_from_hdf5(tmp_path):
    folder = write(tmp_path, {"FB15K_ImageIndex.txt": "/m/3\tIM1\n/m/1\tIM2\n/m/3\tIM3\n/m/8\tIM4\n/m/2\tIM5\n"})
    with h5py.File(folder / "FB15K_ImageData.h5", "w") as file:
        file["IM1"], file["IM2"] = np.array([[1.0, 2.0]], "f4"), np.array([3.0, 4.0], "f8")
    task = read_mmkb(folder)
    assert task.left.pictures == ("IM2", "IM5", "IM1")
    assert task.left.images.rows.tolist() == [0, 2] and task.left.images.features.tolist() == [[3, 4], [1, 2]]
    assert dict(task.notes) == {
        "FB15K_ImageIndex.txt: pictures of unknown entities": 1,
        "FB15K_ImageIndex.txt: more pictures of one entity": 1,
        "FB15K_ImageData.h5: pictures of the index without features": 1,
    }


def test_of_three_graphs_two_are_named(tmp_path):
    folder = write(
        tmp_path,
        {"YAGO15K/YAGO15K_EntityTriples.txt": "u r v .\n", "YAGO15K/YAGO15K_SameAsLink.txt": "/m/1 <SameAs> v .\n"},
    )
    with pytest.raises(InputError, match=r"found FB15K, DB15K, YAGO15K; name two of them: graphs=\(LEFT, RIGHT\)"):
        read_mmkb(folder)
    assert pairs(read_mmkb(folder, graphs=("FB15K", "YAGO15K"))) == [("/m/1", "v")]
    assert pairs(read_mmkb(folder, graphs=("YAGO15K", "FB15K"))) == [("v", "/m/1")]
    with pytest.raises(UsageError, match="expected two of DB15K, FB15K, YAGO15K, got FB15K, DB14K"):
        read_mmkb(folder, graphs=("FB15K", "DB14K"))


FB, DB, LINKS = PAIR
NUMBERS, INDEX = "FB15K_NumericalTriples.txt", "FB15K_ImageIndex.txt"
MALFORMED = [
    (FB, "/m/1 r /m/2\n", 1, "expected 4 space-separated fields, got 3", False),
    (FB, "/m/1 r /m/2 .\n/m/1 r /m/2 /m/3 .\n", 2, "expected 4 space-separated fields, got 5", True),
    (FB, "/m/1 r /m/2 .\n/m/1 r /m/2 ,\n", 2, "expected head, relation, tail and a dot, got ',' at the end", True),
    (FB, "/m/1\tr\t/m/2\t.\n/m/1 r /m/2 .\n", 2, "expected 4 tab-separated fields, got 1", True),
    (FB, "/m/1  /m/2 .\n/m/1 r /m/2 .\n", 1, "expected 4 fields, got an empty one", True),
    (FB, "/m/1 r /m/2 .\n\n", 2, "expected space-separated fields, got an empty line", True),
    (FB, b"/m/1 r /m/2 .\n/m/1 r \xff .\n", 2, "expected UTF-8, got byte 0xff", True),
    (FB, "/m/1 r /m/2 .\n/m/1 r /m\0/2 .\n", 2, "NUL character", True),
    (FB, "", None, "expected at least one triple, got none", False),
    (DB, "<a> <b> <c>.\n", 1, "expected 4 space-separated fields, got 3", False),
    (LINKS, "/m/1 <SameAs> <http://d/A>\n", 1, "expected 4 space-separated fields, got 3", True),
    (
        LINKS,
        "/m/1 <differs> <http://d/A> .\n",
        1,
        "expected an entity, SameAs, an entity and a dot, got '<differs>'",
        True,
    ),
    (LINKS, "/m/1 <SameAs> <http://d/A> ;\n", 1, "got '<SameAs>' and ';'", True),
    (LINKS, "/m/7 <SameAs> <http://d/A> .\n", 1, "expected an entity of the left graph, got the unknown '/m/7'", True),
    (
        LINKS,
        "/m/1 <SameAs> <http://d/Z> .\n",
        1,
        "expected an entity of the right graph, got the unknown 'http://d/Z'",
        True,
    ),
    (LINKS, "<http://d/A> <SameAs> /m/1 .\n", 1, "it is one of the other graph", True),
    (LINKS, "/m/1 <SameAs> <http://d/A> .\n" * 2, 2, "the same link stands in line 1", True),
    (
        LINKS,
        "/m/1 <SameAs> <http://d/A> .\n/m/1 <SameAs> <http://d/B> .\n",
        2,
        "'/m/1' is linked to 'http://d/B' here",
        True,
    ),
    (NUMBERS, "/m/1 height\n", 1, "expected entity, attribute, value (and a dot), got '/m/1 height'", True),
    (NUMBERS, "/m/1 height 1 2 .\n", 1, "expected entity, attribute, value (and a dot)", True),
    (NUMBERS, "/m/1 height 1 .\n\n", 2, "expected entity, attribute, value (and a dot), got ''", True),
    (NUMBERS, b"/m/1 height \xfe .\n", 1, "expected UTF-8, got byte 0xfe in column 13", True),
    (INDEX, "/m/1\n", 1, "expected 2 space-separated fields, got 1", True),
    (INDEX, "/m/1\tIM1\n/m/2\t\n", 2, "expected 2 fields, got an empty one", True),
    ("FB15K_ImageData.h5", "this is text", None, "expected an HDF5 file", False),
]


@pytest.mark.parametrize(("name", "content", "line", "message", "skippable"), MALFORMED, ids=names_of(MALFORMED))
def test_a_malformed_file_is_refused_with_its_place(tmp_path, name, content, line, message, skippable):
    folder = write(tmp_path, {"FB15K_ImageIndex.txt": "/m/1\tIM1\n", name: content})
    refused(lambda: read_mmkb(folder), folder / name, line, message)
    if skippable:
        changes = {LINKS: "/m/1 <SameAs> <http://d/A> .\n"} if name == FB else {}
        assert read_mmkb(put(folder, changes), on_error="skip").notes[f"{name}: skipped lines"] >= 1


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"IM1": np.zeros(2), "IM2": np.zeros(3)}, "expected vectors of one length, got 2 and 3 numbers"),
        ({"IM1": np.array([b"text"])}, "expected numbers for picture 'IM1', got something else"),
        ({"IM1": np.zeros((0, 4))}, "expected numbers for picture 'IM1', got something else"),
        ({"IM1": np.array([np.nan, 1.0])}, "image features must be finite; 1 entities break this, first '/m/1'"),
    ],
)
def test_image_features_that_no_model_could_read_are_refused(tmp_path, vectors, message):
    folder = write(tmp_path, {INDEX: "/m/1\tIM1\n/m/2\tIM2\n"})
    with h5py.File(folder / "FB15K_ImageData.h5", "w") as file:
        for name, vector in vectors.items():
            file[name] = vector
    with pytest.raises(InputError, match=message):
        read_mmkb(folder)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"expected two graphs \(NAME_EntityTriples.txt\), found none"):
        read_mmkb(tmp_path)
    put(tmp_path, {FB: PAIR[FB]})
    with pytest.raises(InputError, match="found FB15K$"):
        read_mmkb(tmp_path)
    put(tmp_path, {DB: PAIR[DB]})
    with pytest.raises(InputError, match="DB15K_SameAsLink.txt or FB15K_SameAsLink.txt, found 0"):
        read_mmkb(tmp_path)


def test_without_h5py_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    folder = write(tmp_path, {INDEX: "/m/1\tIM1\n", "FB15K_ImageData.h5": "x"})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\[hdf5\]'"):
        read_mmkb(folder)


BARE = LABEL.filter(lambda label: not (label[0] == "<" and label[-1] == ">"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(label=BARE, text=TEXT.filter(bool)), graphs(label=BARE, text=TEXT.filter(bool)), st.booleans())
def test_any_pair_comes_back_as_it_was_written(tmp_path_factory, left, right, pictured):
    if pictured:
        pictures = ("one.png", None, *("dir/two.png" for _ in left.entities[2:3]), *(None for _ in left.entities[3:]))
        images = ImageTable(np.array([0]), np.array([[0.5, -1.0]], np.float32))
        left = replace(left, pictures=pictures, images=images)
    task = task_of(left, right)
    found = read_mmkb(write_mmkb(task, tmp_path_factory.mktemp("mmkb")))
    for before, after in ((left, found.left), (right, found.right)):
        assert after.entities == before.entities and triples(after) == triples(before) and facts(after) == facts(before)
        assert after.pictures == before.pictures
    assert sorted(pairs(found)) == sorted(pairs(task)) and found.name == "LEFT_RIGHT"
    assert (found.left.images is not None) == pictured
    if pictured:
        assert found.left.images.rows.tolist() == [0] and found.left.images.features.tolist() == [[0.5, -1.0]]


def test_the_graphs_are_called_by_the_name_of_the_pair(tmp_path):
    task = read_mmkb(write(tmp_path / "a"))
    again = read_mmkb(write_mmkb(task, tmp_path / "b"))
    assert again.name == "FB15K_DB15K" and sorted(pairs(again)) == sorted(pairs(task))
    assert (tmp_path / "b" / "DB15K_SameAsLink.txt").read_text().splitlines()[0].split("\t")[1::2] == ["SameAs", "."]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entities": ("/m/1", "/m/2", "/m/3", "/m/4")}, "expected triples of every entity, got none of '/m/4'"),
        ({"entities": ("<a>", "b", "c")}, "expected labels without angle brackets around them, got '<a>'"),
        ({"entities": ("a\tb", "b", "c")}, "a\\tb"),
        (
            {"attributes": AttributeTriples(np.array([0]), np.array([0]), ("height",), (None,))},
            "expected a value of every fact, got none",
        ),
        ({"images": ImageTable(np.array([0]), np.ones((1, 2), np.float32))}, "a picture of its own for every image"),
        (
            {
                "images": ImageTable(np.array([0, 1]), np.ones((2, 2), np.float32)),
                "pictures": ("a", "a/b", None),
            },
            "expected a name that HDF5 can hold, got 'a/b'",
        ),
    ],
)
def test_what_the_layout_cannot_hold_is_refused(tmp_path, change, message):
    task = read_mmkb(write(tmp_path / "a"))
    with pytest.raises(InputError) as caught:
        write_mmkb(replace(task, left=replace(task.left, **change)), tmp_path / "b")
    assert message in str(caught.value)
