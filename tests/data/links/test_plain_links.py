"""Links of two plain columns are read by array operations, with the answers of the reader of lines."""

from pathlib import Path

import numpy as np
import pytest
from reader_cases import put

from mmkg.data.links import checked, delimited
from mmkg.data.links.checked import LabelLinks, label_link_rows
from mmkg.data.links.formats import read_links
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError

FILES = [
    ("l.tsv", "a\tx\nb\ty\n"),
    ("l.tsv", "left\tright\na\tx\nb\ty"),
    ("l.tsv", "right\tleft\na\tx\nb\ty\r\n"),
    ("l.tsv", "# a comment\n# left\tright\na\tx\n"),
    ("l.tsv", "a\tx\n# later\nb\ty\n"),
    ("l.tsv", 'Zürich\t"東京"\n\u3042\t\u00e9\n'),
    ("l.tsv", " a\tx \n\u3000\u3042\ty\n"),
    ("l.tsv", "a\tx\n \t \nb\ty\n"),
    ("l.tsv", "a\tx\n\u3000\t\u00a0\nb\ty\n"),
    ("l.tsv", "a\tx\n\n\nb\ty\n"),
    ("l.csv", "a,x\nb,y\n"),
    ("l.csv", 'left,right\n"a,b",x\nc,"y"\n'),
    ("l.csv", "a;x\nb;y\n"),
    ("l.tsv", "a\t\nb\ty\n"),
    ("l.tsv", "a\tx\nb\n"),
    ("l.tsv", "a\tx\nb\ty\tz\n"),
    ("l.tsv", "a\tx\0\nb\ty\n"),
    ("l.tsv", b"a\tx\nb\t\xff\n"),
    ("l.tsv", "a\t" + "x" * (1 << 20) + "\nb\ty\n"),
    ("l.tsv", ""),
]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize(("name", "text"), FILES)
def test_both_ways_of_reading_agree(tmp_path, monkeypatch, name, text, on_error):
    put(tmp_path, {name: text})

    def found():
        faults = Faults(on_error)
        try:
            links = read_links(tmp_path / name, faults=faults)
        except InputError as error:
            return str(error)
        return list(links.left), list(links.right), links.lines.tolist(), links.parts, links.seen, faults.notes

    fast = found()
    monkeypatch.setattr(delimited, "_plain_links", lambda *_: None)
    assert fast == found()


def test_a_plain_file_is_not_read_line_by_line(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "rows_of", None)
    found = read_links(put(tmp_path, {"l.tsv": "# note\nleft\tright\na\tx\nb\ty\n"}) / "l.tsv")
    assert (found.left, found.right, found.lines.tolist()) == (("a", "b"), ("x", "y"), [3, 4])


@pytest.mark.parametrize("one_to_one", [True, False])
@pytest.mark.parametrize("ends", ["ax by cz", "ax by ax", "ax ay bx", "ax bq cz", "qx by", ""])
def test_checking_all_links_at_once_agrees_with_one_by_one(monkeypatch, ends, one_to_one):
    pairs = ends.split()
    links = LabelLinks(Path("l"), [p[0] for p in pairs], [p[1] for p in pairs], np.arange(1, len(pairs) + 1))

    def found():
        faults = Faults("skip")
        rows, kept = label_link_rows(links, (("a", "b", "c"), ("z", "y", "x")), faults, one_to_one=one_to_one)
        return rows.tolist(), kept.tolist(), faults.notes

    fast = found()
    monkeypatch.setattr(checked, "_are_clear", lambda *_: False)
    assert fast == found()
