import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmkg.data.entities import EntityTable
from mmkg.data.formats.read import read_links
from mmkg.data.links.jsonl import read_jsonl
from mmkg.data.links.oaei import Cell, read_oaei
from mmkg.data.links.sssom import SssomMapping, read_sssom
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError, UsageError
from mmkg.matching.matching import Matching
from mmkg.report.export import FORMATS, Export, unmatched_of, write_links
from mmkg.report.links import Link, read_tsv, to_ntriples

SURE = Link("http://a/1", "http://b/1", 0.5, 0.97, "one", "uno")
UNSURE = Link("http://a/2", "http://b/2", 0.25, 0.5, "two", "due")
UNKNOWN = Link("http://a/3", "http://b/3", 0.125, None)
SUFFIX = {"tsv": ".tsv", "nt": ".nt", "sssom": ".sssom.tsv", "jsonl": ".jsonl", "parquet": ".parquet", "oaei": ".rdf"}


def test_above_one_threshold_links_are_the_same_below_it_close_and_the_rest_is_listed():
    export = Export([SURE, UNSURE, UNKNOWN], 0.9, ([("http://a/4", "four")], [("http://b/5", "cinque")]))
    assert export.mappings() == [
        SssomMapping("http://a/1", "http://b/1", "owl:sameAs", 0.97, "one", "uno"),
        SssomMapping("http://a/2", "http://b/2", "skos:closeMatch", 0.5, "two", "due"),
        SssomMapping("http://a/3", "http://b/3", "skos:closeMatch", None),
        SssomMapping("http://a/4", None, "owl:sameAs", None, "four"),
        SssomMapping(None, "http://b/5", "owl:sameAs", None, "", "cinque"),
    ]
    lines = list(to_ntriples(export.links, is_same=export.is_same))
    assert lines[0] == "<http://a/1> <http://www.w3.org/2002/07/owl#sameAs> <http://b/1> .\n"
    assert lines[1] == "<http://a/2> <http://www.w3.org/2004/02/skos/core#closeMatch> <http://b/2> .\n"
    assert {each.predicate for each in Export([SURE, UNSURE, UNKNOWN]).mappings()} == {"owl:sameAs"}


def test_who_is_in_no_pair_is_unmatched():
    left = EntityTable(("a", "b", "c"), ("A", "B", "C"), ("1", "2", "3"))
    right = EntityTable(("x", "y"), ("X", "Y"), ("8", "9"))
    matching = Matching(np.array([1]), np.array([1]), np.array([0.5], np.float32))
    assert unmatched_of(left, right, matching) == ([("a", "1"), ("c", "3")], [("x", "8")])


def test_an_unknown_format_names_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="unknown format 'json'; did you mean 'jsonl'"):
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
LINKS = st.lists(st.builds(Link, LABEL, LABEL, NUMBER, st.none() | NUMBER, TEXT, TEXT), max_size=4)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINKS)
def test_any_links_are_read_as_links_whatever_their_format(tmp_path, form, links):
    path = tmp_path / ("a" + SUFFIX[form])
    assert write_links(path, Export(links), form) == len(links)
    if form == "nt":  # an IRI may have had to be encoded
        assert len(read_links(path).left) == len(links)
        return
    if form == "tsv":  # its escapes are its own
        assert list(read_tsv(path)) == links
        return
    found = read_links(path)
    assert list(zip(found.left, found.right, strict=True)) == [link[:2] for link in links]
    if form == "jsonl":
        assert [Link(**row) for _, row in read_jsonl(path, Faults())] == links
    elif form == "sssom":
        assert [each.confidence for each in read_sssom(path)] == [link.confidence for link in links]


@pytest.mark.parametrize("form", ["tsv", "nt", "sssom", "jsonl", "parquet"])
def test_a_text_that_utf8_cannot_hold_leaves_nothing_behind(tmp_path, form):
    link = SURE._replace(left_label="\udc80", left="http://\udc80")
    with pytest.raises(InputError, match="UTF-8"):
        write_links(tmp_path / "a", Export([link]), form)
    assert not list(tmp_path.iterdir())


def test_json_lines_are_json(tmp_path):
    write_links(tmp_path / "a.jsonl", Export([UNKNOWN]), "jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == UNKNOWN._asdict()
