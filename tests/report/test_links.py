import csv
import re
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkg.data.entities import EntityTable
from mmkg.data.kg import KnowledgeGraph
from mmkg.errors import InputError
from mmkg.matching.matching import Matching
from mmkg.report.links import Link, links_of, read_tsv, to_iri, to_ntriples, to_tsv, write_ntriples, write_tsv

LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LINKS = st.builds(
    Link,
    LABELS,
    LABELS,
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.none() | st.floats(0, 1, width=32),
    LABELS,
    LABELS,
)
# W3C N-Triples grammar, production IRIREF, written out
IRIREF = r'<(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>'
CHAT = Link("http://a/chat", "http://b/cat", 0.5, 0.25, "chat", "cat")


def as_float32(link):
    confidence = None if link.confidence is None else np.float32(link.confidence)
    return link._replace(score=np.float32(link.score), confidence=confidence)


def test_tsv_line_is_the_columns_in_order():
    assert list(to_tsv([CHAT])) == [
        "left\tright\tscore\tconfidence\tleft_label\tright_label\n",
        "http://a/chat\thttp://b/cat\t0.5\t0.25\tchat\tcat\n",
    ]


def test_a_confidence_nobody_calibrated_is_an_empty_field():
    assert list(to_tsv([CHAT._replace(confidence=None)]))[1].split("\t")[3] == ""


def test_links_of_a_matching_carry_labels_and_what_people_see():
    none = np.empty((0, 3), np.int64)
    left = KnowledgeGraph(("http://a/0", "http://a/1"), (), none, display=("zero", "one"))
    right = KnowledgeGraph(("http://b/0", "http://b/1"), (), none, names=("nul", None))
    tables = EntityTable.of(left), EntityTable.of(right)
    rows = (np.array([0, 1]), np.array([1, 0]), np.array([0.5, 0.25], np.float32))
    assert list(links_of(*tables, Matching(*rows, np.array([0.75, 1.0], np.float32)))) == [
        Link("http://a/0", "http://b/1", 0.5, 0.75, "zero", "http://b/1"),
        Link("http://a/1", "http://b/0", 0.25, 1.0, "one", "nul"),
    ]
    assert [link.confidence for link in links_of(*tables, Matching(*rows))] == [None, None]


def test_tabs_newlines_and_backslashes_in_labels_are_escaped():
    assert list(to_tsv([Link("a\tb", "c\nd\re", 1.0, 1.0, "f\\n", "")]))[1] == "a\\tb\tc\\nd\\re\t1\t1\tf\\\\n\t\n"


@given(st.lists(LINKS, max_size=5))
def test_reading_the_tsv_back_gives_the_links(tmp_path_factory, links):
    path = tmp_path_factory.mktemp("tsv") / "alignment.tsv"
    assert write_tsv(path, links) == len(links)
    back = read_tsv(path)
    assert [as_float32(link) for link in back] == [as_float32(link) for link in links]


def test_the_csv_module_reads_the_same_fields(tmp_path):
    write_tsv(tmp_path / "a.tsv", [CHAT, Link('say "hi"', "\u2028", -1.5, 0.0, '"', "\x85")])
    with (tmp_path / "a.tsv").open(encoding="utf-8", newline="\n") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["left"] for row in rows] == ["http://a/chat", 'say "hi"']
    assert [float(row["score"]) for row in rows] == [0.5, -1.5]


def test_float32_scores_survive_the_round_trip_bit_for_bit(tmp_path):
    scores = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    write_tsv(tmp_path / "a.tsv", [Link("a", "b", score, 1.0) for score in scores])
    back = np.array([link.score for link in read_tsv(tmp_path / "a.tsv")], dtype=np.float32)
    np.testing.assert_array_equal(back, scores)


def test_crlf_is_accepted_when_reading(tmp_path):
    (tmp_path / "a.tsv").write_bytes("".join(to_tsv([CHAT])).replace("\n", "\r\n").encode())
    assert list(read_tsv(tmp_path / "a.tsv")) == [CHAT]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\n", r"a\.tsv:1: expected the columns left, right"),
        ("HEADER" + "a\tb\n", r"a\.tsv:2: expected 6 fields separated by tabs, got 2"),
        ("HEADER" + "a\tb\tx\t1\t\t\n", r"a\.tsv:2: expected a score and a confidence, got 'x' and '1'"),
    ],
)
def test_a_broken_tsv_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "a.tsv").write_text(text.replace("HEADER", next(to_tsv([]))), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        list(read_tsv(tmp_path / "a.tsv"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: expected a TSV file"):
        list(read_tsv(tmp_path / "none.tsv"))


@pytest.mark.parametrize("bad", [CHAT._replace(score=float("nan")), CHAT._replace(confidence=1.5)])
def test_a_bad_number_leaves_the_old_file_and_nothing_else(tmp_path, bad):
    path = tmp_path / "a.tsv"
    write_tsv(path, [CHAT])
    before = path.read_bytes()
    with pytest.raises(InputError, match="finite score and a confidence in"):
        write_tsv(path, [CHAT, bad])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_lone_surrogate_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"UTF-8 can hold, got '\\udc80"):
        write_tsv(tmp_path / "a.tsv", [CHAT._replace(left="\udc80")])
    assert not list(tmp_path.iterdir())


def test_ntriples_line_is_owl_same_as_from_left_to_right(tmp_path):
    expected = "<http://a/chat> <http://www.w3.org/2002/07/owl#sameAs> <http://b/cat> .\n"
    assert list(to_ntriples([CHAT])) == [expected]
    assert write_ntriples(tmp_path / "a.nt", [CHAT, CHAT]) == 2
    assert (tmp_path / "a.nt").read_text(encoding="utf-8") == 2 * expected


@pytest.mark.parametrize(
    ("label", "iri"),
    [
        ("http://zh.dbpedia.org/resource/中国", "http://zh.dbpedia.org/resource/中国"),
        ("http://x/50%25", "http://x/50%25"),
        ('http://x/a b"<c>\\|\n', "http://x/a%20b%22%3Cc%3E%5C%7C%0A"),
        ("http://[::1]/a[b]?c[d]#e[f]#g", "http://[::1]/a%5Bb%5D?c%5Bd%5D#e%5Bf%5D%23g"),
        ("http://x/100%/%zz", "http://x/100%25/%25zz"),
        ("urn:isbn:123", "urn:isbn:123"),
        ("chat", "urn:mmkg:chat"),
        ("Batman: Returns", "urn:mmkg:Batman%3A%20Returns"),
        ("Batman:Returns", "urn:mmkg:Batman%3AReturns"),
        ("été/🐈", "urn:mmkg:%C3%A9t%C3%A9%2F%F0%9F%90%88"),
        ("http://", "urn:mmkg:http%3A%2F%2F"),
        ("", "urn:mmkg:"),
    ],
)
def test_labels_become_absolute_iris(label, iri):
    assert to_iri(label) == iri


@given(LABELS | LABELS.map(lambda text: "http://x/" + text))
def test_every_label_gives_a_valid_iriref_and_plain_labels_come_back(label):
    iri = to_iri(label)
    assert re.fullmatch(IRIREF, f"<{iri}>")
    if iri.startswith("urn:mmkg:") and not label.startswith("urn:mmkg:"):
        assert unquote(iri.removeprefix("urn:mmkg:")) == label


def test_links_are_streamed_not_collected():
    def endless():
        while True:
            yield CHAT

    lines = to_ntriples(endless())
    assert next(lines) == next(lines)
