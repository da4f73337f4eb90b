import gzip
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put, refused

from mmkg.data.links.formats import read_links
from mmkg.data.links.oaei import NAMESPACE, Cell, is_oaei, read_oaei, read_oaei_links, write_oaei
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<rdf:RDF xmlns="http://knowledgeweb.semanticweb.org/heterogeneity/alignment#"
         xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<Alignment>
"""
CELL = '<map><Cell><entity1 rdf:resource="http://a/1"/><entity2 rdf:resource="http://b/1"/>{}</Cell></map>\n'
GOOD = CELL.format("<relation>=</relation><measure>0.5</measure>")
TWO = "<entity2 resource='http://b/1'/></Cell></map></Alignment>"
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


@pytest.mark.parametrize("measure", ["1.05", "62.9", "-0.1", "NaN", "INF", "high", "0,95"])
def test_a_measure_outside_the_unit_interval_keeps_its_link_and_is_noted(tmp_path, measure):
    """Links do not use measures: 22 of 222 files of LogMap, AML and FCA-Map have such ones."""
    cells = GOOD + CELL.replace("/1", "/2").format(f"<measure>{measure}</measure>")
    path = put(tmp_path, {"a.rdf": HEAD + cells + CELL.replace("/1", "/3").format("") + TAIL}) / "a.rdf"
    faults = Faults()
    links = read_oaei_links(path, faults)
    assert links.left == ["http://a/1", "http://a/2", "http://a/3"]
    assert faults.notes == {"a.rdf: cells with a measure outside [0, 1]": 1}
    read = read_oaei(path).cells[1].measure
    expected = {"1.05": 1.05, "62.9": 62.9, "-0.1": -0.1, "INF": math.inf}.get(measure, math.nan)
    assert read == expected or (math.isnan(read) and math.isnan(expected))


EQUAL = ["=", "==", "≡", " = ", "Equivalence", "equivalent", "EquivRelation", "owl:equivalentClass", "skos:exactMatch"]
EQUAL += ["fr.inrialpes.exmo.align.impl.rel.EquivRelation", "http://www.w3.org/2002/07/owl#sameAs", "<![CDATA[=]]>", ""]
OTHER = ["&lt;", "&gt;", "%", "?", "SubsumeRelation", "<![CDATA[<]]>", "skos:closeMatch", "non-equivalence"]


@pytest.mark.parametrize(("relation", "count"), [*((each, 1) for each in EQUAL), *((each, 0) for each in OTHER)])
def test_equality_is_recognised_however_it_is_spelt(tmp_path, relation, count):
    path = put(tmp_path, {"a.rdf": HEAD + CELL.format(f"<relation>{relation}</relation>") + TAIL}) / "a.rdf"
    assert len(read_oaei_links(path, Faults()).left) == count


ONE = [
    '<entity1 rdf:resource="http://a/o#x"/>',
    '<entity1 rdf:about="http://a/o#x"/>',
    '<entity1 resource=" http://a/o#x "/>',
    '<entity1><Class rdf:about="http://a/o#x"/></entity1>',
    "<entity1>http://a/o#x</entity1>",
    "<entity1><![CDATA[http://a/o#x]]></entity1>",
    '<entity1 rdf:resource="#x"/>',
    '<entity1><Class rdf:ID="x"/></entity1>',
    '<entity1 xml:base="http://a/p/q" rdf:resource="../o#x"/>',
]


@pytest.mark.parametrize("entity", ONE)
def test_an_entity_is_written_in_many_ways(tmp_path, entity):
    cell = f'<map><Cell>{entity}<entity2 rdf:resource="http://b/1"/></Cell></map>'
    text = HEAD.replace("<Alignment", '<Alignment xml:base="http://a/o"') + cell + TAIL
    assert read_oaei(put(tmp_path, {"a.rdf": text}) / "a.rdf").cells == [Cell("http://a/o#x", "http://b/1")]


def test_names_may_have_any_prefix(tmp_path):
    text = """<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns:a="http://knowledgeweb.semanticweb.org/heterogeneity/alignment"><a:Alignment><a:map><a:Cell r:about="c">
      <a:entity1 r:resource="http://a/1"/><a:entity2 r:resource="http://b/1"/><a:measure>1.</a:measure>
      <a:relation>=</a:relation></a:Cell></a:map></a:Alignment></r:RDF>"""
    path = put(tmp_path, {"a.xml": text}) / "a.xml"
    assert is_oaei(path) and read_oaei(path).cells == [Cell("http://a/1", "http://b/1")]


def test_a_cell_between_expressions_is_counted_and_no_link(tmp_path):
    """EDOAL: a class that is the union of two others has no name."""
    either = '<Class><or rdf:parseType="Collection"><Class rdf:about="http://a/2"/></or></Class>'
    text = HEAD + GOOD + f"<map><Cell><entity1>{either}</entity1>" + '<entity2 rdf:resource="http://b/2"/></Cell></map>'
    faults = Faults()
    assert read_oaei_links(put(tmp_path, {"a.rdf": text + TAIL}) / "a.rdf", faults).left == ["http://a/1"]
    assert faults.notes == {"a.rdf: cells between expressions": 1}


def test_an_alignment_is_recognised_after_any_amount_of_comment(tmp_path):
    comment = "<!--" + "a comment " * 40_000 + "-->\n"
    start, rest = HEAD.split("<rdf:RDF")
    bare = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>" + comment
    texts = {
        "before": start + comment + "<rdf:RDF" + rest + GOOD + TAIL,
        "inside": bare + f"<Alignment xmlns='{NAMESPACE}'>" + GOOD + TAIL,
        "wide": (HEAD.replace("utf-8", "utf-16") + GOOD + TAIL).encode("utf-16"),
        "alone": f"<Alignment><map><Cell><entity1 resource='http://a/1'/>{TWO}",
    }
    for name, text in texts.items():
        path = put(tmp_path, {f"{name}.rdf": text}) / f"{name}.rdf"
        assert is_oaei(path) and read_links(path).left == ["http://a/1"]


def test_an_ontology_that_mentions_alignments_in_a_comment_is_none(tmp_path):
    text = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#">'
    )
    text = f"<!-- see {NAMESPACE} -->" + text + '<owl:Class rdf:about="http://a/1"/></rdf:RDF>'
    assert not is_oaei(put(tmp_path, {"a.owl": text}) / "a.owl")


def test_an_alignment_without_an_equality_is_an_error_that_names_its_relations(tmp_path):
    cells = "".join(CELL.format(f"<relation>{each}</relation>") for each in ("&lt;", "&lt;", "&gt;"))
    path = put(tmp_path, {"a.rdf": HEAD + cells + TAIL, "b.rdf": HEAD + TAIL}) / "a.rdf"
    message = "expected at least one link, got 3 cells with the relations < (2), > (1)"
    refused(lambda: read_links(path), path, None, message)
    refused(lambda: read_links(tmp_path / "b.rdf"), tmp_path / "b.rdf", None, "expected at least one link, got 0 cells")


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
    (HEAD.replace("utf-8", "martian") + GOOD + TAIL, 1, "expected XML in a known encoding", False),
    (HEAD.replace("utf-8", "utf-7") + GOOD + TAIL, 1, "expected XML", False),
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
