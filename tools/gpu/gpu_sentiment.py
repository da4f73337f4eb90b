"""The sentiment models: an epoch on the GPU against the CPU, and its time at the size of MOSI."""

from typing import Any

import torch
from gpu_rows import Work

from mmkg.sentiment import SentimentData, fit, synthetic

TOLERANCE = 1e-3
MODELS = ("tfr-net", "tate")
SMALL: dict[str, dict[str, Any]] = {"tfr-net": {"dim": 12}, "tate": {"dim": 8}}
MOSI: dict[str, Any] = {
    "lengths": {"text": 50, "audio": 375, "vision": 500},
    "dims": {"text": 768, "audio": 5, "vision": 20},
}
STEPS: dict[str, Any] = {"lengths": {"text": 4, "audio": 5, "vision": 6}}


def losses(
    work: Work, model: str, data: SentimentData, epochs: int, device: torch.device, **dropout: float
) -> list[float]:
    """Losses of the epochs of the model, and of its teacher before it."""
    schedule = {"epochs": epochs}
    options = (SMALL[model] if work.reduced else {}) | dropout
    settings = {"training": schedule, "options": options} | ({"pretraining": schedule} if model == "tate" else {})
    found = fit(data, model, missing="frame:0.3", device=device, progress=False, settings=settings)
    return [float(row["loss"]) for row in found.history]


def check_sentiment(work: Work) -> None:
    """Losses without dropout against those of the CPU, with convolutions in plain float32; seconds of an epoch."""
    for model in MODELS:
        work.attempt(model, lambda model=model: _against_cpu(work, model))  # type: ignore[misc]
        work.attempt(f"{model}, epoch", lambda model=model: _epoch(work, model))  # type: ignore[misc]


def _against_cpu(work: Work, model: str) -> None:
    data = synthetic(sizes=(24, 8, 8), **STEPS) if work.reduced else synthetic()
    none = {"dropout": 0.0} | ({"embed_dropout": 0.0} if model == "tfr-net" else {})
    epochs = 1 if work.reduced else 3
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        expected = losses(work, model, data, epochs, torch.device("cpu"), **none)
        found, seconds, peak = work.timed(lambda: losses(work, model, data, epochs, work.device, **none))
    finally:
        torch.backends.cudnn.allow_tf32 = before
    gap = max(abs(a - b) / max(abs(b), 1.0) for a, b in zip(found, expected, strict=True))
    title = f"{model}: losses of {len(found)} epochs"
    work.verify(title, gap <= TOLERANCE, f"{gap:.1e} apart", "1e-3", seconds=seconds, peak_mb=peak)


def _epoch(work: Work, model: str) -> None:
    shape, size = (STEPS, 24) if work.reduced else (MOSI, 1284)
    data = synthetic(sizes=(size, 24, 24), **shape)
    if not work.reduced:
        losses(work, model, synthetic(sizes=(24, 8, 8), **shape), 1, work.device)  # loads libraries
    _, seconds, peak = work.timed(lambda: losses(work, model, data, 1, work.device))
    stages = 2 if model == "tate" else 1
    title = f"{model}: epoch of {size:,} samples, validation and test of 24"
    work.measure(title, f"{seconds / stages:.1f} s", seconds=seconds, peak_mb=peak)
