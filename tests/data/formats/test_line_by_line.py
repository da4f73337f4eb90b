"""Whole blocks of lines are read as the same lines are one by one: the same graph, the same error, the same notes."""

import random

import numpy as np
import pytest
from reader_cases import put

from mmkg.data.formats import openea
from mmkg.data.formats.delimited import read_delimited
from mmkg.data.formats.openea import read_openea_pair
from mmkg.data.formats.rdf import read_rdf
from mmkg.data.parsing import columns, delimited
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.plain_lines import PlainLines
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
    monkeypatch.setattr(PlainLines, "statements", lambda *_: None)
    for module in (columns, delimited, openea):
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
        monkeypatch.setattr(columns, "_BLOCK", (300, 1 << 20)[seed % 2])  # bytes
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


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("odd", [0.0, 0.03, 0.3])
def test_folders_in_the_layout_of_openea(monkeypatch, tmp_path, odd, on_error):
    for seed in range(12):
        files = {f"rel_triples_{k}": table(10 * seed + k, "\t", 3, odd) for k in (1, 2)}
        facts = [table(10 * seed + k, "\t", 3, odd) + b'a\tp\t"1"^^<http://x/int>\nb\tp\tlong\ttext\n' for k in (3, 4)]
        files |= {"attr_triples_1": facts[0], "attr_triples_2": facts[1], "ent_links": "a\ta\n"}
        folder = put(tmp_path / str(seed), files)
        whole = outcome(read_openea_pair, folder, on_error)
        with monkeypatch.context() as context:
            one_by_one(context)
            again = outcome(read_openea_pair, folder, on_error)
        assert again[1] == whole[1] and (isinstance(whole[0], str) or again[0].left == whole[0].left), seed
        assert again[0] == whole[0] if isinstance(whole[0], str) else again[0].right == whole[0].right, seed


def test_well_formed_blocks_are_read_whole(monkeypatch, tmp_path):
    def refused(*_):
        raise AssertionError("read line by line")

    monkeypatch.setattr(delimited, "cut_fields", refused)
    for name, separator in (("g.tsv", "\t"), ("g.csv", ",")):
        path = put(tmp_path, {name: f"a{separator}r{separator}b\nb{separator}r{separator}a\n"}) / name
        assert np.array_equal(read_delimited(path).triples, [[0, 0, 1], [1, 0, 0]])


SUBJECTS = ["<http://e/a>", "<http://e/b>", "<http://e/c>", "_:n", "_:n.1", "<http://e/%C3%A9>", "<http://e/é漢>"]
SUBJECTS += ["<urn:mmkg:a%20b>"]
PREDICATES = ["<http://e/p>", "<http://e/q>", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"]
PREDICATES += ["<http://www.w3.org/2000/01/rdf-schema#label>", "<http://www.w3.org/2002/07/owl#sameAs>"]
PREDICATES += ["<http://xmlns.com/foaf/0.1/depiction>", "<http://xmlns.com/foaf/0.1/name>"]
OBJECTS = [*SUBJECTS, "<http://www.w3.org/2002/07/owl#NamedIndividual>", '"text"', '"Text"@en', '"Text"@EN-gb', '""@de']
OBJECTS += ['""', '"1"^^<http://www.w3.org/2001/XMLSchema#integer>', '"s"^^<http://www.w3.org/2001/XMLSchema#string>']
OBJECTS += [
    '"é 漢 🙂"',
    '"a . b"',
    '"tab\tinside"',
    '"\x01\x0b\x0c\x1c\x85\u2028"',
    '"<http://e/a> <http://e/p> <http://e/b> ."',
]
ODD_OBJECTS = [
    '"back\\\\slash"',
    '"q\\"q"',
    '"\\u00e9"',
    '"\\t"',
    "<http://e/\\u0062>",
    '"x" @en',
    '"x"@en--ltr',
    '"x" ',
]
BAD_OBJECTS = [
    '"x"@',
    '"x"@12',
    '"x"^^<rel>',
    '"x"^^',
    '"open',
    "<rel>",
    "<http://e/a b>",
    "bare",
    "7",
    "_:",
    "_: x",
    '"a"b"',
]
BAD_OBJECTS += [
    "<<( <http://e/a> <http://e/p> <http://e/b> )>>",
    "<<(<http://e/a><http://e/p><http://e/b>)>>",
    "<http://e/a",
]
BAD_OBJECTS += [f"<http://e/{'x' * 600}>", '"\0"', '"\r"', f'"{"long " * 300}"', "<http://e/a>> <", '"x"^^<http://e/ >']
WHOLE = [
    "",
    " ",
    "\t",
    "# comment",
    "# <http://e/a> <http://e/p> <http://e/b> .",
    "junk",
    ".",
    "<http://e/a> .",
    "\xa0",
]
WHOLE += [
    "<http://e/a> <http://e/p> <http://e/b> . # .",
    '<http://e/a> <http://e/p> "x" . # .',
    '"s" <http://e/p> "x" .',
]
WHOLE += [
    "<http://e/a> <http://e/p> <http://e/b>.",
    "<http://e/a> <http://e/p> <http://e/b>",
    "<http://e/a>  <http://e/p> _:x .",
]
WHOLE += [
    "<http://e/a>\t<http://e/p>\t<http://e/b>\t.",
    " <http://e/a> <http://e/p> <http://e/b> .",
    "<http://e/a> _:p <http://e/b> .",
]
WHOLE += [
    "<http://e/a> <http://e/p> <http://e/b> . <http://e/c> <http://e/p> <http://e/d> .",
    "<http://e/a><http://e/p><http://e/b>.",
]
WHOLE += ["_:r <http://www.w3.org/1999/02/22-rdf-syntax-ns#reifies> <<( <http://e/a> <http://e/p> <http://e/b> )>> ."]
WHOLE += ["_:r <http://e/p> <http://e/b> .", '<http://e/a> <http://e/p> "x" "y" .', '<http://e/"> " <http://e/b> .']
WHOLE += [
    "<http://e/a> <http://e/p> <http://e/b> <http://e/g> .",
    b'<http://e/a> <http://e/p> "\xff" .',
    '<http://e/a> "p" "o" .',
]


def ntriples(seed, odd, bad):
    """Lines of N-Triples; a share of ``odd`` is unusual, and a share of ``bad`` may be malformed."""
    draw = random.Random(seed)
    objects = [each for each in OBJECTS if seed % 3 or each[0] != '"']
    predicates = PREDICATES[: 2 if seed % 2 else 3] if seed % 5 else PREDICATES
    lines = []
    for _ in range(draw.randrange(1, 80)):
        chosen = objects
        if (chance := draw.random()) < bad:
            chosen = draw.choice([BAD_OBJECTS, WHOLE])
        elif chance < bad + odd:
            chosen = draw.choice([ODD_OBJECTS, WHOLE[:5]])
        text = draw.choice(chosen)
        if chosen not in (WHOLE, WHOLE[:5]):
            text = f"{draw.choice(SUBJECTS)} {draw.choice(predicates)} {text} ."
        lines.append(text if isinstance(text, bytes) else text.encode())
    end = b"\r\n" if draw.random() < 0.1 else b"\n"
    return (b"\xef\xbb\xbf" if draw.random() < 0.1 else b"") + end.join(lines) + (end if draw.random() < 0.7 else b"")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize(("odd", "bad"), [(0, 0), (0.1, 0), (0.1, 0.01), (0.1, 0.1), (0.8, 0)])
@pytest.mark.parametrize("size", [500, 1 << 20])
def test_statements_of_ntriples(monkeypatch, tmp_path, odd, bad, on_error, size):
    monkeypatch.setattr(columns, "_BLOCK", size)  # bytes
    for seed in range(25):
        files = {f"{k}.nt": ntriples(2 * seed + k, odd, bad) for k in range(1 + seed % 2)}
        folder = put(tmp_path / str(seed), files)
        read = lambda path, faults: read_rdf(path, faults=faults)  # noqa: E731
        whole = outcome(read, folder, on_error)
        with monkeypatch.context() as context:
            one_by_one(context)
            assert outcome(read, folder, on_error) == whole, seed


def test_plain_lines_are_not_parsed(monkeypatch, tmp_path):
    plain = [line for seed in range(5) for line in ntriples(seed, 0, 0).splitlines() if line.endswith(b" .")]
    path = put(tmp_path, {"g.nt": b"\n".join(plain)}) / "g.nt"
    whole = read_rdf(path, on_error="skip")

    def refused(*_):
        raise AssertionError("parsed")

    monkeypatch.setattr("mmkg.data.parsing.rdf_parser.RdfParser.statements", refused)
    again = read_rdf(path, on_error="skip")
    assert again == whole and len(again.graph.triples) > 20
