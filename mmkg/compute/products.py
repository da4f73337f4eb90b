"""Dense matrix products on the fastest BLAS available.

Torch's MKL leaves half of an AMD processor with AVX-512 idle; the OpenBLAS that comes with NumPy does not. Elsewhere
torch multiplies: on Intel processors and GPUs, and where OpenBLAS has no AVX-512 kernel, since its older ones score
equal vectors differently (see ``GRAIN``).

Rows are distributed over threads here, each of which runs OpenBLAS on one thread. OpenBLAS's own threads spin while
they wait for each other, which makes a product several times slower when other processes run.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .blas import read_cpu_vendor
from .process import quiet

LEAST = 1 << 20
"""Number of multiplications from which OpenBLAS is faster than torch."""
PAIR_BYTES = 64 << 20
"""Memory of the left rows of the pairs that are multiplied at a time on a GPU."""
PAIR_COLUMNS = 64
"""Columns of rows in half precision that are converted at a time."""
SHARE = 1 << 24
"""Number of multiplications from which one more thread pays off."""
GRAIN = 16
"""Rows per thread are a multiple of this, and search pads both axes of its products to a multiple. Matrix kernels sum
the remainders of their blocks in another order, so that the scores of equal rows could differ in the last bit: MKL
gives two different scores to 5 candidates with the same vector. Of 4,140 shapes tried, 1,382 had such a false
difference without padding and none with it."""

_one_product = Lock()


def add_product(out: Tensor, a: Tensor, b: Tensor, *, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """``out = beta * out + alpha * a @ b``, in place.

    Args:
        out: ``[m, n]``, written to and returned; its old values are ignored when ``beta`` is 0.
        a: ``[m, k]``.
        b: ``[k, n]``.
        alpha: factor of the product.
        beta: factor of ``out``.
    """
    a, b = a.detach(), b.detach()
    plain = out.device.type == "cpu" and {out.dtype, a.dtype, b.dtype} == {torch.float32}
    if not plain or out.numel() * a.shape[1] < LEAST or (openblas := fast_openblas()) is None:
        return torch.addmm(out, a, b, beta=beta, alpha=alpha, out=out)
    product = out if beta == 0 else torch.empty_like(out)
    _multiply(openblas, (a if alpha == 1 else a * alpha).numpy(), b.numpy(), product.numpy())
    if beta != 0:
        torch.add(product, out, alpha=beta, out=out)
    return out


def pair_products(left: Tensor, right: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Inner product of each pair of a left and a right row, float32 ``[P]``, independent of the other pairs.

    On a CPU this takes about a twentieth of the time of gathering both rows of each pair, which are read only once.

    Rows in half precision are converted ``PAIR_COLUMNS`` columns at a time.

    Args:
        left: ``[n1, d]``, float32 or float16.
        right: ``[n2, d]``, of the same type.
        rows, columns: left and right row of each pair, int64 ``[P]``, in any order; fastest if ``rows`` ascend.
    """
    if left.device.type != "cpu" or len(rows) > len(left) * len(right):
        found = left.new_empty(len(rows), dtype=torch.float32)
        step = max(1, PAIR_BYTES // (4 * left.shape[1]))
        for start in range(0, len(rows), step):
            some = slice(start, start + step)
            pairs = left.index_select(0, rows[some]).float(), right.index_select(0, columns[some]).float()
            found[some] = (pairs[0] * pairs[1]).sum(dim=1)
        return found
    ascending = bool((rows.diff() >= 0).all())
    order = None if ascending else rows.argsort(stable=True)
    counts = torch.bincount(rows, minlength=len(left))
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    places = columns if order is None else columns[order]
    shape = (len(left), len(right))
    with quiet("Sparse (CSR tensor support|invariant checks)"):
        wanted = torch.sparse_csr_tensor(offsets, places, torch.zeros(len(rows)), shape, check_invariants=False)
    if left.dtype == torch.float32:
        products = torch.sparse.sampled_addmm(wanted, left.detach(), right.detach().T, beta=0)
    else:
        products = wanted
        for start in range(0, left.shape[1], PAIR_COLUMNS):
            some = slice(start, start + PAIR_COLUMNS)
            torch.sparse.sampled_addmm(products, left[:, some].float(), right[:, some].float().T, out=products)
    found = products.values()
    return found if order is None else torch.empty_like(found).scatter_(0, order, found)


def _multiply(openblas: Any, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    parts = min(torch.get_num_threads(), out.size * a.shape[1] // SHARE, len(a) // GRAIN)
    with _one_product:
        threads = openblas.get_num_threads()
        openblas.set_num_threads(1)
        try:
            if parts < 2:
                np.matmul(a, b, out)
                return
            edges = [len(a) // GRAIN * part // parts * GRAIN for part in range(parts)] + [len(a)]
            shares = [slice(*ends) for ends in zip(edges, edges[1:], strict=False)]
            others = [_pool(os.getpid()).submit(np.matmul, a[share], b, out[share]) for share in shares[1:]]
            np.matmul(a[shares[0]], b, out[shares[0]])
            for other in others:
                other.result()
        finally:
            openblas.set_num_threads(threads)


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Thread pool of this process; after a fork, the threads of the parent are gone."""
    return ThreadPoolExecutor(thread_name_prefix="mmkg-product")


@cache
def fast_openblas() -> Any | None:
    """The controller of NumPy's OpenBLAS, if it is faster than torch's BLAS and gives equal vectors equal scores."""
    if read_cpu_vendor() != "AuthenticAMD":
        return None
    from threadpoolctl import ThreadpoolController

    found = [
        each
        for each in ThreadpoolController().select(internal_api="openblas").lib_controllers
        if "numpy" in each.filepath
    ]
    return found[0] if len(found) == 1 and found[0].architecture == "SkylakeX" else None
