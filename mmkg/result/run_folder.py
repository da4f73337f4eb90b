"""A run on disk: every file is written whole, and a manifest with the SHA-256 of each comes last."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ..compute.devices import is_available, resolve_device
from ..config.experiment import Experiment
from ..data.entities import EntityTable
from ..data.task import LinkSplit
from ..errors import InputError
from ..evaluation import Protocol
from ..files import atomic_path, write_text
from ..folders import read_manifest, replaced
from ..matching import Counterparts
from ..report import Link, RunRecord, write_tsv
from ..search import Index, load_index, save_index
from ..settings import read_toml
from .calibrate import Confidences
from .embeddings import Embeddings, EmbeddingSearch

FORMAT = 1
FILES = (
    "config.toml",
    "entities.json",
    "links.json",
    "embeddings.safetensors",
    "metrics.jsonl",
    "record.json",
    "index.faiss",
    "index.faiss.json",
    "alignment.tsv",
    "report.html",
)
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class RunContent:
    """What a run folder holds; the fields are those of ``AlignmentResult``."""

    embeddings: Embeddings
    entities: tuple[EntityTable, EntityTable]
    links: LinkSplit
    experiment: Experiment
    protocol: Protocol
    metrics: Mapping[str, Mapping[str, float]]
    record: RunRecord
    history: Sequence[Mapping[str, Any]]
    description: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    device: str = "auto"

    @property
    def confidences(self) -> Confidences:
        """Confidences of the run, with its search."""
        search = self.experiment.search
        searcher = EmbeddingSearch(self.embeddings, self.protocol.csls_k, search, self.device)
        return Confidences(searcher, self.links, search, self.experiment.seed)


def write_run(run: RunContent, folder: str | Path, *, matches: Iterable[Link], report: str) -> Path:
    """Write a run folder.

    Args:
        run: the content.
        folder: made if it does not exist; a run in it is replaced when this one is whole.
        matches: the links of ``alignment.tsv``.
        report: the page ``report.html``.

    Returns:
        The folder.
    """
    confidences = run.confidences
    searcher = confidences.searcher
    index = searcher.index()

    def counterparts() -> dict[str, Any] | None:
        learnt = confidences.counterparts
        return None if learnt is None else learnt.as_dict()

    with replaced(folder, format=FORMAT, description=run.description, counterparts=counterparts) as new:
        _write_files(run, new, index, matches, report)
    return Path(folder)


def _write_files(run: RunContent, folder: Path, index: Index, matches: Iterable[Link], report: str) -> None:
    searcher = run.confidences.searcher
    write_text(folder / "config.toml", run.experiment.to_toml())
    tables = [{"labels": t.labels, "names": t.names, "display": t.display} for t in run.entities]
    write_text(folder / "entities.json", json.dumps(tables, ensure_ascii=False))
    parts = {name: getattr(run.links, name).tolist() for name in ("train", "valid", "test")}
    write_text(folder / "links.json", json.dumps(parts))
    tensors = {"left": torch.from_numpy(run.embeddings.left), "right": torch.from_numpy(run.embeddings.right)}
    if searcher.csls_k:
        means = zip(("left_mean", "right_mean"), searcher.means(), strict=True)
        tensors |= {name: torch.from_numpy(mean) for name, mean in means}
    _write_tensors(folder / "embeddings.safetensors", tensors, {"widths": json.dumps(run.embeddings.widths)})
    if run.weights:
        _write_tensors(folder / WEIGHTS, run.weights, {"model": run.experiment.model})
    write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in run.history))
    write_text(folder / "record.json", run.record.to_json())
    save_index(index, folder / "index.faiss", about={"fingerprint": run.record.fingerprint})
    write_tsv(folder / "alignment.tsv", matches)
    write_text(folder / "report.html", report)


def read_run(folder: str | Path, *, fingerprint: str | None = None, device: str | None = "auto") -> RunContent:
    """Read a run folder, after checking the hash of each file.

    Embeddings are mapped into memory, not read: rows that are not used stay on the disk.

    Args:
        folder: written by ``write_run``.
        fingerprint: fingerprint of the data that the run must belong to; ``None`` = any data.

        device: where scores are computed: ``auto``, ``cpu`` or ``cuda``; ``None`` = as in training, or ``auto`` if this
            machine does not have that device.

    Raises:
        InputError: no run, a file is missing or damaged, or the run belongs to other data.
        UsageError: the device is not available.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, FILES, format=FORMAT, again="run the alignment again")
    record = RunRecord.from_json((folder / "record.json").read_text(encoding="utf-8"), path=folder / "record.json")
    if device is None:
        device = record.device if is_available(record.device) else "auto"
    if fingerprint is not None and record.fingerprint != fingerprint:
        raise InputError(f"this run belongs to other data: it has {record.fingerprint}, expected {fingerprint}", folder)
    try:
        tensors = load_file(folder / "embeddings.safetensors")  # safetensors maps the file
        with safe_open(folder / "embeddings.safetensors", framework="pt") as file:
            widths = json.loads(file.metadata()["widths"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"damaged embeddings ({error}); run the alignment again", folder) from error
    tables = json.loads((folder / "entities.json").read_text(encoding="utf-8"))
    left, right = (EntityTable.of_columns(t["labels"], t["names"], t["display"]) for t in tables)
    parts = json.loads((folder / "links.json").read_text(encoding="utf-8"))
    protocol = {f.name: record.protocol[f.name] for f in fields(Protocol) if f.name in record.protocol}
    protocol = {name: tuple(value) if isinstance(value, list) else value for name, value in protocol.items()}
    run = RunContent(
        embeddings=Embeddings(tensors["left"].numpy(), tensors["right"].numpy(), widths),
        entities=(left, right),
        links=LinkSplit(**{name: np.array(rows, dtype=np.int64).reshape(-1, 2) for name, rows in parts.items()}),
        experiment=Experiment.of(read_toml(folder / "config.toml")),
        protocol=Protocol(**protocol),
        metrics=record.metrics,
        record=record,
        history=[json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()],
        description=manifest["description"],
        weights=load_file(folder / WEIGHTS) if WEIGHTS in manifest["sha256"] else {},
        device=device,
    )
    confidences = run.confidences
    on = "cpu" if resolve_device(device).type == "cpu" else "auto"  # a FAISS index was saved on the CPU and stays there
    stored = load_index(folder / "index.faiss", device=on, expect={"fingerprint": record.fingerprint})
    confidences.searcher.keep_index("left", stored.index)
    if "left_mean" in tensors:
        confidences.searcher.keep_means((tensors["left_mean"].numpy(), tensors["right_mean"].numpy()))
    if "counterparts" in manifest:
        learnt = manifest["counterparts"]
        confidences.keep(None if learnt is None else Counterparts.from_dict(learnt))
    return run


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
