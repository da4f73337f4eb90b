import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.errors import InputError


def graph(**changes):
    parts = {
        "entities": ("a", "b", "c", "d"),
        "relations": ("r", "s"),
        "triples": np.array([[0, 0, 1], [2, 1, 2]], np.int64),
    }
    return KnowledgeGraph(**{**parts, **changes})


def images(rows, features):
    return ImageTable(np.array(rows, np.int64), np.array(features, np.float32))


def facts(entity, attribute, names=("p",)):
    return AttributeTriples(np.array(entity), np.array(attribute), names, (None,) * len(entity))


NAN = float("nan")
BAD = {
    "no entity": ({"entities": (), "triples": np.empty((0, 3), np.int64)}, "at least one entity"),
    "entity twice": ({"entities": ("a", "b", "a", "d")}, "entity labels must be unique, 'a'"),
    "relation twice": ({"relations": ("r", "r")}, "relation labels must be unique, 'r'"),
    "triples of two columns": ({"triples": np.zeros((2, 2), np.int64)}, r"expected int64 triples \[T, 3\]"),
    "float triples": ({"triples": np.zeros((2, 3))}, r"expected int64 triples \[T, 3\], got float64"),
    "head too large": ({"triples": np.array([[4, 0, 1]])}, r"head or tail must be in 0\.\.3, got 4"),
    "tail negative": ({"triples": np.array([[0, 0, -1]])}, r"head or tail must be in 0\.\.3, got -1"),
    "relation too large": ({"triples": np.array([[0, 2, 1]])}, r"relation must be in 0\.\.1, got 2"),
    "fact of nobody": ({"attributes": facts([4], [0])}, r"attribute entity must be in 0\.\.3, got 4"),
    "fact of no attribute": ({"attributes": facts([0], [1])}, r"attribute name must be in 0\.\.0, got 1"),
    "too few names": ({"names": ("a",)}, "one entry of names for each of 4 entities, got 1"),
    "too few display": ({"display": ("a",)}, "one entry of display"),
    "too few ids": ({"source_ids": np.arange(3)}, "one entry of source_ids"),
    "image of nobody": ({"images": images([4], [[1]])}, r"image row must be in 0\.\.3, got 4"),
    "images out of order": ({"images": images([1, 0], [[1], [1]])}, "ascending and unique"),
    "image twice": ({"images": images([1, 1], [[1], [1]])}, "ascending and unique"),
    "too few images": ({"images": images([0, 1], [[1]])}, r"expected float32 image features \[2, d\]"),
    "NaN image": ({"images": images([0, 2, 3], [[1], [NAN], [NAN]])}, "2 entities break this, first 'c'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_graph_that_breaks_its_contract_is_refused(kind):
    changes, message = BAD[kind]
    with pytest.raises(InputError, match=message):
        graph(**changes)


def test_a_self_loop_links_nobody():
    assert graph().has_triple.tolist() == [True, True, False, False]


def test_people_see_display_text_then_name_then_label():
    named = graph(names=("Ann", None, "", "Dan"))
    assert [named.label(row) for row in range(4)] == ["Ann", "b", "c", "Dan"]
    assert replace(named, display=("1", "2", "3", "4")).label(0) == "1"


def test_the_fingerprint_changes_with_the_data_and_not_with_the_display():
    base = graph()
    changed = [
        graph(entities=("a", "b", "c", "e")),
        graph(relations=("r", "t")),
        graph(triples=np.array([[0, 0, 1], [2, 1, 3]])),
        graph(attributes=facts([0], [0])),
        graph(names=("a", "b", None, None)),
        graph(images=images([0], [[1]])),
        graph(images=images([0], [[2]])),
    ]
    prints = [g.fingerprint() for g in (base, *changed)]
    assert len(set(prints)) == len(prints)
    assert graph(display=("1", "2", "3", "4")).fingerprint() == base.fingerprint() == graph().fingerprint()


def test_the_fingerprint_is_that_of_all_texts_joined():
    named = graph(names=("Ann", None, "", "Dän"), attributes=facts([1, 0], [0, 0]))
    texts = ["a\x1fb\x1fc\x1fd", "r\x1fs", "p", "\x1f", "Ann\x1f\x1f\x1fDän"]
    numbers = np.array([0, 0, 1, 2, 1, 2, 1, 0, 0, 0], "<i8")  # triples, entities and attributes of the facts
    joined = "".join(text + "\x1e" for text in texts).encode() + numbers.tobytes()
    assert named.fingerprint() == hashlib.sha256(joined).hexdigest()


@pytest.mark.parametrize("kind", [tuple, list, np.array, iter])
def test_texts_may_be_given_as_any_sequence(kind):
    labels, names = ("a", "b", "c", "d"), ("Ann", "", "Cy", "Dan")
    given = graph(entities=kind(labels), names=kind(names))
    assert given == graph(names=names)
    assert hash(given) == hash(graph(names=names))
    assert given.entities == labels
    assert tuple(given.names) == names
    assert given.entities[2] == "c"
    assert pickle.loads(pickle.dumps(given)) == given


@pytest.mark.parametrize(("what", "texts"), [("entities", ("a", 7, "c", "d")), ("display", ("a", None, "c", "d"))])
def test_what_is_no_text_is_refused(what, texts):
    bad = next(text for text in texts if not isinstance(text, str))
    with pytest.raises(InputError, match=f"expected texts as {what}, got {bad}"):
        graph(**{what: texts})
    with pytest.raises(InputError, match="expected texts as attribute values, got 3"):
        AttributeTriples(np.array([0, 1]), np.array([0, 0]), ("p",), ("x", 3))


def test_some_facts_are_taken_with_their_values_and_types():
    four = AttributeTriples(np.arange(4), np.zeros(4, int), ("p",), ("a", None, "", "d"), ("@en", None, "t", None))
    expected = AttributeTriples(np.array([0, 2]), np.zeros(2, int), ("p",), ("a", ""), ("@en", "t"))
    assert four.take(np.array([0, 2])) == four.take(np.array([True, False, True, False])) == expected
