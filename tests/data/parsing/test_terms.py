import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkg.data.parsing.iris import is_iri, to_iri
from mmkg.data.parsing.terms import label_of, literal_of, literal_text, term_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ('"1"^^<http://t/int>', "1", "http://t/int"),
        ('"a"@en-GB', "a", "@en-gb"),
        ('"a"', "a", None),
        ('"a"b"', '"a"b"', None),
        ('"a" and "b"', '"a" and "b"', None),
        ('"a"@', '"a"@', None),
        ('"a\\"b\\u00e9\\n"', 'a"bé\n', None),
        (r'"C:\dir"', r"C:\dir", None),
        ("a", "a", None),
        ("", "", None),
    ],
)
def test_literals_come_apart(text, value, kind):
    assert literal_of(text) == (value, kind)


@given(TEXT, st.sampled_from([None, "@en", "@zh-hans", "http://t/int"]))
def test_any_literal_comes_back(value, kind):
    text = literal_text(value, kind)
    assert literal_of(text) == (value, kind) and "\n" not in text


@pytest.mark.parametrize(
    ("label", "term"),
    [
        ("http://e/é", "<http://e/é>"),
        ("_:x1", "_:x1"),
        ("_:", "<urn:mmkg:_%3A>"),
        ("New York", "<urn:mmkg:New%20York>"),
        ("<http://e/a>", "<urn:mmkg:%3Chttp%3A%2F%2Fe%2Fa%3E>"),
        ("urn:mmkg:a", "<urn:mmkg:urn%3Ammkg%3Aa>"),
        ("http://e/a b", "<urn:mmkg:http%3A%2F%2Fe%2Fa%20b>"),
        ("", "<urn:mmkg:>"),
    ],
)
def test_labels_become_terms(label, term):
    assert term_of(label) == term and label_of(term) == label


@given(st.one_of(TEXT, TEXT.map("http://e/".__add__), TEXT.map("_:".__add__), TEXT.map("urn:mmkg:".__add__)))
def test_any_label_is_a_term_and_comes_back(label):
    term = term_of(label)
    assert label_of(term) == label
    assert term.startswith("_:") or is_iri(to_iri(label))
