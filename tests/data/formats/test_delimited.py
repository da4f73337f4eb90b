import bz2
import gzip
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import LABEL, facts, graphs, names_of, plain, put, refused, squeezed, triples

from mmkg.data.formats.delimited import read_delimited, write_delimited
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.delimited import write_rows
from mmkg.errors import InputError, UsageError

ROWS = [("a", "knows", "b"), ("b", "knows", "c")]
TSV, CSV = "a\tknows\tb\nb\tknows\tc\n", "a,knows,b\nb,knows,c\n"
SAME_GRAPH = {
    "g.tsv": TSV,
    "g.txt": TSV[:-1],
    "g.csv": CSV,
    "head.tsv": "head\trelation\ttail\n" + TSV,
    "spo.csv": "Subject,Predicate,Object\n" + CSV,
    "turned.csv": "t,h,source,r\nb,a,x,knows\nc,b,,knows\n",
    "quoted.csv": '"head","relation","tail"\n"a",knows,"b"\nb,"knows",c',
    "bom.tsv": "\ufeff" + TSV,
    "bom.csv": "\ufeffh,r,t\r\n" + CSV.replace("\n", "\r\n"),
    "g.tsv.gz": gzip.compress(TSV.encode()),
    "g.csv.bz2": bz2.compress(CSV.encode()),
    "g/triples.csv": CSV,
    "g/triples.tsv.gz": gzip.compress(TSV.encode()),
}


@pytest.mark.parametrize("name", SAME_GRAPH)
def test_one_graph_is_the_same_however_its_table_is_written(tmp_path, name):
    file = put(tmp_path, {name: SAME_GRAPH[name]}) / name
    graph = read_delimited(file.parent if name.startswith("g/") else file)
    assert graph.entities == ("a", "b", "c") and graph.relations == ("knows",) and triples(graph) == ROWS


def test_columns_may_be_named_and_a_header_denied(tmp_path):
    put(tmp_path, {"g.tsv": "who\twhat\twhom\n" + TSV, "h.tsv": "head\trelation\ttail\n" + TSV})
    assert triples(read_delimited(tmp_path / "g.tsv", columns=("who", "what", "whom"))) == ROWS
    assert triples(read_delimited(tmp_path / "g.tsv")) == [("who", "what", "whom"), *ROWS]
    assert triples(read_delimited(tmp_path / "h.tsv", header=False)) == [("head", "relation", "tail"), *ROWS]
    with pytest.raises(UsageError, match="expected the names of head, relation and tail, got 2 names"):
        read_delimited(tmp_path / "g.tsv", columns=("who", "what"))


def test_csv_fields_may_hold_commas_quotes_and_line_ends(tmp_path):
    text = 'plain,r,b\n"a, ""b""",r,"two\nlines"\nlast,r,b\n'
    graph = read_delimited(put(tmp_path, {"g.csv": text}) / "g.csv")
    assert triples(graph) == [("plain", "r", "b"), ('a, "b"', "r", "two\nlines"), ("last", "r", "b")]


def test_a_folder_lists_its_entities_and_what_is_known_of_them(tmp_path):
    files = {
        "triples.csv": CSV,
        "entities.csv": "entity,name,picture\nz,,\nc,Cee,c.png\nb,Bee,\na,,\n",
        "attributes.csv": "entity,attribute,value,type\na,age,7,http://t/int\nz,note,,\n",
    }
    graph = read_delimited(put(tmp_path, files))
    assert graph.entities == ("z", "c", "b", "a") and triples(graph) == ROWS
    assert graph.names == (None, "Cee", "Bee", None) and graph.pictures == (None, "c.png", None, None)
    assert facts(graph) == [("a", "age", "7", "http://t/int"), ("z", "note", None, None)]


MALFORMED = [
    ("g.tsv", "a\tr\n", 1, "expected 3 tab-separated fields, got 2", False),
    ("g.tsv", TSV + "a\tr\tb\t.\n", 3, "expected 3 tab-separated fields, got 4", True),
    ("g.tsv", "a r b\n", 1, "by a tab, not by spaces", False),
    ("g.tsv", TSV + "\n", 3, "got an empty line", True),
    ("g.tsv", TSV + "a\t\tb\n", 3, "expected 3 fields, got an empty one", True),
    ("g.tsv", TSV + "a\tr\0\tb\n", 3, "NUL character in column 4", True),
    ("g.tsv", TSV.encode() + b"a\tr\t\xfc\n", 3, "expected UTF-8, got byte 0xfc in column 5", True),
    ("g.tsv", ("\ufeff" + TSV).encode("utf-16"), 1, "expected UTF-8, got byte 0xff in column 1", False),
    ("g.tsv", "a\tr\tb\rb\tr\tc\r", 1, "carriage return inside a line", False),
    ("g.tsv", "", None, "expected at least one triple, got none", False),
    ("g.tsv", "head\trelation\ttail\n", None, "expected at least one triple, got none", False),
    ("g.tsv", None, None, "no such file", False),
    (
        "g.tsv",
        "head\trelation\ttail\textra\n" + TSV + "a\tr\tb\tc\n",
        2,
        "expected 4 tab-separated fields, got 3",
        True,
    ),
    ("g.tsv", "head\trelation\ttail\thead\n", 1, "expected 3 tab-separated fields, got 4", False),
    ("g.tsv.gz", squeezed(TSV, 20), None, "cannot be decompressed: compressed file ended", False),
    ("g.tsv.gz", TSV, None, "cannot be decompressed: not a gzipped file", False),
    ("g.csv.bz2", CSV, None, "cannot be decompressed: invalid data stream", False),
    ("g.csv", CSV + "a,r\n", 3, "expected 3 comma-separated fields, got 2", True),
    ("g.csv", CSV + "a,r,b,c\n", 3, "expected 3 comma-separated fields, got 4", True),
    ("g.csv", '"a",r,b\nb,r\n', 2, "expected 3 comma-separated fields, got 2: 'b,r'", True),
    ("g.csv", '"a",r,b\n\nb,r,c\n', 2, "expected 3 comma-separated fields, got an empty line", True),
    ("g.csv", '"a",r,b\n"",r,c\n', 2, "expected 3 fields, got an empty one", True),
    ("g.csv", '"a",r,b\n"b"x,r,c\n', 2, "expected CSV, got ',' expected after '\"'", True),
    ("g.csv", '"a",r,b\n"open,r,c\n', 2, "expected CSV, got unexpected end of data", True),
    ("g.csv", '"a",r,b\nb,r\0,c\n', 2, "NUL character in column 4", None),
    ("g.csv", b'"a",r,b\nb,\xe9,c\n', 2, "expected UTF-8, got byte 0xe9 in column 3", None),
    ("g.csv", "subject,predicate,predicate,object\na,r,r,b\n", 1, "expected 3 comma-separated fields, got 4", False),
    ("g.pdf", "", None, "expected a .tsv, .txt or .csv file, or a folder with such tables", False),
]


@pytest.mark.parametrize(("name", "content", "line", "message", "skippable"), MALFORMED, ids=names_of(MALFORMED))
def test_a_malformed_table_is_refused_with_its_place(tmp_path, name, content, line, message, skippable):
    file = put(tmp_path, {name: content}) / name
    refused(lambda: read_delimited(file), file, line, message)
    faults = Faults("skip")
    if skippable is not False:
        assert len(read_delimited(file, faults=faults).triples) >= 1
        assert faults.notes[f"{name}: skipped lines"] == (
            2 if skippable is None or name == "g.tsv" and message.startswith("expected 4") else 1
        )
    else:
        with pytest.raises(InputError):
            read_delimited(file, faults=faults)


TABLES = [
    ("triples.csv", CSV + "a,knows,nobody\n", 3, "expected an entity of entities.csv, got the unknown 'nobody'"),
    ("triples.csv", None, None, "expected a file of triples, triples.csv, found none"),
    ("triples.tsv", TSV, None, "expected one table of triples, found"),
    ("entities.csv", "a\nb\nc\n", 1, "expected a column 'entity' or 'id' or 'label', got 'a'"),
    ("entities.csv", "entity,name\na,A\nb\n", 3, "expected 2 comma-separated fields, got 1"),
    ("entities.csv", "entity,name\na,A\n,B\n", 3, "expected the entity, got an empty field"),
    ("entities.csv", "entity,name,name\na,A,B\n", 1, "expected one column 'name', got several of this name"),
    ("entities.csv", "entity\na\nb\nc\na\n", 5, "expected unique entities, got 'a' again"),
    ("entities.csv", "entity,name\n", None, "expected at least one entity, got none"),
    ("entities.csv", "", None, "expected at least one entity, got none"),
    ("attributes.csv", "entity,name,value\na,p,1\n", 1, "expected a column 'attribute' or 'predicate' or 'property'"),
    ("attributes.csv", "entity,attribute,value\na,p,1,2\n", 2, "expected 3 comma-separated fields, got 4"),
    ("attributes.csv", "entity,attribute,value\na,,1\n", 2, "expected the attribute, got an empty field"),
    ("attributes.csv", "entity,attribute\nd,p\n", 2, "expected an entity of entities.csv, got the unknown 'd'"),
    ("images.safetensors", "text", None, "expected a safetensors file"),
]


@pytest.mark.parametrize(("name", "content", "line", "message"), TABLES, ids=names_of(TABLES))
def test_a_malformed_folder_is_refused_with_its_place(tmp_path, name, content, line, message):
    folder = put(tmp_path, {"triples.csv": CSV, "entities.csv": "entity\na\nb\nc\n"} | {name: content})
    if content is None:
        (folder / name).unlink(missing_ok=True)
    refused(
        lambda: read_delimited(folder),
        folder if "triples, " in message or "table of" in message else folder / name,
        line,
        message,
    )


@pytest.mark.parametrize("label", ["a\tb", "a\nb", "a\0b", ""])
def test_a_label_that_tsv_cannot_hold_is_refused(tmp_path, label):
    graph = KnowledgeGraph((label, "b"), ("r",), np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="expected text without tabs.*write CSV or Parquet"):
        write_delimited(graph, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="ends in .tsv or .csv"):
        write_rows(tmp_path / "g.txt", ("head",), [])


CSV_TEXT = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["tsv", "csv"]))
def test_any_graph_comes_back_as_it_was_written(tmp_path, data, form):
    text = LABEL if form == "tsv" else CSV_TEXT
    graph = data.draw(graphs(label=text, text=text))
    rows = data.draw(st.permutations(range(graph.num_entities)))  # order is that of the table, not of appearance
    triples = graph.triples.copy()
    triples[:, ::2] = np.array(rows)[triples[:, ::2]]
    names = tuple(data.draw(st.none() | text) for _ in rows)
    graph = replace(
        graph, triples=triples, names=names if any(names) else None, pictures=("p", *(None,) * (len(rows) - 1))
    )
    for path in tmp_path.glob("attributes.*"):
        path.unlink()
    for old in tmp_path.glob("*.csv" if form == "tsv" else "*.tsv"):
        old.unlink()
    found = read_delimited(write_delimited(graph, tmp_path, form=form))
    seen = list(dict.fromkeys(triples[:, 1].tolist()))
    assert plain(found) == plain(graph) and found.relations == tuple(graph.relations[kind] for kind in seen)
