"""Whole blocks of lines are read as the same lines are one by one: the same graph, the same error, the same notes."""

import random

import numpy as np
import pytest
from reader_cases import put

from mmkg.data.formats.delimited import read_delimited
from mmkg.data.parsing import columns, delimited
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

FIELDS = ["a", "b", "knows", "é", "漢字", "with space", '"q"', "x" * 520, "_:b", "<i>"]
ODD = ["", "\t", "a\tb", "a\0", "a\rb", "\ufeff", "\r", "#", b"\xff", "y" * 3000]


def outcome(read, path, on_error):
    """What reading gives: the graph, or the error, and the notes."""
    faults = Faults(on_error)
    try:
        found = read(path, faults)
    except InputError as error:
        return str(error), faults.notes
    return found, faults.notes


def one_by_one(monkeypatch):
    """Read no block as a whole."""
    for module in (columns, delimited):
        monkeypatch.setattr(module, "cells_of", lambda *_, **__: None)


def table(seed, separator, width, odd):
    """A table of random fields, some of them odd with the probability ``odd``."""
    draw = random.Random(seed)
    usual = draw.sample(FIELDS, 5)
    lines = []
    for _ in range(draw.randrange(1, 60)):
        fields = [draw.choice(usual) for _ in range(width)]
        if draw.random() < odd:
            fields[draw.randrange(width)] = draw.choice(ODD)
        raw = separator.encode().join(field if isinstance(field, bytes) else field.encode() for field in fields)
        lines.append(raw + (b"\r\n" if draw.random() < odd else b"\n"))
    head = b"\xef\xbb\xbf" if draw.random() < 0.2 else b""
    return head + b"".join(lines).removesuffix(b"\n" if draw.random() < 0.3 else b"")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("odd", [0.0, 0.03, 0.3])
@pytest.mark.parametrize(("name", "separator"), [("g.tsv", "\t"), ("g.csv", ",")])
def test_tables_of_triples(monkeypatch, tmp_path, name, separator, odd, on_error):
    for seed in range(12):
        path = put(tmp_path, {name: table(seed, separator, 3, odd)}) / name
        read = lambda path, faults: read_delimited(path, faults=faults, table="triples")  # noqa: E731
        whole = outcome(read, path, on_error)
        with monkeypatch.context() as context:
            one_by_one(context)
            assert outcome(read, path, on_error) == whole, seed


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("odd", [0.0, 0.03])
def test_folders_with_facts_and_times(monkeypatch, tmp_path, odd, on_error):
    for seed in range(12):
        draw = random.Random(seed)
        labels = [draw.choice("abcdefgh") for _ in range(400)]
        values = [draw.choice(["", "1", '"1"^^<http://x/int>', "long text", "é"]) for _ in range(100)]
        times = [draw.choice(["2001", "2002-01-01"]) for _ in range(100)]
        triples = ["head\trelation\ttail\ttime"]
        triples += [f"{h}\tr{t}\t{t}\t{when}" for h, t, when in zip(labels[::2], labels[1::2], times, strict=False)]
        facts = ["entity\tattribute\tvalue"]
        facts += [f"{label}\tp\t{value}" for label, value in zip(labels, values, strict=False)]
        for lines in (triples, facts):
            if draw.random() < odd * 10:
                lines[draw.randrange(1, len(lines))] = draw.choice(
                    ["", "a\t\tb", "a\tb\t", "a\tb\tc\td\te", "z\0\tp\t1"]
                )
        files = {"triples.tsv": "\n".join(triples), "attributes.tsv": "\n".join(facts)}
        files |= {"entities.tsv": "entity\n" + "\n".join("abcdefg") + "\n"} if seed % 2 else {}
        folder = put(tmp_path / str(seed), files)
        read = lambda path, faults: read_delimited(path, faults=faults)  # noqa: E731
        whole = outcome(read, folder, on_error)
        with monkeypatch.context() as context:
            one_by_one(context)
            assert outcome(read, folder, on_error) == whole, seed


def test_well_formed_blocks_are_read_whole(monkeypatch, tmp_path):
    def refused(*_):
        raise AssertionError("read line by line")

    monkeypatch.setattr(delimited, "cut_fields", refused)
    for name, separator in (("g.tsv", "\t"), ("g.csv", ",")):
        path = put(tmp_path, {name: f"a{separator}r{separator}b\nb{separator}r{separator}a\n"}) / name
        assert np.array_equal(read_delimited(path).triples, [[0, 0, 1], [1, 0, 0]])
