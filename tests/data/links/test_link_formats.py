"""All formats of links through one registry."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put
from typer.testing import CliRunner

from mmkg.cli.app import app
from mmkg.data.formats.write import write_pair
from mmkg.data.links.checked import LabelLinks
from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import LINK_FORMATS, LinkFormat, link_format_of, read_links, write_links
from mmkg.data.links.jsonl import read_jsonl
from mmkg.data.links.ntriples import to_ntriples
from mmkg.data.links.oaei import Cell, read_oaei, write_oaei
from mmkg.data.links.sssom import SssomMapping, mappings_of
from mmkg.data.links.sssom_read import read_sssom
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError, UsageError
from mmkg.loading import load
from mmkg.sources.synthetic import twin_graphs

SURE = Link("http://a/1", "http://b/1", 0.5, 0.97, "one", "uno")
UNSURE = Link("http://a/2", "http://b/2", 0.25, 0.5, "two", "due")
UNKNOWN = Link("http://a/3", "http://b/3", 0.125, None)


def test_above_one_threshold_links_are_the_same_below_it_close_and_the_rest_is_listed():
    export = Export([SURE, UNSURE, UNKNOWN], 0.9, ([("http://a/4", "four")], [("http://b/5", "cinque")]))
    assert mappings_of(export) == [
        SssomMapping("http://a/1", "http://b/1", "owl:sameAs", 0.97, "one", "uno"),
        SssomMapping("http://a/2", "http://b/2", "skos:closeMatch", 0.5, "two", "due"),
        SssomMapping("http://a/3", "http://b/3", "skos:closeMatch", None),
        SssomMapping("http://a/4", None, "owl:sameAs", None, "four"),
        SssomMapping(None, "http://b/5", "owl:sameAs", None, "", "cinque"),
    ]
    lines = list(to_ntriples(export.links, is_same=export.is_same))
    assert lines[0] == "<http://a/1> <http://www.w3.org/2002/07/owl#sameAs> <http://b/1> .\n"
    assert lines[1] == "<http://a/2> <http://www.w3.org/2004/02/skos/core#closeMatch> <http://b/2> .\n"
    assert {each.predicate for each in mappings_of(Export([SURE, UNSURE, UNKNOWN]))} == {"owl:sameAs"}


def test_an_unknown_format_names_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="unknown format of links 'json'; did you mean 'jsonl'"):
        write_links(tmp_path / "a", Export([SURE]), "json")


def test_numbers_are_numbers_in_parquet_and_measures_in_an_alignment(tmp_path):
    from pyarrow import parquet

    export = Export([SURE, UNSURE, UNKNOWN])
    assert write_links(tmp_path / "a.parquet", export, "parquet") == 3
    table = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert table["score"] == [0.5, 0.25, 0.125] and table["confidence"] == [0.97, 0.5, None]
    assert table["left_label"] == ["one", "two", ""]
    write_links(tmp_path / "a.rdf", export, "oaei")
    assert read_oaei(tmp_path / "a.rdf").cells == [
        Cell("http://a/1", "http://b/1", "=", 0.97),
        Cell("http://a/2", "http://b/2", "=", 0.5),
        Cell("http://a/3", "http://b/3", "=", 1.0),
    ]


XML = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
TEXT = st.text(XML, min_size=1, max_size=6)
LABEL = TEXT | TEXT.map(lambda text: "http://x/" + text)
NUMBER = st.integers(0, 64).map(lambda number: number / 64)  # nine digits hold them exactly
LINKS = st.lists(st.builds(Link, LABEL, LABEL, NUMBER, st.none() | NUMBER, TEXT, TEXT), min_size=1, max_size=4)


@pytest.mark.parametrize("form", LINK_FORMATS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINKS)
def test_any_links_are_read_as_links_whatever_their_format(tmp_path, form, links):
    path = tmp_path / ("a" + LINK_FORMATS[form].suffixes[0])
    assert write_links(path, Export(links), form) == len(links)
    found = read_links(path)
    assert list(zip(found.left, found.right, strict=True)) == [link[:2] for link in links]
    if form == "jsonl":
        assert [Link(**row) for _, row in read_jsonl(path, Faults())] == links
    elif form == "sssom":
        assert [each.confidence for each in read_sssom(path)] == [link.confidence for link in links]


ANY = st.text(st.characters(exclude_characters="\t\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
PARTS = st.sampled_from(["train", "valid", "test"])


@pytest.mark.parametrize("form", LINK_FORMATS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ANY, ANY, PARTS), min_size=1, max_size=4), st.booleans())
def test_any_known_links_come_back_with_their_parts(tmp_path, form, rows, split):
    path = tmp_path / ("links" + LINK_FORMATS[form].suffixes[0])
    parts = [row[2] for row in rows] if split else None
    export = Export([Link(*row[:2]) for row in rows], parts=parts, scored=False)
    if split and not LINK_FORMATS[form].holds_parts:
        message = f"links as {form} have no place for a split; choose tsv, csv, jsonl or parquet"
        with pytest.raises(UsageError, match=message):
            write_links(path, export, form)
        return
    assert write_links(path, export, form) == len(rows)
    found = read_links(path)
    assert list(zip(found.left, found.right, strict=True)) == [row[:2] for row in rows]
    assert found.parts == (parts or None)
    if LINK_FORMATS[form].holds_parts:
        assert found.lines.tolist() == list(range(2 - (form in ("jsonl", "parquet")), len(rows) + 2))[: len(rows)]


@pytest.mark.parametrize("form", ["tsv", "sssom", "jsonl", "parquet"])
def test_a_text_that_utf8_cannot_hold_leaves_nothing_behind(tmp_path, form):
    link = SURE._replace(left_label="\udc80", left="http://\udc80")
    with pytest.raises(InputError, match="UTF-8") as caught:
        write_links(tmp_path / "a", Export([link]), form)
    assert "udc80" in str(caught.value) and caught.value.path == tmp_path / "a"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["nt", "oaei"])
def test_a_label_that_utf8_cannot_hold_is_percent_encoded_where_labels_are_iris(tmp_path, form):
    path = tmp_path / ("a" + LINK_FORMATS[form].suffixes[0])
    write_links(path, Export([SURE._replace(left="http://\udc80")]), form)
    assert "urn:mmkg:http%3A%2F%2F%ED%B2%80" in path.read_text()
    assert list(read_links(path).left) == ["http://\udc80"]


def test_json_lines_are_json(tmp_path):
    write_links(tmp_path / "a.jsonl", Export([UNKNOWN]), "jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == UNKNOWN._asdict()


# --- which format a file has


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("links.tsv", "a\tx\nb\ty\n"),
        ("links.txt", "left\tright\na\tx\nb\ty\n"),
        ("ent_links", "a\tx\nb\ty\n"),
        ("links.csv", "left,right\na,x\nb,y\n"),
        ("LINKS.NDJSON", '{"left": "a", "right": "x"}\n{"left": "b", "right": "y"}\n'),
        (
            "alignment.tsv",
            "left\tright\tscore\tconfidence\tleft_label\tright_label\na\tx\t1\t\tA\tX\nb\ty\t1\t1\tB\tY\n",
        ),
    ],
)
def test_links_are_recognised_by_their_name(tmp_path, name, text):
    links = read_links(put(tmp_path, {name: text}) / name)
    assert (list(links.left), list(links.right)) == (["a", "b"], ["x", "y"])


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.tsv", "tsv"), ("a.sssom.tsv", "sssom"), ("a.sssom.tsv.gz", "sssom"), ("a.sssom", "sssom"), ("a.pq", "parquet")]
    + [(f"a.{suffix}", "nt") for suffix in ("nt", "nq", "ttl", "trig", "nt.bz2")],
)
def test_the_longest_suffix_decides(name, form):
    assert link_format_of(name) is LINK_FORMATS[form]


def test_rdf_xml_is_an_alignment_or_same_as_by_its_content(tmp_path):
    path = tmp_path / "links.rdf"
    write_oaei(path, [Cell("a", "x")])
    assert link_format_of(path) is LINK_FORMATS["oaei"] and read_links(path).left == ["a"]
    path.write_text(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#">'
        '<rdf:Description rdf:about="http://e/a"><owl:sameAs rdf:resource="http://f/a"/></rdf:Description></rdf:RDF>'
    )
    assert link_format_of(path) is LINK_FORMATS["nt"] and read_links(path).right == ["http://f/a"]
    with pytest.raises(InputError, match="no such file"):
        link_format_of(tmp_path / "none.rdf")


def test_links_may_be_same_as_in_any_rdf(tmp_path):
    text = '<http://e/a> <http://www.w3.org/2002/07/owl#sameAs> <http://f/a> .\n<http://e/a> <http://e/p> "x" .\n'
    for name in ("links.nt", "links.ttl"):
        links = read_links(put(tmp_path, {name: text}) / name)
        assert (links.left, links.right) == (["http://e/a"], ["http://f/a"])


# --- a format from outside


def read_arrows(path, faults):
    rows = [line.split(" => ") for line in path.read_text(encoding="utf-8").splitlines()]
    return LabelLinks(path, [a for a, _ in rows], [b for _, b in rows], np.arange(1, len(rows) + 1))


def arrow_lines(export):
    return (f"{link.left} => {link.right}\n" for link in export.links)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(LINK_FORMATS, "toy", LinkFormat((".arrows",), read_arrows, arrow_lines))


def test_a_format_registered_from_outside_is_read_and_written_everywhere(toy, tmp_path, small_run, small_result):
    path = tmp_path / "matches.arrows"
    done = CliRunner().invoke(app, ["match", str(small_run), "--format", "toy", "--out", str(path)])
    assert done.exit_code == 0, done.output
    expected = [(link.left, link.right) for link in small_result.export(small_result.linked())]
    found = read_links(path)
    assert list(zip(found.left, found.right, strict=True)) == expected and expected
    printed = CliRunner().invoke(app, ["match", str(small_run), "--format", "toy"])
    assert printed.stdout == path.read_text(encoding="utf-8")

    task = twin_graphs(30, missing={}, seed=0)
    task = replace(task, left=replace(task.left, images=None), right=replace(task.right, images=None))
    folder = write_pair(task, tmp_path / "pair", "tsv", links="toy")
    assert (folder / "links.arrows").is_file()
    assert len(load(folder).links.all()) == len(task.links.all())


def test_a_format_without_a_writer_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(LINK_FORMATS, "toy", LinkFormat((".arrows",), read_arrows))
    with pytest.raises(UsageError, match="links as toy can only be read"):
        write_links(tmp_path / "a.arrows", Export([SURE]), "toy")
