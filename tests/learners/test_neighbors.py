"""Parts of the neighbours are appended as far as validation links gain by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import SETTINGS

import mmkg
from mmkg.config.experiment import Experiment
from mmkg.data.task import LinkSplit
from mmkg.learners import neighbors
from mmkg.learners.neighbors import FACTOR, WithNeighbors, appended
from mmkg.learners.setting import Learned, Setting
from mmkg.report import Stopwatch
from mmkg.settings import merged

AROUND = {"refinement.neighbors": True}


def test_appended_parts_add_their_weighted_cosines():
    """Cosines .6 of the vectors and .8 of the part, of weight 2, are (.6 + 4 * .8) / (1 + 4) together."""
    sides = []
    for cosines in ((1.0, 1.0), (0.6, 0.8)):
        vectors, part = (torch.tensor([[each, (1 - each**2) ** 0.5]]) for each in cosines)
        sides.append(appended({"structure": 1, "name": 1}, vectors, {"structure": part}, {"structure": 2.0}))
    left, right = sides
    assert left.shape == (1, 4)  # the part stands behind the columns of its modality
    assert float(left[0] @ right[0]) == pytest.approx((0.6 + 4 * 0.8) / 5, abs=1e-6)
    torch.testing.assert_close(left[0, :3] * 5**0.5, torch.tensor([1.0, 2.0, 0.0]))


def noisy_rows(number, seed, noise):
    """Random codes of entities that both graphs share, with noise of their own."""
    codes = torch.randn(number, 64, generator=torch.Generator().manual_seed(0))
    more = torch.randn(number, 64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(codes + noise * more, dim=1)


@pytest.mark.parametrize(("noise", "factor"), [(0.0, FACTOR), (50.0, 0.0)])
def test_the_factor_is_the_usual_one_unless_validation_links_lose_by_it(monkeypatch, noise, factor):
    """Entity i of one graph is entity i of the other; the parts know them, or are noise."""
    task = mmkg.twin_graphs(200, seed=1)
    links = np.stack([np.arange(200)] * 2, axis=1)
    task = replace(task, links=LinkSplit(links[:20], links[20:140], links[140:]))
    parts = torch.cat([noisy_rows(200, 7, noise), noisy_rows(200, 8, noise)])
    monkeypatch.setattr(neighbors, "spread_vectors", lambda *args, **options: {"structure": parts})
    vectors = noisy_rows(200, 3, 1.6), noisy_rows(200, 4, 1.6)

    class Base:
        def embed(self, links):
            return Learned(*vectors, {"structure": 64})

    values = {"model": "propagation", "refinement": {"structure_dim": 64, "structure_weight": 1.0}}
    setting = Setting(task, Experiment.of(values), torch.device("cpu"), Stopwatch())
    found = WithNeighbors(setting, Base()).embed(task.links.train)
    assert found.course["neighbors"] == factor
    assert found.widths == {"structure": 128 if factor else 64}
    if not factor:
        assert torch.equal(found.left, vectors[0])


@pytest.fixture(scope="module")
def pair():
    return mmkg.twin_graphs(150, noise=0.3, train_ratio=0.3, valid_ratio=0.4, seed=1)


def run(task, **settings):
    return mmkg.align(task, "propagation", settings={**AROUND, "search.width": 0, **settings})


def test_no_test_link_takes_part(pair):
    turned = pair.links.test.copy()
    turned[:, 1] = np.roll(turned[:, 1], 1)
    other = replace(pair, links=replace(pair.links, test=turned))
    first, second = run(pair), run(other)
    assert np.array_equal(first.left, second.left) and np.array_equal(first.right, second.right)
    assert not first.protocol.transductive and "not iterative" in first.protocol.describe()


def test_without_validation_links_the_factor_is_the_usual_one(pair):
    known = replace(pair.links, valid=pair.links.valid[:0])
    assert run(replace(pair, links=known)).record.protocol["neighbors"] == FACTOR


def test_a_run_that_learns_again_from_all_links_keeps_the_factor(pair):
    first, again = run(pair), run(pair, refit=True)
    assert again.record.protocol["neighbors"] == first.record.protocol["neighbors"]
    assert again.left.shape == first.left.shape and not np.array_equal(again.left, first.left)


def test_combined_has_them_unless_it_is_refined(small_task):
    settings = {**SETTINGS, "options": {}, "training": {"epochs": 2}}
    found = [
        mmkg.align(small_task, "combined", settings=merged(settings, {"refinement": more})).record.protocol
        for more in ({"rounds": 0, "neighbors": True}, {"rounds": 1, "neighbors": True})
    ]
    assert ["neighbors" in protocol for protocol in found] == [True, False]
