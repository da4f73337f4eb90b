"""Label propagation, the evidence of a refinement, and Sinkhorn on the GPU against the CPU."""

import numpy as np
import torch
from gpu_rows import Work
from torch import Tensor

from mmkg.data.features.incidence import build_incidence
from mmkg.data.task import AlignmentTask
from mmkg.data.tensors.incidence import Incidence
from mmkg.matching.sinkhorn import transport
from mmkg.models import Propagation, PropagationConfig, spread_matches
from mmkg.models.refinement import RefinementConfig
from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs

LEAST_COSINE = 0.999


def check_propagation(work: Work) -> None:
    """Cosines of the embeddings of both devices, Hits@1, and seconds of each."""
    options = {**LIKE_DBP15K, "noise": 0.15, "image_dim": 64, "valid_ratio": 0.0}
    task = twin_graphs(200 if work.reduced else 20_000, **options)
    cpu = build_incidence(task)
    gpu = cpu.to(work.device)
    work.attempt("propagation", lambda: _propagated(work, task, cpu, gpu))
    work.attempt("refinement", lambda: _refined(work, task, cpu, gpu))
    work.attempt("Sinkhorn", lambda: _transported(work))


def _propagated(work: Work, task: AlignmentTask, cpu: Incidence, gpu: Incidence) -> None:
    small = {"structure_dim": 64, "relation_dim": 64, "attribute_dim": 64, "name_dim": 64, "image_dim": 64}
    model = Propagation(PropagationConfig(**small) if work.reduced else None)
    expected, on_cpu, _ = work.timed(lambda: model.embed(cpu, task.links.train))
    model.embed(gpu, task.links.train[:10])  # the first products of a process load libraries
    found, seconds, peak = work.timed(lambda: model.embed(gpu, task.links.train))
    _compare(work, "propagation", expected, found.cpu(), on_cpu, seconds, peak)
    hits = [_hits(rows.to(work.device), task, cpu.num_left) for rows in (expected, found)]
    good = abs(hits[0] - hits[1]) <= 0.01
    work.verify("propagation: Hits@1", good, f"{hits[1]:.3f}, CPU {hits[0]:.3f}", "within .01")


def _hits(rows: Tensor, task: AlignmentTask, num_left: int) -> float:
    test = torch.from_numpy(task.links.test).to(rows.device)
    left, right = rows[test[:, 0]], rows[num_left + test[:, 1]]
    found = torch.cat([(part @ right.T).argmax(dim=1) for part in left.split(2048)])
    return float((found == torch.arange(len(test), device=rows.device)).float().mean())


def _refined(work: Work, task: AlignmentTask, cpu: Incidence, gpu: Incidence) -> None:
    config = RefinementConfig(structure_dim=64, relation_dim=64, attribute_dim=64) if work.reduced else None
    left, right = task.links.train.T
    likely = np.random.default_rng(0).uniform(0.1, 1, len(left)).astype(np.float32)
    expected, on_cpu, _ = work.timed(lambda: spread_matches(cpu, left, right, likely, config))
    found, seconds, peak = work.timed(lambda: spread_matches(gpu, left, right, likely, config))
    sides = [torch.cat(list(parts.values()), dim=1).cpu() for parts in (expected, found)]
    _compare(work, "refinement", sides[0], sides[1], on_cpu, seconds, peak)


def _compare(
    work: Work, what: str, expected: Tensor, found: Tensor, on_cpu: float, seconds: float, peak: float | None
) -> None:
    cosines = torch.nn.functional.cosine_similarity(found, expected, dim=1)[expected.any(dim=1)]
    least = float(cosines.min())
    value = f"cosine to the CPU's at least {least:.5f}"
    work.verify(f"{what}: embeddings", least >= LEAST_COSINE, value, str(LEAST_COSINE), seconds=seconds, peak_mb=peak)
    work.measure(f"{what}: CPU seconds over GPU seconds", f"{on_cpu / seconds:.1f}", seconds=seconds)


def _transported(work: Work) -> None:
    rows_per_side, candidates = (300, 10) if work.reduced else (200_000, 50)
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(rows_per_side), candidates)
    cols = (rows + rng.integers(0, rows_per_side // candidates, len(rows)) * candidates) % rows_per_side
    keys = np.unique(rows * rows_per_side + cols)
    rows, cols = np.divmod(keys, rows_per_side)
    scores = rng.uniform(-1, 1, len(rows)).astype(np.float32)
    shape = (rows_per_side, rows_per_side)
    expected, on_cpu, _ = work.timed(lambda: transport(rows, cols, scores, shape))
    found, seconds, peak = work.timed(lambda: transport(rows, cols, scores, shape, device=work.device))
    gap = float(np.abs(found - expected).max())
    title = f"Sinkhorn, {len(rows):,} pairs"
    work.verify(title, gap < 1e-6, f"{gap:.1e} apart", "1e-6", seconds=seconds, peak_mb=peak)
    work.measure("Sinkhorn: CPU seconds over GPU seconds", f"{on_cpu / seconds:.1f}", seconds=seconds)
