import math
import sys
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_cases import graphs, plain, put, refused, triples

from mmkg.data.formats.parquet import read_parquet, write_parquet
from mmkg.data.kg import ImageTable, KnowledgeGraph
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError, MissingPackageError

ROWS = [("a", "knows", "b"), ("b", "knows", "c")]
HEAD, RELATION, TAIL = (list(column) for column in zip(*ROWS, strict=True))


def save(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.mark.parametrize("names", [("head", "relation", "tail"), ("Subject", "predicate", "OBJECT"), ("s", "p", "o")])
@pytest.mark.parametrize(
    "kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())]
)
def test_triples_are_read_from_any_column_of_text(tmp_path, names, kind):
    columns = {name: pyarrow.array(items, kind) for name, items in zip(names, (HEAD, RELATION, TAIL), strict=True)}
    graph = read_parquet(save(tmp_path / "g.parquet", {"weight": [1.0, 2.0]} | columns))
    assert graph.entities == ("a", "b", "c") and triples(graph) == ROWS


def test_columns_may_be_named(tmp_path):
    path = save(tmp_path / "g.pq", {"whom": TAIL, "who": HEAD, "what": RELATION})
    assert triples(read_parquet(path, columns=("who", "what", "whom"))) == ROWS


def test_many_rows_are_read_in_order(tmp_path):
    heads = [f"e{number * 7919 % 100_003}" for number in range(150_000)]
    path = save(tmp_path / "g.parquet", {"head": heads, "relation": ["r"] * len(heads), "tail": heads[::-1]})
    graph = read_parquet(path)
    assert triples(graph) == list(zip(heads, ["r"] * len(heads), heads[::-1], strict=True))


MALFORMED = [
    (
        {"head": HEAD, "relation": RELATION},
        "expected a column 'tail' or 't' or 'object', got 'head', 'relation'",
        False,
    ),
    ({"x": HEAD, "y": RELATION, "z": TAIL}, "name the columns: columns=(HEAD, RELATION, TAIL)", False),
    ({"head": [1, 2], "relation": RELATION, "tail": TAIL}, "expected text in column 'head', got int64", False),
    ({"head": HEAD, "relation": [0.5, 1], "tail": TAIL}, "expected text in column 'relation', got double", False),
    ({"head": HEAD, "relation": RELATION, "tail": [b"b", b"c"]}, "expected text in column 'tail', got binary", False),
    ({"head": HEAD, "relation": RELATION, "tail": [["b"], ["c"]]}, "expected text in column 'tail', got list", False),
    ({"head": HEAD, "relation": RELATION, "tail": pyarrow.nulls(2)}, "expected text in column 'tail', got null", False),
    ({"head": ["a", None], "relation": RELATION, "tail": TAIL}, "expected the head in row 2, got nothing", True),
    ({"head": HEAD, "relation": ["", "r"], "tail": TAIL}, "expected the relation in row 1, got an empty text", True),
    (
        {"head": HEAD, "Head": HEAD, "relation": RELATION, "tail": TAIL},
        "expected one column 'head', got several",
        False,
    ),
    ({"head": [], "relation": [], "tail": []}, "expected text in column 'head', got null", False),
    (
        {name: pyarrow.array([], pyarrow.string()) for name in ("head", "relation", "tail")},
        "expected at least one triple, got none",
        False,
    ),
    (b"PAR1 and then nothing", "expected a Parquet file, got", False),
    (b"head,relation,tail\n", "expected a Parquet file, got", False),
    (b"", "expected a Parquet file, got", False),
    (None, "no such file; check the folder and the name", False),
]


@pytest.mark.parametrize(("columns", "message", "skippable"), MALFORMED)
def test_a_malformed_file_is_refused_with_its_place(tmp_path, columns, message, skippable):
    path = tmp_path / "g.parquet"
    if isinstance(columns, dict):
        save(path, columns)
    else:
        put(tmp_path, {"g.parquet": columns})
    refused(lambda: read_parquet(path), path, None, message)
    faults = Faults("skip")
    if skippable:
        assert len(read_parquet(path, faults=faults).triples) == 1 and faults.notes == {"g.parquet: skipped lines": 1}
    else:
        with pytest.raises(InputError):
            read_parquet(path, faults=faults)


def test_a_truncated_file_is_refused(tmp_path):
    path = save(tmp_path / "g.parquet", {"head": HEAD * 1000, "relation": RELATION * 1000, "tail": TAIL * 1000})
    whole = path.read_bytes()
    for size in (8, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        refused(lambda: read_parquet(path), path, None, "expected a Parquet file")


def test_an_entity_that_the_table_of_entities_lacks_is_refused(tmp_path):
    save(tmp_path / "entities.parquet", {"entity": ["a", "b"]})
    path = save(tmp_path / "triples.parquet", {"head": HEAD, "relation": RELATION, "tail": TAIL})
    refused(lambda: read_parquet(tmp_path), path, 2, "expected an entity of entities.parquet, got the unknown 'c'")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([{"lat": 1.0}, {"lat": 2.0}], "expected text or a plain value in column 'value', got struct"),
        ([[1], [2]], "expected text or a plain value in column 'value', got list"),
        ([b"x", b"y"], "expected text or a plain value in column 'value', got binary"),
        ([timedelta(1), None], "expected text or a plain value in column 'value', got duration"),
    ],
)
def test_values_without_a_text_are_refused(tmp_path, values, message):
    save(tmp_path / "triples.parquet", {"head": HEAD, "relation": RELATION, "tail": TAIL})
    path = save(tmp_path / "attributes.parquet", {"entity": HEAD, "attribute": ["p", "q"], "value": values})
    refused(lambda: read_parquet(tmp_path), path, None, message)


VALUES = [  # a column, and the texts of the same values in RDF
    (pyarrow.array([1.0, 0.1, 1e20, math.nan, None, -0.5]), ("1.0", "0.1", "1e+20", None, None, "-0.5")),
    (pyarrow.array([0.1, math.nan, None, 2], pyarrow.float32()), ("0.1", None, None, "2.0")),
    (pyarrow.array([7, None, -(2**62)]), ("7", None, str(-(2**62)))),
    (pyarrow.array([2**64 - 1, None], pyarrow.uint64()), (str(2**64 - 1), None)),
    (pyarrow.array([True, None, False]), ("true", None, "false")),
    (pyarrow.array([date(2020, 5, 17), None]), ("2020-05-17", None)),
    (pyarrow.array([time(8, 30), None], pyarrow.time64("ns")), ("08:30:00", None)),
    (
        pyarrow.array([datetime(2020, 5, 17, 8, 30), None, datetime(1, 1, 1)], pyarrow.timestamp("us")),
        ("2020-05-17T08:30:00", None, "0001-01-01T00:00:00"),
    ),
    (pyarrow.array([1, None], pyarrow.timestamp("ns")), ("1970-01-01T00:00:00.000000001", None)),
    (pyarrow.array([1500, None], pyarrow.timestamp("ms", tz="Asia/Tokyo")), ("1970-01-01T00:00:01.5+00:00", None)),
    (pyarrow.array([Decimal("1.50"), None, Decimal("0.00")]), ("1.50", None, "0.00")),
    (pyarrow.array([1, None, 1]).dictionary_encode(), ("1", None, "1")),
    (pyarrow.array(["x", None, "nan"]), ("x", None, "nan")),
    (pyarrow.nulls(2), (None, None)),
]


@pytest.mark.parametrize(("column", "texts"), VALUES, ids=[str(column.type) for column, _ in VALUES])
def test_plain_values_of_a_column_become_texts_and_missing_ones_none(tmp_path, column, texts):
    labels = [f"e{row}" for row in range(len(column))]
    save(tmp_path / "entities.parquet", {"entity": labels, "name": column, "picture": column})
    save(tmp_path / "triples.parquet", {"head": labels, "relation": labels, "tail": labels})
    save(tmp_path / "attributes.parquet", {"entity": labels, "attribute": labels, "value": column})
    graph = read_parquet(tmp_path)
    assert graph.attributes.values == texts
    assert (graph.names or (None,) * len(texts)) == texts and graph.pictures == graph.names


def test_without_pyarrow_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    path = save(tmp_path / "g.parquet", {"head": HEAD, "relation": RELATION, "tail": TAIL})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\[parquet\]'"):
        read_parquet(path)


def test_a_text_that_utf8_cannot_hold_is_refused_and_nothing_is_left(tmp_path):
    graph = KnowledgeGraph(("\ud800", "b"), ("r",), np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="expected text that UTF-8 can hold"):
        write_parquet(graph, tmp_path)
    assert not list(tmp_path.iterdir())


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(label=ANY.filter(bool), text=ANY), st.booleans())
def test_any_graph_comes_back_as_it_was_written(tmp_path, graph, pictured):
    n = graph.num_entities
    images = ImageTable(np.array([0, n - 1]), np.array([[1, 2], [3, 4]], np.float32)) if pictured else None
    graph = replace(graph, images=images, names=("", *(None,) * (n - 2), "x") if pictured else None)
    for path in tmp_path.iterdir():
        path.unlink()
    found = read_parquet(write_parquet(graph, tmp_path))
    before = replace(graph, names=(None, *graph.names[1:]) if graph.names else None)  # an empty name is none
    assert plain(found) == plain(before) and found.relations == graph.relations


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_texts_that_are_no_utf8_are_refused(tmp_path, compression):
    from mmkg.data.parsing.parquet import read_rows

    names = ("head", "relation", "tail")
    table = pyarrow.table({name: pyarrow.array([b"a\xff", b"b"], pyarrow.binary()) for name in names})
    table = table.cast(pyarrow.schema([(name, pyarrow.string()) for name in names]), safe=False)
    path = tmp_path / "triples.parquet"
    pyarrow.parquet.write_table(table, path, compression=compression)
    with pytest.raises(InputError, match="expected a Parquet file, got .*UTF"):
        list(read_rows(path, names, Faults()))


def test_a_column_name_that_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "triples.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"headhead": ["a"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"headhead", b"head\xa6\xa6ad"))
    with pytest.raises(InputError, match="expected a Parquet file, got 'utf-8' codec"):
        read_parquet(path)


@pytest.mark.parametrize("last", ["東京", "x" * 600])  # the longer one is not numbered as bytes
def test_labels_of_all_columns_are_those_that_were_written(tmp_path, last):
    rows = [("a", "r", "b"), ("b", "Zürich", "a"), ("a", "a", last), (last, "r", "b\nc\x1f")]
    columns = zip(("head", "relation", "tail"), map(list, zip(*rows, strict=True)), strict=True)
    graph = read_parquet(save(tmp_path / "t.parquet", dict(columns)))
    assert graph.entities == ("a", "b", last, "b\nc\x1f")
    assert graph.relations == ("r", "Zürich", "a")
    assert [(graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.triples.tolist()] == rows
