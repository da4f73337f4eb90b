import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import graphs, plain, task_of
from reader_cases import pairs as named_pairs

import mmkg
from mmkg.data.formats.dbp15k import read_dbp15k, write_dbp15k
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.parsing.columns import Faults, read_strings
from mmkg.data.parsing.id_rows import IdRows
from mmkg.data.parsing.integers import read_integers
from mmkg.errors import InputError, UsageError

PAIR = {  # ids are not contiguous, and not in order
    "ent_ids_1": "0\ta\n7\tb\n3\tc\n",
    "ent_ids_2": "10\tx\n12\ty\n11\tz\n",
    "triples_1": "0\t5\t7\n7\t9\t3\n",
    "triples_2": "11\t5\t10\n",
    "ill_ent_ids": "0\t10\n7\t12\n3\t11",
}


def write(folder, changes=None):
    folder.mkdir(exist_ok=True)
    for name, text in {**PAIR, **(changes or {})}.items():
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def pairs(task):
    return {(task.left.entities[i], task.right.entities[j]) for i, j in task.links.all().tolist()}


def test_a_small_pair_is_read_as_written(tmp_path):
    task = read_dbp15k(write(tmp_path / "pair"))
    assert task.name == "pair"
    assert task.left.entities == ("a", "b", "c") and task.right.entities == ("x", "y", "z")
    assert task.left.source_ids.tolist() == [0, 7, 3]
    assert task.left.relations == ("5", "9") and task.right.relations == ("5",)
    assert task.left.triples.tolist() == [[0, 0, 1], [1, 1, 2]]
    assert task.right.triples.tolist() == [[2, 0, 0]]
    assert pairs(task) == {("a", "x"), ("b", "y"), ("c", "z")}
    assert task.left.names is None and task.left.images is None and len(task.left.attributes) == 0
    assert dict(task.notes) == {}


# file, its content, line of the fault (None: no line), what the message says, whether skipping helps
MALFORMED = [
    ("ent_ids_1", "0\ta\n7\n", 2, "expected 2 tab-separated fields, got 1: '7'", True),
    ("ent_ids_1", "0\ta\n7\tb\tc\n", 2, "expected 2 tab-separated fields, got 3", True),
    ("ent_ids_1", "0 a\n", 1, "by a tab, not by spaces", False),
    ("ent_ids_1", "0\ta\nq\tb\n", 2, "expected an integer, got 'q'", True),
    ("ent_ids_1", "0\ta\n-7\tb\n", 2, "expected an integer >= 0, got '-7'", True),
    ("ent_ids_1", "0\ta\n9223372036854775808\tb\n", 2, "at most 2**63 - 1", True),
    ("ent_ids_1", "0\ta\n0\tb\n", 2, "0 is in line 1, too", True),
    ("ent_ids_1", "0\ta\n1\ta\n", 2, "'a' is in line 1, too", True),
    ("ent_ids_1", "0\ta\n1\t\n", 2, "got an empty URI", True),
    ("ent_ids_1", "0\ta\n\n7\tb\n", 2, "got an empty line", True),
    ("ent_ids_1", "0\ta\n7\tb\n\n", 3, "got an empty line", True),
    ("ent_ids_1", "0\ta\n7\tb\0c\n", 2, "NUL character in column 4", True),
    ("ent_ids_1", b"0\ta\n7\tb\xff\n", 2, "expected UTF-8, got byte 0xff in column 4", True),
    ("ent_ids_1", "0\ta\r7\tb\r", 1, "carriage return inside a line", False),
    ("ent_ids_1", "0\t" + "a" * (1 << 20) + "\n3\tc\n", 1, "at most 1048576 bytes", True),
    ("ent_ids_1", "0\t" + "é" * (3 << 20), 1, "at most 1048576 bytes", False),
    ("ent_ids_1", "", None, "expected at least one entity", False),
    ("ent_ids_1", None, None, "no such file", False),
    ("ent_ids_2", "10\tx\n7\ty\n", 2, "id 7 belongs to ent_ids_1 too", True),
    ("ent_ids_2", None, None, "no such file", False),
    ("triples_1", "0\t5\n", 1, "expected 3 tab-separated integers, got 2: '0\\t5'", True),
    ("triples_1", "0\t5\t7\n0\t5\t7\t.\n", 2, "expected 3 tab-separated integers, got 4", True),
    ("triples_1", "0\t5\t7\n0 5 7\n", 2, "not by spaces", True),
    ("triples_1", "0\t5\tx\n", 1, "expected an integer, got 'x'", True),
    ("triples_1", "0\t5\t\n", 1, "expected an integer, got ''", True),
    ("triples_1", "0\t5\t7.0\n", 1, "expected an integer, got '7.0'", True),
    ("triples_1", "0\t5\t+7\n", 1, "expected an integer, got '+7'", True),
    ("triples_1", "0\t5\t 7\n", 1, "expected an integer, got ' 7'", True),
    ("triples_1", "0\t5\t1_0\n", 1, "expected an integer, got '1_0'", True),
    ("triples_1", "0\t5\t٧\n", 1, "expected an integer, got '٧'", True),
    ("triples_1", "0\t5\t7\n0\t-5\t7\n", 2, "expected an integer >= 0, got '-5'", True),
    ("triples_1", "0\t9223372036854775808\t7\n", 1, "at most 2**63 - 1", True),
    ("triples_1", "0\t" + "9" * 5000 + "\t7\n", 1, "at most 2**63 - 1", True),
    ("triples_1", "0\t5\t7\n\n0\t5\t7\n", 2, "got an empty line", True),
    ("triples_1", "0\t5\t7\n\n", 2, "got an empty line", True),
    ("triples_1", "0\t5\t7\0\n", 1, "NUL character", True),
    ("triples_1", b"0\t5\t7\n\xfe\t5\t7\n", 2, "expected UTF-8", True),
    ("triples_1", "0\t5\t7\r0\t5\t7", 1, "carriage return", True),
    ("triples_1", "# a comment\n", 1, "expected 3 tab-separated integers", True),
    ("triples_1", "0\t5\t7\n" * 3 + "7" * (5 << 20) + "\n0\t5\t7\n", 4, "at most 1048576 bytes", True),
    ("triples_1", "0\t5\t7\n0\t5\t99\n", 2, "expected ids of ent_ids_1, got the unknown 99", True),
    ("triples_1", "99\t5\t7\n", 1, "got the unknown 99", True),
    ("triples_1", "0\t5\t9223372036854775807\n", 1, "got the unknown 9223372036854775807", True),
    ("triples_1", "0\t5\t7\n" * 200_000 + "0\t5\n", 200_001, "expected 3 tab-separated integers, got 2", True),
    ("triples_1", None, None, "no such file", False),
    ("triples_2", "0\t5\t7\n", 1, "expected ids of ent_ids_2, got the unknown 0", True),
    ("ill_ent_ids", "0\t10\n7\n", 2, "expected 2 tab-separated integers, got 1", True),
    ("ill_ent_ids", "0\t10\n7\t99\n", 2, "expected an id of ent_ids_2, got the unknown 99", True),
    ("ill_ent_ids", "0\t10\n99\t12\n", 2, "expected an id of ent_ids_1, got the unknown 99", True),
    ("ill_ent_ids", "10\t0\n", 1, "it is an id of ent_ids_2: columns are left id, right id", True),
    ("ill_ent_ids", "0\t10\n7\t12\n0\t10\n", 3, "the same link stands in line 1: 'a' = 'x'", True),
    ("ill_ent_ids", "0\t10\n0\t12\n", 2, "'a' is linked to 'y' here and to 'x' in line 1", True),
    ("ill_ent_ids", "0\t10\n7\t10\n", 2, "'x' is linked to 'b' here and to 'a' in line 1", True),
    ("ill_ent_ids", None, None, "no such file", False),
    ("rel_ids_1", "5\n", 1, "expected 2 tab-separated fields, got 1", True),
    ("rel_ids_1", "x\tlabel\n", 1, "expected an integer, got 'x'", True),
    ("rel_ids_1", "5\tlabel\n5\tother\n", 2, "unique relation ids and labels", True),
    ("rel_ids_1", "5\tlabel\n9\tlabel\n", 2, "unique relation ids and labels", True),
    ("rel_ids_1", "5\t\n", 1, "got an empty label", True),
    ("training_attrs_1", "a\tp\t\tq\n", 1, "got an empty field", True),
    ("training_attrs_1", "a\tp\n\n", 2, "got an empty line", True),
    ("training_attrs_1", b"a\t\xc3\n", 1, "expected UTF-8", True),
    ("attr_triples_1", "a\tp\n", 1, "expected 3 tab-separated fields, got 2", True),
    ("attr_triples_1", "a\tp\tv\tw\n", 1, "expected 3 tab-separated fields, got 4", True),
    ("attr_triples_1", "a\t\tv\n", 1, "got an empty field", True),
    ("dbp_pair.json", '[[0, ["a"]],\n [7, ["b"]', 2, "expected JSON", False),
    ("dbp_pair.json", '{"0": ["a"]}', None, "expected a list of [id, [word, ...]], got a JSON dict", False),
    ("dbp_pair.json", '[["0", ["a"]]]', None, "item 1: expected [id, [word, ...]]", True),
    ("dbp_pair.json", '[[true, ["a"]]]', None, "item 1: expected [id, [word, ...]]", True),
    ("dbp_pair.json", "[[0, [1]]]", None, "item 1: expected the words of id 0, got [1]", True),
    ("dbp_pair.json", '[[0, ["a"]], [0, ["b"]]]', None, "item 2: expected unique ids, 0 came before", True),
    ("dbp_pair.json", b'[[0, ["\xff"]]]', None, "expected UTF-8", False),
    ("dbp_pair.json", "[" * 100_000, None, "expected UTF-8 JSON", False),
]


@pytest.mark.parametrize(
    ("name", "content", "line", "message", "skippable"), MALFORMED, ids=[f"{c[0]}-{n}" for n, c in enumerate(MALFORMED)]
)
def test_a_malformed_file_is_refused_with_its_place(tmp_path, name, content, line, message, skippable):
    folder = write(tmp_path / "pair", {name: content})
    if content is None:
        assert not (folder / name).exists()
    before = sorted(os.listdir(folder))
    with pytest.raises(InputError) as caught:
        read_dbp15k(folder)
    place = str(folder / name) + (f":{line}: " if line is not None else ": ")
    assert str(caught.value).startswith(place), str(caught.value)
    assert message in str(caught.value)
    assert len(str(caught.value)) < len(place) + 300
    assert caught.value.line == line and caught.value.path == folder / name
    assert sorted(os.listdir(folder)) == before
    if skippable:
        notes = read_dbp15k(folder, on_error="skip").notes
        assert notes[f"{name}: skipped lines"] >= 1
    else:
        with pytest.raises(InputError):
            read_dbp15k(folder, on_error="skip")


def test_skipping_leaves_out_the_bad_lines_and_nothing_else(tmp_path):
    triples = "0\t5\t7\nbad\n7\t9\t3\n0\t5\t99\n0\t5\n3\t5\t0\n"
    links = "0\t10\n0\t12\n7\t12\n7\t12\n99\t11\n"
    task = read_dbp15k(write(tmp_path, {"triples_1": triples, "ill_ent_ids": links}), on_error="skip")
    assert task.left.triples.tolist() == [[0, 0, 1], [1, 1, 2], [2, 0, 0]]
    assert pairs(task) == {("a", "x"), ("b", "y")}
    assert dict(task.notes) == {"triples_1: skipped lines": 3, "ill_ent_ids: skipped lines": 3}


def test_a_skipped_entity_takes_its_triples_and_links_along(tmp_path):
    task = read_dbp15k(write(tmp_path, {"ent_ids_1": "0\ta\n7 b\n3\tc\n"}), on_error="skip")
    assert task.left.entities == ("a", "c") and len(task.left.triples) == 0
    assert pairs(task) == {("a", "x"), ("c", "z")}
    assert dict(task.notes) == {
        "ent_ids_1: skipped lines": 1,
        "triples_1: skipped lines": 2,
        "ill_ent_ids: skipped lines": 1,
    }


def test_on_error_knows_two_words(tmp_path):
    with pytest.raises(UsageError, match="'raise' or 'skip', got 'ignore'"):
        read_dbp15k(write(tmp_path), on_error="ignore")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="expected a folder in DBP15K layout"):
        read_dbp15k(tmp_path / "nowhere")


def test_repeated_triples_are_kept_and_counted(tmp_path):
    task = read_dbp15k(write(tmp_path, {"triples_1": "0\t5\t7\n" * 3 + "7\t5\t0\n7\t5\t0\n0\t6\t7\n"}))
    assert len(task.left.triples) == 6
    assert dict(task.notes) == {"triples_1: repeated triples": 3}


def test_relation_labels_come_from_rel_ids_and_else_from_the_id(tmp_path):
    task = read_dbp15k(write(tmp_path, {"rel_ids_1": "9\tborn in\n44\tnever used\n"}))
    assert task.left.relations == ("5", "born in") and task.right.relations == ("5",)
    assert dict(task.notes) == {"triples_1: relations without a label in rel_ids_1": 1}


def test_attribute_values_are_preferred_over_names_alone(tmp_path):
    both = {"attr_triples_1": "b\tq\t1.5\nb\tp\t\nnobody\tp\t2\n", "training_attrs_1": "a\tother\n"}
    facts = read_dbp15k(write(tmp_path, {**both, "training_attrs_2": "x\tp\tq\nz\tq\nw\tq\ny\n"})).left.attributes
    assert facts.names == ("q", "p") and facts.values == ("1.5", None)
    assert facts.entity.tolist() == [1, 1] and facts.attribute.tolist() == [0, 1]
    task = read_dbp15k(tmp_path)
    assert task.right.attributes.names == ("p", "q") and task.right.attributes.values == (None, None, None)
    assert task.right.attributes.entity.tolist() == [0, 0, 2]
    assert task.right.attributes.attribute.tolist() == [0, 1, 1]
    assert dict(task.notes) == {
        "attr_triples_1: lines of unknown entities": 1,
        "training_attrs_2: lines of unknown entities": 1,
    }


@pytest.mark.parametrize("place", ["folder", "given"])
def test_names_are_found_in_the_folder_and_where_they_are_given(tmp_path, place):
    folder = write(tmp_path / "zz_en")
    file = {
        "folder": folder / "dbp_zz_en.json",
        "given": tmp_path / "my names.json",
    }[place]
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps([[7, ["new", "york"]], [12, "paris"], [3, []], [99, ["lost"]]]), encoding="utf-8")
    task = read_dbp15k(folder, names=file if place == "given" else None)
    assert task.left.names == (None, "new york", None) and task.right.names == (None, "paris", None)
    assert dict(task.notes) == {f"{file.name}: names of unknown entities": 1}


def test_names_beside_the_folder_are_reported_and_used_only_if_asked_for(tmp_path):
    folder = write(tmp_path / "zz_en")
    file = tmp_path / "translated_ent_name" / "dbp_zz_en.json"
    file.parent.mkdir()
    file.write_text('[[7, ["new", "york"]]]', encoding="utf-8")
    task = mmkg.load(folder)
    assert task.left.names is None and task.right.names is None
    ((note, number),) = task.notes.items()
    assert number == 1 and note.startswith("files of names beside the folder, not used; to use it: --set data.names=")
    used = mmkg.load(folder, names=note.partition("data.names=")[2])
    assert used.left.names == (None, "new york", None) and used.notes == {}
    assert mmkg.load(folder, names_from="ids").left.names == ("a", "b", "c")


def test_image_features_are_found_and_put_on_their_rows(tmp_path):
    folder = write(tmp_path / "pair")
    vectors = {3: np.array([1, 2], "f4"), 0: np.array([3, 4], "f4"), 11: np.array([5, 6], "f4"), 77: np.zeros(2, "f4")}
    (folder / "pair_GA_id_img_feature_dict.pkl").write_bytes(pickle.dumps(vectors))
    task = read_dbp15k(folder)
    assert task.left.images.rows.tolist() == [0, 2] and task.left.images.features.tolist() == [[3, 4], [1, 2]]
    assert task.right.images.rows.tolist() == [2] and task.right.images.features.tolist() == [[5, 6]]
    assert dict(task.notes) == {"pair_GA_id_img_feature_dict.pkl: images of unknown entities": 1}
    (folder / "other_id_img_feature_dict.pkl").write_bytes(pickle.dumps(vectors))
    with pytest.raises(InputError, match="found 2; name one: images=FILE"):
        read_dbp15k(folder)


def test_features_that_are_not_finite_are_reported_with_the_entity(tmp_path):
    folder = write(tmp_path / "pair")
    np.savez(tmp_path / "images.npz", ids=np.array([0, 12]), features=np.array([[0.0, 1.0], [np.nan, 1.0]]))
    with pytest.raises(InputError, match=r"1 vectors have NaN or infinity, first 12 \(y\)"):
        read_dbp15k(folder, images=tmp_path / "images.npz")


def test_links_that_share_an_entity_stay_in_one_part(tmp_path):
    size = 200
    changes = {
        "ent_ids_1": "".join(f"{i}\tl{i}\n" for i in range(size)),
        "ent_ids_2": "".join(f"{size + i}\tr{i}\n" for i in range(size)),
        "triples_1": "0\t0\t1\n",
        "triples_2": f"{size}\t0\t{size + 1}\n",
        # a chain l0-r0, l0-r1, l1-r1, l1-r2, ... of 20 links, then single links
        "ill_ent_ids": "".join(f"{i}\t{size + j}\n" for i in range(10) for j in (i, i + 1))
        + "".join(f"{i}\t{size + i}\n" for i in range(20, size)),
    }
    task = read_dbp15k(write(tmp_path, changes), one_to_one=False)
    chain = [
        sum(1 for i, _ in part.tolist() if i < 10) for part in (task.links.train, task.links.valid, task.links.test)
    ]
    assert sorted(chain) == [0, 0, 20]
    assert len(pairs(task)) == 200
    moved = task.notes["ill_ent_ids: links moved to the part of a link they share an entity with"]
    assert 1 <= moved <= 19


def test_sup_and_ref_links_are_the_given_split(tmp_path):
    folder = write(tmp_path / "jape", {"ill_ent_ids": None, "sup_ent_ids": "3\t11\n", "ref_ent_ids": "0\t10\n7\t12\n"})
    task = read_dbp15k(folder, train_ratio=0.9)
    assert task.links.train.tolist() == [[2, 2]] and task.links.test.tolist() == [[0, 0], [1, 1]]
    (folder / "sup_ent_ids").write_text("0\t10\n")
    with pytest.raises(InputError, match="links of different parts must not overlap"):
        read_dbp15k(folder)
    (folder / "sup_ent_ids").unlink()
    assert pairs(read_dbp15k(folder)) == {("a", "x"), ("b", "y")}


LABEL = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


@st.composite
def pairs_of_graphs(draw):
    ids = draw(st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 40), min_size=2, max_size=16, unique=True))
    cut = draw(st.integers(1, len(ids) - 1))
    sides = [ids[:cut], ids[cut:]]
    labels = [draw(st.lists(LABEL, min_size=len(s), max_size=len(s), unique=True)) for s in sides]
    one = [st.sampled_from(s) for s in sides]
    relation = st.integers(0, 2**63 - 1) | st.integers(0, 5)
    triples = [draw(st.lists(st.tuples(e, relation, e), max_size=12)) for e in one]
    links = list(zip(draw(st.permutations(sides[0])), draw(st.permutations(sides[1])), strict=False))
    return sides, labels, triples, links


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs_of_graphs(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_any_pair_comes_back_as_it_was_written(tmp_path, pair, newline, mark, final_newline):
    sides, labels, triples, links = pair

    def save(name, rows):
        text = newline.join("\t".join(map(str, row)) for row in rows)
        text += newline if final_newline and rows else ""
        (tmp_path / name).write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.encode())

    for k in (0, 1):
        save(f"ent_ids_{k + 1}", list(zip(sides[k], labels[k], strict=True)))
        save(f"triples_{k + 1}", triples[k])
    save("ill_ent_ids", links)
    task = read_dbp15k(tmp_path)
    for k, graph in enumerate((task.left, task.right)):
        assert graph.source_ids.tolist() == sides[k] and list(graph.entities) == labels[k]
        back = [(sides[k][h], int(graph.relations[r]), sides[k][t]) for h, r, t in graph.triples.tolist()]
        assert back == triples[k]
    found = [(sides[0][i], sides[1][j]) for i, j in task.links.all().tolist()]
    assert sorted(found) == sorted(links)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | st.text("0123456789\t\n\r -", max_size=40).map(str.encode))
def test_the_integer_reader_agrees_with_a_reader_of_one_line_at_a_time(tmp_path, content):
    file = tmp_path / "numbers"
    file.write_bytes(content)
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    complete, last = lines[:-1], lines[-1]
    lines = [line.removesuffix(b"\r") for line in complete] + ([last] if last else [])
    expected = []
    for number, line in enumerate(lines, start=1):
        fields = line.split(b"\t")
        if len(fields) == 2 and all(f and all(48 <= c <= 57 for c in f) and int(f) < 2**63 for f in fields):
            expected.append((number, [int(f) for f in fields]))
    faults = Faults("skip")
    table = read_integers(file, 2, faults)
    assert list(zip(table.lines.tolist(), table.values.tolist(), strict=True)) == expected
    assert faults.notes.get("numbers: skipped lines", 0) == len(lines) - len(expected)


def test_numbers_of_every_width_are_read_exactly(tmp_path):
    numbers = [10**k for k in range(19)] + [10**k - 1 for k in range(1, 19)] + [2**63 - 1]
    (tmp_path / "n").write_text("\n".join(f"{n}\t{n}" for n in numbers))
    assert read_integers(tmp_path / "n", 2, Faults()).values.tolist() == [[n, n] for n in numbers]


def test_lines_across_blocks_are_whole(tmp_path):
    rows = [[i, i * 7919 % 1_000_003, 10**17 + i] for i in range(150_000)]  # more than 4 MiB
    text = "\n".join("\t".join(map(str, row)) for row in rows)
    (tmp_path / "n").write_text(text)
    table = read_integers(tmp_path / "n", 3, Faults())
    assert table.values.tolist() == rows and table.lines.tolist() == list(range(1, 150_001))
    assert [fields for _, fields in read_strings(tmp_path / "n", 3, Faults())] == [list(map(str, r)) for r in rows]


@pytest.mark.parametrize("spread", [1, 10**12])
def test_rows_of_ids(spread):
    ids = np.array([5, 2, 9]) * spread
    asked = np.array([[9 * spread, 2 * spread], [4 * spread, 5 * spread], [0, 2**62]])
    assert IdRows(ids)(asked).tolist() == [[2, 1], [-1, 0], [-1, -1]]


def test_dbp15k_has_the_published_counts(mmkg_data):
    names = mmkg_data / "DBP15K" / "translated_ent_name" / "dbp_zh_en.json"
    assert read_dbp15k(mmkg_data / "DBP15K" / "zh_en").left.names is None
    task = read_dbp15k(mmkg_data / "DBP15K" / "zh_en", names=names)
    left, right = task.left, task.right
    assert (left.num_entities, right.num_entities) == (19388, 19572)
    assert (len(left.triples), len(right.triples)) == (70414, 95142)
    assert (len(left.relations), len(right.relations)) == (1701, 1323)
    assert (len(left.attributes.names), len(right.attributes.names)) == (8111, 7173)
    assert (len(left.attributes), len(right.attributes)) == (248035, 343218)
    assert (len(task.links.train), len(task.links.valid), len(task.links.test)) == (4050, 450, 10500)
    assert not set(left.relations) & set(right.relations)
    assert int((left.triples[:, 0] == left.triples[:, 2]).sum()) == 219
    assert dict(task.notes) == {}
    row = left.entities.index("http://zh.dbpedia.org/resource/阿卜杜拉·居尔")
    assert left.names[row] == "abdullah gul" and left.source_ids[row] == 0
    assert all(left.names) and all(right.names)


def test_the_pair_with_values_has_the_known_counts(mmkg_data):
    folder = mmkg_data / "FB15K_DB15K"
    with pytest.raises(InputError, match="ill_ent_ids:3372: .* is linked to .*one_to_one=False"):
        read_dbp15k(folder)
    first = read_dbp15k(folder, on_error="skip", train_ratio=0.2)
    assert dict(first.notes) == {"ill_ent_ids: skipped lines": 4, "triples_1: repeated triples": 9831}
    assert len(first.links.all()) == 12842
    task = read_dbp15k(folder, one_to_one=False, train_ratio=0.2, valid_ratio=0)
    assert len(task.links.all()) == 12846 and abs(len(task.links.train) - 2569) <= 4
    assert (task.left.num_entities, task.right.num_entities) == (12842, 14951)
    assert (len(task.left.triples), len(task.right.triples)) == (99028, 381186)
    assert (len(task.left.attributes), len(task.right.attributes)) == (48044, 29394)
    assert (len(task.left.attributes.names), len(task.right.attributes.names)) == (225, 104)
    assert task.left.attributes.values[:2] == ("1982", "1982-05-03")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(text=LABEL | st.just(""), kinds=st.none()), graphs(text=LABEL, kinds=st.none()))
def test_any_pair_that_is_written_comes_back(tmp_path, left, right):
    for name in ("attr_triples_1", "attr_triples_2", "training_attrs_1", "training_attrs_2"):
        (tmp_path / name).unlink(missing_ok=True)
    task = task_of(left, right)
    found = read_dbp15k(write_dbp15k(task, tmp_path))
    for before, after in ((left, found.left), (right, found.right)):
        assert plain(after) == plain(before, empty=False)
    assert sorted(named_pairs(found)) == sorted(named_pairs(task))


@pytest.mark.parametrize("label", ["a\tb", "a\nb", "a\rb", "a\0b", "", "\ud800"])
def test_a_label_that_the_layout_cannot_hold_is_refused(tmp_path, label):
    graph = KnowledgeGraph((label, "b"), ("r",), np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="expected text"):
        write_dbp15k(task_of(graph, graph), tmp_path)
    assert not list(tmp_path.iterdir())
