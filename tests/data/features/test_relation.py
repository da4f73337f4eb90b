from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pairs import dense, graph, pair

from mmkg.data.features.relation import relation_bag


def naive_relation_bag(task, top):
    """Counts, triple by triple, as the published ``load_relation`` describes them."""
    facts = []
    for kg, shift in ((task.left, 0), (task.right, task.left.num_entities)):
        facts += [(head + shift, kg.relations[kind], tail + shift) for head, kind, tail in kg.triples.tolist()]
    labels = list(dict.fromkeys([*task.left.relations, *task.right.relations]))
    frequency = Counter(label for _, label, _ in facts)
    chosen = sorted(labels, key=lambda label: -frequency[label])[:top]  # sorted() keeps ties in order
    bag = np.zeros((task.left.num_entities + task.right.num_entities, max(len(chosen), 1)))
    for head, label, tail in facts:
        if label in chosen:
            bag[head, chosen.index(label)] += 1
            bag[tail, chosen.index(label)] += 1
    covered = sum(frequency[label] for label in chosen)
    return bag, chosen, covered


facts_of_five = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 4)), max_size=25)


@settings(max_examples=50, deadline=None)
@given(facts_of_five, facts_of_five, st.integers(1, 7))
def test_relation_bag_is_that_of_the_loop(left, right, top):
    task = pair(
        graph(5, relations=["born", "works", "lives", "owns"], triples=left),
        graph(5, relations=["owns", "naît", "born", "mange"], triples=right),
    )
    expected, columns, covered = naive_relation_bag(task, top)
    table = relation_bag(task, top=top)
    found = dense(table, 10)
    assert table.columns == tuple(columns)
    assert np.array_equal(found, expected)
    assert found.sum() == 2 * covered
    assert table.observed.tolist() == (expected.sum(axis=1) > 0).tolist()


def test_equal_relation_labels_of_both_graphs_share_a_column():
    task = pair(
        graph(2, relations=["a", "b"], triples=[(0, 1, 1)]), graph(2, relations=["b"], triples=[(0, 0, 1), (0, 0, 1)])
    )
    table = relation_bag(task)
    assert table.columns == ("b", "a")
    assert dense(table, 4).tolist() == [[1, 0], [1, 0], [2, 0], [2, 0]]


def test_entity_whose_relations_are_all_rare_is_not_observed():
    task = pair(graph(4, relations=["a", "b"], triples=[(0, 0, 1), (1, 0, 0), (2, 1, 3)]), graph(1))
    assert relation_bag(task, top=1).observed.tolist() == [True, True, False, False, False]
