from collections import Counter

import numpy as np
import pytest

from mmkg.data.features.registry import has_modality
from mmkg.errors import UsageError
from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs


def to_right(task):
    """Right row of each left row, -1 where there is none."""
    rows = np.full(task.left.num_entities, -1)
    links = task.links.all()
    rows[links[:, 0]] = links[:, 1]
    return rows


def test_without_noise_the_links_carry_one_graph_onto_the_other():
    task = twin_graphs(300, missing={}, seed=4)
    rows = to_right(task)
    assert sorted(rows.tolist()) == list(range(300))
    left, right = task.left, task.right
    carried = Counter((int(rows[h]), r, int(rows[t])) for h, r, t in left.triples.tolist())
    assert carried == Counter(map(tuple, right.triples.tolist())) and len(left.triples) == 900
    facts = [zip(g.attributes.entity.tolist(), g.attributes.attribute.tolist(), strict=True) for g in (left, right)]
    assert {(int(rows[e]), a) for e, a in facts[0]} == set(facts[1])
    assert (left.images.features == right.images.features[rows]).all()
    assert list(left.names) == [right.names[row] for row in rows]
    assert len(set(left.names)) == 300


def test_labels_and_rows_do_not_betray_the_answer():
    task = twin_graphs(2000, seed=4)
    rows = to_right(task)
    assert (rows == np.arange(2000)).mean() < 0.01
    assert abs(np.corrcoef(rows, np.arange(2000))[0, 1]) < 0.1
    assert not set(task.left.entities) & set(task.right.entities)
    assert task.left.relations == task.right.relations


def test_overlap_is_the_share_of_linked_entities():
    task = twin_graphs(500, overlap=0.6, missing={})
    assert len(task.links.all()) == 300 and task.right.num_entities == 500
    rows = to_right(task)
    alone = set(np.asarray(task.left.names)[rows < 0].tolist())
    assert len(alone) == 200 and not alone & set(task.right.names)


def test_noise_replaces_its_share():
    task = twin_graphs(2000, noise=0.2, missing={}, seed=2)
    rows = to_right(task)
    same = np.mean([name == task.right.names[row] for name, row in zip(task.left.names, rows, strict=True)])
    assert 0.60 < same < 0.68  # .8 x .8
    carried = {(int(rows[h]), r, int(rows[t])) for h, r, t in task.left.triples.tolist()}
    kept = len(carried & set(map(tuple, task.right.triples.tolist()))) / len(carried)
    assert 0.60 < kept < 0.70
    spread = (task.left.images.features - task.right.images.features[rows]).std()
    assert abs(spread - 0.2 * 2**0.5) < 0.01


def test_degrees_are_skewed_and_relations_follow_zipf():
    graph = twin_graphs(5000, num_relations=10, mean_degree=8, missing={}).left
    degree = np.bincount(graph.triples[:, ::2].ravel(), minlength=5000)
    assert degree.mean() == 8 and degree.max() > 20 * np.median(degree) > 0
    assert (graph.triples[:, 0] != graph.triples[:, 2]).all()
    share = np.bincount(graph.triples[:, 1], minlength=10) / len(graph.triples)
    harmonic = sum(1 / k for k in range(1, 11))
    assert np.abs(share - [1 / k / harmonic for k in range(1, 11)]).max() < 0.02


def test_missing_hides_and_switches_leave_out():
    task = twin_graphs(100, missing={"image": 0.3, "name": 0.5})
    assert has_modality(task.left, "image").sum() == 70 and has_modality(task.right, "name").sum() == 50
    bare = twin_graphs(100, image_dim=0, attribute_names=0, names=False, missing={})
    assert bare.left.images is None and bare.left.names is None and len(bare.left.attributes) == 0


def test_the_seed_decides_everything():
    assert twin_graphs(50, noise=0.1, seed=1).fingerprint() == twin_graphs(50, noise=0.1, seed=1).fingerprint()
    assert twin_graphs(50, noise=0.1, seed=1).fingerprint() != twin_graphs(50, noise=0.1, seed=2).fingerprint()


def test_the_smallest_pair_works():
    assert twin_graphs(2, noise=1.0).links.all().shape == (2, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"num_entities": 1},
        {"num_relations": 0},
        {"mean_degree": -1},
        {"image_dim": -1},
        {"attribute_names": -1},
        {"overlap": 0},
        {"overlap": 1.5},
        {"noise": -0.1},
        {"habit": 1.1},
        {"mean_attributes": 0},
        {"noise": 1.1},
        {"train_ratio": 2},
        {"missing": {"image": 2}},
        {"missing": {"picture": 0.5}},
    ],
)
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        twin_graphs(**{"num_entities": 10, **options})


def test_a_habit_gives_triples_the_relation_their_tail_is_usually_in():
    graph = twin_graphs(2000, num_relations=200, mean_degree=20, habit=1.0, missing={}).left
    relations = {}
    for _, relation, tail in graph.triples.tolist():
        relations.setdefault(tail, set()).add(relation)
    assert {len(some) for some in relations.values()} == {1}
    mixed = twin_graphs(2000, num_relations=200, mean_degree=20, habit=0.5, missing={}).left
    usual = {}
    for _, relation, tail in mixed.triples.tolist():
        usual.setdefault(tail, Counter())[relation] += 1
    busy = [counts for counts in usual.values() if counts.total() >= 50]
    assert np.mean([counts.most_common(1)[0][1] / counts.total() for counts in busy]) == pytest.approx(0.55, abs=0.05)


def test_attributes_per_entity_are_log_normal_around_their_mean():
    graph = twin_graphs(20_000, attribute_names=10**6, mean_attributes=10, missing={}, image_dim=0, names=False).left
    number = np.bincount(graph.attributes.entity, minlength=20_000)
    assert number.mean() == pytest.approx(9.6, abs=0.5)  # some of ten come twice
    assert np.quantile(number, 0.95) == pytest.approx(10 * np.exp(0.75 * 1.645 - 0.75**2 / 2), rel=0.1)


def test_twins_like_dbp15k_come_near_its_published_sizes():
    graph = twin_graphs(3000, image_dim=0, **{**LIKE_DBP15K, "missing": {"attribute": 0.23}}).left
    assert len(graph.triples) == round(3000 * 8.5 / 2)
    assert 1 - len(np.unique(graph.attributes.entity)) / 3000 == pytest.approx(0.23, abs=0.01)


def test_without_images_none_need_to_be_hidden():
    assert twin_graphs(20, image_dim=0).left.images is None
