"""Facts of two entities side by side, worked out by hand."""

import pytest

from mmkg.data.features.values import read_value
from mmkg.data.relations import RelationPair
from mmkg.review.attributes import SameAttributes, compared, likeness
from mmkg.review.side import Fact


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("1,024", "1024.0", "equal"),
        ("100", "101", "near"),  # 1 % of the larger is 1.01
        ("100", "102", "different"),
        ("0", "0.0", "equal"),
        ("0", "0.001", "different"),
        ("-5", "5", "different"),
        ("1950-03-04", "1950-03-04", "equal"),
        ("1950-03-04", "1950-12-31", "near"),
        ("1950-03-04", "1951-03-04", "different"),
        ("1950", "1950-03-04", "near"),
        ("1950", "1951-03-04", "different"),
        ("Marie  CURIE", "marie curie", "equal"),
        ("Marie Curie", "Maria Curie", "near"),  # 20 of 22 letters
        ("Warsaw", "Paris", "different"),
        ("Warsaw", "7", "different"),
        ('"Paris"@fr', "Paris", "equal"),
    ],
)
def test_values_are_equal_near_or_different(left, right, expected):
    assert likeness(read_value(left), read_value(right)) == expected
    assert likeness(read_value(right), read_value(left)) == expected


def facts(*pairs):
    """Facts of an entity; attributes are numbered by their names."""
    return [Fact(ord(name[0]), name, value) for name, value in pairs]


def states(rows):
    return [
        (row["left"] and row["left"]["value"], row["right"] and row["right"]["value"], row["state"]) for row in rows
    ]


def test_aligned_attributes_are_paired_by_their_most_alike_values():
    same = SameAttributes({(ord("n"), ord("l")): 0, (ord("h"), ord("t")): 1})
    left = facts(("name", "Marie"), ("name", "Maria"), ("height", "160"), ("height", "2"), ("only", "x"))
    right = facts(("label", "maria"), ("tall", "161"), ("tall", "900"), ("tall", "1"), ("extra", "y"))
    assert states(compared(left, right, same)) == [
        ("Maria", "maria", "equal"),
        ("160", "161", "near"),
        ("2", "900", "different"),
        ("Marie", None, "left"),
        ("x", None, "left"),
        (None, "1", "right"),
        (None, "y", "right"),
    ]


def test_equal_values_that_tell_enough_pair_attributes_of_other_names():
    left = facts(("born", "1867"), ("city", "Warsaw"), ("flag", "yes"), ("rank", "7"))
    right = facts(("geboren", "1867"), ("ort", "WARSAW"), ("marke", "yes"), ("zahl", "7"))
    assert states(compared(left, right, SameAttributes({}))) == [
        ("1867", "1867", "equal"),
        ("Warsaw", "WARSAW", "equal"),
        ("yes", None, "left"),
        ("7", None, "left"),
        (None, "yes", "right"),
        (None, "7", "right"),
    ]


def test_attributes_are_the_same_by_the_run_first_then_by_name():
    class Graph:
        def __init__(self, names):
            self.attributes = type("Facts", (), {"names": names})

    class Half:
        def __init__(self, names):
            self.graph, self.attribute_names = Graph(names), names

    pair = RelationPair("b", "x", "attribute", False, 5, 5, 5, 0.0, 1.0)
    other = RelationPair("a", "y", "relation", False, 5, 5, 5, 0.0, 1.0)
    found = SameAttributes.of(Half(["a", "b"]), Half(["A", "x", "y"]), [other, pair])
    assert found.rank == {(1, 1): 0, (0, 0): 1}
