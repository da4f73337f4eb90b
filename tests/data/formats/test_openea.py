import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from reader_cases import FLOAT, facts, graphs, names_of, pairs, plain, put, refused, task_of, triples

from mmkg.data.formats.openea import read_openea, write_openea
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import InputError

PAIR = {
    "rel_triples_1": "a\tknows\tb\nb\tlikes\tc\n",
    "rel_triples_2": "x\tknows\ty\nz\tknows\tx",
    "ent_links": "a\tx\nb\ty\nc\tz",
}


def write(folder, changes=None):
    return put(folder, {**PAIR, **(changes or {})})


def test_a_small_pair_is_read_as_written(tmp_path):
    task = read_openea(write(tmp_path / "D_W_15K_V1"))
    assert task.name == "D_W_15K_V1"
    assert task.left.entities == ("a", "b", "c") and task.right.entities == ("x", "y", "z")
    assert task.left.relations == ("knows", "likes") and task.right.relations == ("knows",)
    assert triples(task.left) == [("a", "knows", "b"), ("b", "likes", "c")]
    assert triples(task.right) == [("x", "knows", "y"), ("z", "knows", "x")]
    assert sorted(pairs(task)) == [("a", "x"), ("b", "y"), ("c", "z")]
    assert task.left.names is None and len(task.left.attributes) == 0 and dict(task.notes) == {}


def test_values_may_hold_tabs_quotes_and_typed_literals(tmp_path):
    lines = [
        "a\tmotto\tone\ttwo",
        'a\theight\t"1.5"^^<' + FLOAT + ">",
        'b\tname\t"Ann \\"A\\" Bee"@EN-us',
        'b\tfilms\t"Heroes" and "Villains"',
        'lonely\tsays\t"plain"',
        'c\tname\t"x"^^<http://www.w3.org/2001/XMLSchema#string>',
    ]
    task = read_openea(write(tmp_path, {"attr_triples_1": "\n".join(lines)}))
    assert facts(task.left) == [
        ("a", "motto", "one\ttwo", None),
        ("a", "height", "1.5", FLOAT),
        ("b", "name", 'Ann "A" Bee', "@en-us"),
        ("b", "films", '"Heroes" and "Villains"', None),
        ("lonely", "says", "plain", None),
        ("c", "name", "x", None),
    ]
    assert task.left.entities == ("a", "b", "c", "lonely")


def test_a_fold_brings_its_own_split(tmp_path):
    fold = {"train_links": "b\ty\n", "valid_links": "c\tz\n", "test_links": "a\tx\n"}
    folder = write(tmp_path, {f"721_5fold/1/{name}": text for name, text in fold.items()})
    task = read_openea(folder, fold="721_5fold/1", train_ratio=0.9)
    assert (task.links.train.tolist(), task.links.valid.tolist(), task.links.test.tolist()) == (
        [[1, 1]],
        [[2, 2]],
        [[0, 0]],
    )
    with pytest.raises(InputError, match="expected a fold, .*; folds here: 721_5fold/1"):
        read_openea(folder, fold="721_5fold/9")
    with pytest.raises(InputError, match="links of different parts must not overlap"):
        (folder / "721_5fold/1/valid_links").write_text("b\ty\n")
        read_openea(folder, fold="721_5fold/1")


MALFORMED = [
    ("rel_triples_1", "a\tr\n", 1, "expected 3 tab-separated fields, got 2: 'a\\tr'", False),
    ("rel_triples_1", "a\tr\tb\na\tr\tb\tc\n", 2, "expected 3 tab-separated fields, got 4", True),
    ("rel_triples_1", "a r b\n", 1, "by a tab, not by spaces", False),
    ("rel_triples_1", "a\tr\tb\n\na\tr\tb\n", 2, "expected tab-separated fields, got an empty line", True),
    ("rel_triples_1", "a\t\tb\nb\tr\tc\n", 1, "expected 3 fields, got an empty one", True),
    ("rel_triples_1", "a\tr\tb\nb\tr\t\n", 2, "expected 3 fields, got an empty one", True),
    ("rel_triples_1", "a\tr\tb\nb\0\tr\tc\n", 2, "NUL character in column 2", True),
    ("rel_triples_1", b"a\tr\tb\nb\tr\t\xe9\n", 2, "expected UTF-8, got byte 0xe9 in column 5", True),
    ("rel_triples_1", "a\tr\tb\rb\tr\tc\r", 1, "carriage return inside a line", False),
    ("rel_triples_1", "a\tr\t" + "b" * (1 << 20) + "\na\tr\tb\nb\tr\tc\n", 1, "at most 1048576 bytes", True),
    ("rel_triples_1", "a\tr\tb\n" * 200_000 + "c\tr\n", 200_001, "expected 3 tab-separated fields, got 2", True),
    ("rel_triples_1", "", None, "expected at least one triple, got none", False),
    ("rel_triples_1", None, None, "no such file", False),
    ("rel_triples_2", None, None, "no such file", False),
    ("attr_triples_1", "a\tp\n", 1, "expected at least 3 tab-separated fields, got 2", True),
    ("attr_triples_1", "a\tp\t\n", 1, "expected entity, attribute and value, got an empty field", True),
    ("attr_triples_2", "x\t\tv\n", 1, "expected entity, attribute and value, got an empty field", True),
    ("attr_triples_2", b"x\tp\t\xff\n", 1, "expected UTF-8, got byte 0xff", True),
    ("ent_links", "a\n", 1, "expected 2 tab-separated fields, got 1", True),
    ("ent_links", "a\tx\nb\ty\n?\tz\n", 3, "expected an entity of the left graph, got the unknown '?'", True),
    ("ent_links", "a\t?\n", 1, "expected an entity of the right graph, got the unknown '?'", True),
    ("ent_links", "x\ta\n", 1, "'x'; it is one of the other graph: columns are left, right", True),
    ("ent_links", "a\tx\na\tx\n", 2, "the same link stands in line 1: 'a' = 'x'", True),
    ("ent_links", "a\tx\na\ty\n", 2, "'a' is linked to 'y' here and to 'x' in line 1", True),
    ("ent_links", None, None, "no such file", False),
]


@pytest.mark.parametrize(("name", "content", "line", "message", "skippable"), MALFORMED, ids=names_of(MALFORMED))
def test_a_malformed_file_is_refused_with_its_place(tmp_path, name, content, line, message, skippable):
    folder = write(tmp_path, {name: content})
    refused(lambda: read_openea(folder), folder / name, line, message)
    if skippable:
        changes = {"ent_links": "a\tx\n"} if name.startswith("rel") else {}
        assert read_openea(put(folder, changes), on_error="skip").notes[f"{name}: skipped lines"] >= 1


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="expected a folder in OpenEA layout"):
        read_openea(tmp_path / "nowhere")


@pytest.mark.parametrize("label", ["a\tb", "a\nb", "a\rb", "a\0b", ""])
def test_a_label_that_the_layout_cannot_hold_is_refused(tmp_path, label):
    graph = KnowledgeGraph((label, "b"), ("r",), np.array([[0, 0, 1]]))
    none = np.empty((0, 2), np.int64)
    with pytest.raises(InputError, match="expected text"):
        write_openea(AlignmentTask(graph, graph, LinkSplit(none, none, none)), tmp_path)
    assert not list(tmp_path.glob("rel_triples_*")) and not list(tmp_path.glob(".*"))


def test_a_link_of_an_entity_that_the_layout_cannot_hold_is_refused(tmp_path):
    graph = KnowledgeGraph(("a", "b", "alone"), ("r",), np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="expected triples or attributes of every linked entity, got none of 'alone'"):
        write_openea(task_of(graph, graph), tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), graphs())
def test_any_pair_comes_back_as_it_was_written(tmp_path, left, right):
    task = task_of(left, right)
    found = read_openea(write_openea(task, tmp_path, fold="split"), fold="split")
    for before, after in ((left, found.left), (right, found.right)):
        assert plain(after) == plain(before, empty=False)
    assert pairs(found) == pairs(task) and found.links.train.tolist() == task.links.train.tolist()
    (tmp_path / "attr_triples_1").unlink(missing_ok=True)
    (tmp_path / "attr_triples_2").unlink(missing_ok=True)
