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
    (GOOD + '{"left": "b"}\n', 2, "expected texts left and right, got 'b' and None", True),
    (GOOD + '{"left": 3, "right": "y"}\n', 2, "expected texts left and right, got 3 and 'y'", True),
    (GOOD + '{"left": "", "right": "y"}\n', 2, "expected texts left and right, got '' and 'y'", True),
    (GOOD + '{"left": "b", "right": "y", "part": "dev"}\n', 2, "the part train, valid or test, got 'dev'", True),
    (GOOD + '{"left": "b", "right": "y", "part": "test"}\n', 2, "a part in every line or in none", True),
    (GOOD + "[" * 50_000 + "\n", 2, "expected a JSON object, got", True),
    (GOOD + "\n", 2, "expected tab-separated fields, got an empty line", True),
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
