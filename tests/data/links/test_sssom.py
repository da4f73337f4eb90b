import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import put, refused

from mmkg.data.links.formats import read_links
from mmkg.data.links.sssom import BUILT_IN, COLUMNS, SssomMapping, read_sssom, read_sssom_links, write_sssom
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

SEMAPV = "semapv:SemanticSimilarityThresholdMatching"
HEAD = '#curie_map:\n#  A: http://a/\n#  B: "http://b/x/"\n#mapping_set_id: http://m/1\n#license: http://l/1\n'
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
        SssomMapping("http://a/2", "http://b/x/2", "skos:exactMatch", None, 'two "2"\nlines'),
        SssomMapping("http://a/3", "http://b/x/3", "skos:broadMatch", 1.0),
        SssomMapping("http://a/4", None, "owl:sameAs", None),
        SssomMapping("http://www.w3.org/2002/07/owl#Thing", "http://a/5", "owl:equivalentClass", 1.0),
    ]
    faults = Faults()
    links = read_links(path, faults=faults)
    assert links.left == ["http://a/1", "http://a/2", "http://www.w3.org/2002/07/owl#Thing"]
    assert links.right == ["http://b/x/y/z", "http://b/x/2", "http://a/5"] and links.lines.tolist() == [7, 8, 12]
    assert faults.notes == {"a.sssom.tsv: mappings that are no links": 2}


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
    assert set(BUILT_IN) >= {"owl", "skos", "semapv", "sssom"}  # what is used without a declaration


MALFORMED = [
    ("", 1, "expected a line of column names after the metadata, got none", False),
    (HEAD, 5, "expected a line of column names after the metadata, got none", False),
    (HEAD + "subject_id\tobject_id\n", 6, "got none called 'predicate_id'", False),
    (HEAD + NAMES.replace("mapping_justification", "x") + ROW, 6, "got none called 'mapping_justification'", False),
    ('#curie_map:\n#  A: "http://a\n' + NAMES, 2, 'expected the IRI of a prefix, got "http://a', False),
    (HEAD + NAMES + ROW + "A:2\towl:sameAs\tB:2\n", 8, "expected 6 fields separated by tabs, got 3", True),
    (HEAD + NAMES + ROW + "\n", 8, "expected 6 fields separated by tabs, got 0", True),
    (HEAD + NAMES + ROW + ROW.replace("A:1", "C:1"), 8, "expected a CURIE with a prefix of curie_map (A, B, ", True),
    (HEAD + NAMES + ROW + ROW.replace("A:1", "http://a/1"), 8, "got 'http://a/1'", True),
    (HEAD + NAMES + ROW + ROW.replace("A:1", "one"), 8, "got 'one'", True),
    (HEAD + NAMES + ROW + ROW.replace("0.5", "1.5"), 8, "expected a confidence in [0, 1], got '1.5'", True),
    (HEAD + NAMES + ROW + ROW.replace("0.5", "high"), 8, "expected a confidence in [0, 1], got 'high'", True),
    (HEAD + NAMES + ROW + ROW.replace("0.5", "nan"), 8, "expected a confidence in [0, 1], got 'nan'", True),
    (HEAD + NAMES + ROW + re.sub("[AB]:[^\t]+", "sssom:NoTermFound", ROW), 8, "an entity on one side at least", True),
    (HEAD + NAMES + ROW + ROW.replace("one", '"on"e'), 8, "expected fields separated by tabs, got", True),
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
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MAPPING, max_size=5))
def test_any_mappings_come_back_as_they_were_written(tmp_path, mappings):
    assert write_sssom(tmp_path / "a.sssom.tsv", mappings) == len(mappings)

    def rounded(found):
        return [(*each[:3], np.float32(each.confidence or 0), each.confidence is None, *each[4:]) for each in found]

    assert rounded(read_sssom(tmp_path / "a.sssom.tsv")) == rounded(mappings)
