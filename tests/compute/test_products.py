import pytest
import torch

from mmkg.compute import products
from mmkg.compute.blas import read_cpu_vendor
from mmkg.compute.products import add_product, fast_openblas
from mmkg.search.tiles import GRAIN


class Library:
    """Stands for the controller of a BLAS; notes how many threads it was given."""

    def __init__(self, filepath="numpy.libs/openblas.so", architecture="SkylakeX"):
        self.filepath, self.architecture, self.given = filepath, architecture, []

    def get_num_threads(self):
        return 7

    def set_num_threads(self, number):
        self.given.append(number)


@pytest.fixture(params=["alone", "shared", "torch"])
def engine(request, monkeypatch):
    """All ways to multiply, whatever the processor: NumPy with one thread or several, and torch."""
    library = None if request.param == "torch" else Library()
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(products, "GRAIN", 2)
    monkeypatch.setattr(products, "SHARE", 1 if request.param == "shared" else 1 << 40)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(products, "fast_openblas", lambda: library)
    yield request.param
    assert library is None or library.given[:2] in ([], [1, 7])


LAYOUTS = {
    "rows": lambda matrix: matrix.contiguous(),
    "columns": lambda matrix: matrix.t().contiguous().t(),
    "some rows": lambda matrix: torch.cat([matrix, matrix])[len(matrix) :],
    "some columns": lambda matrix: torch.cat([matrix, matrix], dim=1)[:, : matrix.shape[1]],
}


@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize("alpha, beta", [(1.0, 1.0), (0.5, 0.0), (-2.0, 3.0)])
def test_the_product_of_any_layouts_is_that_of_the_numbers(engine, left, right, alpha, beta):
    generator = torch.Generator().manual_seed(0)
    a, b, out = (torch.randn(shape, generator=generator) for shape in ((7, 5), (5, 9), (7, 9)))
    wanted = torch.stack(
        [torch.stack([alpha * (a[i] * b[:, j]).sum() + beta * out[i, j] for j in range(9)]) for i in range(7)]
    )
    copies = a.clone(), b.clone()
    found = add_product(out, LAYOUTS[left](a), LAYOUTS[right](b), alpha=alpha, beta=beta)
    assert found is out
    torch.testing.assert_close(out, wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(a, copies[0]) and torch.equal(b, copies[1])


def test_what_a_new_product_is_written_over_does_not_count(engine):
    out = torch.full((4, 4), torch.nan)
    assert torch.equal(add_product(out, torch.eye(4), torch.eye(4), beta=0), torch.eye(4))


def test_rows_of_a_larger_matrix_are_written_in_place(engine):
    table = torch.zeros(6, 4)
    add_product(table[2:4], torch.ones(2, 3), torch.ones(3, 4))
    assert table.sum(dim=1).tolist() == [0, 0, 12, 12, 0, 0]


def test_other_types_and_tensors_with_gradients_are_multiplied_too(engine):
    a = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    assert add_product(torch.zeros(3, 3, dtype=torch.float64), a, a.t()).tolist() == [[2.0] * 3] * 3
    a = torch.ones(3, 2, requires_grad=True)
    found = add_product(torch.zeros(3, 3), a, a.t())
    assert found.tolist() == [[2.0] * 3] * 3 and not found.requires_grad


def test_intel_is_left_to_torch(monkeypatch):
    monkeypatch.setattr(products, "read_cpu_vendor", lambda: "GenuineIntel")
    assert fast_openblas.__wrapped__() is None


@pytest.mark.parametrize("kernel, taken", [("SkylakeX", True), ("Haswell", False), ("Zen", False)])
def test_on_amd_numpy_multiplies_where_its_openblas_has_an_avx512_kernel(monkeypatch, kernel, taken):
    class Controller:
        lib_controllers = [Library(architecture=kernel), Library("scipy.libs/openblas.so")]

        def select(self, internal_api):
            assert internal_api == "openblas"
            return self

    monkeypatch.setattr(products, "read_cpu_vendor", lambda: "AuthenticAMD")
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Controller)
    assert (fast_openblas.__wrapped__() is not None) == taken


def test_a_product_that_fails_gives_the_threads_back(monkeypatch):
    library = Library()
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(products, "fast_openblas", lambda: library)
    with pytest.raises(ValueError):
        add_product(torch.zeros(3, 3), torch.ones(3, 2), torch.ones(4, 3), beta=0)
    assert library.given == [1, 7]


@pytest.mark.skipif(read_cpu_vendor() != "AuthenticAMD", reason="torch multiplies on this processor")
@pytest.mark.parametrize("width", [1, 17, 64, 300, 601])
def test_equal_vectors_score_the_same_wherever_they_stand(width):
    if fast_openblas() is None:
        pytest.skip("this OpenBLAS runs no AVX-512 kernel")
    generator = torch.Generator().manual_seed(width)
    for rows in (GRAIN, 5 * GRAIN, 33 * GRAIN):
        for columns in (GRAIN, 3 * GRAIN, 70 * GRAIN):
            query, base = torch.randn(2, width, generator=generator)
            scores = torch.empty(rows, columns)
            add_product(scores, query.repeat(rows, 1), base.repeat(columns, 1).t(), beta=0)
            assert (scores == scores[0, 0]).all()


@pytest.mark.parametrize("count", [0, 1, 40, 57])
def test_products_of_pairs_are_those_of_the_whole_product_in_the_order_of_the_pairs(count):
    draw = torch.Generator().manual_seed(count)
    left, right = torch.randn(9, 33, generator=draw), torch.randn(6, 33, generator=draw)
    rows, columns = torch.randint(9, (count,), generator=draw), torch.randint(6, (count,), generator=draw)
    found = products.pair_products(left, right, rows, columns)
    torch.testing.assert_close(found, (left @ right.T)[rows, columns])
    if count <= 9 * 6:  # neither the other pairs nor the side of a row change a bit
        back = products.pair_products(right, left, columns[:5], rows[:5])
        assert torch.equal(back, found[:5])


@pytest.mark.parametrize("count", [40, 57])
@pytest.mark.parametrize("columns", [64, 7])
def test_products_of_pairs_in_half_precision_are_summed_in_full(count, columns, monkeypatch):
    monkeypatch.setattr(products, "PAIR_COLUMNS", columns)
    draw = torch.Generator().manual_seed(count)
    left, right = torch.randn(9, 33, generator=draw).half(), torch.randn(6, 33, generator=draw).half()
    rows, cols = torch.randint(9, (count,), generator=draw), torch.randint(6, (count,), generator=draw)
    found = products.pair_products(left, right, rows, cols)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, (left.float() @ right.float().T)[rows, cols], atol=1e-5, rtol=0)
