import numpy as np

from mmkg.data.entities import EntityTable
from mmkg.data.kg import KnowledgeGraph
from mmkg.matching.matching import Matching
from mmkg.report import Link, links_of, write_ntriples, write_tsv
from mmkg.report.export import unmatched_of

CHAT = Link("http://a/chat", "http://b/cat", 0.5, 0.25, "chat", "cat")


def test_links_of_a_matching_carry_labels_and_what_people_see():
    none = np.empty((0, 3), np.int64)
    left = KnowledgeGraph(("http://a/0", "http://a/1"), (), none, display=("zero", "one"))
    right = KnowledgeGraph(("http://b/0", "http://b/1"), (), none, names=("nul", None))
    tables = EntityTable.of(left), EntityTable.of(right)
    rows = (np.array([0, 1]), np.array([1, 0]), np.array([0.5, 0.25], np.float32))
    assert list(links_of(*tables, Matching(*rows, np.array([0.75, 1.0], np.float32)))) == [
        Link("http://a/0", "http://b/1", 0.5, 0.75, "zero", "http://b/1"),
        Link("http://a/1", "http://b/0", 0.25, 1.0, "one", "nul"),
    ]
    assert [link.confidence for link in links_of(*tables, Matching(*rows))] == [None, None]


def test_who_is_in_no_pair_is_unmatched():
    left = EntityTable(("a", "b", "c"), ("A", "B", "C"), ("1", "2", "3"))
    right = EntityTable(("x", "y"), ("X", "Y"), ("8", "9"))
    matching = Matching(np.array([1]), np.array([1]), np.array([0.5], np.float32))
    assert unmatched_of(left, right, matching) == ([("a", "1"), ("c", "3")], [("x", "8")])


def test_links_are_written_as_they_come(tmp_path):
    assert write_tsv(tmp_path / "a.tsv", iter([CHAT, CHAT])) == 2
    assert (tmp_path / "a.tsv").read_text().splitlines()[2] == "http://a/chat\thttp://b/cat\t0.5\t0.25\tchat\tcat"
    assert write_ntriples(tmp_path / "a.nt", iter([CHAT])) == 1
    same_as = "<http://www.w3.org/2002/07/owl#sameAs>"
    assert (tmp_path / "a.nt").read_text() == f"<http://a/chat> {same_as} <http://b/cat> .\n"
