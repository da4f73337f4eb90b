"""Devices by name."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ON_CPU, Advice, UsageError, brief

if TYPE_CHECKING:
    import torch

DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/nvmap", "/dev/kfd")
"""Device files: NVIDIA on PCs and servers, in WSL, on Jetson; AMD, which torch calls ``cuda`` too."""


def torch_device(device: "str | torch.device") -> "torch.device":
    """The torch device of that name, whether or not this machine has it.

    Raises:
        UsageError: it is neither ``cpu`` nor ``cuda``.
    """
    import torch

    try:
        named = torch.device(str(device))  # a number would mean a GPU
    except RuntimeError:
        raise UsageError(f"device must be auto, cpu or cuda, got {brief(device)}") from None
    if named.type not in ("cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, got {brief(device)}")
    return named


def resolve_device(device: "str | torch.device") -> "torch.device":
    """The torch device to use for ``auto``, ``cpu`` or ``cuda``; ``auto`` takes CUDA where torch sees it.

    Raises:
        UsageError: an unknown device, or CUDA where torch sees none.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    named = torch_device(device)
    if named.type == "cuda" and not torch.cuda.is_available():
        what = "device 'cuda' is not available: this torch sees no CUDA device"
        raise UsageError(what, advice=Advice("use {}", ON_CPU))
    return named


def device_type(device: "str | torch.device") -> str:
    """``cpu`` or ``cuda``: the type of the device that ``resolve_device`` gives.

    Torch is not imported to see that no driver is there.

    Raises:
        UsageError: as ``resolve_device``.
    """
    known = str(device) in ("auto", "cpu") and sys.modules.get("torch") is None
    if known and (str(device) == "cpu" or not _may_have_gpu()):
        return "cpu"
    return resolve_device(device).type


def _may_have_gpu() -> bool:
    """Whether torch could see a GPU; ``False`` only under Linux without the device file of any driver."""
    return not sys.platform.startswith("linux") or any(Path(path).exists() for path in DRIVERS)


def is_available(device: "str | torch.device") -> bool:
    """Whether a device is there, by name."""
    try:
        device_type(device)
    except UsageError:
        return False
    return True
