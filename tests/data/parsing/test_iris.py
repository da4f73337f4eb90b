"""Labels and IRIs, one rule for all formats."""

import re
from urllib.parse import unquote

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmkg.data.formats.merged import write_merged
from mmkg.data.formats.rdf import read_rdf, write_ntriples
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import LINK_FORMATS, read_links, write_links
from mmkg.data.merge import merge_graphs
from mmkg.data.parsing.iris import is_iri, label_of_iri, to_iri
from mmkg.data.parsing.terms import label_of, term_of

# W3C N-Triples grammar, production IRIREF, written out
IRIREF = r'<(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>'
IRIS = [  # absolute IRIs of RFC 3986, Sec. 1.1.2, of RFC 3987, and of schemes that no list of ours names
    "ftp://ftp.is.co.za/rfc/rfc1808.txt",
    "http://www.ietf.org/rfc/rfc2396.txt",
    "ldap://[2001:db8::7]/c=GB?objectClass?one",
    "mailto:John.Doe@example.com",
    "news:comp.infosystems.www.servers.unix",
    "tel:+1-816-555-1212",
    "telnet://192.0.2.16:80/",
    "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
    "http://zh.dbpedia.org/resource/中国",
    "http://x/50%25",
    "http://[::1]/",
    "http://user:word@[v7.a:b]:8080/?\ue000#f",
    "isbn:0",
    "ex:0",
    "ex:",
    "Batman:Returns",
    "a+b-c.d:/x//y",
    "http://",
]
NO_IRIS = {  # label: IRI that it gets
    "chat": "urn:mmkg:chat",
    "New York": "urn:mmkg:New%20York",
    "Batman: Returns": "urn:mmkg:Batman%3A%20Returns",
    "été/🐈": "urn:mmkg:%C3%A9t%C3%A9%2F%F0%9F%90%88",
    'http://x/a b"<c>\\|\n': "urn:mmkg:http%3A%2F%2Fx%2Fa%20b%22%3Cc%3E%5C%7C%0A",
    "http://x/100%/%zz": "urn:mmkg:http%3A%2F%2Fx%2F100%25%2F%25zz",
    "http://x/a[b]": "urn:mmkg:http%3A%2F%2Fx%2Fa%5Bb%5D",
    "http://x/#a#b": "urn:mmkg:http%3A%2F%2Fx%2F%23a%23b",
    "http://[::1": "urn:mmkg:http%3A%2F%2F%5B%3A%3A1",
    "http://[fe80::1%25eth0]/": "urn:mmkg:http%3A%2F%2F%5Bfe80%3A%3A1%2525eth0%5D%2F",
    "http://x:8x/": "urn:mmkg:http%3A%2F%2Fx%3A8x%2F",
    ":x": "urn:mmkg:%3Ax",
    "1a:x": "urn:mmkg:1a%3Ax",
    "é:x": "urn:mmkg:%C3%A9%3Ax",
    "x:\ue000": "urn:mmkg:x%3A%EE%80%80",
    "_:x": "urn:mmkg:_%3Ax",
    "urn:mmkg:chat": "urn:mmkg:urn%3Ammkg%3Achat",
    "": "urn:mmkg:",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PIECES = "aA1zé中:/?#[]@!$&'()*+,;=-._~%2Ff\\ \"<>{}|^`\x00\x7f\x80\xa0\ud7ff\ue000\uf8ff\uf900\ufdcf\ufdd0\ufdf0\uffef"
PIECES += "\ufff0\ufffd\U00010000\U0001fffd\U0001fffe\U000e0001\U000e1000\U000efffd\U000f0000\U0010fffd"
BEGINNINGS = ["", "ex:", "http://x/", "ex://", "ex://[", "ex://[::1]", "ex://[v1.", "ex:?", "ex:#", "_:", "urn:mmkg:"]
NEAR_IRIS = st.tuples(st.sampled_from(BEGINNINGS), st.text(PIECES, max_size=8)).map("".join)
LABELS = st.text(max_size=8) | TEXT.map("http://x/".__add__) | NEAR_IRIS


@pytest.mark.parametrize("label", IRIS)
def test_an_absolute_iri_of_any_scheme_stays_as_it_is(label):
    assert is_iri(label) and to_iri(label) == label and label_of_iri(label) == label


@pytest.mark.parametrize(("label", "iri"), NO_IRIS.items())
def test_any_other_label_is_percent_encoded(label, iri):
    assert to_iri(label) == iri and label_of_iri(iri) == label


@given(LABELS)
@example("\ud800")
def test_any_label_gives_a_valid_iriref_and_comes_back(label):
    iri = to_iri(label)
    assert is_iri(iri) and re.fullmatch(IRIREF, f"<{iri}>")
    assert label_of_iri(iri) == label and label_of(term_of(label)) == label
    if iri != label:
        assert unquote(iri.removeprefix("urn:mmkg:"), errors="surrogatepass") == label


@settings(max_examples=500)
@given(NEAR_IRIS | TEXT)
def test_the_rdf_parser_agrees_on_what_is_an_iri_and_a_blank_node(text):
    oxigraph = pytest.importorskip("pyoxigraph")

    def accepts(kind, text):
        try:
            kind(text)
        except ValueError:
            return False
        return True

    assert is_iri(text) == accepts(oxigraph.NamedNode, text)
    assert (term_of(f"_:{text}") == f"_:{text}") == accepts(oxigraph.BlankNode, text)


def test_every_character_is_judged_as_the_rdf_parser_judges_it():
    oxigraph = pytest.importorskip("pyoxigraph")
    for code in [*range(0xD800), *range(0xE000, 0x30000, 7), *range(0xDFFF0, 0xF0010), *range(0x10FFF0, 0x110000)]:
        for text in (f"x:{chr(code)}", f"x:?{chr(code)}", f"x:#{chr(code)}", f"x://{chr(code)}"):
            try:
                oxigraph.NamedNode(text)
            except ValueError:
                assert not is_iri(text), ascii(text)
            else:
                assert is_iri(text), ascii(text)


def test_labels_need_no_rdf_parser(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyoxigraph", None)
    assert to_iri("ex:no parser") == "urn:mmkg:ex%3Ano%20parser" and term_of("_:x.y") == "_:x.y"


def iris_in(path):
    """IRIs of a file of links, in order of first appearance: SSSOM by expanding its CURIEs, XML unescaped."""
    text = path.read_text(encoding="utf-8")
    if path.name.endswith(".sssom.tsv"):
        prefixes = dict(re.findall(r'^#  (\w+): "(.*)"$', text, re.MULTILINE))
        rows = [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")][1:]
        curies = [row[place] for row in rows for place in (0, 3)]
        return [prefixes[curie.partition(":")[0]] + curie.partition(":")[2] for curie in curies]
    if path.suffix == ".rdf":
        found = re.findall(r'rdf:resource="([^"]*)"', text)
        return [iri.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for iri in found]
    return ends_of(text.split("\n")[:-1])


def ends_of(statements):
    """Subject and object of each statement between IRIs."""
    return [iri for line in statements for iri in re.findall(r"^<([^>]*)> \S+ <([^>]*)> ", line)[0]]


FILES = {"nt": "a.nt", "sssom": "a.sssom.tsv", "oaei": "a.rdf"}
LINKED = st.lists(LABELS.filter(bool).filter(lambda label: not label.startswith("_:")), min_size=4, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINKED.filter(lambda labels: len(set(labels)) == 4))
@example(["isbn:0", "ex:0", "New York", "urn:mmkg:x"])
@example(["http://x/a b", "a:", "Batman:Returns", "\ud800"])
def test_every_format_has_the_same_iri_for_a_label_and_gives_the_label_back(tmp_path, labels):
    pytest.importorskip("pyoxigraph")
    expected = [to_iri(label) for label in labels]
    links = [Link(labels[0], labels[1], 0.5), Link(labels[2], labels[3], 0.5)]
    for form, name in FILES.items():
        write_links(tmp_path / name, Export(links), form)
        assert iris_in(tmp_path / name) == expected, form
        found = read_links(tmp_path / name)
        assert [*found.left, *found.right] == [labels[0], labels[2], labels[1], labels[3]], form

    left, right = (KnowledgeGraph(ends, ("r",), np.array([[0, 0, 1]])) for ends in (labels[::2], labels[1::2]))
    write_ntriples(left, tmp_path / "left.nt")
    assert iris_in(tmp_path / "left.nt")[:4:2] == expected[::2]
    assert list(read_rdf(tmp_path / "left.nt").graph.entities) == labels[::2]

    merged = merge_graphs(left, right, np.array([[0, 0], [1, 1]]))
    for name in ("merged.nt", "merged.nq"):
        write_merged(merged, tmp_path / name)
        lines = (tmp_path / name).read_text(encoding="utf-8").split("\n")
        assert ends_of(line for line in lines if "owl#sameAs" in line) == expected
        assert read_rdf(tmp_path / name).same_as == [tuple(labels[:2]), tuple(labels[2:])]


def test_graphml_keeps_labels(tmp_path):
    left, right = (KnowledgeGraph((a, b), ("r",), np.array([[0, 0, 1]])) for a, b in (("isbn:0", "a b"), ("x", "c d")))
    write_merged(merge_graphs(left, right, np.array([[0, 0], [1, 1]])), tmp_path / "m.graphml")
    nodes = nx.read_graphml(tmp_path / "m.graphml").nodes(data="same_as")
    assert list(nodes) == [("isbn:0", "x"), ("a b", "c d")]


@pytest.mark.parametrize("form", LINK_FORMATS)
def test_a_blank_node_comes_back_from_every_format_of_links(tmp_path, form):
    """N-Triples has blank nodes; the other formats with IRIs encode the label."""
    path = tmp_path / f"a{LINK_FORMATS[form].suffixes[0]}"
    write_links(path, Export([Link("_:b0", "http://e/a", 0.5)]), form)
    assert list(read_links(path).left) == ["_:b0"]
    if form == "nt":
        assert path.read_text().startswith("_:b0 ")
    elif form == "oaei":
        assert 'rdf:resource="urn:mmkg:_%3Ab0"' in path.read_text()
