from reader_cases import put, refused

from mmkg.data.links.export import Export, Link
from mmkg.data.links.formats import write_links
from mmkg.data.links.ntriples import read_same_as_links, to_ntriples
from mmkg.data.parsing.columns import Faults

CHAT = Link("http://a/chat", "http://b/cat", 0.5, 0.25, "chat", "cat")
SAME = "<http://www.w3.org/2002/07/owl#sameAs>"


def test_ntriples_line_is_owl_same_as_from_left_to_right(tmp_path):
    expected = "<http://a/chat> <http://www.w3.org/2002/07/owl#sameAs> <http://b/cat> .\n"
    assert list(to_ntriples([CHAT])) == [expected]
    assert write_links(tmp_path / "a.nt", Export([CHAT, CHAT]), "nt") == 2
    assert (tmp_path / "a.nt").read_text(encoding="utf-8") == 2 * expected


def test_links_are_streamed_not_collected():
    def endless():
        while True:
            yield CHAT

    lines = to_ntriples(endless())
    assert next(lines) == next(lines)


def test_links_are_read_back_in_order_whatever_their_labels(tmp_path):
    written = [("http://e/a", "http://f/a"), ("a b", "_:x"), ("urn:mmkg:x", "<y>"), ("é", "\x7f")]
    write_links(tmp_path / "links.nt", Export([Link(*pair) for pair in written], scored=False), "nt")
    found = read_same_as_links(tmp_path / "links.nt", Faults())
    assert list(zip(found.left, found.right, strict=True)) == written and found.lines.tolist() == [1, 2, 3, 4]


def test_other_statements_are_left_out_and_a_literal_is_refused_with_its_line(tmp_path):
    good = f'<http://e/a> <http://e/p> "x" .\n<http://e/a> {SAME} <http://f/a> .\n'
    path = put(tmp_path, {"links.nt": good + f'<http://e/b> {SAME} "b" .\n'}) / "links.nt"
    refused(lambda: read_same_as_links(path, Faults()), path, 3, "expected an entity after owl:sameAs, got the literal")
    faults = Faults("skip")
    found = read_same_as_links(path, faults)
    assert (found.left, found.right, found.lines.tolist()) == (["http://e/a"], ["http://f/a"], [2])
    assert faults.notes == {"links.nt: skipped lines": 1}
