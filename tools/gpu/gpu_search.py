"""Exact search on the GPU as a share of its rate of products, CSLS means, and the index kinds of FAISS on a GPU."""

from typing import Any

import torch
from gpu_machine import product_rate
from gpu_rows import Work
from torch import Tensor

from mmkg.search import build_index
from mmkg.search.exact import ExactIndex
from mmkg.search.faiss_module import faiss_sees_gpu, import_faiss
from mmkg.search.means import csls_pair_means
from mmkg.typing import FloatArray, IntArray

DIM, K = 300, 10
LATENT = 32
LONGEST = 60.0  # seconds of one search; of a larger one a sample of the queries is searched


def near_vectors(size: int, device: torch.device, *, seed: int) -> Tensor:
    """Unit rows ``[size, 300]`` near a space of 32 dimensions, as embeddings are."""
    generator = torch.Generator(device).manual_seed(seed)
    shared = torch.Generator(device).manual_seed(7)
    axes = torch.randn(LATENT, DIM, device=device, generator=shared)
    rows = torch.randn(size, LATENT, device=device, generator=generator) @ axes
    rows += 0.5 * torch.randn(size, DIM, device=device, generator=generator)
    return torch.nn.functional.normalize(rows, dim=1)


def check_search(work: Work) -> None:
    """Exact search of all queries: the same rows as in float64, and its rate."""
    sizes = (2000,) if work.reduced else (100_000, 1_000_000)
    tile = (512, DIM, 2048) if work.reduced else (4096, DIM, 65536)
    rate = product_rate(work, tile, torch.float32)
    work.measure(f"product of tiles {tile[0]:,} x {tile[2]:,}, d={DIM}", f"{rate / 1e12:.2f} TFLOP/s")
    for size in sizes:
        work.attempt(f"exact search, {size:,} x {size:,}", lambda size=size: _exact(work, size, rate))  # type: ignore[misc]
    size = 1000 if work.reduced else 200_000
    work.attempt(f"CSLS means, {size:,} x {size:,}", lambda: _means(work, size))


def _exact(work: Work, size: int, rate: float) -> None:
    base, queries = (near_vectors(size, work.device, seed=seed) for seed in (0, 1))
    index = ExactIndex(base, device=work.device)
    few = min(size, 20_000)
    _, first, _ = work.timed(lambda: index.search(queries[:few], K))
    count = min(size, max(few, int(few * LONGEST / first)))
    found, seconds, peak = work.timed(lambda: index.search(queries[:count], K))
    share = 2 * count * size * DIM / seconds / rate
    part = "" if count == size else f", {count:,} of the queries"
    title = f"exact search, {size:,} x {size:,}, d={DIM}{part}"
    work.measure(title, f"{share:.0%} of the rate of products", seconds=seconds, peak_mb=peak)
    sample = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:500]
    exact = _float64_rows(queries[sample.to(work.device)], base)
    same = (torch.from_numpy(found.ids[sample.numpy()]) == exact).float().mean().item()
    work.verify(f"exact search, {size:,}: rows of float64", same >= 0.999, f"{same:.2%} the same", "99.9%")


def _float64_rows(queries: Tensor, base: Tensor) -> Tensor:
    """The K best rows by float64 scores, best first, on the host."""
    found = [(part.double() @ base.double().T).topk(K, dim=1).indices.cpu() for part in queries.split(50)]
    return torch.cat(found)


def _means(work: Work, size: int) -> None:
    left, right = (near_vectors(size, work.device, seed=seed) for seed in (2, 3))
    (found, _), seconds, peak = work.timed(lambda: csls_pair_means(left, right, K, kind="exact", device=work.device))
    few = left[:200].double() @ right.double().T
    gap = (torch.from_numpy(found[:200]).double() - few.topk(K, dim=1).values.mean(dim=1).cpu()).abs().max().item()
    title = f"CSLS means of both sides, {size:,} x {size:,}"
    work.verify(title, gap < 1e-5, f"{gap:.1e} from float64", "1e-5", seconds=seconds, peak_mb=peak)


def check_faiss(work: Work) -> None:
    """The kinds of FAISS, on a GPU if FAISS has code for it: recall and time; on a CPU to keep this check running."""
    try:
        faiss = import_faiss()
    except ImportError:
        work.skip("FAISS", "not installed; carry a wheel of faiss-gpu-cu12")
        return
    if work.on_gpu and not faiss_sees_gpu():
        work.skip("FAISS on a GPU", "this FAISS has no GPU code; carry a wheel of faiss-gpu-cu12 in place of faiss-cpu")
        return
    size = 5_000 if work.reduced else 500_000
    base, queries = (near_vectors(size, work.device, seed=seed) for seed in (0, 1))
    queries = queries[: size // 5]
    best = ExactIndex(base, device=work.device).search(queries, 1).ids[:, 0]
    rows, batch = base.cpu().numpy(), queries.cpu().numpy()
    for kind, least in (("flat", 0.999), ("ivf", 0.9)):
        work.attempt(kind, lambda kind=kind, least=least: _kind(work, kind, rows, batch, best, least))  # type: ignore[misc]
    if not hasattr(faiss, "GpuIndexCagra"):
        work.skip("cagra", "needs a FAISS built with cuVS")
    else:
        work.attempt("cagra", lambda: _cagra(work, faiss, rows, batch, best))


def _kind(work: Work, kind: str, rows: FloatArray, batch: FloatArray, best: IntArray, least: float) -> None:
    index, took, _ = work.timed(lambda: build_index(rows, kind=kind, device=work.device))
    found, seconds, _ = work.timed(lambda: index.search(batch, K))
    recall = float((found.ids[:, 0] == best).mean())
    title = f"{kind}, {len(batch):,} x {len(rows):,}"
    work.verify(title, recall >= least, f"recall@1 {recall:.4f}, build {took:.1f} s", str(least), seconds=seconds)


def _cagra(work: Work, faiss: Any, rows: FloatArray, batch: FloatArray, best: IntArray) -> None:
    config = faiss.GpuIndexCagraConfig()
    index = faiss.GpuIndexCagra(faiss.StandardGpuResources(), DIM, faiss.METRIC_INNER_PRODUCT, config)
    _, took, _ = work.timed(lambda: index.train(rows))
    (_, ids), seconds, _ = work.timed(lambda: index.search(batch, K))
    recall = float((ids[:, 0] == best).mean())
    title = f"cagra, {len(batch):,} x {len(rows):,}"
    work.measure(title, f"recall@1 {recall:.4f}, build {took:.1f} s", seconds=seconds)
