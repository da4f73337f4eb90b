"""A run on disk: every file is written whole, and a manifest with the SHA-256 of each comes last."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.devices import device_type, is_available
from ..config.experiment import Experiment
from ..data.entities import EntityTable
from ..data.relations import RelationPair
from ..data.task import LinkSplit
from ..errors import InputError
from ..evaluation import Protocol
from ..files import write_text
from ..folders import MANIFEST, read_manifest, replaced
from ..matching.held_out import HeldOut
from ..report import Link, RunRecord, write_tsv
from ..schema import checked
from ..search import Index, load_index, save_index
from ..search.mapped import write_arrays
from ..search.never import NO_PAIRS
from ..typing import IntArray
from .calibrate import Confidences
from .embeddings import Embeddings
from .graphs import RunGraphs, StoredGraphs, write_graphs
from .linked import are_guesses
from .read_hits import AGAIN, FORMAT, NEIGHBORS, read_counterparts, read_searched, steady
from .searcher import EmbeddingSearch
from .stored import (
    Description,
    check_index,
    embedding_arrays,
    neighbor_arrays,
    read_experiment,
    read_history,
    read_record,
    read_relations,
)
from .tensors import read_projection, read_weights

if TYPE_CHECKING:
    import torch

FILES = (
    "config.toml",
    "entities.json",
    "links.json",
    "embeddings.safetensors",
    "metrics.jsonl",
    "record.json",
    "alignment.tsv",
    "report.html",
)
WEIGHTS, RELATIONS, PROJECTION, INDEX = "model.safetensors", "relations.json", "projection.safetensors", "index.faiss"
LARGE = 1 << 16  # numbers in a table of weights from which it is stored as float16


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
    weights: "Mapping[str, torch.Tensor]"
    projection: "Mapping[str, torch.Tensor]" = field(default_factory=dict)
    device: str = "auto"
    aligned_relations: Sequence[RelationPair] | None = None
    held_out: HeldOut | None = None
    kept: IntArray = field(default_factory=lambda: NO_PAIRS)
    store: StoredGraphs | None = None
    alone: IntArray = field(default_factory=lambda: NO_PAIRS)
    judged: HeldOut | None = None

    @property
    def confidences(self) -> Confidences:
        """Confidences of the run, with its search."""
        search = self.experiment.search
        searcher = EmbeddingSearch(self.embeddings, self.protocol.csls_k, search, self.device)
        guessed = are_guesses(self.links, self.protocol)
        return Confidences(searcher, self.links, search, self.experiment.seed, self.held_out, guessed, self.judged)


def write_run(
    run: RunContent,
    folder: str | Path,
    *,
    matches: Iterable[Link],
    report: str,
    graphs: RunGraphs | None = None,
) -> Path:
    """Write a run folder.

    Args:
        run: the content.
        folder: made if it does not exist; a run in it is replaced when this one is whole.
        matches: the links of ``alignment.tsv``.
        report: the page ``report.html``.
        graphs: the aligned graphs, from which a run learns to embed new entities.

    Returns:
        The folder.
    """
    confidences = run.confidences
    index = confidences.searcher.stored_index

    def counterparts() -> dict[str, Any] | None:
        learnt = confidences.counterparts
        return None if learnt is None else learnt.as_dict()

    content = {"description": run.description, "num_matched": run.embeddings.num_matched, "counterparts": counterparts}
    with replaced(folder, format=FORMAT, **content) as new:
        _write_files(run, new, index, matches, report)
        if graphs is not None:
            write_graphs(graphs, new)
    return Path(folder)


def _write_files(run: RunContent, folder: Path, index: Index | None, matches: Iterable[Link], report: str) -> None:
    searcher = run.confidences.searcher
    write_text(folder / "config.toml", run.experiment.to_toml())
    tables = [{"labels": list(t.labels), "names": list(t.names), "display": list(t.display)} for t in run.entities]
    write_text(folder / "entities.json", json.dumps(tables, ensure_ascii=False))
    parts = {name: getattr(run.links, name).tolist() for name in ("train", "valid", "test")}
    more = {"never": run.embeddings.never, "kept": run.kept, "alone": run.alone}
    parts |= {name: pairs.tolist() for name, pairs in more.items() if len(pairs)}
    write_text(folder / "links.json", json.dumps(parts))
    arrays = embedding_arrays(run.embeddings, run.experiment.search.store)
    if searcher.csls_k:
        arrays |= dict(zip(("left_mean", "right_mean"), searcher.means(), strict=True))
    write_arrays(folder / "embeddings.safetensors", arrays, {"widths": json.dumps(run.embeddings.widths)})
    if searcher.has_lists():
        write_arrays(folder / NEIGHBORS, neighbor_arrays(searcher.lists()), {})
    if run.projection:
        write_arrays(folder / PROJECTION, _arrays(run.projection), {})
    if run.weights:
        write_arrays(folder / WEIGHTS, _small(run.weights), {"model": run.experiment.model})
    write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in run.history))
    write_text(folder / "record.json", run.record.to_json())
    if run.aligned_relations is not None:
        rows = ",\n".join(json.dumps(pair._asdict(), ensure_ascii=False) for pair in run.aligned_relations)
        write_text(folder / RELATIONS, f"[{rows}]\n")
    if index is not None:
        save_index(index, folder / INDEX, about={"fingerprint": run.record.fingerprint})
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
    return steady(Path(folder), lambda: _read(Path(folder), fingerprint, device))


def _read(folder: Path, fingerprint: str | None, device: str | None) -> RunContent:
    manifest = read_manifest(folder, FILES, format=FORMAT, again=AGAIN)
    checked(manifest.get("description", {}), Description, folder / MANIFEST)
    record, protocol = read_record(folder / "record.json")
    if device is None:
        device = record.device if is_available(record.device) else "auto"
    if fingerprint is not None and record.fingerprint != fingerprint:
        raise InputError(f"this run belongs to other data: it has {record.fingerprint}, expected {fingerprint}", folder)
    found = read_searched(folder, manifest, protocol)
    widths = found.embeddings.widths
    run = RunContent(
        embeddings=found.embeddings,
        entities=found.entities,
        links=found.links,
        experiment=read_experiment(folder / "config.toml"),
        protocol=protocol,
        metrics=record.metrics,
        record=record,
        history=read_history(folder / "metrics.jsonl"),
        description=manifest.get("description", {}),
        weights=read_weights(folder / WEIGHTS) if WEIGHTS in manifest["sha256"] else {},
        projection=read_projection(folder / PROJECTION, widths) if PROJECTION in manifest["sha256"] else {},
        device=device,
        aligned_relations=read_relations(folder / RELATIONS) if RELATIONS in manifest["sha256"] else None,
        kept=found.kept,
        alone=found.alone,
        store=StoredGraphs.of(folder, manifest["sha256"], found.entities),
    )
    confidences = run.confidences
    if INDEX in manifest["sha256"]:
        on = "cpu" if device_type(device) == "cpu" else "auto"  # it was saved on the CPU and stays there
        digest = manifest["sha256"][INDEX]
        stored = load_index(folder / INDEX, device=on, expect={"fingerprint": record.fingerprint}, digest=digest)
        size, dim = found.embeddings.num_matched[1], found.embeddings.left.shape[1]
        check_index(stored.index, folder / INDEX, size=size, dim=dim, csls=protocol.csls_k > 0)
        confidences.searcher.keep_index("left", stored.index)
    found.keep_in(confidences.searcher)
    counterparts = read_counterparts(folder, manifest)
    if counterparts is not None and protocol.calibrated_before:
        run = replace(run, held_out=counterparts.sample)
    if counterparts is not None:
        run = replace(run, judged=counterparts.judged)
        run.confidences.keep(counterparts)
    return run


def _arrays(tensors: "Mapping[str, torch.Tensor]") -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _small(weights: "Mapping[str, torch.Tensor]") -> dict[str, np.ndarray]:
    """Weights with large tables as float16, if that holds their numbers."""

    def stored(array: np.ndarray) -> np.ndarray:
        if array.dtype != np.float32 or array.size < LARGE:
            return array
        half = array.astype(np.float16)
        return half if bool(np.isfinite(half).all()) else array

    return {name: stored(array) for name, array in _arrays(weights).items()}
