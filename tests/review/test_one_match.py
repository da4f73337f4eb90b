"""Details of a pair."""

import json

import numpy as np
import pytest

import mmkg
from mmkg.data.entities import EntityTable
from mmkg.errors import UsageError
from mmkg.review import RunView
from mmkg.review.texts import TextSearch


def test_points_of_modalities_add_up_to_the_score_and_with_hubness_to_half_of_what_is_ranked_by(view, small_result):
    for row in view.matches(limit=60)["rows"][::7]:
        found = view.match(row["left"], row["right"])
        points = {
            kind: [each["points"] for each in found["waterfall"] if each["kind"] == kind]
            for kind in ("modality", "hubness")
        }
        assert sum(points["modality"]) == pytest.approx(found["score"], abs=0.05)
        raw = small_result.explain((row["left"], row["right"])).raw
        cosine = sum(each[0] for each in small_result.shares(small_result_pair(small_result, row)).values())
        assert 100 * cosine + points["hubness"][0] == pytest.approx(50 * raw, abs=0.05)
        for name in ("score", "confidence", "margin"):
            assert found[name] == row[name]


def small_result_pair(result, row):
    return np.array([[result.find(row["left"])[0], result.find(row["right"], side="right")[0]]])


def test_the_runner_up_and_the_candidates_are_those_of_a_search(view, small_result):
    row = view.matches()["rows"][0]
    found = view.match(row["left"])
    assert found["right"]["key"] == row["right"]  # its match
    hits = small_result.search(row["left"], k=5)
    assert [each["key"] for each in found["candidates"]] == [hit.label for hit in hits]
    other = next(hit for hit in hits if hit.label != row["right"])
    runner = found["runner_up"]
    assert (runner["key"], runner["name"]) == (other.label, other.display)
    parts = small_result.explain((row["left"], row["right"])).parts
    lacks = {each["name"]: each["points"] for each in runner["lacks"]}
    assert lacks == {name: pytest.approx(parts[name] - other.parts[name], abs=0.02) for name in parts}
    assert [each["points"] for each in runner["lacks"]] == sorted(lacks.values(), reverse=True)


def test_neighbours_are_paired_where_they_are_matched(curies):
    found = curies.match("Curie", "M. Curie")
    assert found["neighbours"] == [
        {
            "left": {"relation": "married", "key": "Pierre", "name": "Pierre", "inverse": False},
            "right": {"relation": "spouse", "key": "P. Curie", "name": "P. Curie", "inverse": True},
            "matched": True,
        },
        {
            "left": {"relation": "born in", "key": "Warsaw", "name": "Warsaw", "inverse": False},
            "right": {"relation": "birthplace", "key": "Warszawa", "name": "Warszawa", "inverse": False},
            "matched": True,
        },
    ]
    odd = curies.match("Poland", "P. Curie")["neighbours"]
    assert [(each["left"] and each["left"]["key"], each["right"] and each["right"]["key"]) for each in odd] == [
        ("Warsaw", None),
        (None, "M. Curie"),
    ]
    assert found["rules"] and "spouse" in " ".join(found["rules"])
    assert found["confidence"] is None and found["left"]["degree"] == 2


def test_an_entity_alone_has_candidates_and_no_score(view):
    for side in ("left", "right"):
        row = view.matches(show=side)["rows"][0]
        found = view.match(**{side: row[side]})
        if found["left" if side == "right" else "right"] is None:
            assert found["score"] is None and found["waterfall"] == [] and found["runner_up"] is None
            assert found["kind"] == side
        assert found["candidates"][0]["key"] == row["nearest"]["key"]


def test_many_details_are_those_of_one_at_a_time(view):
    pairs = view.columns.pairs[:20]
    many = view.details.of(pairs, lambda side, row: [])
    for pair, found in zip(pairs.tolist(), many, strict=True):
        one = view.match(view.sides[0].key(pair[0]), view.sides[1].key(pair[1]))
        assert json.dumps(found, allow_nan=False) == json.dumps(one, allow_nan=False)


def test_types_are_stated_by_triples_or_facts():
    iri = "http://example.org/{}".format
    kind = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
    left = mmkg.as_graph([(iri("Curie"), iri("bornIn"), iri("Warsaw")), (iri("Curie"), kind, iri("ontology/Person"))])
    rows = [("Q1", "P19", "Q2"), ("Q1", "P31", "Q5"), ("Q2", "P31", "Q6")]
    view = RunView(mmkg.align(left, rows, [(iri("Curie"), "Q1"), (iri("Warsaw"), "Q2")], model="propagation"))
    found = view.match(iri("Curie"), "Q1")
    assert found["left"]["types"] == ["Person"] and found["right"]["types"] == ["Q5"]
    assert set(view.summary()["types"]) == {"Person", "Q5", "Q6"}
    assert [row["left"] for row in view.matches(type="Person")["rows"]] == [iri("Curie")]
    assert [row["left"] for row in view.matches(type="Q6")["rows"]] == [iri("Warsaw")]
    assert view.matches(type="Nothing")["total"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda view: view.match(), "name an entity"),
        (lambda view: view.match("nobody"), "the left graph has no entity 'nobody'"),
        (lambda view: view.candidates("top", "x"), "unknown side 'top'"),
        (lambda view: view.search("x", k=101), "k must be in 1..100, got 101"),
        (lambda view: view.picture("left", view.sides[0].key(0)), "has 0 pictures"),
    ],
)
def test_what_is_not_there_is_named(view, call, message):
    with pytest.raises(UsageError, match=message):
        call(view)


def test_a_search_by_text_finds_equal_names_first():
    names = ["Paris", "Paris Hilton", "Port of Paris", "Comparison", "Berlin", "ＰＡＲＩＳ"]
    rows = [(name, "near", "Berlin") for name in names if name != "Berlin"]
    view = RunView(mmkg.align(rows, rows, [("Berlin", "Berlin")], model="propagation"))
    found = view.search("paris", "left", 10)["rows"]
    assert [row["name"] for row in found] == ["Paris", "ＰＡＲＩＳ", "Paris Hilton", "Port of Paris", "Comparison"]
    assert [row["score"] for row in found] == [1.0, 1.0, 0.8, 0.6, 0.4]
    assert [row["key"] for row in view.search("paris port", "left")["rows"]] == ["Port of Paris"]
    assert view.search(" ", "left")["rows"] == [] and view.search("(*[", "right")["rows"] == []


def test_rules_are_those_of_explain_and_left_out_of_large_graphs(view, small_result, monkeypatch):
    pairs = view.columns.pairs[:30]
    found = view.details.of(pairs, lambda side, row: [])
    expected = [[piece.text() for piece in small_result.explain(pair).rules.pieces] for pair in pairs.tolist()]
    assert [each["rules"] for each in found] == expected and any(expected)
    monkeypatch.setattr("mmkg.review.one_match.MOST_TRIPLES", 3)
    large = RunView(small_result).details.of(pairs[:1], lambda side, row: [])[0]
    assert large["rules"] == [] and large["rules_together"] is None


def test_frequent_and_rare_words_are_found_alike():
    """A loop over all texts."""
    names = [f"{'even' if number % 2 == 0 else 'odd'} {number:x} né" for number in range(3000)]
    search = TextSearch(EntityTable(names, names, names))
    for word in ("e", "even", "né", "é", "b", "7f", "even 1", "nothing", "EVEN"):
        expected = [all(part in name for part in word.lower().split()) for name in names]
        assert search.holding(word).tolist() == expected, word
