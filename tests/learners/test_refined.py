"""Candidates and cosines of a refinement come from its parts, which are not concatenated before the end."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mmkg
from mmkg.learners import sketches as sketching
from mmkg.learners.setting import concatenated
from mmkg.learners.sketches import BASE
from mmkg.models import RefinementConfig
from mmkg.settings import merged
from mmkg.sources.synthetic import twin_graphs

WEIGHTS = {BASE: 1.0, "structure": 0.8, "attribute": 0.3}


class Setting:
    def __init__(self, task):
        self.task, self.experiment = task, mmkg.Experiment()


@pytest.fixture(scope="module")
def task():
    return twin_graphs(120, train_ratio=0.2, seed=2)


@pytest.fixture(scope="module")
def vectors(task):
    def side(seed, number):
        draw = torch.Generator().manual_seed(seed)
        made = {name: F.normalize(torch.randn(number, 600, generator=draw), dim=1) for name in WEIGHTS}
        made["structure"][::5] = 0
        made[BASE][:40:4] = 0
        return made

    return sketching.Vectors((side(0, task.left.num_entities), side(1, task.right.num_entities)), WEIGHTS)


def joined(side):
    return concatenated({name: (weight, side[name]) for name, weight in WEIGHTS.items()})


def test_cosines_of_pairs_are_those_of_the_concatenated_parts(task, vectors):
    draw = np.random.default_rng(0)
    rows, cols = draw.integers(task.left.num_entities, size=90), draw.integers(task.right.num_entities, size=90)
    rows[0] = cols[0] = 0  # without base and structure
    left, right = map(joined, vectors.sides)
    expected = (left[rows] * right[cols]).sum(dim=1).numpy()
    np.testing.assert_allclose(vectors.cosines(rows, cols), expected, atol=1e-6)


def test_sketches_of_the_free_entities_keep_their_cosines(task, vectors, monkeypatch):
    monkeypatch.setattr(sketching, "BLOCK_ROWS", 32)
    sketches = sketching.Sketches(Setting(task), {"structure": 400, "attribute": 200})
    free = [np.setdiff1d(np.arange(120), task.links.train[:, side]) for side in (0, 1)]
    assert [found.tolist() for found in sketches.free] == [each.tolist() for each in free]
    exact = joined(vectors.sides[0])[free[0]] @ joined(vectors.sides[1])[free[1]].T
    for _ in range(2):  # the sketch of the base is kept
        left, right = (F.normalize(each, dim=1) for each in sketches.of(vectors))
        assert left.shape == (98, sketching.SKETCH)
        error = left @ right.T - exact
        assert float(error.square().mean().sqrt()) == pytest.approx(sketching.SKETCH**-0.5, rel=0.15)
    sketches.width = 1800  # as wide as the parts: nothing to gain
    left, right = sketches.of(vectors)
    torch.testing.assert_close(left @ right.T, exact)


def test_evidence_of_many_entities_is_half_as_wide():
    config = RefinementConfig()
    assert config.narrowed(262_144) is config
    dims = {name: config.dim(name) for name in ("structure", "relation", "attribute", "rules", "values")}
    half, quarter = (RefinementConfig(**{f"{name}_dim": dim // part for name, dim in dims.items()}) for part in (2, 4))
    assert config.narrowed(262_145) == half
    assert config.narrowed(2_000_000) == quarter == config.narrowed(10**9)


def test_a_run_of_narrow_evidence_has_its_widths(monkeypatch, task):
    monkeypatch.setattr("mmkg.models.refinement.MOST_VALUES", 1)
    monkeypatch.setattr("mmkg.models.propagation.MOST_VALUES", 1)
    task = replace(task, links=replace(task.links, valid=task.links.valid[:0]))
    settings = {"refinement": {"rounds": 2, "compare": False}, "search": {"csls_k": 0}}
    result = mmkg.align(task, "propagation", modalities=("structure", "relation"), settings=settings, device="cpu")
    assert result.widths == {"structure": 256 + 256, "relation": 192 + 128 + 128}
    assert result.metrics["left_to_right"]["hits@1"] > 0.5


@pytest.mark.parametrize("most", [1, 1 << 29], ids=["many values", "few values"])
def test_a_refinement_in_half_precision_is_that_in_full(task, monkeypatch, most):
    monkeypatch.setattr("mmkg.learners.setting.MOST_FULL", most)
    settings = {"refinement": {"rounds": 2, "weigh": "matches"}, "search": {"csls_k": 0}}
    names = ("structure", "relation", "attribute")
    full, half = (
        mmkg.align(
            task, "propagation", modalities=names, settings=merged(settings, {"search": {"store": store}}), device="cpu"
        )
        for store in ("float32", "float16")
    )
    assert half.left.dtype == np.float16 and half.widths == full.widths
    by, other = (each.record.protocol["refined_by"] for each in (half, full))
    assert (by["round"], by["valid"]) == (other["round"], other["valid"])
    assert by["weights"] == pytest.approx(other["weights"], abs=2e-3)
    found = half.left.astype(np.float32) @ half.right.astype(np.float32).T
    np.testing.assert_allclose(found, full.left @ full.right.T, atol=2e-3)


def test_more_free_entities_than_are_searched_exactly_have_narrow_sketches_by_modality(task, vectors, monkeypatch):
    monkeypatch.setattr(sketching, "LARGEST_EXACT", 50)
    sketches = sketching.Sketches(Setting(task), {"structure": 400, "relation": 200})
    assert (sketches.width, sketches.parts) == (sketching.NARROW_SKETCH, (sketching.NARROW_SKETCH // 2,) * 2)
    sketch, half = sketches.of(vectors), sketching.NARROW_SKETCH // 2
    for start, columns, name in ((0, slice(0, 400), "structure"), (half, slice(400, 600), "relation")):
        exact = torch.zeros(98, 98)
        for part, weight in WEIGHTS.items():
            if part in (BASE, name):
                own = [side[part][:, columns if part == BASE else slice(None)] for side in vectors.sides]
                exact += weight**2 * own[0][sketches.free[0]] @ own[1][sketches.free[1]].T
        left, right = (each[:, start : start + half] for each in sketch)
        sizes = left.norm(dim=1)[:, None] * right.norm(dim=1)
        error = (left @ right.T - exact).square().mean().sqrt()
        assert float(error) < 1.3 * float(sizes.square().mean().sqrt()) * half**-0.5


def test_a_refinement_by_lists_finds_what_that_of_all_pairs_finds(task, monkeypatch):
    settings, names = {"refinement": {"rounds": 2}}, ("structure", "relation", "attribute")
    exact = mmkg.align(task, "propagation", modalities=names, settings=settings, device="cpu")
    monkeypatch.setattr(sketching, "LARGEST_EXACT", 50)
    monkeypatch.setattr("mmkg.matching.sinkhorn.LARGEST_EXACT", 50)
    found = mmkg.align(task, "propagation", modalities=names, settings=settings, device="cpu")
    hits = [each.metrics["left_to_right"]["hits@1"] for each in (exact, found)]
    assert hits[1] >= hits[0] - 0.03
