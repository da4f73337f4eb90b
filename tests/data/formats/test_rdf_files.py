"""RDF as real files hold it: encodings, relative IRIs, bad IRIs, other syntaxes, repetitions, RDF-star, bombs."""

import bz2
import gzip
import resource

import pytest
from reader_cases import facts, put, refused, triples

import mmkg
from mmkg.data.formats.rdf import read_rdf
from mmkg.data.parsing import rdf_xml
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OWL = "http://www.w3.org/2002/07/owl#"
P = "@prefix : <http://e/> .\n"


def xml(body, declaration='<?xml version="1.0"?>', doctype="", more=""):
    return f'{declaration}\n{doctype}<rdf:RDF xmlns:rdf="{RDF}" xmlns="http://e/" {more}>\n{body}\n</rdf:RDF>\n'


def read(tmp_path, name, content, **settings):
    return read_rdf(put(tmp_path, {name: content}) / name, **settings).graph


NAMES = xml('<Person rdf:about="http://e/1"><name>Zo\xeb \xc5str\xf6m</name></Person>')


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("windows-1252", "cp1252"),
        ("Windows-1252", "cp1252"),
        ("ISO-8859-1", "latin-1"),
        ("iso-8859-15", "iso8859-15"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("macintosh", "mac-roman"),
        ("UTF-16", "utf-8"),  # the declaration is wrong: it could not be read
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_rdf_xml_is_read_in_its_encoding(tmp_path, declared, codec, quote):
    text = NAMES.replace('"1.0"', f'"1.0" encoding={quote}{declared}{quote} standalone="yes"')
    graph = read(tmp_path, "g.rdf", text.encode(codec))
    assert facts(graph) == [("http://e/1", "http://e/name", "Zo\xeb \xc5str\xf6m", None)]
    assert triples(graph) == [("http://e/1", f"{RDF}type", "http://e/Person")]


def test_us_ascii_and_a_long_text_over_the_ends_of_blocks_are_read(tmp_path):
    body = '<P rdf:about="http://e/1"><name>' + "ab&#233;" * 40_000 + "</name></P>"
    graph = read(tmp_path, "g.owl", xml(body, '<?xml version="1.0" encoding="US-ASCII"?>').encode())
    assert graph.attributes.values == ("ab\xe9" * 40_000,)
    wide = xml(body.replace("&#233;", "\xe9\U0001f600"), '<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16")
    assert read(tmp_path, "w.rdf.gz", gzip.compress(wide)).attributes.values == ("ab\xe9\U0001f600" * 40_000,)


@pytest.mark.parametrize("name", ["no-such-code", "zip", "hex", "unicode_escape"])
def test_an_unknown_encoding_is_named(tmp_path, name):
    path = put(tmp_path, {"g.rdf": NAMES.replace('"1.0"', f'"1.0" encoding="{name}"')}) / "g.rdf"
    refused(lambda: read_rdf(path), path, 1, f"expected a known encoding in the XML declaration, got {name!r}")


def test_bytes_that_do_not_fit_the_encoding_are_refused(tmp_path):
    text = NAMES.replace('"1.0"', '"1.0" encoding="US-ASCII"').encode()
    path = put(tmp_path, {"g.rdf": text}) / "g.rdf"
    refused(lambda: read_rdf(path), path, 1, "expected ascii as declared, got the bytes b'\\xc3'")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("g.rdf", xml('<A rdf:about=""/><B rdf:about="#b"/><C rdf:ID="c"/>'), ("", "#b", "#c")),
        ("g.rdf.bz2", bz2.compress(xml('<A rdf:about=""/><B rdf:about="#b"/>').encode()), ("", "#b")),
        ("g.ttl", "<> <http://e/p> <#b> . <#b> <#p> <> .", ("", "#b")),
        ("g.n3", "<> <http://e/p> <#b> .", ("", "#b")),
        ("g.trig", "{ <> <http://e/p> <#b> }", ("", "#b")),
        ("g.jsonld", '{"@id": "", "http://e/p": {"@id": "#b"}}', ("", "#b")),
    ],
)
def test_relative_iris_without_a_base_are_resolved_against_the_name_of_the_file(tmp_path, name, content, expected):
    graph = read(tmp_path, name, content)
    own = "file:///" + name.removesuffix(".bz2")
    assert [each for each in graph.entities if each.startswith("file:")] == [own + each for each in expected]


def test_relative_iris_follow_the_base_of_the_file(tmp_path):
    body = '<A rdf:about=""/><B rdf:ID="b"/><C rdf:about="../c"/><D xml:base="http://f/" rdf:about="d"/>'
    graph = read(tmp_path, "g.owl", xml(body, more='xml:base="http://x/y/z"'))
    assert [e for e in graph.entities if e[-2:-1] == "/" or "z" in e][::2] == [
        "http://x/y/z",
        "http://x/y/z#b",
        "http://x/c",
        "http://f/d",
    ]
    graph = read(tmp_path, "g.ttl", "@base <http://x/y/z> . <a> <#p> <../b> . @base <http://f/> . <a> <p> <c> .")
    assert graph.entities == ("http://x/y/a", "http://x/b", "http://f/a", "http://f/c")


def test_a_name_with_odd_characters_is_a_valid_base(tmp_path):
    graph = read(tmp_path, "my graph#1 é.ttl", "<#a> <#p> <#b> .")
    assert graph.entities[0] == "file:///my%20graph%231%20%C3%A9.ttl#a"


GOOD = [("http://e/a", "http://e/p", "http://e/b"), ("http://e/c", "http://e/p", "http://e/d")]
SPOILT = [
    ("g.ttl", P + ":a :p :b .\n<http://e/x y> :p :z .\n:c :p :d .", 3),
    ("g.ttl", P + ":a :p :b .\n:x :p <http://e/%zz> ;\n :q :z .\n:c :p :d .", 3),
    ("g.ttl", P + ":a :p :b .\n:x :p <http://e/{z}> .\n:c :p :d .", 3),
    ("g.ttl", P + ":a :p :b .\n\nfoo:x :p :z .\n:c :p :d .", 4),
    ("g.trig", P + ":g { :a :p :b . }\n:g { :x :p <http://e/^> . :c :p :d . }", 3),
    ("g.n3", P + ":a :p :b .\n:x :p <http://e/|> .\n:c :p :d .", 3),
    ("g.rdf", '<D rdf:about="http://e/x y"/>', 4),
    ("g.rdf", '<D rdf:about="http://e/x"><p\n rdf:resource="http://e/%zz"/></D>', 4),
    ("g.owl", '<rdf:Description rdf:about="http://[e"><p>1</p></rdf:Description>', 4),
    ("g.owl", '<rdf:Description rdf:about="http://e/x"><p rdf:datatype="a b">1</p></rdf:Description>', 4),
]


@pytest.mark.parametrize(("name", "content", "line"), SPOILT)
def test_a_bad_iri_costs_its_statement_alone(tmp_path, name, content, line):
    if name[-3:] in ("rdf", "owl"):
        wrap = '<rdf:Description rdf:about="http://e/{}"><p rdf:resource="http://e/{}"/></rdf:Description>\n'
        content = xml(wrap.format("a", "b") + content + wrap.format("c", "d"))
    path = put(tmp_path, {name: content}) / name
    refused(lambda: read_rdf(path), path, line, "expected ")
    faults = Faults("skip")
    found = triples(read_rdf(path, faults=faults).graph)
    assert [each for each in found if each[2] != "http://e/D"] == GOOD
    assert faults.notes == {f"{name}: skipped statements, the first in line {line}": 1}


def test_n3_and_json_ld_are_read_and_formulas_are_not_statements(tmp_path):
    text = P + ":a :p :b . { ?x :p ?y } => { ?y :q ?x } . { :u :p :v } => { :v :p :u } . :c :p :d ."
    faults = Faults()
    assert triples(read(tmp_path, "g.n3", text, faults=faults)) == GOOD
    assert list(faults.notes) == ["g.n3: N3 formulas, variables and literal subjects left out"]
    text = """{"@context": {"@vocab": "http://e/"}, "@graph": [
        {"@id": "http://e/a", "p": {"@id": "http://e/b"}, "n": {"@value": "x", "@language": "en"}},
        {"@id": "http://e/c", "p": {"@id": "http://e/d"}}]}"""
    graph = read(tmp_path, "g.jsonld.gz", gzip.compress(text.encode()))
    assert triples(graph) == GOOD and facts(graph) == [("http://e/a", "http://e/n", "x", "@en")]
    path = put(tmp_path, {"far.jsonld": '{"@context": "http://schema.org", "@id": "http://e/a"}'}) / "far.jsonld"
    refused(lambda: read_rdf(path), path, None, "its @context lies in another file, which is not fetched")


def test_a_pair_in_any_of_these_formats_is_found_in_a_folder(tmp_path):
    put(
        tmp_path,
        {"left.n3": P + ":a :p :b .", "right.jsonld": '{"@id": "http://f/a", "http://e/p": {"@id": "http://f/b"}}'},
    )
    put(tmp_path, {"links.n3": f"<http://e/a> <{OWL}sameAs> <http://f/a> ."})
    assert len(mmkg.load(tmp_path).links.all()) == 1


@pytest.mark.parametrize(
    "content",
    [P + ":a :p :b . :c :p :d .", "# an ontology\n\nPREFIX : <http://e/> :a :p :b . :c :p :d .",
     "<http://e/a> <http://e/p> <http://e/b> .\n<http://e/c> <http://e/p> <http://e/d> .",
     "<!-- x --><!DOCTYPE rdf:RDF [<!ENTITY e 'http://e/'>]>"
     + xml('<rdf:Description rdf:about="&e;a"><p rdf:resource="&e;b"/></rdf:Description>'
           '<rdf:Description rdf:about="&e;c"><p rdf:resource="&e;d"/></rdf:Description>', ""),
     '{"@graph": [{"@id": "http://e/a", "http://e/p": {"@id": "http://e/b"}},'
     ' {"@id": "http://e/c", "http://e/p": {"@id": "http://e/d"}}]}'],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".owl", ".rdf", ".ttl"])
def test_a_file_is_read_in_the_syntax_of_its_content(tmp_path, content, suffix):
    assert triples(read(tmp_path, f"g{suffix}", content)) == GOOD


@pytest.mark.parametrize(
    ("content", "syntax"),
    [
        ("Prefix(:=<http://e/>)\nOntology(<http://e/o>\nDeclaration(Class(:A)))", "OWL functional syntax"),
        ("Ontology(<http://e/o>)", "OWL functional syntax"),
        (f'<?xml version="1.0"?>\n<Ontology xmlns="{OWL}" ontologyIRI="http://e/o"></Ontology>', "OWL/XML"),
        (f'<!-- x -->\n<owl:Ontology xmlns:owl="{OWL}"/>', "OWL/XML"),
        ("Prefix: owl: <http://www.w3.org/2002/07/owl#>\nOntology: <http://e/o>\nClass: A", "OWL Manchester syntax"),
        ("# by hand\nOntology: <http://e/o>\n", "OWL Manchester syntax"),
        ("format-version: 1.2\n[Term]\nid: X:1\n", "OBO format"),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"),
    ],
)
@pytest.mark.parametrize("suffix", [".owl", ".rdf", ".ttl"])
def test_another_syntax_is_named(tmp_path, content, syntax, suffix):
    path = put(tmp_path, {f"o{suffix}": content}) / f"o{suffix}"
    refused(lambda: read_rdf(path), path, None, f"expected RDF, got {syntax}")


def test_repeated_statements_count_once(tmp_path):
    text = P + ':a :p :b . :a :p :b . :b :p :a . :a :n "x", "x", "x"@en, "y" . :b :n "x" . :a :p :b .'
    faults = Faults()
    graph = read(tmp_path, "g.ttl", text, faults=faults)
    assert triples(graph) == [("http://e/a", "http://e/p", "http://e/b"), ("http://e/b", "http://e/p", "http://e/a")]
    assert [each[2:] for each in facts(graph)] == [("x", None), ("x", "@en"), ("y", None), ("x", None)]
    assert faults.notes == {"g.ttl: repeated statements, counted once": 3}
    put(
        tmp_path,
        {"d/1.nq": "<a:a> <a:p> <a:b> <a:g1> .\n<a:a> <a:p> <a:b> <a:g2> .\n", "d/2.nt": "<a:a> <a:p> <a:b> .\n"},
    )
    assert len(read_rdf(tmp_path / "d").graph.triples) == 1


@pytest.mark.parametrize("suffix", [".ttl", ".nt", ".trig"])
def test_rdf_star_is_left_out_and_counted(tmp_path, suffix):
    text = (
        P + ":a :p :b .\n<< :a :p :b >> :says :x .\n:y :knows << :a :p :b >> .\n:a :p :b {| :since 1 |} .\n:c :p :d ."
    )
    if suffix == ".nt":
        star, line = (
            f"_:r <{RDF}reifies> <<( <http://e/a> <http://e/p> <http://e/b> )>> .\n",
            "<http://e/{}> <http://e/p> <http://e/{}> .\n",
        )
        text = line.format("a", "b") + star + '_:r <http://e/says> "x" .\n' + line.format("c", "d")
    faults = Faults()
    graph = read(tmp_path, f"g{suffix}", text, faults=faults)
    assert triples(graph) == GOOD and graph.num_entities == 4 and len(graph.attributes) == 0
    assert faults.notes[f"g{suffix}: RDF-star statements left out"] == (2 if suffix == ".nt" else 3)


def test_an_exact_language_beats_a_regional_one(tmp_path):
    text = (
        P
        + """@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
    :a rdfs:label "Colour"@en-GB, "Color"@en . :b rdfs:label "Lorry"@en-GB, "Laster"@de ; skos:prefLabel "Truck"@en .
    :c rdfs:label "Lift"@en-GB, "Aufzug"@de, "ascensor" ; :p :d . :d rdfs:label "Heft"@de-AT, "cahier" ."""
    )
    names = read(tmp_path, "g.ttl", text).names
    assert names == ("Color", "Truck", "Lift", "cahier")
    assert read(tmp_path, "g.ttl", text, languages=("en-GB", "en")).names == ("Colour", "Lorry", "Lift", "cahier")
    assert read(tmp_path, "g.ttl", text, languages=("de", "en")).names == ("Color", "Laster", "Aufzug", "Heft")


def test_namespaces_as_entities_are_read_as_owl_files_declare_them(tmp_path):
    doctype = f'<!DOCTYPE rdf:RDF [\n <!ENTITY owl "{OWL}" >\n <!ENTITY e "http://e/" >\n]>\n'
    body = '<owl:Class rdf:about="&e;A"><p rdf:resource="&e;B"/><name>R&amp;D &e;</name></owl:Class>'
    graph = read(tmp_path, "g.owl", xml(body, doctype=doctype, more=f'xmlns:owl="{OWL}" xml:base="&e;"'))
    assert triples(graph)[1] == ("http://e/A", "http://e/p", "http://e/B")
    assert graph.attributes.values == ("R&D http://e/",)


LOL = '<!ENTITY a0 "' + "lol " * 10 + '">' + "".join(
    f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 10)
)  # fmt: skip


@pytest.mark.parametrize(
    ("dtd", "message"),
    [
        (LOL, "expected entities that are plain text"),
        ('<!ENTITY a "x"><!ENTITY b "&#38;a;">', "expected entities that are plain text"),
        ('<!ENTITY a SYSTEM "file:///etc/passwd">', "expected entities that are plain text"),
        ('<!ENTITY % p "x">', "expected entities that are plain text"),
        ('<!ENTITY a "<p>1</p>">', "expected entities that are plain text"),
        (f'<!ENTITY a "{"x" * 2000}">', "expected entities of at most 1,024 characters, got 2,000"),
    ],
)
def test_a_dtd_whose_entities_could_grow_is_refused(tmp_path, dtd, message):
    doctype = f"<!DOCTYPE rdf:RDF [{dtd}]>"
    path = put(tmp_path, {"g.rdf": xml('<D rdf:about="http://e/1"><name>&a9;</name></D>', doctype=doctype)}) / "g.rdf"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(lambda: read_rdf(path), path, 2, message)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


@pytest.mark.parametrize(
    "body", ["<D><name>" + "&a;" * 20_000 + "</name></D>", "<D><name>&a;</name></D>" * 20_000, '<D n="&a;&a;"/>' * 9000]
)
def test_a_short_entity_that_is_used_too_often_is_refused(tmp_path, body):
    doctype = f'<!DOCTYPE rdf:RDF [<!ENTITY a "{"x" * 1000}">]>'
    with pytest.raises(InputError, match="by entities|entities that make the file at most 10 times as long"):
        read(tmp_path, "g.rdf", xml(body, doctype=doctype))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.rdf", xml("<D><p>" * 400 + "</p></D>" * 400), "at most 500 elements inside each other"),
        ("g.rdf.gz", gzip.compress(xml("<D><p>" * 300_000).encode()), "at most 500 elements inside each other"),
        ("g.jsonld", '{"a:p":' * 10_000 + '"x"' + "}" * 10_000, "at most 500 objects and lists"),
        ("g.jsonld", "[" * 100_000, "at most 500 objects and lists inside each other"),
        ("g.ttl", "<a> <b> " + "<<( <a> <b> " * 300_000, "at most 500 RDF-star triples inside each other"),
        ("g.nt", "<a:a> <a:b> " + "<<( <a:a> <a:b> " * 40_000 + "<a:c> .\n", "at most 500 RDF-star triples"),
    ],
)  # fmt: skip
def test_nesting_is_bounded(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, name, content)


@pytest.mark.parametrize("wrap", ["<D><p>{}</p></D>", '<D xmlns:x="http://e/" x:p="{}"/>', "<!--{}--><D/>"])
def test_a_literal_is_bounded(tmp_path, monkeypatch, wrap):
    monkeypatch.setattr(rdf_xml, "MAX_TEXT", 1 << 18)
    assert read(tmp_path, "g.rdf", xml(wrap.format("x" * (1 << 17)))).num_entities > 0
    with pytest.raises(InputError, match="of at most 262,144 bytes, got a longer one"):
        read(tmp_path, "g.rdf", xml(wrap.format("x" * (1 << 19))))


def test_a_long_literal_of_turtle_is_refused_in_one_line(tmp_path):
    path = put(tmp_path, {"g.ttl.gz": gzip.compress(b'<a:a> <a:b> "' + b"x" * (1 << 25) + b'" .', 1)}) / "g.ttl.gz"
    refused(lambda: read_rdf(path), path, None, "expected literals of at most 16,777,216 bytes, got a longer one")


@pytest.mark.parametrize("squeeze", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("name", ["g.ttl", "g.nt", "g.rdf", "g.jsonld", "g.tsv", "g.csv"])
def test_the_size_after_decompression_is_bounded_by_a_setting(tmp_path, name, squeeze):
    text = {
        "g.rdf": xml("<D/>"),
        "g.jsonld": '{"@id":"a:a","a:p":{"@id":"a:b"}}',
        "g.tsv": "a\tp\tb\n",
        "g.csv": "a,p,b\n",
    }
    content = text.get(name, "<a:a> <a:p> <a:b> .\n").encode()
    suffix = ".gz" if squeeze is gzip.compress else ".bz2"
    pad = b" " if name in ("g.rdf", "g.jsonld") else content
    left = put(tmp_path, {name + suffix: squeeze(content + pad * 20_000)}) / (name + suffix)
    right = put(tmp_path, {"right.nt": "<a:a> <a:p> <a:b> .\n"}) / "right.nt"
    links = str(put(tmp_path, {"links.tsv": "a\ta:a\n" if name in ("g.tsv", "g.csv") else "a:a\ta:a\n"}) / "links.tsv")
    message = "expected at most 10,000 bytes after decompression, got more; .* raise data.max_bytes"
    with pytest.raises(InputError, match=message):
        mmkg.load((left, right), links=links, max_bytes=10_000)
    if name != "g.rdf" and name != "g.jsonld":
        assert mmkg.load((left, right), links=links, max_bytes=10_000_000).left.num_entities == 2


def test_a_long_line_that_is_skipped_counts_too(tmp_path):
    content = gzip.compress(b"a\tp\tb\n" + b"x" * (1 << 26) + b"\na\tp\tc\n", 1)
    path = put(tmp_path, {"g.tsv.gz": content}) / "g.tsv.gz"
    from mmkg.data.formats.delimited import read_delimited

    assert read_delimited(path, faults=Faults("skip")).num_entities == 3
    with pytest.raises(InputError, match="after decompression"):
        read_delimited(path, faults=Faults("skip", max_bytes=1 << 24))
