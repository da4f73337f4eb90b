import gzip

import numpy as np
import pytest
from reader_cases import facts, put, refused, triples

from mmkg.data.formats.delimited import read_delimited
from mmkg.data.formats.parquet import read_parquet
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.tables import plain_name
from mmkg.errors import InputError

ROWS = [("a", "knows", "b"), ("b", "knows", "c")]
HEADERS = {  # header, and the places of head, relation and tail
    "KGTK": ("node1\tlabel\tnode2", (0, 1, 2)),
    "KGTK with ids": ("id\tnode1\tlabel\tnode2", (1, 2, 3)),
    "from to": ("from\trel\tto", (0, 1, 2)),
    "From To Type": ("From\tTo\tType", (0, 2, 1)),
    "entities": ("entity1\trelation\tentity2", (0, 1, 2)),
    "entities with underscores": ("entity_1\trelation\tentity_2", (0, 1, 2)),
    "Neo4j": (":START_ID\t:TYPE\t:END_ID", (0, 1, 2)),
    "Neo4j with spaces of ids": (":START_ID(Person)\t:END_ID(Film)\t:TYPE", (0, 2, 1)),
    "Neo4j with a property": (":START_ID\tweight:float\t:END_ID\t:TYPE", (0, 3, 2)),
    "APOC": ("_start\t_end\t_type", (0, 2, 1)),
    "NetworkX": ("source\ttarget\tedge_type", (0, 2, 1)),
    "GraphFrames": ("src\tdst\trelationship", (0, 2, 1)),
    "ids": ("subject_id\tpredicate_id\tobject_id", (0, 1, 2)),
    "ids and labels": ("subject_id\tsubject_label\tpredicate_id\tobject_id\tobject_label", (0, 2, 3)),
    "head entity": ("Head Entity\tRelation\tTail Entity", (0, 1, 2)),
    "nodes": ("start_node\trelation_type\tend_node", (0, 1, 2)),
    "usual": ("head\trelation\ttail", (0, 1, 2)),
    "usual and others": ("subject\tfrom\tpredicate\tobject\tto\tlabel", (0, 2, 3)),
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_a_header_of_any_common_tool_is_no_triple(tmp_path, header, form):
    names, places = HEADERS[header]
    lines = [names]
    for row in ROWS:
        fields = ["7"] * (names.count("\t") + 1)
        for place, field in zip(places, row, strict=True):
            fields[place] = field
        lines.append("\t".join(fields))
    text = "\n".join(lines) + "\n"
    file = put(tmp_path, {f"g.{form}": text.replace("\t", ",") if form == "csv" else text}) / f"g.{form}"
    faults = Faults()
    assert triples(read_delimited(file, faults=faults)) == ROWS and faults.notes == {}


DATA = ["a\tr\tb", "entity\tlabel\tb", "from\tknows\tto", "e1\tr\te2", "label\tlabel\tlabel", "node1\tknows\tnode2"]


@pytest.mark.parametrize("first", DATA)
def test_a_first_line_of_data_stays_a_triple_and_a_doubtful_one_is_noted(tmp_path, first):
    file = put(tmp_path, {"g.tsv": first + "\na\tknows\tb\n"}) / "g.tsv"
    faults = Faults()
    assert triples(read_delimited(file, faults=faults)) == [tuple(first.split("\t")), ("a", "knows", "b")]
    note = "g.tsv: first line read as a triple, though it resembles a header (data.header)"
    assert faults.notes == ({note: 1} if "to" in first.split("\t") or "node" in first else {})
    assert triples(read_delimited(file, header=False))[0] == tuple(first.split("\t"))


@pytest.mark.parametrize(
    ("name", "plain"),
    [(":START_ID(Person)", "start"), ("Node_1", "node1"), ("to", "to"), ("edge-type", "edge"), ("label", "label")],
)
def test_what_tools_add_to_a_name_is_removed(name, plain):
    assert plain_name(name) == plain


TEMPORAL = {
    "dates": ("a\tr\tb\t2014-01-01\nb\tr\tc\t2014-12-31\n", ["2014-01-01"], ["2014-12-31"]),
    "years": ("a\tr\tb\t1999\nb\tr\tc\t476\n", ["1999"], ["476"]),
    "before Christ": ("a\tr\tb\t-0044-03-15\nb\tr\tc\t-0044\n", ["-0044-03-15"], ["-0044"]),
    "compact": ("a\tr\tb\t20140101\nb\tr\tc\t20141231\n", ["20140101"], ["20141231"]),
    "begin and end": ("a\tr\tb\t1999\t2001\nb\tr\tc\t2000\t-\n", ["1999", "2001"], ["2000"]),
    "open begin": ("a\tr\tb\t\t2001\nb\tr\tc\t2000\t2004\n", ["2001"], ["2000", "2004"]),
    "unknown days": ("a\tr\tb\t1999-##-##\nb\tr\tc\t2000-01-##\n", ["1999-##-##"], ["2000-01-##"]),
    "literals": (
        'a\tr\tb\t"1999-##-##"^^<http://t/date>\nb\tr\tc\t"2000"^^<http://t/gYear>\n',
        ["1999-##-##"],
        ["2000"],
    ),
    "times of the day": (
        "a\tr\tb\t2014-01-01T08:30:00Z\nb\tr\tc\t2014-01-01 09:00\n",
        ["2014-01-01T08:30:00Z"],
        ["2014-01-01 09:00"],
    ),
    "header": ("head\trelation\ttail\ttimestamp\na\tr\tb\t17\nb\tr\tc\t\n", ["17"], []),
    "header with an interval": (
        "subject\tpredicate\tobject\tsince\tuntil\na\tr\tb\t5\t6\nb\tr\tc\t\t7\n",
        ["5", "6"],
        ["7"],
    ),
}


@pytest.mark.parametrize("case", TEMPORAL)
@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_times_of_triples_are_values_of_their_heads(tmp_path, case, form):
    text, first, second = TEMPORAL[case]
    text = (
        text.replace("\t", ",").replace('"', '""').replace(',""', ',"""').replace(">\n", '>"\n')
        if form == "csv"
        else text
    )
    file = put(tmp_path, {f"g.{form}": text}) / f"g.{form}"
    faults = Faults()
    graph = read_delimited(file, faults=faults)
    assert triples(graph) == [("a", "r", "b"), ("b", "r", "c")]
    assert sorted(facts(graph)) == sorted([("a", "r", t, None) for t in first] + [("b", "r", t, None) for t in second])
    assert faults.notes == {f"g.{form}: times of triples, read as values of their heads": len(first) + len(second)}


def test_times_in_parquet_may_be_dates(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]}
    days = arrow.array(np.array(["2014-01-01", "NaT"], "datetime64[D]"))
    parquet.write_table(arrow.table({**columns, "date": days}), tmp_path / "g.parquet")
    graph = read_parquet(tmp_path / "g.parquet")
    assert triples(graph) == [("a", "r", "b"), ("b", "r", "c")] and facts(graph) == [("a", "r", "2014-01-01", None)]


@pytest.mark.parametrize(
    "rows",
    ["a\tr\tb\t0\nb\tr\tc\t24\n", "a\tr\tb\t0.7\n", "a\tr\tb\tc\td\te\n", "a\tr\tb\t2014-01-01\tx\n", "a\tr\tb\t\t\n"],
)
def test_more_columns_than_a_triple_has_need_names(tmp_path, rows):
    file = put(tmp_path, {"g.tsv": rows}) / "g.tsv"
    width = rows.split("\n")[0].count("\t") + 1
    text = refused(lambda: read_delimited(file), file, 1, f"expected 3 tab-separated fields, got {width}")
    assert "data.columns" in text
    with pytest.raises(InputError, match="data.columns"):
        read_delimited(file, on_error="skip")


SEPARATED = {
    "g.tsv": "a|knows|b\nb|knows|c\n",
    "g.txt": "a;knows;b\nb;knows;c\n",
    "g.csv": 'a;knows;b\n"b";knows;c\n',
    "h.csv": "a\tknows\tb\nb\tknows\tc\n",
    "i.csv": "head|tail|relation\na|b|knows\nb|c|knows\n",
    "g.tsv.gz": gzip.compress(b"a|knows|b\nb|knows|c\n"),
}


@pytest.mark.parametrize("name", SEPARATED)
def test_another_separator_that_every_line_has_is_recognised_and_noted(tmp_path, name):
    faults = Faults()
    assert triples(read_delimited(put(tmp_path, {name: SEPARATED[name]}) / name, faults=faults)) == ROWS
    assert len(faults.notes) == 1 and "separated by" in next(iter(faults.notes))


@pytest.mark.parametrize("text", ["a|knows|b\nb|knows\n", "a|b\nb|c\n", "a|x b|y c\n\n", "a|r|b\na\tr\tb\n"])
def test_a_separator_that_fits_no_triple_or_not_every_line_is_not_guessed(tmp_path, text):
    file = put(tmp_path, {"g.tsv": text}) / "g.tsv"
    refused(lambda: read_delimited(file), file, 1, "expected 3 tab-separated fields, got 1")


def test_labels_may_hold_other_separators(tmp_path):
    file = put(tmp_path, {"g.tsv": "a|x\tr;s\tb|y\n", "g.csv": "a|x,r;s,b|y\n"})
    for name in ("g.tsv", "g.csv"):
        assert triples(read_delimited(file / name)) == [("a|x", "r;s", "b|y")]


@pytest.mark.parametrize("form", ["tsv", "csv", "parquet"])
def test_repeated_triples_are_kept_and_counted_in_every_format(tmp_path, form):
    faults = Faults()
    rows = [*ROWS, ROWS[0], ROWS[0]]
    if form == "parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = dict(zip(("head", "relation", "tail"), map(list, zip(*rows, strict=True)), strict=True))
        parquet.write_table(arrow.table(columns), tmp_path / "g.parquet")
        graph = read_parquet(tmp_path / "g.parquet", faults=faults)
    else:
        text = "".join(("," if form == "csv" else "\t").join(row) + "\n" for row in rows)
        graph = read_delimited(put(tmp_path, {f"g.{form}": text}) / f"g.{form}", faults=faults)
    assert triples(graph) == rows and faults.notes == {f"g.{form}: repeated triples": 2}
