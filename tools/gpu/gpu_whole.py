"""A whole run of MEAformer at the size of DBP15K zh_en, with its full schedule."""

import numpy as np
import torch
from gpu_rows import Work

import mmkg
from mmkg.sources.synthetic import LIKE_DBP15K, twin_graphs

GOAL = 60.0
SIZE = 19_500


def check_meaformer(work: Work) -> None:
    """Seconds of the phases, Hits@1 and peak memory; the goal is one minute."""
    if work.pair is not None:
        task, what = mmkg.load(work.pair, seed=42, valid_ratio=0.0), work.pair.name
    else:
        size = 120 if work.reduced else SIZE
        options = {**LIKE_DBP15K, "image_dim": 16 if work.reduced else 2048, "noise": 0.3, "valid_ratio": 0.0}
        task, what = twin_graphs(size, **options), f"twins of {size:,}"
    settings = {"training": {"epochs": 3}, "options": {"hidden_dim": 16}} if work.reduced else {}
    result, seconds, peak = work.timed(
        lambda: mmkg.align(task, "meaformer", device=str(work.device), progress=False, settings=settings)
    )
    figures = result.metrics["left_to_right"]
    title = f"meaformer, {what}, {result.experiment.training.epochs} epochs"
    if work.reduced:
        work.measure(title, f"{seconds:.0f} s", seconds=seconds, peak_mb=peak)
    else:
        work.goal(title, seconds < GOAL, f"{seconds:.0f} s", f"{GOAL:.0f} s", seconds=seconds, peak_mb=peak)
    for phase, spent in result.record.seconds.items():
        work.measure(f"  {phase}", f"{spent / seconds:.0%}", seconds=spent)
    left, right = (torch.from_numpy(np.asarray(rows[:1000], np.float32)) for rows in (result.left, result.right))
    finite = bool(torch.isfinite(left).all() and torch.isfinite(right).all())
    work.verify("meaformer: embeddings are finite", finite, str(finite), "True")
    work.measure("meaformer: Hits@1, MRR", f"{figures['hits@1']:.3f}, {figures['mrr']:.3f}")
