import numpy as np
import torch
from small_pairs import NO_LINKS, dense, graph, pair

from mmkg.data.features.attribute import attribute_bag
from mmkg.data.task import AlignmentTask


def test_attribute_bag_says_which_not_how_often():
    left = graph(3, facts=[(0, "height", "1"), (0, "height", "2"), (1, "mass", "3")])
    right = graph(2, facts=[(1, "mass", "9"), (1, "height", None)])
    table = attribute_bag(pair(left, right), values=False)
    assert table.columns == ("height", "mass")  # three facts against two
    assert dense(table, 5).tolist() == [[1, 0], [0, 1], [0, 0], [0, 0], [1, 1]]
    assert table.observed.tolist() == [True, True, False, False, True]


def test_most_frequent_attributes_stay_and_ties_keep_the_order_of_appearance():
    left = graph(2, facts=[(0, "c", None), (0, "a", None), (1, "b", None)])
    right = graph(2, facts=[(0, "d", None), (0, "b", None), (1, "d", None)])
    assert attribute_bag(pair(left, right), top=3).columns == ("b", "d", "c")


def test_a_value_two_entities_of_each_graph_share_is_an_attribute_of_its_own():
    left = graph(
        4,
        facts=[
            (0, "color", "red"), (1, "color", "red"), (2, "color", "blue"), (3, "color", "blue"),
            (0, "size", "9"), (0, "size", "9"), (1, "size", "8"),
            (2, "kind", "red"), (3, "kind", "red"), (2, "note", None), (3, "note", None),
        ],
    )  # fmt: skip
    right = graph(
        3,
        facts=[
            (0, "color", "red"), (1, "color", "red"), (2, "color", "blue"),  # blue: one entity only
            (0, "size", "9"), (1, "size", "9"),  # nine: two here, but one on the left, which says it twice
            (1, "note", None), (2, "note", None),
        ],
    )  # fmt: skip
    table = attribute_bag(pair(left, right))
    assert [column for column in table.columns if "=" in column] == ["color=red"]
    found = dense(table, 7)[:, table.columns.index("color=red")]
    assert found.tolist() == [1, 1, 0, 0, 1, 1, 0]
    assert set(attribute_bag(pair(left, right), values=False).columns) == {"color", "size", "kind", "note"}


def test_shared_values_are_those_a_loop_finds():
    rng = np.random.default_rng(5)
    texts = ["red", "blue", "7", None, "=", ""]
    sides = [
        [(int(rng.integers(9)), f"a{rng.integers(3)}", texts[rng.integers(6)]) for _ in range(60)] for _ in range(2)
    ]
    owners = [{}, {}]
    for holders, facts in zip(owners, sides, strict=True):
        for entity, name, text in facts:
            if text is not None:
                holders.setdefault((name, text), set()).add(entity)
    shared = [pair for pair in owners[0] if all(len(holders.get(pair, ())) >= 2 for holders in owners)]
    task = AlignmentTask(graph(9, facts=sides[0]), graph(9, facts=sides[1]), NO_LINKS)
    table = attribute_bag(task)
    found = [column for column in table.columns if "=" in column]
    assert sorted(found) == sorted(f"{name}={text}" for name, text in shared) and len(found) > 5
    dense = table.take(torch.arange(18)).to_dense().numpy()
    for name, text in shared:
        column = dense[:, table.columns.index(f"{name}={text}")]
        expected = {row + shift for holders, shift in zip(owners, (0, 9), strict=True) for row in holders[name, text]}
        assert set(np.flatnonzero(column).tolist()) == expected
