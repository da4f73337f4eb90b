from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mmkg.data.features.attribute import attribute_bag
from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.image import image_table
from mmkg.data.features.name import name_table
from mmkg.data.features.registry import available_modalities
from mmkg.data.features.relation import relation_bag
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.data.tensors.tables import DenseTable, SparseTable
from mmkg.errors import InputError, UsageError
from mmkg.sources.synthetic import twin_graphs

NO_LINKS = LinkSplit(*[np.empty((0, 2), np.int64)] * 3)


def graph(size, *, relations=(), triples=(), facts=(), names=None, images=None):
    """A graph of ``size`` entities; facts are (entity, name, value), images {row: vector}."""
    labels = tuple(dict.fromkeys(name for _, name, _ in facts))
    attributes = AttributeTriples(
        np.array([entity for entity, _, _ in facts], np.int64),
        np.array([labels.index(name) for _, name, _ in facts], np.int64),
        labels,
        tuple(value for _, _, value in facts),
    )
    if images is not None:
        images = ImageTable(np.array(list(images), np.int64), np.array(list(images.values()), np.float32))
    return KnowledgeGraph(
        entities=tuple(f"e{row}" for row in range(size)),
        relations=tuple(relations),
        triples=np.array(triples, np.int64).reshape(-1, 3),
        attributes=attributes,
        names=names,
        images=images,
    )


def pair(left, right):
    return AlignmentTask(left, right, NO_LINKS)


def dense(table, size):
    return table.take(torch.arange(size)).to_dense().numpy()


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


def test_value_table_holds_what_the_graphs_agree_on():
    """Attributes of one name are compared without any link; one of another name is not."""
    left = graph(4, facts=[(0, "code", "7"), (1, "code", "8"), (2, "sort", "x"), (3, "code", "9")])
    right = graph(2, facts=[(0, "code", "8"), (0, "kind", "x"), (1, "code", None)])
    task = pair(left, right)
    inputs = build_inputs(task, FeatureConfig(modalities=("value",)))
    assert inputs.names == ("value",) == available_modalities(task)[1:]
    assert inputs.observed("value")[[1, 2, 4, 5]].tolist() == [True, False, True, False]
    rows = dense(inputs.tables["value"], 6)
    assert rows[1] @ rows[4] == pytest.approx(1) and rows[0] @ rows[4] < 0.9


def test_name_table_puts_equal_names_of_both_graphs_together():
    left, right = graph(2, names=("Rome", None)), graph(2, names=("Paris", "rome"))
    table = name_table(pair(left, right))
    rows = dense(table, 4)
    assert table.observed.tolist() == [True, False, True, True]
    assert rows[0] @ rows[3] == pytest.approx(1) and rows[0] @ rows[2] < 0.5


def test_graph_without_names_has_no_observed_names():
    table = name_table(pair(graph(3), graph(2, names=("aa", "aa"))))
    assert table.observed.tolist() == [False, False, False, True, True]


def test_images_become_unit_vectors_of_those_that_have_one():
    task = pair(graph(3, images={1: [3, 4]}), graph(2, images={0: [0, -2]}))
    table = image_table(task)
    assert table.observed.tolist() == [False, True, False, True, False]
    rows = table.take(torch.arange(5))
    assert rows.shape == (5, 1, 2)
    assert torch.allclose(rows[:, 0], torch.tensor([[0, 0], [0.6, 0.8], [0, 0], [0, -1], [0, 0]]))


def test_one_graph_may_have_no_images():
    table = image_table(pair(graph(2), graph(2, images={1: [2.0, 0.0]})))
    assert table.observed.tolist() == [False, False, False, True]
    assert table.take(torch.tensor([3])).flatten().tolist() == [1.0, 0.0]


def test_gaussian_fill_touches_only_the_gaps_and_follows_its_seed():
    rng = np.random.default_rng(0)
    images = {row: (5 + rng.standard_normal(3)).tolist() for row in range(0, 40, 2)}
    task = pair(graph(40, images=images), graph(1))
    masked, filled = image_table(task), image_table(task, fill="gaussian", seed=3)
    everyone = torch.arange(41)
    here = masked.observed
    assert filled.observed.all() and not here.all()
    assert torch.equal(filled.take(everyone)[here], masked.take(everyone)[here])
    gaps = filled.take(everyone)[~here]
    assert torch.allclose(gaps.norm(dim=-1), torch.ones(len(gaps), 1))
    assert len(torch.unique(gaps, dim=0)) == len(gaps)
    assert (gaps.mean(dim=0) > 0.4).all()  # drawn around the mean of the others, not around zero
    assert torch.equal(gaps, image_table(task, fill="gaussian", seed=3).take(everyone)[~here])
    assert not torch.equal(gaps, image_table(task, fill="gaussian", seed=4).take(everyone)[~here])


def test_image_features_of_two_widths_are_refused():
    with pytest.raises(InputError, match=r"one width, got \[2, 3\]"):
        image_table(pair(graph(1, images={0: [1, 2]}), graph(1, images={0: [1, 2, 3]})))


def full_pair():
    kwargs = {"relations": ["r"], "triples": [(0, 0, 1)], "facts": [(0, "a", None)], "images": {1: [1.0, 2.0]}}
    return pair(graph(3, names=("x", "y", None), **kwargs), graph(2, names=("x", "y"), **kwargs))


def test_inputs_hold_every_modality_of_the_data_in_a_fixed_order():
    task = full_pair()
    inputs = build_inputs(task)
    assert available_modalities(task) == inputs.names == ("structure", "relation", "attribute", "image", "name")
    assert inputs.dims == {"structure": 5, "relation": 1, "attribute": 1, "image": 2, "name": inputs.dims["name"]}
    assert inputs.num_entities == 5
    # the right triple (0, 1) lies at rows 3 and 4, and no edge joins the two graphs
    source, target = inputs.graph.edge_index.as_tensor().tolist()
    assert set(zip(source, target, strict=True)) == {*((i, i) for i in range(5)), (0, 1), (1, 0), (3, 4), (4, 3)}
    assert inputs.observed("structure").tolist() == [True, True, False, True, True]
    assert inputs.observed("image").tolist() == [False, True, False, False, True]


def test_only_the_modalities_asked_for_are_built():
    inputs = build_inputs(full_pair(), FeatureConfig(modalities=("name", "structure")))
    assert inputs.names == ("structure", "name")
    assert build_inputs(full_pair(), FeatureConfig(modalities=("image",))).graph is None


def test_unknown_modality_names_the_nearest_one():
    with pytest.raises(UsageError, match="'imege'; did you mean 'image'"):
        build_inputs(full_pair(), FeatureConfig(modalities=("imege",)))


def test_modality_the_data_lack_is_refused_and_those_at_hand_are_named():
    with pytest.raises(UsageError, match="has no image; it has structure, relation"):
        build_inputs(
            pair(graph(2, relations=["r"], triples=[(0, 0, 1)]), graph(1)), FeatureConfig(modalities=("image",))
        )


def test_self_loops_alone_are_no_structure_but_a_relation():
    loop = graph(2, relations=["r"], triples=[(0, 0, 0)])
    inputs = build_inputs(pair(loop, graph(2, relations=["r"], triples=[(0, 0, 1)])))
    assert inputs.observed("structure").tolist() == [False, False, True, True]
    assert inputs.observed("relation").tolist() == [True, False, True, True]
    assert build_inputs(pair(loop, graph(1))).names == ("relation",)


def test_empty_bags_count_as_observed_on_request():
    inputs = build_inputs(full_pair(), FeatureConfig(empty_bags="observed"))
    assert inputs.observed("relation").all() and inputs.observed("attribute").all()
    assert not inputs.observed("image").all()


def test_batch_takes_values_and_masks_of_the_same_rows():
    inputs = build_inputs(full_pair())
    rows = torch.tensor([4, 2, 1, 4])
    made = inputs.batch(rows)
    assert made.names == ("relation", "attribute", "image", "name")
    for name in made.names:
        assert made.observed[name].flatten().tolist() == inputs.observed(name)[rows].tolist()
        assert made.valid[name].all()
    assert torch.equal(made.values["image"], inputs.tables["image"].take(rows))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 7), max_size=12))
def test_taken_rows_are_those_of_the_dense_matrix(seed, rows):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((8, 5)) < 0.3, rng.standard_normal((8, 5)), 0).astype(np.float32)
    matrix[3] = 0
    picked = torch.tensor(rows, dtype=torch.int64)
    sparse_table = SparseTable(sparse.csr_matrix(matrix))
    taken = sparse_table.take(picked)
    assert taken.layout == torch.sparse_csr
    assert np.array_equal(taken.to_dense().numpy(), matrix[rows].reshape(-1, 5))
    assert sparse_table.observed.tolist() == (matrix != 0).any(axis=1).tolist()
    some = np.array([0, 2, 3, 7])
    position = np.full(8, -1)
    position[some] = np.arange(4)
    found = DenseTable(position, matrix[some]).take(picked)
    expected = np.where(np.isin(np.arange(8), some)[:, None], matrix, 0)[rows].reshape(-1, 1, 5)
    assert np.array_equal(found.numpy(), expected)


def test_image_vectors_mapped_from_a_file_are_those_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.data.tensors.tables.BLOCK_ROWS", 7)
    monkeypatch.setattr("mmkg.data.kg.BLOCK_ROWS", 7)
    task = twin_graphs(40, noise=0.2, seed=1)
    mapped = []
    for graph in (task.left, task.right):
        path = tmp_path / f"{len(mapped)}.npy"
        np.save(path, graph.images.features)
        images = ImageTable(graph.images.rows, np.load(path, mmap_mode="r"))
        mapped.append(replace(graph, images=images))
    other = replace(task, left=mapped[0], right=mapped[1])
    table, expected = image_table(other), image_table(task)
    assert all(isinstance(part, np.memmap) for part in table.parts)  # not copied
    rows = torch.randperm(80)
    assert torch.equal(table.take(rows), expected.take(rows)) and other.fingerprint() == task.fingerprint()
    vectors = np.zeros((80, 32))
    for graph, shift in ((task.left, 0), (task.right, 40)):
        for row, vector in zip(graph.images.rows.tolist(), graph.images.features.astype(float), strict=True):
            vectors[row + shift] = vector / np.sqrt((vector * vector).sum())
    np.testing.assert_allclose(table.take(torch.arange(80))[:, 0], vectors, atol=1e-6)
    assert np.array_equal(table.observed.numpy(), vectors.any(axis=1))


def test_a_mapped_image_that_is_not_finite_is_refused_with_its_entity(tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.data.kg.BLOCK_ROWS", 7)
    graph = twin_graphs(40, missing={}).left
    features = graph.images.features.copy()
    features[[19, 30], 3] = np.nan, np.inf
    np.save(tmp_path / "x.npy", features)
    with pytest.raises(InputError, match="2 entities break this, first 'left/19'"):
        replace(graph, images=ImageTable(graph.images.rows, np.load(tmp_path / "x.npy", mmap_mode="r")))


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
