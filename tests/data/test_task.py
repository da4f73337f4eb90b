import numpy as np
import pytest

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import InputError


def graph(letter, size=5):
    return KnowledgeGraph(tuple(f"{letter}{i}" for i in range(size)), ("r",), np.array([[0, 0, 1]]))


def links(*pairs):
    return np.array(pairs, np.int64).reshape(-1, 2)


def task(train=(), valid=(), test=(), **options):
    return AlignmentTask(graph("l"), graph("r", 6), LinkSplit(links(*train), links(*valid), links(*test)), **options)


def test_links_of_all_parts_in_order():
    found = task(train=[(0, 5)], valid=[(1, 1)], test=[(2, 2), (3, 0)])
    assert found.links.all().tolist() == [[0, 5], [1, 1], [2, 2], [3, 0]]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": [(5, 0)]}, r"train links must name left rows in 0\.\.4"),
        ({"test": [(0, 6)]}, r"test links must name right rows in 0\.\.5"),
        ({"valid": [(-1, 0)]}, r"valid links must name left rows"),
        ({"train": [(0, 0), (0, 0)]}, r"'l0' = 'r0' occurs more than once \(in train\)"),
        ({"train": [(0, 0)], "test": [(0, 0)]}, r"occurs more than once \(in test, train\); .* must not overlap"),
        ({"train": [(0, 0)], "test": [(0, 1)]}, r"'l0' is linked to 2 entities \(in test, train"),
        ({"test": [(0, 1), (2, 1)]}, r"'r1' is linked to 2 entities \(in test; .*one_to_one=False"),
    ],
)
def test_links_that_break_the_contract_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        task(**parts)


def test_links_of_another_type_are_refused():
    empty = links()
    for wrong in (np.zeros((1, 2)), np.zeros((1, 3), np.int64), np.zeros(2, np.int64)):
        with pytest.raises(InputError, match=r"expected int64 train links \[L, 2\]"):
            AlignmentTask(graph("l"), graph("r"), LinkSplit(wrong, empty, empty))


def test_several_counterparts_inside_one_part_may_be_allowed():
    assert len(task(test=[(0, 1), (2, 1)], one_to_one=False).links.test) == 2
    with pytest.raises(InputError, match="'r1' is linked to 2 entities"):
        task(train=[(0, 1)], test=[(2, 1)], one_to_one=False)


def test_the_fingerprint_tells_splits_apart():
    prints = {
        task(train=[(0, 0), (1, 1)]).fingerprint(),
        task(train=[(0, 0)], valid=[(1, 1)]).fingerprint(),
        task(train=[(0, 0)], test=[(1, 1)]).fingerprint(),
    }
    assert len(prints) == 3
    assert task(train=[(0, 0)]).fingerprint() == task(train=[(0, 0)], name="other").fingerprint()
