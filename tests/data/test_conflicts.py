import numpy as np
import pytest

from mmkg.data.conflicts import Conflicts, resolve_conflicts
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.merge import merge_graphs
from mmkg.errors import UsageError

NONE = np.empty((0, 3), np.int64)
NAMES = ("born", "tag", "modified", "label")


def graph(labels, *facts):
    entity, attribute, values = zip(*facts, strict=True)
    rows = np.array([labels.index(each) for each in entity], np.int64)
    kinds = np.array([NAMES.index(each) for each in attribute], np.int64)
    texts, types = zip(*((value if isinstance(value, tuple) else (value, None)) for value in values), strict=True)
    return KnowledgeGraph(tuple(labels), (), NONE, AttributeTriples(rows, kinds, NAMES, texts, types))


LEFT = graph(
    "abcd",
    ("a", "born", "1990"),
    ("b", "born", "1950-05-01"),
    ("c", "born", "2000"),
    ("d", "born", "7"),
    ("a", "tag", "x"),
    ("a", "tag", "y"),
    ("b", "tag", "z"),
    ("a", "modified", "2020-01-01"),
    ("b", "modified", "2020-01-01"),
    ("a", "label", ("chat", "@fr")),
    ("b", "label", ("pain", "@fr")),
)
RIGHT = graph(
    "wxyz",
    ("w", "born", "1991"),  # contradicts a
    ("x", "born", "1950-5-1"),  # the same day
    ("y", "born", "2001"),  # contradicts c
    ("y", "born", None),
    ("z", "born", "8"),  # z has no counterpart
    ("w", "tag", "q"),  # an entity has several tags
    ("w", "modified", "2021"),
    ("x", "modified", "2019"),
    ("w", "label", ("cat", "@en")),
    ("x", "label", ("brot", "@fr")),  # contradicts pain
)
PAIRS = np.array([[0, 0], [1, 1], [2, 2]])


def values(policy, **settings):
    merged, found = resolve_conflicts(merge_graphs(LEFT, RIGHT, PAIRS), policy, **settings)
    facts = merged.graph.attributes
    assert len(merged.parts[0].attributes) + len(merged.parts[1].attributes) == len(facts)
    assert len(facts) == len(facts.values) == len(facts.types) == 21 - found.dropped
    rows = {}
    for entity, attribute, value in zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, strict=True):
        rows.setdefault((merged.graph.entities[entity], NAMES[attribute]), set()).add(value)
    return rows, found


def test_only_different_values_of_functional_attributes_of_one_language_are_conflicts():
    rows, found = values("keep")
    # born of a and c; modified of a and b; label of b; tag is not functional, born of b is one day, labels of a differ
    assert found == Conflicts(5, 0, 0)
    assert rows["a", "born"] == {"1990", "1991"} and rows["a", "label"] == {"chat", "cat"}


def test_the_left_values_may_come_first():
    rows, found = values("left")
    assert found == Conflicts(5, 0, 5)
    assert rows["a", "born"] == {"1990"} and rows["c", "born"] == {"2000", None}
    assert rows["b", "born"] == {"1950-05-01", "1950-5-1"} and rows["b", "label"] == {"pain"}
    assert rows["a", "tag"] == {"x", "y", "q"} and rows["z", "born"] == {"8"} and rows["d", "born"] == {"7"}
    assert rows["a", "label"] == {"chat", "cat"} and rows["a", "modified"] == {"2020-01-01"}


def test_the_newest_values_are_those_of_the_graph_with_the_later_date():
    rows, found = values("newest", date_attribute="modified")
    assert found == Conflicts(5, 1, 4)  # c has no date
    assert rows["a", "born"] == {"1991"} and rows["a", "modified"] == {"2021"}  # the right graph is newer
    assert rows["b", "label"] == {"pain"} and rows["b", "modified"] == {"2020-01-01"}
    assert rows["c", "born"] == {"2000", "2001", None}


def test_the_most_frequent_value_is_the_one_that_is_stated_most_often():
    left = graph("abcdefghijk", ("a", "born", "1"), *((each, "born", "5") for each in "bcdefghijk"))
    right = graph("vwxyzstuqpo", ("v", "born", "1.0"), ("v", "born", "2"), ("w", "born", "6"),
                  *((each, "born", "5") for each in "xyzstuqpo"))  # fmt: skip
    pairs = np.stack([np.arange(11), np.arange(11)], axis=1)
    merged, found = resolve_conflicts(merge_graphs(left, right, pairs), "most-frequent")
    assert found == Conflicts(2, 1, 1)  # a is 1 twice and 2 once; b is 5 once and 6 once
    of_a = [v for e, v in zip(merged.graph.attributes.entity, merged.graph.attributes.values, strict=True) if e == 0]
    assert of_a == ["1", "1.0"] and "6" in merged.graph.attributes.values


@pytest.mark.parametrize(
    ("policy", "settings", "text"),
    [
        ("oldest", {}, "unknown policy for conflicts 'oldest'"),
        ("newest", {}, "newest needs a date attribute"),
        ("left", {"date_attribute": "modified"}, "other policies take none"),
        ("newest", {"date_attribute": "modifed"}, "no attribute is called 'modifed'; did you mean 'modified'"),
    ],
)
def test_a_policy_that_cannot_decide_is_refused(policy, settings, text):
    with pytest.raises(UsageError, match=text):
        values(policy, **settings)


def test_graphs_without_facts_have_no_conflicts():
    bare = KnowledgeGraph(("a",), (), NONE)
    merged = merge_graphs(bare, bare, np.array([[0, 0]]))
    assert resolve_conflicts(merged, "left") == (merged, Conflicts(0, 0, 0))
