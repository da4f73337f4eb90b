import pytest
from reader_cases import put, refused

from mmkg.data.formats.two_graphs import read_pair
from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import read_links, write_links
from mmkg.data.links.ntriples import read_same_as_links, to_ntriples
from mmkg.data.links.oaei import Cell, cell_lines
from mmkg.data.parsing.columns import Faults

CHAT = Link("http://a/chat", "http://b/cat", 0.5, 0.25, "chat", "cat")
SAME = "<http://www.w3.org/2002/07/owl#sameAs>"


def test_ntriples_line_is_owl_same_as_from_left_to_right(tmp_path):
    expected = "<http://a/chat> <http://www.w3.org/2002/07/owl#sameAs> <http://b/cat> .\n"
    assert list(to_ntriples([CHAT])) == [expected]
    assert write_links(tmp_path / "a.nt", Export([CHAT, CHAT]), "nt") == 2
    assert (tmp_path / "a.nt").read_text(encoding="utf-8") == 2 * expected


def test_links_are_streamed_not_collected():
    def endless():
        while True:
            yield CHAT

    lines = to_ntriples(endless())
    assert next(lines) == next(lines)


def test_links_are_read_back_in_order_whatever_their_labels(tmp_path):
    written = [("http://e/a", "http://f/a"), ("a b", "_:x"), ("urn:mmkg:x", "<y>"), ("é", "\x7f")]
    write_links(tmp_path / "links.nt", Export([Link(*pair) for pair in written], scored=False), "nt")
    found = read_same_as_links(tmp_path / "links.nt", Faults())
    assert list(zip(found.left, found.right, strict=True)) == written and found.lines.tolist() == [1, 2, 3, 4]


def test_other_statements_are_left_out_and_a_literal_is_refused_with_its_line(tmp_path):
    good = f'<http://e/a> <http://e/p> "x" .\n<http://e/a> {SAME} <http://f/a> .\n'
    path = put(tmp_path, {"links.nt": good + f'<http://e/b> {SAME} "b" .\n'}) / "links.nt"
    refused(lambda: read_same_as_links(path, Faults()), path, 3, "expected an entity after owl:sameAs, got the literal")
    faults = Faults("skip")
    found = read_same_as_links(path, faults)
    assert (found.left, found.right, found.lines.tolist()) == (["http://e/a"], ["http://f/a"], [2])
    assert faults.notes == {"links.nt: skipped lines": 1, "links.nt: statements that are no links: http://e/p (1)": 1}


SKOS, OWL = "http://www.w3.org/2004/02/skos/core#", "http://www.w3.org/2002/07/owl#"
MIXED = f"""@prefix skos: <{SKOS}> . @prefix owl: <{OWL}> . @prefix : <http://e/> . @prefix f: <http://f/> .
:a skos:exactMatch f:a . :b owl:equivalentClass f:b . :c owl:equivalentProperty f:c . :d owl:sameAs f:d .
:e skos:closeMatch f:e, f:a . :g skos:prefLabel "x" . :h a owl:Class .
"""


def test_all_predicates_of_equality_are_links_and_the_others_are_counted(tmp_path):
    path = put(tmp_path, {"links.ttl": MIXED}) / "links.ttl"
    faults = Faults()
    found = read_links(path, faults=faults)
    assert list(zip(found.left, found.right, strict=True)) == [(f"http://e/{x}", f"http://f/{x}") for x in "abcd"]
    seen = "skos:closeMatch (2), skos:prefLabel (1), rdf:type (1)"
    assert faults.notes == {f"links.ttl: statements that are no links: {seen}": 4}


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("links.ttl", MIXED.replace("exactMatch", "broadMatch").replace("equivalent", "sub").replace("sameAs", "as"),
         "8 statements, none with owl:sameAs, skos:exactMatch, owl:equivalentClass or"),
        ("links.sssom.tsv", "#curie_map:\n#  e: http://e/\nsubject_id\tpredicate_id\tobject_id\tmapping_justification\n"
         "e:a\tskos:closeMatch\te:b\tsemapv:ManualMappingCuration\n", "1 mappings, none with owl:sameAs"),
        ("links.rdf", "".join(cell_lines([Cell("http://e/a", "http://f/a", "<")])), "1 cells with the relations < (1)"),
        ("links.nt", "", None),
        ("links.tsv", "left\tright\n", None),
    ],
)  # fmt: skip
def test_a_file_of_links_without_a_link_is_an_error_that_names_what_it_holds(tmp_path, name, content, seen):
    put(tmp_path, {name: content, "l.nt": "<http://e/a> <http://e/p> <http://e/b> .\n"})
    path = tmp_path / name
    if seen is not None:
        refused(lambda: read_links(path), path, None, f"expected at least one link, got {seen}")
    message = "expected at least one link, got"
    refused(lambda: read_pair(tmp_path / "l.nt", tmp_path / "l.nt", path), path, None, message)


PREFIXES = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix e: <http://e/> . @prefix f: <http://f/> .
"""


@pytest.mark.parametrize(
    "predicate", ["owl:sameAs", "skos:exactMatch", "owl:equivalentClass", "owl:equivalentProperty"]
)
def test_every_predicate_by_which_two_entities_are_the_same_is_a_link(tmp_path, predicate):
    text = PREFIXES + f'e:a {predicate} f:a . e:b skos:closeMatch f:b ; e:name "b" . e:c {predicate} f:c .\n'
    faults = Faults()
    found = read_links(put(tmp_path, {"links.ttl": text}) / "links.ttl", faults=faults)
    assert (found.left, found.right) == (["http://e/a", "http://e/c"], ["http://f/a", "http://f/c"])
    assert sum(faults.notes.values()) == 2


def test_an_equivalence_with_a_class_expression_is_no_link(tmp_path):
    text = PREFIXES + "e:a owl:equivalentClass f:a , [ a owl:Class ] ."
    faults = Faults()
    found = read_links(put(tmp_path, {"links.ttl": text}) / "links.ttl", faults=faults)
    assert (found.left, found.right) == (["http://e/a"], ["http://f/a"])
    assert faults.notes == {
        "links.ttl: statements that are no links: rdf:type (1), owl:equivalentClass with a class expression (1)": 2
    }


def test_statements_without_a_link_are_an_error_that_names_their_predicates(tmp_path):
    text = PREFIXES + 'e:a skos:closeMatch f:a , f:b ; e:name "a" .'
    path = put(tmp_path, {"links.ttl": text}) / "links.ttl"
    message = (
        "expected at least one link, got 3 statements, none with owl:sameAs, skos:exactMatch, owl:equivalentClass or "
        "owl:equivalentProperty; predicates: skos:closeMatch (2), http://e/name (1)"
    )
    refused(lambda: read_links(path), path, None, message)
    refused(lambda: read_links(path, on_error="skip"), path, None, message)
