"""``mmkg doctor``: versions, the active FAISS, BLAS kernels, threads, memory, GPUs and extras of an installation."""

import base64
import hashlib
import importlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..printing import show
from .options import Json, expanded
from .shown import print_json

LIBRARIES = ("torch", "torch_geometric", "faiss", "numpy", "scipy", "networkx")
FAISS_DISTRIBUTIONS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12")
SLOW_KERNELS = ("prescott", "nehalem", "katmai", "core2", "penryn", "generic")
SWAP = "pip uninstall -y faiss-cpu faiss-gpu; pip install --force-reinstall --no-deps {name}"


@expanded
def doctor(as_json: Json = False) -> None:
    """Print versions, the FAISS build, BLAS kernels and threads."""
    if as_json:
        print_json(diagnose())
    else:
        show(diagnose_text())


def diagnose() -> dict[str, Any]:
    """All facts that `mmkg doctor` shows, as plain values that JSON can hold. Never raises.

    A fact that cannot be read is ``None`` or a text with the error. ``warnings`` lists the problems, each with its
    remedy.
    """
    report: dict[str, Any] = {
        "mmkg": _try(lambda: importlib.import_module("mmkg").__version__),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "torch": _try(_torch),
        "faiss": _try(_faiss),
        "blas": _try(_blas),
        "cpu": {"logical": os.cpu_count(), "usable": _try(lambda: len(os.sched_getaffinity(0)))},
        "memory_mb": _try(_memory),
        "cache": _try(_cache),
        "extras": _try(_extras),
    }
    warnings = _try(lambda: _warnings(report))
    report["warnings"] = warnings if isinstance(warnings, list) else [warnings]
    return report


def diagnose_text() -> str:
    """The facts as text, one a line, then the warnings. Never raises."""
    report = diagnose()
    lines: list[tuple[str, str]] = [(name, str(report[name])) for name in ("mmkg", "python", "platform")]
    lines += [(name, str(version)) for name, version in report["versions"].items()]
    lines += _section("torch", report["torch"])
    lines += _section("faiss", report["faiss"])
    if isinstance(report["blas"], list):
        lines += [(f"blas {each['library']}", f"{each['version']} {each['kernel']}".strip()) for each in report["blas"]]
    else:
        lines.append(("blas", str(report["blas"])))
    lines += _section("cpu", report["cpu"]) + _section("memory MB", report["memory_mb"])
    lines += _section("cache", report["cache"])
    if isinstance(report["extras"], dict):
        lines += [(f"extra {name}", "installed" if not how else how) for name, how in report["extras"].items()]
    width = max(len(name) for name, _ in lines)
    text = "".join(f"{name:<{width}}  {value}\n" for name, value in lines)
    return text + "".join(f"warning: {warning}\n" for warning in report["warnings"])


def _try(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # a broken library is reported, not raised
        return f"{type(error).__name__}: {error}"


def _section(name: str, values: Any) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return [(name, str(values))]
    shown = {
        key: ", ".join(map(str, value)) or "none" if isinstance(value, list) else value for key, value in values.items()
    }
    return [(f"{name} {key.replace('_', ' ')}", str(value)) for key, value in shown.items()]


def _version(module: str) -> str | None:
    """Version of a library as it imports; the error as text if it does not; ``None`` if it is absent."""
    try:
        return str(_load(module).__version__)
    except ModuleNotFoundError as error:
        return None if error.name == module else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _load(module: str) -> Any:
    if module == "faiss":  # through mmkg.search, which chooses the kernel of FAISS's BLAS
        try:
            return importlib.import_module("mmkg.search.faiss_module").import_faiss()
        except Exception:  # absent or broken: the plain import below raises the reason
            pass
    return importlib.import_module(module)


def _torch() -> dict[str, Any]:
    torch = importlib.import_module("torch")
    found = torch.cuda.is_available()
    devices = range(torch.cuda.device_count()) if found else []
    return {
        "build": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "gpus": [
            f"{torch.cuda.get_device_name(i)} (sm_{''.join(map(str, torch.cuda.get_device_capability(i)))}, "
            f"{torch.cuda.get_device_properties(i).total_memory / 1e6:,.0f} MB)"
            for i in devices
        ],
        "gpu_architectures": torch.cuda.get_arch_list() if found else [],
    }


def _faiss() -> dict[str, Any]:
    faiss = _load("faiss")
    installed = {name: version for name in FAISS_DISTRIBUTIONS if (version := _distribution_version(name))}
    return {
        "distributions": [f"{name} {version}" for name, version in installed.items()],
        "active": next((name for name in installed if _owns_its_files(name)), None),
        "compile_options": faiss.get_compile_options().strip(),
        "gpu_indexes": hasattr(faiss, "StandardGpuResources"),
        "gpus_seen": faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0,
        "threads": faiss.omp_get_max_threads(),
        "folder": str(Path(faiss.__file__).parent),
    }


def _distribution_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _owns_its_files(distribution: str) -> bool:
    """Whether the compiled FAISS on disk has the hash in the RECORD of this distribution."""
    files = importlib.metadata.files(distribution) or []
    libraries = [file for file in files if re.fullmatch(r"_swigfaiss[^/]*\.(so|pyd)", file.name)]
    for file in libraries:
        path = Path(str(file.locate()))
        if not path.is_file() or file.hash is None or (file.size is not None and path.stat().st_size != file.size):
            return False
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, file.hash.mode).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            return False
    return bool(libraries)


def _blas() -> list[dict[str, str]] | str:
    for name in LIBRARIES:
        _version(name)
    kernels: list[dict[str, str]] = importlib.import_module("mmkg.compute.blas").blas_kernels()
    return [{**each, "library": _short_path(each["library"])} for each in kernels]


def _short_path(path: str) -> str:
    """The part of a path below site-packages, which names the package that contains the library."""
    return re.split(r"(?:site|dist)-packages[\\/]", path)[-1]


def _memory() -> dict[str, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    return {
        "total": round(page * os.sysconf("SC_PHYS_PAGES") / 1e6),
        "available": round(page * os.sysconf("SC_AVPHYS_PAGES") / 1e6),
    }


def _cache() -> dict[str, Any]:
    folder = importlib.import_module("mmkg.data.arrays.cache").cache_folder()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"folder": str(folder), "mb": round(size / 1e6)}


def _extras() -> dict[str, str]:
    """For each extra "" if all its packages are installed, else the pip command that installs them."""
    state: dict[str, str] = {}
    for requirement in importlib.metadata.requires("mmkg") or []:
        found = re.match(r"([A-Za-z0-9._-]+).*extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        if found:
            name, extra = found.groups()
            state.setdefault(extra, "")
            if _distribution_version(name) is None:
                state[extra] = f"pip install 'mmkg[{extra}]'"
    return state


def _warnings(report: dict[str, Any]) -> list[str]:
    found = []
    for name, version in report["versions"].items():
        if version is None:
            found.append(f"{name} is not installed: pip install {name.replace('_', '-').replace('faiss', 'faiss-cpu')}")
        elif not version[:1].isdigit():
            found.append(f"{name} does not import ({version}); install it again")
    faiss = report["faiss"]
    if isinstance(faiss, dict):
        active = faiss["active"]
        if len(faiss["distributions"]) > 1:
            found.append(
                f"{' and '.join(faiss['distributions'])} are both installed and write the same files "
                f"(now those of {active or 'neither'}); keep one: {SWAP.format(name='faiss-cpu or faiss-gpu')}"
            )
        elif faiss["distributions"] and active is None:
            name = faiss["distributions"][0].split()[0]
            found.append(f"the files of {name} were overwritten: {SWAP.format(name=name)}")
        if faiss["gpu_indexes"] and not faiss["gpus_seen"]:
            found.append("this faiss has GPU indexes but sees no GPU; searches stay on the CPU")
    if isinstance(report["blas"], list):
        for each in report["blas"]:
            if each["kernel"].lower() in SLOW_KERNELS and platform.machine().lower() in ("x86_64", "amd64"):
                found.append(
                    f"{each['library']} runs the kernel {each['kernel']}, several times slower than this CPU allows; "
                    "import mmkg.search before faiss, or set OPENBLAS_CORETYPE=Haswell"
                )
    return found
