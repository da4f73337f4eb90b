import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmkg.learners import compress
from mmkg.learners.compress import compressed, projected
from mmkg.learners.setting import Learned

WIDTHS = {"structure": 12, "name": 8}


def learned(rows=60, rank=3, seed=0, zeros=()):
    """Unit rows of two graphs, each part in a space of few dimensions; some left rows lack the second part."""
    generator = torch.Generator().manual_seed(seed)
    sides = []
    spaces = [torch.linalg.qr(torch.randn(w, rank, generator=generator))[0] for w in WIDTHS.values()]
    for count in (rows, rows + 5):
        parts = [torch.randn(count, rank, generator=generator) @ space.T for space in spaces]
        sides.append(torch.cat(parts, dim=1))
    sides[0][list(zeros), 12:] = 0
    left, right = (F.normalize(side, dim=1) for side in sides)
    return Learned(left, right, WIDTHS, history=[{"epoch": 1}])


def lengths(rows, widths):
    return np.stack([part.norm(dim=1).numpy() for part in rows.split(list(widths.values()), dim=1)], axis=1)


def naive(side, widths, kept, power):
    """Rows on the eigenvectors of the second moments, eigenvalues to a power, each part as long as before."""
    found = []
    for part, count, moments in zip(side.split(list(widths.values()), dim=1), kept, naive.moments, strict=True):
        values, vectors = np.linalg.eigh(moments)
        values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
        narrow = part.double().numpy() @ vectors * np.maximum(values / values[0], 1e-4) ** ((power - 1) / 2)
        size = np.linalg.norm(narrow, axis=1, keepdims=True)
        whole = part.double().norm(dim=1, keepdim=True).numpy()
        found.append(np.where(size > 0, narrow / np.where(size > 0, size, 1), 0) * whole)
    return np.concatenate(found, axis=1)


def test_rows_that_are_narrow_enough_stay_as_they_are():
    given = learned()
    assert compressed(given, 20) is given and compressed(given, 0) is given and compressed(given, 1000) is given


def test_with_power_one_all_that_is_there_fits_into_as_many_columns_as_it_has_dimensions(monkeypatch):
    monkeypatch.setattr(compress, "POWER", 1)
    given = learned()
    found = compressed(given, 6)  # three dimensions of each part
    assert found.widths == {"structure": 3, "name": 3} and found.left.shape == (60, 6) and found.right.shape == (65, 6)
    np.testing.assert_allclose(found.left @ found.right.T, given.left @ given.right.T, atol=2e-3)  # float16
    assert found.history == given.history


@pytest.mark.parametrize("rows", [60, 3, 1])  # 11 rows in all are fewer than the columns of one part, 7 of both
@pytest.mark.parametrize("width", [2, 3, 5, 9])
def test_the_cosines_are_those_of_a_naive_computation(width, rows):
    given = learned(rows, rank=8)
    found = compressed(given, width)
    both = torch.cat([given.left, given.right]).double()
    naive.moments = [part.T.numpy() @ part.numpy() for part in both.split(list(WIDTHS.values()), dim=1)]
    naive.moments = [each / np.trace(each) for each in naive.moments]
    order = sorted(
        ((value, m) for m, each in enumerate(naive.moments) for value in np.linalg.eigvalsh(each)), reverse=True
    )
    first = [max(np.linalg.eigvalsh(each)) for each in naive.moments]
    chosen = [(value, m) for m, value in enumerate(first)]  # at least one of each
    chosen += [pair for pair in order if pair[0] not in first][: width - 2]
    kept = [sum(m == part for _, m in chosen) for part in (0, 1)]
    assert list(found.widths.values()) == kept and sum(kept) == width
    left, right = (naive(side, WIDTHS, kept, 0.5) for side in (given.left, given.right))
    np.testing.assert_allclose(found.left @ found.right.T, left @ right.T, atol=3e-3)


def test_parts_are_as_long_as_before_and_missing_ones_stay_zero():
    given = learned(rank=8, zeros=(4, 7))
    found = compressed(given, 7)
    np.testing.assert_allclose(lengths(found.left, found.widths), lengths(given.left, WIDTHS), atol=1e-5)
    np.testing.assert_allclose(lengths(found.right, found.widths), lengths(given.right, WIDTHS), atol=1e-5)
    assert not found.left[[4, 7], found.widths["structure"] :].any()
    np.testing.assert_allclose(found.left.norm(dim=1), 1, atol=1e-5)


def test_an_empty_part_keeps_one_column():
    given = learned(zeros=range(60))
    given.right[:, 12:] = 0
    assert compressed(given, 3).widths == {"structure": 2, "name": 1}
    assert compressed(given, 15).widths == {"structure": 3, "name": 1}  # no column for what is not there


def test_new_rows_come_out_as_those_that_were_learnt(monkeypatch):
    monkeypatch.setattr(compress, "BLOCK_ROWS", 16)
    given = learned(rank=8)
    before = given.left.clone()
    found = compressed(given, 9)
    assert torch.equal(projected(given.left[[5, 40]], found.projection), found.left[[5, 40]])
    assert torch.equal(given.left, before)
    assert {name: tuple(matrix.shape) for name, matrix in found.projection.items()} == {
        name: (WIDTHS[name], width) for name, width in found.widths.items()
    }
    assert all(matrix.dtype == torch.float16 for matrix in found.projection.values())


def test_rows_that_are_alike_or_zero_have_the_directions_there_are():
    few = learned(2, zeros=(0, 1))
    few.left[1], few.right[:, 12:] = few.left[0], 0
    found = compressed(few, 15)
    assert found.widths["name"] == 1 and not found.left[:, -1:].any()
    assert found.left.isfinite().all() and torch.equal(found.left[0], found.left[1])


def test_a_sample_of_the_rows_shows_the_same_directions_by_its_seed(monkeypatch):
    monkeypatch.setattr(compress, "SAMPLE", 40)
    given = learned()
    first, again, other = (compressed(given, 6, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.left, again.left) and not torch.equal(first.left, other.left)
    whole = first.left @ first.left.T  # three dimensions of each part, whatever the sample
    assert np.corrcoef(whole.numpy().ravel(), (given.left @ given.left.T).numpy().ravel())[0, 1] > 0.95


def test_swapping_the_sides_swaps_the_answer():
    given = learned(rank=8)
    there = compressed(given, 9)
    back = compressed(Learned(given.right, given.left, WIDTHS), 9)
    np.testing.assert_allclose(there.left @ there.right.T, (back.left @ back.right.T).T, atol=2e-3)


class Planned:
    """Reciprocal ranks of four validation links: .5 by all columns, less by fewer."""

    def __init__(self, lost):
        self.widths, self.lost = {}, torch.tensor(lost)

    def add(self, name, left, right):
        self.widths[name] = left.shape[1]

    def ranks(self, weights):
        (name,) = weights
        return 0.5 - self.lost * (self.widths[name] == 9)


@pytest.mark.parametrize(
    ("lost", "columns"),
    [
        ([0.02] * 12, 20),
        ([0.02] * 9, 9),  # too few links to say so
        ([0.005] * 12, 9),
        ([-0.1] * 12, 9),
        ([0.3, *[0] * 11], 9),  # .025 on average, which is the standard error
        ([0.3, 0.3, *[0] * 10], 20),  # .05; the standard error is .034
    ],
)
def test_columns_that_validation_links_need_stay_unless_a_width_is_set(monkeypatch, small_task, lost, columns):
    from mmkg.config.experiment import Experiment
    from mmkg.config.search import SearchConfig
    from mmkg.learners import learn as module
    from mmkg.learners.setting import Setting
    from mmkg.report import Stopwatch

    monkeypatch.setattr(module, "_learned", lambda setting, model: learned(rank=8))
    monkeypatch.setattr(SearchConfig, "columns", lambda config, number: 9)
    monkeypatch.setattr(Setting, "validation_scores", lambda setting: Planned(lost))
    for values, width in (({}, columns), ({"search": {"width": 9}}, 9)):
        setting = Setting(small_task, Experiment.of(values), torch.device("cpu"), Stopwatch())
        assert module.learn(setting).left.shape[1] == width
