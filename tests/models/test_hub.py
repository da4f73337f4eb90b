"""A hub whose neighbours have no other neighbour: they have one embedding, and cost is linear in their number."""

import numpy as np
import pytest
import torch

import mmkg
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.data.tensors.sparse import copied_rows, few_rows, sparse_entries, walk_steps


def star(size):
    """Two stars of ``size`` leaves each, a tenth of the leaves are training links."""

    def graph(side):
        leaves = np.arange(1, size + 1)
        triples = np.stack([np.zeros_like(leaves), np.zeros_like(leaves), leaves], axis=1)
        return KnowledgeGraph(tuple(f"{side}{row}" for row in range(size + 1)), ("r",), triples)

    links = np.stack([np.random.default_rng(0).permutation(size + 1)] * 2, axis=1)
    few = size // 10
    return AlignmentTask(graph("a"), graph("b"), LinkSplit(links[:few], links[few : few + 20], links[few + 20 :]))


def test_copied_rows_of_a_sparse_matrix_are_found_and_others_left_alone():
    dense = torch.zeros(12, 6)
    dense[0, :3] = torch.tensor([0.5, 0.25, 0.25])
    dense[1:5, 2] = 1
    dense[6:12, [1, 5]] = torch.tensor([0.5, 0.5])
    rows, columns = dense.nonzero().T
    matrix = sparse_entries(rows, columns, dense[rows, columns], (12, 6))
    first, place = copied_rows(matrix, copies=3)
    assert first[place].tolist() == [0, 1, 1, 1, 1, 5, *[6] * 6]
    assert torch.equal(few_rows(matrix, first).to_dense()[place], dense)
    assert copied_rows(matrix, copies=4) is None
    changed = dense.clone()
    changed[7:12, 1] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.6])
    matrix = sparse_entries(rows, columns, changed[rows, columns], (12, 6))
    assert copied_rows(matrix, copies=3) is None


def test_the_walk_of_a_hub_is_that_of_all_its_neighbours(monkeypatch):
    task = star(60)
    settings = {"options": {"structure_dim": 64}}
    fast = mmkg.align(task, "propagation", device="cpu", settings=settings, ranks_only=True)
    monkeypatch.setattr("mmkg.models.walk.copied_rows", lambda steps: None)
    slow = mmkg.align(task, "propagation", device="cpu", settings=settings, ranks_only=True)
    for one, other in ((fast.left, slow.left), (fast.right, slow.right)):
        np.testing.assert_allclose(one, other, atol=2e-6)
    assert (fast.left[1:] == fast.left[1]).all()


def test_the_work_grows_with_the_number_of_neighbours_and_not_with_its_square(monkeypatch):
    import faiss

    import mmkg.search.tiles as tiles

    pairs = [0]
    product, search = tiles.add_product, faiss.IndexFlat.search

    def counted(out, left, right, **options):
        pairs[0] += left.shape[0] * right.shape[1]
        return product(out, left, right, **options)

    def counted_search(self, rows, k, **options):
        pairs[0] += len(rows) * self.ntotal
        return search(self, rows, k, **options)

    monkeypatch.setattr(tiles, "add_product", counted)
    monkeypatch.setattr(faiss.IndexFlat, "search", counted_search)
    settings = {"options": {"structure_dim": 16, "relation_dim": 16}}
    scored = []
    for size in (3000, 12_000):
        pairs[0] = 0
        result = mmkg.align(star(size), "propagation", device="cpu", settings=settings)
        assert result.neighbors(3)[0].ids.shape == (size + 1, 3)
        scored.append(pairs[0] / size)
    assert scored[1] < 1.5 * scored[0]
    assert scored[1] < 3000  # pairs scored per leaf; all pairs, once, would be 12,000


@pytest.mark.parametrize("damping", [0.0, 0.25])
def test_steps_from_a_leaf_go_to_the_hub(damping):
    rows, columns = torch.tensor([0, 0, 1, 2]), torch.tensor([1, 2, 0, 0])
    steps = walk_steps(sparse_entries(rows, columns, torch.ones(4), (3, 3)), damping)
    assert steps.to_dense().tolist() == [[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]]
