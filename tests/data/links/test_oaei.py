import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put, refused

from mmkg.data.links.oaei import Cell, read_oaei, read_oaei_links, write_oaei
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<rdf:RDF xmlns="http://knowledgeweb.semanticweb.org/heterogeneity/alignment#"
         xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<Alignment>
"""
CELL = '<map><Cell><entity1 rdf:resource="http://a/1"/><entity2 rdf:resource="http://b/1"/>{}</Cell></map>\n'
GOOD = CELL.format("<relation>=</relation><measure>0.5</measure>")
TAIL = "</Alignment>\n</rdf:RDF>\n"


def test_cells_of_all_relations_are_read_and_only_equal_ones_are_links(tmp_path):
    text = (
        HEAD + GOOD + CELL.replace("/1", "/2").format("<relation>&lt;</relation>") + CELL.replace("/1", "/3").format("")
    )
    path = put(tmp_path, {"a.rdf": text + TAIL}) / "a.rdf"
    assert read_oaei(path).cells == [
        Cell("http://a/1", "http://b/1", "=", 0.5),
        Cell("http://a/2", "http://b/2", "<", 1.0),
        Cell("http://a/3", "http://b/3", "=", 1.0),
    ]
    faults = Faults()
    links = read_oaei_links(path, faults)
    assert (links.left, links.right) == (["http://a/1", "http://a/3"], ["http://b/1", "http://b/3"])
    assert links.lines.tolist() == [5, 7] and faults.notes == {"a.rdf: cells of another relation than =": 1}


def test_entities_may_be_nested_and_the_file_compressed(tmp_path):
    nested = (
        '<map><Cell><entity1><Class rdf:about="http://a/1"/></entity1><entity2 rdf:about="http://b/1"/></Cell></map>'
    )
    path = put(tmp_path, {"a.rdf.gz": gzip.compress(("\ufeff" + HEAD + nested + TAIL).encode())}) / "a.rdf.gz"
    assert read_oaei(path).cells == [Cell("http://a/1", "http://b/1")]


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
MALFORMED = [
    ("", 1, "expected XML, got no element found in column 1", False),
    ("left\tright\n", 1, "expected XML, got syntax error in column 1", False),
    ("<html><p></html>", 1, "expected XML, got mismatched tag in column 12", False),
    ("<html></html>", None, "expected an Alignment (OAEI), got other XML", False),
    (HEAD + GOOD, 6, "expected XML, got no element found", False),
    (HEAD + "<map><Cell></map></Cell>" + TAIL, 5, "expected XML, got mismatched tag", False),
    (HEAD + GOOD.replace("rdf:resource", "foo:resource") + TAIL, 5, "expected XML, got unbound prefix", False),
    (HEAD.encode() + b"\xff" + TAIL.encode(), 5, "expected XML, got not well-formed (invalid token)", False),
    (HEAD + "\0" + TAIL, 5, "expected XML, got not well-formed (invalid token)", False),
    (HEAD.replace("<rdf:RDF", BOMB + "<rdf:RDF") + TAIL, 2, "expected XML without a document type (DTD)", False),
    (HEAD + GOOD + GOOD.replace('<entity2 rdf:resource="http://b/1"/>', "") + TAIL, 6, "got none for entity2", True),
    (HEAD + GOOD + GOOD.replace('"http://a/1"', '""') + TAIL, 6, "got none for entity1", True),
    (HEAD + GOOD + GOOD.replace("0.5", "1.5") + TAIL, 6, "expected a measure in [0, 1], got '1.5'", True),
    (HEAD + GOOD + GOOD.replace("0.5", "-0.1") + TAIL, 6, "expected a measure in [0, 1], got '-0.1'", True),
    (HEAD + GOOD + GOOD.replace("0.5", "high") + TAIL, 6, "expected a measure in [0, 1], got 'high'", True),
    (HEAD + GOOD + GOOD.replace("0.5", "nan") + TAIL, 6, "expected a measure in [0, 1], got 'nan'", True),
    (None, None, "no such file", False),
]


@pytest.mark.parametrize(("content", "line", "message", "skippable"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_alignment_is_refused_with_its_place(tmp_path, content, line, message, skippable):
    path = put(tmp_path, {"a.rdf": content}) / "a.rdf"
    refused(lambda: read_oaei(path), path, line, message)
    faults = Faults("skip")
    if skippable:
        assert len(read_oaei(path, faults=faults).cells) == 1 and faults.notes == {"a.rdf: skipped lines": 1}
    else:
        with pytest.raises(InputError):
            read_oaei(path, faults=faults)


@pytest.mark.parametrize("cell", [Cell("a", "b", "=", 1.5), Cell("a", "b", "\x1f"), Cell("a", "b", "\ud800")])
def test_what_xml_cannot_hold_is_refused_and_nothing_is_left(tmp_path, cell):
    with pytest.raises(InputError, match="expected"):
        write_oaei(tmp_path / "a.rdf", [cell])
    assert not list(tmp_path.iterdir())


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
)
LABEL = st.tuples(TEXT, st.sampled_from(["", "\t\r\n", "<&>\"'", "\0", "\ud800"])).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(LABEL, LABEL, st.sampled_from(["=", "<", ">", "%"]), st.sampled_from([0.0, 0.125, 1.0])), max_size=4
    )
)
def test_any_cells_come_back_as_they_were_written(tmp_path, rows):
    cells = [Cell(*row) for row in rows]
    assert write_oaei(tmp_path / "a.rdf", cells) == len(cells)
    assert read_oaei(tmp_path / "a.rdf").cells == cells
