import gzip
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put, refused

from mmkg.data.links.equal import NAMESPACES
from mmkg.data.links.formats import read_links
from mmkg.data.links.sssom import COLUMNS, SssomMapping, write_sssom
from mmkg.data.links.sssom_read import read_sssom, read_sssom_links
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

SEMAPV = "semapv:SemanticSimilarityThresholdMatching"
HEAD = '#curie_map:\n#  A: http://a/\n#  B: "http://b/x/"\n#mapping_set_id: http://m/1\n#license: http://l/1\n'
MANUAL = "semapv:ManualMappingCuration"
NAMES = "subject_id\tpredicate_id\tobject_id\tmapping_justification\tconfidence\tsubject_label\n"
ROW = f"A:1\towl:sameAs\tB:y/z\t{SEMAPV}\t0.5\tone\n"


def test_a_set_of_others_is_read(tmp_path):
    rows = (
        ROW
        + 'A:2\tskos:exactMatch\tB:2\tsemapv:ManualMappingCuration\t\t"two ""2""\nlines"\n'
        + f"A:3\tskos:broadMatch\tB:3\t{SEMAPV}\t1\t\n"
        + f"A:4\towl:sameAs\tsssom:NoTermFound\t{SEMAPV}\t\t\n"
        + f"owl:Thing\towl:equivalentClass\tA:5\t{SEMAPV}\t1\t\n"
    )
    path = put(tmp_path, {"a.sssom.tsv": HEAD + NAMES + rows}) / "a.sssom.tsv"
    assert read_sssom(path) == [
        SssomMapping("http://a/1", "http://b/x/y/z", "owl:sameAs", 0.5, "one"),
        SssomMapping("http://a/2", "http://b/x/2", "skos:exactMatch", None, 'two "2"\nlines', "", MANUAL),
        SssomMapping("http://a/3", "http://b/x/3", "skos:broadMatch", 1.0),
        SssomMapping("http://a/4", None, "owl:sameAs", None),
        SssomMapping("http://www.w3.org/2002/07/owl#Thing", "http://a/5", "owl:equivalentClass", 1.0),
    ]
    faults = Faults()
    links = read_links(path, faults=faults)
    assert links.left == ["http://a/1", "http://a/2", "http://www.w3.org/2002/07/owl#Thing"]
    assert links.right == ["http://b/x/y/z", "http://b/x/2", "http://a/5"] and links.lines.tolist() == [7, 8, 12]
    assert faults.notes == {
        "a.sssom.tsv: mappings that are no links": 1,
        "a.sssom.tsv: mappings without a counterpart (sssom:NoTermFound)": 1,
    }


def test_a_negated_mapping_is_no_link(tmp_path):
    names = NAMES.replace("subject_label", "predicate_modifier")
    path = put(tmp_path, {"a.sssom.tsv": HEAD + names + ROW.replace("one", "Not")}) / "a.sssom.tsv"
    assert read_sssom(path)[0].predicate == "not owl:sameAs"
    assert read_sssom_links(path, Faults()).left == []


def test_the_file_has_the_parts_that_the_specification_asks_for(tmp_path):
    """Metadata behind #; CURIEs of declared prefixes; the required slots; columns in the order of the slots."""
    mappings = [
        SssomMapping("http://a.org/r/1", "http://b.org/x#y", "owl:sameAs", 0.97, "one", 'say "1"'),
        SssomMapping("plain name", "http://b.org/x#z", "skos:closeMatch", 0.5),
        SssomMapping("http://a.org/r/2", None),
        SssomMapping(None, "http://b.org/"),
    ]
    assert write_sssom(tmp_path / "m.sssom.tsv", mappings) == 4
    lines = (tmp_path / "m.sssom.tsv").read_text(encoding="utf-8").splitlines()
    size = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    assert lines[:size] == [
        "#curie_map:",
        '#  ns1: "http://a.org/r/"',
        '#  ns2: "http://b.org/x#"',
        '#  ns3: "urn:mmkg:"',
        '#  ns4: "http://"',
        '#mapping_set_id: "urn:mmkg:m.sssom.tsv"',
        "#license: https://w3id.org/sssom/license/unspecified",
        '#mapping_tool: "mmkg"',
    ]
    assert tuple(lines[size].split("\t")) == COLUMNS
    assert lines[size + 1 :] == [
        f'ns1:1\tone\towl:sameAs\tns2:y\t"say ""1"""\t{SEMAPV}\t0.97',
        f"ns3:plain%20name\t\tskos:closeMatch\tns2:z\t\t{SEMAPV}\t0.5",
        f"ns1:2\t\towl:sameAs\tsssom:NoTermFound\t\t{SEMAPV}\t",
        f"sssom:NoTermFound\t\towl:sameAs\tns4:b.org/\t\t{SEMAPV}\t",
    ]
    assert set(NAMESPACES) >= {"owl", "skos", "semapv", "sssom"}  # what is used without a declaration


MALFORMED = [
    ("", 1, "expected a line of column names after the metadata, got none", False),
    (HEAD, 5, "expected a line of column names after the metadata, got none", False),
    (HEAD + "subject_id\tobject_id\n", 6, "got none called 'predicate_id'", False),
    (
        '#curie_map:\n#  A: "http://a\n' + NAMES,
        2,
        "expected metadata in YAML, got an error while",
        False,
    ),
    ("#license: x\n#curie_map:\n#  A:\n" + NAMES, 2, "expected the IRI of the prefix 'A', got ''", False),
    ("#license: x\n#curie_map: [a]\n" + NAMES, 2, "expected prefixes and their IRIs in curie_map", False),
    ("#curie_map: &a\n#  A: x\n#b: *a\n#c: *a\n#curie_map: *a\n" + NAMES, 5, "got an error an alias", False),
    ("#curie_map: " + "[" * 5000 + "\n" + NAMES, 1, "got an error too deep nesting", False),
    ("#license: x\n" + "#a: b\n" * 60_000 + NAMES, 1, "expected metadata of at most 262144 characters", False),
    (HEAD + NAMES + ROW + "A:2\towl:sameAs\t\n", 8, "expected 6 fields separated by tabs, got 3", True),
    (HEAD + NAMES + ROW + "A:2\towl:sameAs\n", 8, "expected 6 fields separated by tabs, got 2", True),
    (HEAD + NAMES + ROW + ROW.replace("one", "one\ttwo"), 8, "expected 6 fields separated by tabs, got 7", True),
    (HEAD + NAMES + ROW + ROW.replace("A:1", ""), 8, "expected the subject_id, got an empty field", True),
    (HEAD + NAMES + ROW + ROW.replace("owl:sameAs", " "), 8, "expected the predicate_id, got an empty field", True),
    (
        HEAD + NAMES + ROW + ROW.replace("A:1", "C:1"),
        8,
        "a CURIE with a prefix of curie_map (A, B), got 'C:1'",
        True,
    ),
    (HEAD + NAMES + ROW + ROW.replace("A:1", "one"), 8, "got 'one'", True),
    ((HEAD + NAMES + ROW).encode() + b"\xff\n", 8, "expected UTF-8, got byte 0xff in column 1", True),
    (None, None, "no such file", False),
]


@pytest.mark.parametrize(("content", "line", "message", "skippable"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_set_is_refused_with_its_place(tmp_path, content, line, message, skippable):
    path = put(tmp_path, {"a.sssom.tsv": content}) / "a.sssom.tsv"
    refused(lambda: read_sssom(path), path, line, message)
    faults = Faults("skip")
    if skippable:
        assert len(read_sssom(path, faults=faults)) == 1 and list(faults.notes) == ["a.sssom.tsv: skipped lines"]
    else:
        with pytest.raises(InputError):
            read_sssom(path, faults=faults)


def links_of(folder, text, name="a.sssom.tsv"):
    """Links as pairs, and the notes about them."""
    faults = Faults()
    found = read_links(put(folder, {name: text}) / name, faults=faults)
    return list(zip(found.left, found.right, strict=True)), faults.notes


ONE = [("http://a/1", "http://b/x/y/z")]


@pytest.mark.parametrize("confidence", ["1.5", "-1", "62.9", "nan", "high"])
def test_a_confidence_outside_the_unit_interval_keeps_its_link_and_is_noted(tmp_path, confidence):
    found = links_of(tmp_path, HEAD + NAMES + ROW.replace("0.5", confidence))
    assert found == (ONE, {"a.sssom.tsv: mappings with a confidence outside [0, 1]": 1})


def test_what_tools_and_spreadsheets_leave_out_or_add_is_no_fault(tmp_path):
    """Empty last lines, cut empty fields, cells of nothing after the metadata and the rows, a comment."""
    head = "".join(line + "\t\t\n" for line in HEAD.splitlines())
    rows = ROW.replace("\n", "\t\t\n") + f"A:2\towl:sameAs\tB:2\t{SEMAPV}\n# a comment\nA:3\towl:sameAs\tB:3\n\n \t\n\n"
    found = links_of(tmp_path, head + NAMES.replace("\n", "\t\t\n") + rows)
    expected = [*ONE, ("http://a/2", "http://b/x/2"), ("http://a/3", "http://b/x/3")]
    assert found == (expected, {"a.sssom.tsv: mappings without a justification": 1})


def test_a_set_without_justifications_is_read_and_noted(tmp_path):
    text = HEAD + "subject_id\tpredicate_id\tobject_id\n" + "A:1\tskos:exactMatch\tB:y/z\n" * 2
    assert links_of(tmp_path, text) == (2 * ONE, {"a.sssom.tsv: mappings without a justification": 2})


LABELS = ['"on"e', '"one', '"one" two', 'one"', '"', '"a ""b" c', "5'10\""]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("last", [True, False], ids=["last", "inner"])
def test_a_field_may_begin_with_a_quote_and_spoils_no_other_row(tmp_path, label, last):
    names = ["subject_id", "predicate_id", "object_id", "mapping_justification", "subject_label"]
    rows = [[f"A:{k}", "owl:sameAs", f"B:{k}", SEMAPV, label if k == 1 else f'"{label}'] for k in (1, 2)]
    rows += [["A:3", "owl:sameAs", "B:3", SEMAPV, "three"]]
    if not last:
        names, rows = names[-1:] + names[:-1], [row[-1:] + row[:-1] for row in rows]
    text = HEAD + "".join("\t".join(row) + "\n" for row in [names, *rows])
    found = read_sssom(put(tmp_path, {"a.sssom.tsv": text}) / "a.sssom.tsv")
    assert [each.left for each in found] == ["http://a/1", "http://a/2", "http://a/3"]
    assert found[0].left_label == label


def test_a_field_in_quotes_may_hold_tabs_quotes_and_lines(tmp_path):
    row = ROW.replace("one", '"a\tb ""c""\n\nd"')
    found = read_sssom(put(tmp_path, {"a.sssom.tsv": HEAD + NAMES + row + ROW}) / "a.sssom.tsv")
    assert [each.left_label for each in found] == ['a\tb "c"\n\nd', "one"]


HEADS = {
    "flow": "#curie_map: {A: http://a/, 'B': \"http://b/x/\"}\n",
    "quoted keys": "#\"curie_map\":\n#  \"A\": 'http://a/'\n#  'B': http://b/x/\n",
    "comments": "#curie_map: # prefixes\n#  # of ours\n#  A: http://a/ # the first\n#\n#  B: http://b/x/\n",
    "spaces": "# curie_map:\n#     A: http://a/\n#     B: http://b/x/\n# license: x\n",
    "flow over lines": "#license: x\n#curie_map: {\n#  A: http://a/,\n#  B: http://b/x/}\n",
    "other keys": "#creator_id:\n#- orcid:1\n#mapping_date: 2020-05-30\n#version: 1.10\n" + HEAD,
    "a title that is no YAML": "#title: A: B: c\n" + HEAD + '#comment: "a\n',
    "folded": "#curie_map:\n#  A: >-\n#    http://a/\n#  B: http://b/x/\n",
    "byte order mark": "\ufeff" + HEAD,
    "carriage returns": HEAD.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_map_of_prefixes_is_any_yaml(tmp_path, head):
    found, notes = links_of(tmp_path, head + NAMES + ROW)
    assert found == ONE and set(notes) <= {"a.sssom.tsv: keys of metadata that are no YAML"}


@pytest.mark.parametrize("end", [".sssom.yml", ".sssom.yaml"])
@pytest.mark.parametrize("name", ["a.sssom.tsv", "a.tsv", "a.sssom.tsv.gz"])
def test_metadata_may_be_in_a_file_beside_the_mappings(tmp_path, end, name):
    put(tmp_path, {"a" + end: "curie_map:\n  A: http://no/\n  B: http://b/x/\nlicense: http://l/1\n"})
    text = "#curie_map: {A: http://a/}\n" + NAMES + ROW
    assert links_of(tmp_path, gzip.compress(text.encode()) if name.endswith("gz") else text, name) == (ONE, {})
    put(tmp_path, {"a" + end: 'curie_map: {A: "http://a}\n'})
    with pytest.raises(InputError, match=r"a\.sssom\.ya?ml:1: expected metadata in YAML"):
        read_links(tmp_path / name)


def test_identifiers_and_predicates_may_be_iris(tmp_path):
    ids = [
        ("http://a/1", "http://www.w3.org/2004/02/skos/core#exactMatch", "B:1"),
        ("<https://a/2>", "<http://www.w3.org/2002/07/owl#sameAs>", "urn:x:2"),
        ("A:3", "k:exactMatch", "B:3"),
        ("A:4", "http://www.w3.org/2004/02/skos/core#closeMatch", "B:4"),
    ]
    text = HEAD.replace("#  A", "#  k: http://www.w3.org/2004/02/skos/core#\n#  A") + NAMES
    found, notes = links_of(tmp_path, text + "".join("\t".join((*row, SEMAPV)) + "\n" for row in ids))
    assert found == [("http://a/1", "http://b/x/1"), ("https://a/2", "urn:x:2"), ("http://a/3", "http://b/x/3")]
    assert notes == {"a.sssom.tsv: mappings that are no links": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", HEAD + NAMES + ROW),
        ("a.txt", "# some comment\n" + HEAD[HEAD.index("#mapping") :] + HEAD[: HEAD.index("#mapping")] + NAMES + ROW),
        ("a", HEAD + NAMES + ROW),
        ("a.tsv", NAMES + ROW.replace("A:", "http://a/").replace("B:", "http://b/x/")),
        ("a.csv", (HEAD + NAMES + ROW).replace("\t", ",")),
        ("a.sssom.csv", (HEAD.replace("\n", ",,,\n") + NAMES + ROW).replace("\t", ",")),
        ("a.sssom", HEAD + NAMES + ROW),
    ],
)
def test_a_table_is_a_set_by_its_name_its_metadata_or_its_columns(tmp_path, name, text):
    assert links_of(tmp_path, text, name) == (ONE, {})


def test_entities_without_a_counterpart_are_counted_on_either_or_both_sides(tmp_path):
    full = "https://w3id.org/sssom/NoTermFound"
    rows = [ROW, re.sub("A:[^\t]+", "sssom:NoTermFound", ROW), re.sub("B:[^\t]+", full, ROW)]
    rows.append(re.sub("[AB]:[^\t]+", "sssom:NoTermFound", ROW))
    found = links_of(tmp_path, HEAD + NAMES + "".join(rows))
    assert found == (ONE, {"a.sssom.tsv: mappings without a counterpart (sssom:NoTermFound)": 3})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Lexical", "semapv:LexicalMatching"),
        ("Logical", "semapv:LogicalReasoning"),
        ("HumanCurated", MANUAL),
        ("SSSOMC:HumanCurated", MANUAL),
        ("http://w3id.org/sssom/Complex", "semapv:CompositeMatching"),
        ("SemanticSimilarity", SEMAPV),
        ("Unspecified", "semapv:UnspecifiedMatching"),
        ("Lexical|HumanCurated", "semapv:LexicalMatching"),
        ("Telepathy", "semapv:UnspecifiedMatching"),
    ],
)
def test_the_match_type_of_old_files_becomes_a_justification(tmp_path, old, new):
    text = HEAD + NAMES.replace("mapping_justification", "match_type") + ROW.replace(SEMAPV, old)
    path = put(tmp_path, {"a.sssom.tsv": text}) / "a.sssom.tsv"
    assert [each.justification for each in read_sssom(path)] == [new]
    assert links_of(tmp_path, text) == (ONE, {})


def test_a_set_without_a_link_is_an_error_that_names_its_predicates(tmp_path):
    rows = 2 * ROW.replace("owl:sameAs", "skos:closeMatch") + re.sub("B:[^\t]+", "sssom:NoTermFound", ROW)
    message = (
        "expected at least one link, got 3 mappings, none with owl:sameAs, skos:exactMatch, owl:equivalentClass or "
        "owl:equivalentProperty; predicates: skos:closeMatch (2); 1 without a counterpart"
    )
    path = put(tmp_path, {"a.sssom.tsv": HEAD + NAMES + rows, "b.sssom.tsv": HEAD + NAMES}) / "a.sssom.tsv"
    refused(lambda: read_links(path), path, None, message)
    refused(lambda: read_links(tmp_path / "b.sssom.tsv"), tmp_path / "b.sssom.tsv", None, "got 0 mappings")


def test_line_separators_of_unicode_in_a_namespace_come_back(tmp_path):
    written = [SssomMapping("http://a/\u2028/b\u2029#1", "http://b/1")]
    write_sssom(tmp_path / "a.sssom.tsv", written)
    assert read_sssom(tmp_path / "a.sssom.tsv") == written


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (SssomMapping(None, None), "an entity on one side at least"),
        (SssomMapping("a", "b", confidence=1.5), r"a confidence in \[0, 1\], got 1\.5"),
        (SssomMapping("", "b"), "labels of one character at least"),
        (SssomMapping("a", "b", left_label="\ud800"), "UTF-8 can hold"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path, mapping, message):
    with pytest.raises(InputError, match=message):
        write_sssom(tmp_path / "a.sssom.tsv", [mapping])
    assert not list(tmp_path.iterdir())


ANY = st.text(st.characters(exclude_characters="\r"), min_size=1, max_size=8)
SHOWN = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=8)
END = ANY | SHOWN.map(lambda text: "http://x/" + text) | ANY.map(lambda text: "urn:mmkg:" + text) | st.just("http://x")
MAPPING = st.builds(
    SssomMapping,
    st.none() | END,
    END,
    st.sampled_from(["owl:sameAs", "skos:closeMatch"]),
    st.none() | st.floats(0, 1, width=32),
    SHOWN,
    SHOWN,
    st.sampled_from(["semapv:LexicalMatching", ""]),
    st.just("") | ANY,
    st.sampled_from(["", "2026-05-31"]),
    SHOWN,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MAPPING, max_size=5))
def test_any_mappings_come_back_as_they_were_written(tmp_path, mappings):
    assert write_sssom(tmp_path / "a.sssom.tsv", mappings) == len(mappings)

    def rounded(found):
        return [(*each[:3], np.float32(each.confidence or 0), each.confidence is None, *each[4:]) for each in found]

    assert rounded(read_sssom(tmp_path / "a.sssom.tsv")) == rounded(mappings)
