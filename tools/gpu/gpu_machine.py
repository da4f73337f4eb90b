"""The GPU, the versions of everything, and the rates that other checks are compared with."""

import importlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from gpu_rows import NEEDS_CUDA, Work

PACKAGES = ("torch", "torch-geometric", "numpy", "scipy", "faiss-cpu", "faiss-gpu-cu12", "faiss-gpu-cuvs")
NEEDED = {  # module -> package, of all that the checks import
    "torch": "torch",
    "torch_geometric": "torch-geometric",
    "numpy": "numpy",
    "scipy": "scipy",
    "networkx": "networkx",
    "pydantic": "pydantic",
    "safetensors": "safetensors",
    "threadpoolctl": "threadpoolctl",
    "tomli_w": "tomli-w",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
}


def missing_packages() -> list[str]:
    """Packages that mmkg needs and that cannot be imported; FAISS is not among them."""
    found = []
    for module, package in NEEDED.items():
        try:
            importlib.import_module(module)
        except ImportError:
            found.append(package)
    return found


def facts(device: torch.device) -> dict[str, Any]:
    """Device, versions and what torch was built for, as JSON values."""
    about: dict[str, Any] = {
        "device": str(device),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "threads": torch.get_num_threads(),
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "gpu": None,
    }
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        about["gpu"] = {
            "name": card.name,
            "memory_gb": round(card.total_memory / 1e9, 1),
            "capability": f"{card.major}.{card.minor}",
            "multiprocessors": card.multi_processor_count,
            "built_for": torch.cuda.get_arch_list(),
        }
    return about


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def product_rate(work: Work, shape: tuple[int, int, int], dtype: torch.dtype, *, repeats: int = 5) -> float:
    """Operations per second of a product ``[m, k] @ [k, n]`` on the device, the fastest of some calls."""
    m, k, n = shape
    left, right = (torch.randn(*each, device=work.device).to(dtype) for each in ((m, k), (k, n)))
    out = torch.empty(m, n, device=work.device, dtype=dtype)
    torch.mm(left, right, out=out)
    _, seconds, _ = work.timed(lambda: torch.mm(left, right, out=out), repeats=repeats)
    return 2 * m * n * k / seconds


def check_machine(work: Work) -> None:
    """Rates of square products in each precision, of the product of a search, and of copies."""
    size = 512 if work.reduced else 8192
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("float32 in TF32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
    ):
        if tf32 and not work.on_gpu:
            work.skip(f"product in {name}", NEEDS_CUDA)
            continue
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        try:
            rate = product_rate(work, (size, size, size), dtype)
        finally:
            torch.set_float32_matmul_precision(before)
        work.measure(f"product in {name}, {size:,} x {size:,}", f"{rate / 1e12:.2f} TFLOP/s")
    array = torch.zeros(1 << (20 if work.reduced else 28), device=work.device)
    _, seconds, _ = work.timed(lambda: array.add_(1), repeats=5)
    work.measure("memory read and written", f"{8 * len(array) / seconds / 1e9:.0f} GB/s")
    if work.on_gpu:
        host = torch.zeros(1 << 26).pin_memory()
        _, seconds, _ = work.timed(lambda: host.to(work.device, non_blocking=True), repeats=3)
        work.measure("copy from pinned memory", f"{4 * len(host) / seconds / 1e9:.1f} GB/s")
