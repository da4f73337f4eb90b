from pathlib import Path

import numpy as np
import pytest

from mmkg.data.formats.frames import links_of_object
from mmkg.data.links.between import links_between
from mmkg.errors import InputError

LABELS = (("a", "b", "c"), ("x", "y", "z"))


def labelled(*pairs):
    return links_of_object(list(pairs), Path("links"))


def test_pairs_of_labels_become_rows_and_the_rest_is_named():
    found = links_between(labelled(("b", "z"), ("a", "x"), ("b", "z"), ("b", "new"), ("old", "x")), LABELS)
    assert found.rows.tolist() == [[1, 2], [0, 0]]
    assert found.unknown == [("b", "new"), ("old", "x")] and found.repeated == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gold.tsv", "left\tright\nc\ty\na\tz\n"),
        ("gold.csv", "left,right\nc,y\na,z\n"),
        ("gold.jsonl", '{"left": "c", "right": "y"}\n{"left": "a", "right": "z"}\n'),
    ],
)
def test_a_file_of_any_format_holds_links(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert links_between(tmp_path / name, LABELS).rows.tolist() == [[2, 1], [0, 2]]


def test_same_as_may_lead_from_right_to_left(tmp_path):
    labels = (("http://l/a", "http://l/b"), ("http://r/x", "http://r/y"))
    same = "<http://www.w3.org/2002/07/owl#sameAs>"
    (tmp_path / "gold.nt").write_text(f"<http://r/y> {same} <http://l/a> .\n<http://l/b> {same} <http://r/x> .\n")
    assert links_between(tmp_path / "gold.nt", labels).rows.tolist() == [[0, 1], [1, 0]]


def test_rows_are_taken_as_they_are_once_each():
    found = links_between(np.array([[2, 0], [0, 1], [2, 0]], np.int32), LABELS)
    assert found.rows.tolist() == [[2, 0], [0, 1]] and found.rows.dtype == np.int64 and found.repeated == 1


@pytest.mark.parametrize(
    ("links", "text"),
    [
        (labelled(("x", "a")), "got 'x' = 'a' and the like; its columns are right, left"),
        (labelled(("p", "q")), "got 'p' = 'q' and the like; left and right are labels"),
        (np.array([[0, 3]]), r"right rows of links must be in 0..2, got 3..3"),
        (np.array([0, 3]), r"expected rows of links, whole numbers \[L, 2\]"),
        (np.array([[0.5, 3]]), r"expected rows of links, whole numbers \[L, 2\]"),
    ],
)
def test_what_is_no_link_between_the_graphs_is_refused(links, text):
    with pytest.raises(InputError, match=text):
        links_between(links, LABELS)
