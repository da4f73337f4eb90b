import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put, refused

from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import read_links, write_links
from mmkg.data.links.jsonl import read_jsonl_links
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

GOOD = '{"left": "a", "right": "x", "score": 0.5}\n'
MALFORMED = [
    (GOOD + "left\tright\n", 2, "expected a JSON object, got 'left\\tright' (Expecting value", True),
    (GOOD + '{"left": "b"\n', 2, "expected a JSON object, got", True),
    (GOOD + '["b", "y"]\n', 2, 'expected a JSON object, got \'["b", "y"]\'', True),
    (GOOD + '{"left": "b"}\n', 2, "expected left and right, got the keys 'left'", True),
    (GOOD + '{"left": 3, "right": "y"}\n', 2, "expected texts left and right, got 3 and 'y'", True),
    (GOOD + '{"left": "", "right": "y"}\n', 2, "expected texts left and right, got '' and 'y'", True),
    (GOOD + '{"left": "b", "right": "y", "part": "dev"}\n', 2, "the part train, valid or test, got 'dev'", True),
    (GOOD + '{"left": "b", "right": "y", "part": "test"}\n', 2, "a part in every line or in none", True),
    (GOOD + "[" * 50_000 + "\n", 2, "expected a JSON object, got", True),
    (GOOD + "{}\n", 2, "expected left and right, got the keys of an empty object", True),
    (GOOD + '{"src": "b", "tgt": "y", "e1": "b", "e2": "y"}\n', 2, "got 'src' and 'tgt' or 'e1' and 'e2'", True),
    (GOOD.encode() + b"\xff\n", 2, "expected UTF-8, got byte 0xff in column 1", True),
    (None, None, "no such file", False),
]


@pytest.mark.parametrize(("content", "line", "message", "skippable"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_links_are_refused_with_their_place(tmp_path, content, line, message, skippable):
    path = put(tmp_path, {"a.jsonl": content}) / "a.jsonl"
    refused(lambda: read_links(path), path, line, message)
    faults = Faults("skip")
    if skippable:
        assert read_links(path, faults=faults).left == ["a"] and faults.notes == {"a.jsonl: skipped lines": 1}
    else:
        with pytest.raises(InputError):
            read_links(path, faults=faults)


@pytest.mark.parametrize(
    "names",
    [("subject_id", "object_id"), ("source", "target"), ("e1", "e2"), ("head", "tail"), ("SrcEntity", "TgtEntity")]
    + [("Source URI", "target_uri"), ("ltable_id", "rtable_id"), ("entity1", "entity2")],
)
def test_keys_may_have_the_names_that_other_programs_give_them(tmp_path, names):
    rows = [("a", "x"), ("b", "y")]
    text = "\n\n".join(json.dumps(dict(zip(names, row, strict=True)) | {"score": 1}) for row in rows)
    found = read_links(put(tmp_path, {"a.jsonl": text}) / "a.jsonl")
    assert list(zip(found.left, found.right, strict=True)) == rows and found.lines.tolist() == [1, 3]


def test_of_objects_with_a_relation_only_equalities_are_links(tmp_path):
    text = "".join(
        json.dumps({"head": head, "relation": relation, "tail": tail}) + "\n"
        for head, relation, tail in [("a", "owl:sameAs", "x"), ("b", "knows", "y"), ("c", "=", "z")]
    )
    faults = Faults()
    found = read_jsonl_links(put(tmp_path, {"a.jsonl": text}) / "a.jsonl", faults)
    assert (found.left, found.right, found.lines.tolist()) == (["a", "c"], ["x", "z"], [1, 3])
    assert faults.notes == {"a.jsonl: rows of another relation than =": 1}


ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ANY, ANY, st.sampled_from(["train", "valid", "test"])), max_size=4), st.booleans())
def test_any_links_come_back_as_they_were_written(tmp_path, rows, parts):
    links = [Link(*row[:2]) for row in rows]
    export = Export(links, parts=[row[2] for row in rows] if parts else None, scored=False)
    write_links(tmp_path / "a.jsonl", export, "jsonl")
    found = read_jsonl_links(tmp_path / "a.jsonl", Faults())
    assert (found.left, found.right) == ([row[0] for row in rows], [row[1] for row in rows])
    assert found.lines.tolist() == list(range(1, len(rows) + 1))
    assert found.parts == ([row[2] for row in rows] if parts and rows else None)
