"""Links in TSV, CSV and Parquet."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import names_of, put, refused

from mmkg.data.links.delimited import read_delimited_links, to_tsv
from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import read_links, write_links
from mmkg.data.links.parquet import read_parquet_links
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

CHAT = Link("http://a/chat", "http://b/cat", 0.5, 0.25, "chat", "cat")
LINKS = [
    ("links.tsv", "a\n", 1, "expected 2 tab-separated fields, got 1"),
    ("links.tsv", "a\tx\ttrain\n", 1, "expected 2 tab-separated fields, got 3"),
    ("links.tsv", "left\tright\n\tx\n", 2, "expected the left, got an empty field"),
    ("links.csv", "left,right,part\na,x,learn\n", 2, "expected the part train, valid or test, got 'learn'"),
    ("links.csv", "left,right,part\na,x,\n", 2, "expected the part train, valid or test, got None"),
    ("links.csv", None, None, "no such file"),
]


@pytest.mark.parametrize(("name", "content", "line", "message"), LINKS, ids=names_of(LINKS))
def test_malformed_links_are_refused_with_their_place(tmp_path, name, content, line, message):
    path = put(tmp_path, {name: content}) / name
    refused(lambda: read_delimited_links(path, Faults()), path, line, message)


def test_links_have_a_header_or_none_and_perhaps_parts(tmp_path):
    put(
        tmp_path,
        {"a": "a\tx\nb\ty", "b.csv": "score,right,left\n1,x,a\n1,y,b\n", "c.csv": "left,right,part\na,x,test\n"},
    )
    for name in ("a", "b.csv"):
        links = read_delimited_links(tmp_path / name, Faults())
        assert (links.left, links.right, links.parts) == (["a", "b"], ["x", "y"], None)
    assert read_delimited_links(tmp_path / "c.csv", Faults()).parts == ["test"]


def test_links_in_parquet_may_have_parts(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "links.parquet"
    parquet.write_table(pyarrow.table({"left": ["a"], "right": ["x"], "part": ["train"]}), path)
    links = read_parquet_links(path, Faults())
    assert (links.left, links.right, links.parts) == (["a"], ["x"], ["train"])
    parquet.write_table(pyarrow.table({"left": ["a"], "right": ["x"], "part": ["dev"]}), path)
    with pytest.raises(InputError, match="expected the part train, valid or test, got 'dev'"):
        read_parquet_links(path, Faults())


def test_a_row_with_a_bad_part_is_skipped_as_a_whole(tmp_path):
    put(tmp_path, {"a.tsv": "left\tright\tpart\na\tx\ttrain\nb\ty\tdev\nc\tz\ttest\n"})
    faults = Faults("skip")
    links = read_links(tmp_path / "a.tsv", faults=faults)
    assert (links.left, links.right, links.parts) == (["a", "c"], ["x", "z"], ["train", "test"])
    assert links.lines.tolist() == [2, 4] and faults.notes == {"a.tsv: skipped lines": 1}


# --- matches as TSV

FORMULA = '=+-@"\uff1d\uff0b\uff0d\uff20'
HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    '"=1+1"',
    "\t=1",
    "\r=1",
    "＝1",
    '=HYPERLINK("http://x","y")',
    "\\=1",
    "\\\\=1",
]
HOSTILE += ["\\", "\\t", "-", "a=1", "\\-\\t"]


@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_no_label_is_a_formula_in_a_spreadsheet_and_all_are_read_back(tmp_path, form):
    links = [Link(label, f"{label}b", -0.5, 0.5, label, label) for label in HOSTILE]
    path = tmp_path / f"alignment.{form}"
    write_links(path, Export(links), form)
    # as a spreadsheet reads it: quotes are taken off
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t" if form == "tsv" else ","))
    assert {len(row) for row in rows} == {6} and len(rows) == len(links) + 1
    for row in rows[1:]:
        for column in (0, 1, 4, 5):
            assert row[column][0] not in FORMULA + "\t\r", row
    found = read_links(path)
    assert found.left == HOSTILE and found.right == [f"{label}b" for label in HOSTILE]


def unescaped(text):
    """The escapes of the format, written out."""
    plain = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
    if len(text) > 1 and text[0] == "\\" and text[1] in FORMULA:
        text = text[1:]
    return re.sub(r"\\[\\tnr]", lambda found: plain[found[0]], text)


def rows_of(path):
    """A TSV of matches read by the csv module."""
    with Path(path).open(encoding="utf-8", newline="\n") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_tsv_line_is_the_columns_in_order():
    assert list(to_tsv([CHAT])) == [
        "left\tright\tscore\tconfidence\tleft_label\tright_label\n",
        "http://a/chat\thttp://b/cat\t0.5\t0.25\tchat\tcat\n",
    ]


def test_a_confidence_nobody_calibrated_is_an_empty_field():
    assert list(to_tsv([CHAT._replace(confidence=None)]))[1].split("\t")[3] == ""


def test_tabs_newlines_and_backslashes_in_labels_are_escaped():
    assert list(to_tsv([Link("a\tb", "c\nd\re", 1.0, 1.0, "f\\n", "")]))[1] == "a\\tb\tc\\nd\\re\t1\t1\tf\\\\n\t\n"


LABELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
SCORES = st.floats(width=32, allow_nan=False, allow_infinity=False)
MATCHES = st.builds(Link, LABELS, LABELS, SCORES, st.none() | st.floats(0, 1, width=32), LABELS, LABELS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MATCHES, min_size=1, max_size=5))
def test_matches_as_tsv_hold_every_text_and_number_and_are_links_again(tmp_path, links):
    path = tmp_path / "alignment.tsv"
    assert write_links(path, Export(links), "tsv") == len(links)
    for row, link in zip(rows_of(path), links, strict=True):
        assert [unescaped(row[name]) for name in ("left", "right", "left_label", "right_label")] == [
            link.left,
            link.right,
            link.left_label,
            link.right_label,
        ]
        assert np.float32(row["score"]) == np.float32(link.score)
        confidence = np.float32(row["confidence"]) if row["confidence"] else None
        assert confidence == (None if link.confidence is None else np.float32(link.confidence))
    found = read_links(path)
    assert list(zip(found.left, found.right, strict=True)) == [link[:2] for link in links]


def test_the_csv_module_reads_the_same_fields(tmp_path):
    write_links(tmp_path / "a.tsv", Export([CHAT, Link('say "hi"', "\u2028", -1.5, 0.0, '"', "\x85")]), "tsv")
    rows = rows_of(tmp_path / "a.tsv")
    assert [row["left"] for row in rows] == ["http://a/chat", 'say "hi"']
    assert [float(row["score"]) for row in rows] == [0.5, -1.5]


def test_float32_scores_survive_the_round_trip_bit_for_bit(tmp_path):
    scores = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    write_links(tmp_path / "a.tsv", Export([Link("a", "b", score, 1.0) for score in scores]), "tsv")
    back = np.array([row["score"] for row in rows_of(tmp_path / "a.tsv")], dtype=np.float32)
    np.testing.assert_array_equal(back, scores)


def test_escapes_are_read_back_only_from_the_columns_of_matches(tmp_path):
    """A backslash in any other TSV is a backslash."""
    head = "left\tright\tscore\tconfidence\tleft_label\tright_label\r\n"
    put(tmp_path, {"alignment.tsv": head + "a\\tb\tC:\\\\x\t1\t\t\t\r\n", "links.tsv": "left\tright\na\\tb\tC:\\\\x\n"})
    found = read_links(tmp_path / "alignment.tsv")
    assert (found.left, found.right) == (["a\tb"], ["C:\\x"])
    found = read_links(tmp_path / "links.tsv")
    assert (found.left, found.right) == (["a\\tb"], ["C:\\\\x"])


def test_a_broken_tsv_of_matches_is_refused_with_its_line(tmp_path):
    path = put(tmp_path, {"a.tsv": next(to_tsv([])) + "a\tb\n"}) / "a.tsv"
    refused(lambda: read_links(path), path, 2, "expected 6 tab-separated fields, got 2")


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "bad", [CHAT._replace(score=float("nan")), CHAT._replace(score=None), CHAT._replace(confidence=1.5)]
)
def test_a_bad_number_leaves_the_old_file_and_nothing_else(tmp_path, bad, form):
    path = tmp_path / f"a.{form}"
    write_links(path, Export([CHAT]), form)
    before = path.read_bytes()
    with pytest.raises(InputError, match="finite score and a confidence in"):
        write_links(path, Export([CHAT, bad]), form)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_csv_has_the_columns_of_the_tsv_with_quotes_in_place_of_escapes(tmp_path):
    link = Link('say "hi", you', "two\nlines", -1.5, None, "tab\there", "")
    assert write_links(tmp_path / "a.csv", Export([link, CHAT]), "csv") == 2
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["left", "right", "score", "confidence", "left_label", "right_label"],
        ['say "hi", you', "two\nlines", "-1.5", "", "tab\there", ""],
        ["http://a/chat", "http://b/cat", "0.5", "0.25", "chat", "cat"],
    ]
    assert read_links(tmp_path / "a.csv").right == ["two\nlines", "http://b/cat"]


@pytest.mark.parametrize("label", ["a\tb", "a\nb", "a\0b", ""])
def test_known_links_that_tsv_cannot_hold_are_refused(tmp_path, label):
    with pytest.raises(InputError, match="links.tsv: expected text without tabs.*write CSV or Parquet"):
        write_links(tmp_path / "links.tsv", Export([Link("a", label)], scored=False), "tsv")
    assert not list(tmp_path.iterdir())
