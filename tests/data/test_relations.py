import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.data.features.values import read_values
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.relations import RelationPair, align_relations, same_relations, value_codes

PAIRS = np.array([[0, 2], [1, 0], [2, 1]])  # a = z, b = x, c = y; d and w have no counterpart


def facts(*rows, names):
    entity, attribute, values = zip(*rows, strict=True) if rows else ((), (), ())
    columns = (np.array(each, np.int64) for each in (entity, attribute))
    return AttributeTriples(*columns, names, tuple(values))


def two():
    left = KnowledgeGraph(
        ("a", "b", "c", "d"),
        ("capital", "near"),
        np.array([[0, 0, 1], [1, 0, 2], [2, 0, 0], [0, 0, 1], [3, 0, 0], [0, 1, 1], [1, 1, 3]]),
        facts((0, 0, "5"), (1, 0, "7.0"), (2, 0, "9"), (3, 0, "1"), (0, 1, "Rot"), names=("size", "colour")),
    )
    right = KnowledgeGraph(
        ("x", "y", "z", "w"),
        ("hauptstadt", "hauptstadtVon"),
        np.array([[2, 0, 0], [0, 0, 1], [3, 0, 2], [0, 1, 2], [1, 1, 0], [1, 1, 2]]),
        facts((2, 0, "5.00"), (0, 0, "7"), (1, 0, "8"), (2, 1, " rot "), (3, 0, "1"), names=("groesse", "farbe")),
    )
    return left, right


def test_relations_and_attributes_are_compared_by_their_common_statements():
    """capital(a,b), (b,c), (c,a) are aligned, and near(a,b); hauptstadt is (a,b), (b,c), of 2 aligned statements.

    hauptstadtVon is (b,a), (c,b), (c,a): two of the inverses of capital; (c, a) itself is capital, once only.
    size: 5 and 7 agree, 9 and 8 do not; colour agrees once, which is too little.
    """
    found = {(pair.left, pair.right, pair.inverse): pair for pair in align_relations(*two(), PAIRS)}
    assert set(found) == {
        ("capital", "hauptstadt", False),
        ("capital", "hauptstadtVon", True),
        ("size", "groesse", False),
    }
    pair = found["capital", "hauptstadt", False]
    assert (pair.support, pair.left_count, pair.right_count, pair.kind) == (2, 3, 2, "relation")
    assert (pair.left_in_right, pair.right_in_left) == (2 / 3, 1) and pair.equality == pytest.approx(0.8)
    # tails of capital are b, c, a; of hauptstadt b, c: 1/3 1/2 + 1/3 1/2
    assert pair.chance == pytest.approx(1 / 3) and pair.beyond_chance == pytest.approx((2 / 3 - 1 / 3) / (2 / 3))
    inverse = found["capital", "hauptstadtVon", True]
    assert (inverse.support, inverse.left_count, inverse.right_count) == (2, 3, 3)
    assert inverse.chance == pytest.approx(1 / 3 * 1 / 3 + 1 / 3 * 2 / 3)  # heads of hauptstadtVon: b, c, c
    size = found["size", "groesse", False]
    assert (size.support, size.left_count, size.right_count, size.kind) == (2, 3, 3, "attribute")
    assert size.chance == pytest.approx(2 / 9)


def test_a_relation_with_many_more_values_is_not_the_same():
    """Only capitals are aligned, so that every aligned city of a country is its capital; but each has three cities."""
    cities = [f"city{k}{n}" for k in range(6) for n in range(3)]
    left = KnowledgeGraph(
        (*cities, *(f"country{k}" for k in range(6))),
        ("country", "seat"),
        np.array([[3 * k + n, 0, 18 + k] for k in range(6) for n in range(3)] + [[18 + k, 1, 3 * k] for k in range(6)]),
    )
    right = KnowledgeGraph(tuple(f"c{k}" for k in range(12)), ("capital",), np.array([[6 + k, 0, k] for k in range(6)]))
    pairs = np.array([[3 * k, k] for k in range(6)] + [[18 + k, 6 + k] for k in range(6)])
    seat, country = align_relations(left, right, pairs)
    assert (seat.left, seat.inverse, seat.fan, seat.equality) == ("seat", False, 1, 1)
    assert (country.left, country.inverse, country.equality) == ("country", True, 1)
    assert country.fan == pytest.approx(1 / 3) and same_relations([country], 0.7) == []
    assert same_relations([seat, country], 0.7) == [seat]


def test_graphs_without_statements_or_pairs_have_no_aligned_relations():
    left, right = two()
    assert align_relations(left, right, PAIRS[:0]) == []
    bare = KnowledgeGraph(("a", "b", "c"), (), np.empty((0, 3), np.int64))
    assert align_relations(bare, bare, np.array([[0, 0], [1, 1]])) == []


def naive(left, right, pairs):
    """(left, right, inverse) -> support and counts of relations, statement by statement."""
    there = dict(pairs.tolist())
    back = {j: i for i, j in pairs.tolist()}
    mine = {(r, h, t) for h, r, t in left.triples.tolist() if h in there and t in there}
    theirs = {(r, back[h], back[t]) for h, r, t in right.triples.tolist() if h in back and t in back}
    found = {}
    for r in range(len(left.relations)):
        for s in range(len(right.relations)):
            for inverse in (False, True):
                own = {(h, t) for kind, h, t in mine if kind == r}
                other = {(t, h) if inverse else (h, t) for kind, h, t in theirs if kind == s}
                common = len(own & other)
                if common >= 2 and 2 * common / (len(own) + len(other)) >= 0.1:
                    chance = sum((t == u) / (len(own) * len(other)) for _, t in own for _, u in other)
                    found[f"l{r}", f"r{s}", inverse] = (common, len(own), len(other), pytest.approx(chance))
    return found


TRIPLES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 4)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(TRIPLES, TRIPLES, st.permutations(range(5)), st.integers(0, 5))
def test_counts_are_those_of_a_loop_over_statements(mine, theirs, order, number):
    left, right = (
        KnowledgeGraph(tuple("abcde"), tuple(f"{side}{k}" for k in range(3)), np.array(rows, np.int64).reshape(-1, 3))
        for side, rows in (("l", mine), ("r", theirs))
    )
    pairs = np.array(list(enumerate(order))[:number], np.int64).reshape(-1, 2)
    found = {
        (pair.left, pair.right, pair.inverse): (pair.support, pair.left_count, pair.right_count, pair.chance)
        for pair in align_relations(left, right, pairs)
    }
    assert found == naive(left, right, pairs)


def pair_of(left, right, support, left_count, right_count, chance=0.1, **more):
    return RelationPair(left, right, more.get("kind", "relation"), more.get("inverse", False), support, left_count,
                        right_count, chance, more.get("fan", 1.0))  # fmt: skip


def test_only_sure_pairs_of_best_counterparts_are_called_the_same():
    best = pair_of("r", "s", 95, 100, 100)
    pairs = [
        best,
        pair_of("r", "t", 90, 100, 100),  # r has a better counterpart
        pair_of("few", "few2", 4, 4, 4),  # too few statements
        pair_of("u", "part", 50, 50, 100),  # every u is part, not the other way round
        pair_of("country", "capital of", 60, 60, 60, fan=0.3),  # a country has other cities, too
        pair_of("u", "v", 45, 50, 50),  # a worse counterpart of u
        pair_of("flag", "yes", 100, 100, 100, chance=1.0, kind="attribute"),  # always the same value
        pair_of("r", "s", 95, 100, 100, kind="attribute"),  # an attribute of the same name is another thing
    ]
    assert same_relations(pairs, 0.9) == [best, pairs[-1]]
    assert same_relations(pairs, 0.97) == []


def test_equal_numbers_and_texts_have_one_code():
    codes = value_codes(
        read_values(["1", "1.0", "1e0", "2", None, "Ä b", "ä  B", "1.0000000001", "", "0", "-0.0", "1982-01", "1982"])
    )
    assert codes[0] == codes[1] == codes[2] == codes[7] and codes[0] != codes[3]
    assert codes[4] == codes[8] == -1 and codes[5] == codes[6] != codes[0]
    assert codes[9] == codes[10] != codes[0] and codes[11] == codes[12]
