"""A run on disk: every file written whole, and a manifest with the SHA-256 of each, last."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ..config.experiment import Experiment
from ..config.parse import read_toml
from ..data.entities import EntityTable
from ..data.task import LinkSplit
from ..errors import InputError
from ..evaluation import Protocol
from ..files import atomic_path, read_manifest, write_manifest, write_text
from ..matching import Counterparts
from ..report import RunRecord, write_tsv
from ..search import load_index, save_index
from .result import AlignmentResult

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


def write_run(result: AlignmentResult, folder: str | Path) -> Path:
    """Write a run folder.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    write_text(folder / "config.toml", result.experiment.to_toml())
    tables = [{"labels": t.labels, "names": t.names, "display": t.display} for t in result.entities]
    write_text(folder / "entities.json", json.dumps(tables, ensure_ascii=False))
    parts = {name: getattr(result.links, name).tolist() for name in ("train", "valid", "test")}
    write_text(folder / "links.json", json.dumps(parts))
    embeddings = {"left": torch.from_numpy(result.left), "right": torch.from_numpy(result.right)}
    if result.protocol.csls_k:
        means = zip(("left_mean", "right_mean"), result.csls_means, strict=True)
        embeddings |= {name: torch.from_numpy(mean) for name, mean in means}
    _write_tensors(folder / "embeddings.safetensors", embeddings, {"widths": json.dumps(dict(result.widths))})
    (folder / WEIGHTS).unlink(missing_ok=True)
    if result.weights:
        _write_tensors(folder / WEIGHTS, result.weights, {"model": result.experiment.model})
    write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in result.history))
    write_text(folder / "record.json", result.record.to_json())
    save_index(result.index(), folder / "index.faiss", about={"fingerprint": result.record.fingerprint})
    write_tsv(folder / "alignment.tsv", result.export())
    write_text(folder / "report.html", result.report())
    names = [*FILES, *([WEIGHTS] if result.weights else [])]
    learnt = None if result.counterparts is None else result.counterparts.as_dict()
    write_manifest(folder, names, format=FORMAT, description=result.description, counterparts=learnt)
    return folder


def read_run(folder: str | Path, *, fingerprint: str | None = None) -> AlignmentResult:
    """Read a run folder, after checking the hash of each file.

    Embeddings are mapped into memory, not read: what is not asked for stays on the disk.

    Args:
        folder: written by ``write_run``.
        fingerprint: of the data it must belong to, if that matters.

    Raises:
        InputError: no run, a file is missing or damaged, or the run belongs to other data.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, FILES, format=FORMAT, again="run the alignment again")
    record = RunRecord.from_json((folder / "record.json").read_text(encoding="utf-8"), path=folder / "record.json")
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
    history = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    stored = load_index(folder / "index.faiss", expect={"fingerprint": record.fingerprint})
    result = AlignmentResult(
        left=tensors["left"].numpy(),
        right=tensors["right"].numpy(),
        widths=widths,
        entities=(left, right),
        links=LinkSplit(**{name: np.array(rows, dtype=np.int64).reshape(-1, 2) for name, rows in parts.items()}),
        experiment=Experiment.of(read_toml(folder / "config.toml")),
        protocol=Protocol(**protocol),
        metrics=record.metrics,
        record=record,
        history=history,
        description=manifest["description"],
        weights=load_file(folder / WEIGHTS) if WEIGHTS in manifest["sha256"] else {},
    )
    result.indexes["left"] = stored.index
    if "left_mean" in tensors:
        result.__dict__["csls_means"] = (tensors["left_mean"].numpy(), tensors["right_mean"].numpy())
    if "counterparts" in manifest:
        learnt = manifest["counterparts"]
        result.__dict__["counterparts"] = None if learnt is None else Counterparts.from_dict(learnt)
    return result


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
