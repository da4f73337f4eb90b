"""Tables of links as other programs write them."""

import pytest
from reader_cases import put, refused

from mmkg.data.links.formats import read_links
from mmkg.data.parsing.columns import Faults

TWO = [("a", "x"), ("b", "y")]


def links_of(folder, text, name="links.tsv"):
    """Links as pairs, and the notes about them."""
    faults = Faults()
    found = read_links(put(folder, {name: text}) / name, faults=faults)
    return list(zip(found.left, found.right, strict=True)), faults.notes


UNUSED = "{}: rows with a column {}, which links do not use"
SCORES = [
    ("links.tsv", "a\tx\t0.5\nb\ty\t1\n", "3"),
    ("links.tsv", "a\tx\t1\nb\ty\t1\n", "3"),
    ("links.tsv", "a\tx\t-1.5e-3\nb\ty\tNaN\n", "3"),
    ("links.csv", "a,x,0.5\nb,y,.25\n", "3"),
    ("links.tsv", "SrcEntity\tTgtEntity\tScore\na\tx\t0.5\nb\ty\t1.0\n", "'Score'"),  # DeepOnto
    ("links.tsv", "left\tright\tscore\na\tx\t0.5\nb\ty\t1.0\n", "'score'"),
    ("links.csv", "similarity,source,target\n0.5,a,x\n,b,y\n", "'similarity'"),
]


@pytest.mark.parametrize(("name", "text", "column"), SCORES)
def test_a_column_of_scores_is_not_used_and_noted(tmp_path, name, text, column):
    assert links_of(tmp_path, text, name) == (TWO, {UNUSED.format(name, column): 2})


def test_the_files_of_logmap_and_aml_are_read(tmp_path):
    logmap = "http://a#1|http://b#1|=|0.95|CLS\nhttp://a#2|http://b#2|<|0.9|CLS\nhttp://a#3|http://b#3|=|1.0|INST\n"
    found, notes = links_of(tmp_path, logmap, "logmap.txt")
    assert found == [("http://a#1", "http://b#1"), ("http://a#3", "http://b#3")]
    assert notes["logmap.txt: rows of another relation than ="] == 1
    aml = (
        "#AgreementMakerLight Alignment File\n#Source ontology:\thttp://a\n#Target ontology:\thttp://b\n"
        "Source URI\tSource Label\tTarget URI\tTarget Label\tMeasure\tRelation\tStatus\n"
        "http://a#1\tone\thttp://b#1\tuno\t0.99\t=\tUnknown\nhttp://a#2\ttwo\thttp://b#2\tdue\t0.5\t>\tUnknown\n"
    )
    found, notes = links_of(tmp_path, aml, "aml.tsv")
    assert found == [("http://a#1", "http://b#1")] and notes["aml.tsv: comment lines"] == 3


PLAIN = [
    ("links.txt", "a|x\nb|y\n"),
    ("links.tsv", "a;x\nb;y\n"),
    ("links.tsv", "left,right\na,x\nb,y\n"),
    ("links.csv", 'left;right\n"a";x\nb;y\n'),
    ("links.csv", "a\tx\nb\ty\n"),
    ("links", "left|right\na|x\nb|y\n"),
    ("links.csv", '"left","right"\r\n"a","x"\r\n"b","y"\r\n\r\n'),
    ("links.tsv", "\ufeffleft\tright\r\na\tx\r\nb\ty\r\n\r\n"),
    ("links.tsv", "Left\tRIGHT\na\tx\n\nb\ty"),
    ("links.tsv", "entity_1\tEntity 2\na\tx\nb\ty\n"),
    ("links.csv", "ltable_id,rtable_id\na,x\nb,y\n"),
    ("links.csv", "id1,id2\na,x\nb,y\n"),
]


@pytest.mark.parametrize(("name", "text"), PLAIN)
def test_separators_names_and_line_ends_are_recognised(tmp_path, name, text):
    assert links_of(tmp_path, text, name) == (TWO, {})


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("# one\n#two\tthree\na\tx\nb\ty\n", 2),
        ("# one\nleft\tright\na\tx\n# a later one\nb\ty\n", 2),
        ("#left\tright\na\tx\nb\ty\n", 0),
        ("# one\n# right\tleft\nx\ta\ny\tb\n", 1),
    ],
)
def test_lines_that_begin_with_a_number_sign_are_comments_or_the_header(tmp_path, text, comments):
    assert links_of(tmp_path, text) == (TWO, {"links.tsv: comment lines": comments} if comments else {})


@pytest.mark.parametrize("text", ["#a\t#x\n#b\t#y\n", "left\tright\n#a\t#x\n#b\t#y\n"])
def test_labels_may_begin_with_a_number_sign(tmp_path, text):
    assert links_of(tmp_path, text) == ([("#a", "#x"), ("#b", "#y")], {})


def test_the_first_labels_may_begin_with_a_number_sign_and_later_ones_not(tmp_path):
    assert links_of(tmp_path, "#a\t#x\nb\ty\n") == ([("#a", "#x"), ("b", "y")], {})


def test_pairs_that_are_marked_as_no_link_are_none(tmp_path):
    text = "ltable_id,rtable_id,label\na,x,1\nb,z,0\nb,y,1\n"
    assert links_of(tmp_path, text, "a.csv") == (TWO, {"a.csv: rows marked as no link": 1})
    found, notes = links_of(tmp_path, "left,right,label\na,x,chat\nb,y,0\n", "b.csv")
    assert found == TWO and notes == {}


REFUSED = [
    ("links.tsv", "a\tx\t12\nb\ty\t7\n", 1, "got whole numbers in column 3; name the columns in a first line"),
    ("links.tsv", "a\tx\t0.5\nb\ty\tnone\n", 2, "expected a number in column 3, got 'none'"),
    ("links.tsv", "a\tx\tr\n", 1, "expected 2 tab-separated fields, got 3: 'a\\tx\\tr'; name the columns in a first"),
    ("links.tsv", "a,b|x\nb,c|y\n", 1, "expected 2 tab-separated fields, got 1"),  # comma or bar
    ("links.tsv", "a|x\nb|y|z\n", 1, "expected 2 tab-separated fields, got 1"),
    ("links.tsv", "a x\nb y\n", 1, "got 1: 'a x'; separate them by a tab, not by spaces"),
    ("links.csv", "source,target,source_id,target_id\na,x,1,2\n", 1, "got 'source' and 'target' or 'source_id' and"),
    ("links.csv", "left,right,Left\na,x,1\n", 1, "expected one column 'left', got several of this name"),
    ("links.csv", 'a,"x\nb,y\n', 1, "expected CSV, got unexpected end of data"),
    ("links.tsv", "a\tx\nb\0\ty\n", 2, "got a NUL character in column 2"),
    ("links.tsv", "a\tx\nb\ry\tz\n", 2, "got a carriage return inside a line"),
    ("links.tsv", b"a\tx\nb\t\xff\n", 2, "expected UTF-8, got byte 0xff in column 3"),
    ("links.tsv", "", None, "expected at least one link, got 0 rows"),
    ("links.tsv", "left\tright\n", None, "expected at least one link, got 0 rows"),
    ("links.csv", "# none\n", None, "expected at least one link, got 0 rows"),
    ("links.csv", "entity1,relation,entity2\na,<,x\nb,>,y\n", None, "got 2 rows with the relations < (1), > (1)"),
    ("links.csv", "left,right,match\na,x,0\n", None, "got 1 rows, 1 of them marked as no link"),
    ("links.jsonl", "", None, "expected at least one link, got 0 rows"),
]


@pytest.mark.parametrize(("name", "text", "line", "message"), REFUSED)
def test_what_is_not_clear_is_refused_with_its_place(tmp_path, name, text, line, message):
    path = put(tmp_path, {name: text}) / name
    refused(lambda: read_links(path), path, line, message)


def test_a_file_of_which_every_line_is_skipped_is_an_error(tmp_path):
    path = put(tmp_path, {"links.tsv": "a\nb\n"}) / "links.tsv"
    message = "expected at least one link, got 0 rows; 2 skipped lines"
    refused(lambda: read_links(path, on_error="skip"), path, None, message)


def test_parquet_has_the_same_names_and_relations(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "links.parquet"
    rows = {"SrcEntity": ["a", "b", "c"], "Relation": ["=", "=", "<"], "TgtEntity": ["x", "y", "z"], "Score": [1, 0, 1]}
    parquet.write_table(pyarrow.table(rows), path)
    faults = Faults()
    found = read_links(path, faults=faults)
    assert list(zip(found.left, found.right, strict=True)) == TWO
    assert faults.notes == {"links.parquet: rows of another relation than =": 1}
    parquet.write_table(pyarrow.table({"a": ["b"], "c": ["d"]}), path)
    refused(lambda: read_links(path), path, None, "expected columns left and right, got 'a', 'c'")
    parquet.write_table(
        pyarrow.table({"left": pyarrow.array([], "string"), "right": pyarrow.array([], "string")}), path
    )
    refused(lambda: read_links(path), path, None, "expected at least one link, got 0 rows")
