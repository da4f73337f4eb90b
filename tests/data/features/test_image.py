from dataclasses import replace

import numpy as np
import pytest
import torch
from small_pairs import graph, pair

from mmkg.data.features.image import image_table
from mmkg.data.kg import ImageTable
from mmkg.errors import InputError
from mmkg.sources.synthetic import twin_graphs


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


def test_image_vectors_mapped_from_a_file_are_those_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.data.tensors.tables.BLOCK_ROWS", 7)
    monkeypatch.setattr("mmkg.data.kg.BLOCK_ROWS", 7)
    task = twin_graphs(40, noise=0.2, seed=1)
    mapped = []
    for kg in (task.left, task.right):
        path = tmp_path / f"{len(mapped)}.npy"
        np.save(path, kg.images.features)
        images = ImageTable(kg.images.rows, np.load(path, mmap_mode="r"))
        mapped.append(replace(kg, images=images))
    other = replace(task, left=mapped[0], right=mapped[1])
    table, expected = image_table(other), image_table(task)
    assert all(isinstance(part, np.memmap) for part in table.parts)  # not copied
    rows = torch.randperm(80)
    assert torch.equal(table.take(rows), expected.take(rows)) and other.fingerprint() == task.fingerprint()
    vectors = np.zeros((80, 32))
    for kg, shift in ((task.left, 0), (task.right, 40)):
        for row, vector in zip(kg.images.rows.tolist(), kg.images.features.astype(float), strict=True):
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
