"""The benchmark of labels."""


def test_labels_take_less_memory_than_strings_and_are_found_alike(load_tool):
    bench = load_tool("bench_labels")
    rows = bench.rows_of(bench.QUERIED // 10)
    mine, other = (int(words.split()[0]) for words in rows[0]["note"].split(", "))
    assert mine < 60 < 90 < other
    assert len(rows) == 9 and all(row["cpu_s"] >= 0 for row in rows)
    strings = ("a", "b", "c")
    assert bench.rows_by_dict(strings, ("c", "x", "a")).tolist() == [2, -1, 0]
