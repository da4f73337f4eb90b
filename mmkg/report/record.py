"""The record of a run: seed, code, versions, machine, time and memory, and its figures."""

import importlib.metadata
import json
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..progress import step
from ..records import Record
from ..schema import Facts, checked, parse_json
from ..version import __version__

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "torch-geometric", "faiss-cpu", "faiss-gpu", "numpy", "scipy", "networkx", "safetensors")


class Stopwatch:
    """Sums wall and CPU seconds per phase.

    Repeated phases add up; a phase inside another counts for both. ``wall`` and ``cpu`` hold the seconds of the
    finished phases, in the order in which they first ended. CPU seconds count all threads of this process, without
    child processes.
    """

    def __init__(
        self,
        *,
        wall_clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._clocks = (wall_clock, cpu_clock)
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside the ``with`` block, also if it raises; a step of ``mmkg.progress``."""
        start = [clock() for clock in self._clocks]
        try:
            with step(name):
                yield
        finally:
            for sums, clock, begun in zip((self.wall, self.cpu), self._clocks, start, strict=True):
                sums[name] = sums.get(name, 0.0) + clock() - begun


@dataclass(frozen=True, eq=False, repr=False)
class RunRecord(Record):
    """The content of ``record.json``.

    Args:
        seed: random seed of the run.
        device: torch device, e.g. ``cpu`` or ``cuda:0``.
        threads: number of threads of torch.
        fingerprint: SHA-256 of the data (`AlignmentTask.fingerprint`).
        graphs: SHA-256 of the left and of the right graph; empty in records of older versions.
        protocol: evaluation protocol: candidates, selection, CSLS k, ...
        metrics: the figures, nested as in the result of the evaluation.
        seconds: wall seconds by phase.
        cpu_seconds: CPU seconds by phase.
        peak_rss_mb: highest resident memory of the process in 10^6 bytes, ``None`` where it cannot be read.
        git: commit of the checkout of mmkg, with ``-dirty`` if tracked files differ; ``None`` outside a checkout.
        versions: installed version of each package that can affect the result.
        python: version of the interpreter.
        platform: operating system and machine.
        created: time of the record, UTC, ISO 8601.
    """

    seed: int
    device: str
    threads: int
    fingerprint: str | None = None
    graphs: Sequence[str] = ()
    protocol: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    peak_rss_mb: float | None = None
    git: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    platform: str = ""
    created: str = ""

    @staticmethod
    def collect(
        *,
        seed: int,
        device: str,
        stopwatch: Stopwatch | None = None,
        fingerprint: str | None = None,
        graphs: Sequence[str] = (),
        protocol: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> "RunRecord":
        """Record of the run so far: the arguments, and the properties of this process and machine."""
        import torch

        return RunRecord(
            seed=seed,
            device=str(device),
            threads=torch.get_num_threads(),
            fingerprint=fingerprint,
            graphs=list(graphs),
            protocol=dict(protocol or {}),
            metrics=dict(metrics or {}),
            seconds={} if stopwatch is None else {name: round(s, 3) for name, s in stopwatch.wall.items()},
            cpu_seconds={} if stopwatch is None else {name: round(s, 3) for name, s in stopwatch.cpu.items()},
            peak_rss_mb=peak_rss_mb(),
            git=git_commit(Path(__file__).parents[2]),
            versions=package_versions(),
            python=platform.python_version(),
            platform=platform.platform(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def to_json(self) -> str:
        """Indented JSON with a final newline; NaN and infinity are refused.

        Raises:
            ValueError: a metric is not finite.
            TypeError: a value is not a number, text, list or mapping.
        """
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str, *, path: str | Path | None = None) -> "RunRecord":
        """Record of a JSON text; unknown fields (of newer versions) are ignored.

        Args:
            text: result of `to_json`.
            path: its file, for messages.

        Raises:
            InputError: not JSON, not an object, or a required field is missing.
        """
        values = parse_json(text, Facts, path)
        missing = [name for name in ("seed", "device", "threads") if name not in values]
        if missing:
            raise InputError(f"expected the fields of a run record, {', '.join(missing)} missing", path)
        known = {each.name for each in fields(RunRecord)}
        record: RunRecord = checked({name: value for name, value in values.items() if name in known}, RunRecord, path)
        return record


def package_versions() -> dict[str, str]:
    """Version of mmkg and of each installed package of ``PACKAGES``.

    The version of an imported torch includes its build (``2.13.0+cpu``).
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "torch" in sys.modules:
        versions["torch"] = str(sys.modules["torch"].__version__)
    return {"mmkg": __version__, **versions}


def peak_rss_mb() -> float | None:
    """Highest resident memory of this process so far, in 10^6 bytes; ``None`` where the system does not count it."""
    try:  # Linux: getrusage would include the memory of the parent at the fork
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def git_commit(folder: str | Path) -> str | None:
    """Commit of the git checkout at ``folder``, with ``-dirty`` if tracked files differ; ``None`` without one."""
    folder = Path(folder)
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.SubprocessError) as error:
        logger.debug("no git commit for the record: %s", error)
        return None
    return commit + ("-dirty" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=environment)
    return done.stdout
