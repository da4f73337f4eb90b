"""What an alignment run leaves behind: embeddings, figures, matches; to ask, to save, to load again."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .config import Experiment, read_toml
from .data.kg import KnowledgeGraph
from .data.task import LinkSplit
from .errors import InputError, UsageError, nearest
from .evaluation import Protocol, evaluate
from .files import atomic_path, sha256_file, write_text
from .fusion import modality_shares
from .matching import MATCHERS, Calibration, Matching
from .report import Link, RunRecord, render_report, write_tsv
from .search import Neighbors, build_index, csls_augment, csls_neighbors, load_index, mean_top_k, save_index
from .search.vectors import unit_rows
from .typing import FloatArray, IntArray

FORMAT = 1
LEAST_TO_CALIBRATE = 10
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
class EntityTable:
    """Labels of one graph's entities, what they are called, and what people see.

    Args:
        labels: URIs or strings, unique.
        names: by which a person may ask; the label where there is no name.
        display: what is shown.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    display: tuple[str, ...]

    @staticmethod
    def of(graph: KnowledgeGraph) -> "EntityTable":
        """Of a graph."""
        names = graph.names or (None,) * graph.num_entities
        called = tuple(name or label for name, label in zip(names, graph.entities, strict=True))
        return EntityTable(graph.entities, called, tuple(graph.label(row) for row in range(graph.num_entities)))

    def find(self, text: str) -> list[int]:
        """Rows of the entity with this label, else of all with this name (then: in any letter case).

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        if text in self._rows:
            return [self._rows[text]]
        for fold in (str, str.casefold):
            rows = [row for row, name in enumerate(self.names) if fold(name) == fold(text)]
            if rows:
                return rows
        raise UsageError(f"no entity has the label or name {text!r}; {nearest_few(text, self.names)}")

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {label: row for row, label in enumerate(self.labels)}


@dataclass(frozen=True)
class Hit:
    """One answer of a search.

    Args:
        row: of the answering graph.
        label: its URI or string.
        display: what to show.
        score: CSLS if the run uses it, else cosine; larger is better.
        confidence: probability that it is the counterpart, ``None`` where nothing was calibrated.
        shares: per modality its part of the cosine; they sum to the cosine.
    """

    row: int
    label: str
    display: str
    score: float
    confidence: float | None
    shares: Mapping[str, float]


@dataclass(frozen=True)
class AlignmentResult:
    """Aligned embeddings of two graphs and all that can be asked of them.

    Args:
        left, right: unit rows, float32 ``[n1, D]`` and ``[n2, D]``.
        widths: per modality the width of its part of D, in order.
        entities: tables of the left and the right graph.
        links: the split that was used.
        experiment: configuration of the run.
        protocol: how ``metrics`` came about.
        metrics: per direction Hits@1/5/10, MRR and MR on the test links; empty without test links.
        history: one row per epoch.
        record: machine, versions, time and memory.
        description: what ``describe`` says of the task.
        weights: state of the model, to be saved with the run.
    """

    left: FloatArray
    right: FloatArray
    widths: Mapping[str, int]
    entities: tuple[EntityTable, EntityTable]
    links: LinkSplit
    experiment: Experiment
    protocol: Protocol
    metrics: Mapping[str, Mapping[str, float]]
    record: RunRecord
    history: Sequence[Mapping[str, Any]] = ()
    description: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @cached_property
    def matching(self) -> Matching:
        """One-to-one matches over all entities of both graphs, by the run's matcher."""
        return self.match()

    def match(self, method: str | None = None, *, csls_k: int | None = None, device: str = "auto") -> Matching:
        """Matches over all entities of both graphs.

        Args:
            method: name in ``MATCHERS``; by default the run's.
            csls_k: by default the run's.
            device: where scores are computed.

        Returns:
            Pairs with scores, and confidences where validation links were there to calibrate on.
        """
        method = self.experiment.search.matcher if method is None else method
        if method not in MATCHERS:
            raise UsageError(f"unknown matcher {method!r}; {nearest(method, MATCHERS)}")
        csls_k = self.experiment.search.csls_k if csls_k is None else csls_k
        found = MATCHERS[method](self.left, self.right, csls_k=csls_k, device=device)
        if self.calibration is None or csls_k != self.protocol.csls_k:
            return found
        return found.with_confidence(self.calibration.predict(found.score))

    def evaluate(
        self,
        *,
        candidates: str | None = None,
        csls_k: int | None = None,
        links: IntArray | None = None,
        device: str = "auto",
    ) -> dict[str, dict[str, float]]:
        """Metrics on the test links (or others), with the run's protocol unless told otherwise."""
        links = self.links.test if links is None else links
        if len(links) == 0:
            return {}
        return evaluate(
            self.left,
            self.right,
            links,
            candidates=candidates or self.protocol.candidates,
            csls_k=self.protocol.csls_k if csls_k is None else csls_k,
            device=device,
        )

    def restrict(self, modalities: Sequence[str]) -> "AlignmentResult":
        """The same run judged by some of its modalities only: their parts of the embeddings, of unit length.

        Raises:
            UsageError: no modality, or one that the run does not have.
        """
        if not modalities:
            raise UsageError(f"name at least one modality; this run has {', '.join(self.widths)}")
        for name in modalities:
            if name not in self.widths:
                raise UsageError(f"this run has no modality {name!r}; {nearest(name, self.widths)}")
        starts = dict(zip(self.widths, np.cumsum([0, *self.widths.values()]).tolist(), strict=False))
        columns = np.concatenate(
            [np.arange(starts[n], starts[n] + self.widths[n]) for n in self.widths if n in modalities]
        )
        widths = {name: width for name, width in self.widths.items() if name in modalities}
        protocol = replace(self.protocol, modalities=tuple(widths), surface_names="name" in widths)
        left, right = (unit_rows(torch.from_numpy(side[:, columns])).numpy() for side in (self.left, self.right))
        restricted = replace(self, left=left, right=right, widths=widths, protocol=protocol, metrics={})
        return replace(restricted, metrics=restricted.evaluate())

    def search(self, entity: str | int, *, k: int = 5, side: str = "left") -> list[Hit]:
        """The k most likely counterparts of an entity, best first.

        Args:
            entity: its row, its URI, or its name; of several of one name, the first with a link, else the first.
            k: number of answers.
            side: graph of the entity, ``left`` or ``right``.

        Raises:
            UsageError: no such entity or side.
        """
        asking, _ = self._sides(side)
        row = self.find(entity, side=side)[0]
        if not 0 <= row < len(asking):
            raise UsageError(f"row must be in 0..{len(asking) - 1}, got {row}")
        found = self._nearest(asking[row : row + 1], k, side)
        return list(self._hits(row, found.ids[0], found.scores[0], side))

    def neighbors(self, k: int = 1, *, side: str = "left") -> tuple[Neighbors, FloatArray | None]:
        """The k best counterparts of every entity of one side, with scores and confidences ``[n, k]``."""
        found = self._nearest(self._sides(side)[0], k, side)
        if self.calibration is None:
            return found, None
        scores = np.where(found.ids >= 0, found.scores, np.float32(-9))
        return found, self.calibration.predict(scores.ravel()).reshape(scores.shape)

    def find(self, entity: str | int, *, side: str = "left") -> list[int]:
        """Rows that an entity's row, URI or name may mean, those with a known link first."""
        self._sides(side)
        if not isinstance(entity, str):
            return [int(entity)]
        column = 0 if side == "left" else 1
        rows = self.entities[column].find(entity)
        linked = set(self.links.all()[:, column].tolist())
        return sorted(rows, key=lambda row: (row not in linked, row))

    def shares(self, pairs: IntArray) -> dict[str, FloatArray]:
        """Part of each modality in the cosine of each pair, ``[M]``; they sum to the cosine."""
        left, right = torch.from_numpy(self.left[pairs[:, 0]]), torch.from_numpy(self.right[pairs[:, 1]])
        parts = modality_shares(left, right, list(self.widths.values())).numpy()
        return {name: parts[:, m] for m, name in enumerate(self.widths)}

    def sample(self, number: int = 12, *, seed: int = 0) -> list[dict[str, Any]]:
        """A few test links with the answer the run gives, for ``report.matches_table``."""
        links = self.links.test if len(self.links.test) else self.matching.pairs
        rows = np.random.default_rng(seed).permutation(len(links))[:number]
        chosen = []
        for left, gold in links[np.sort(rows)].tolist():
            hit = self.search(left, k=1)[0]
            total = sum(hit.shares.values()) or 1.0
            chosen.append(
                {
                    "left": self.entities[0].display[left],
                    "right": hit.display,
                    "gold": self.entities[1].display[gold],
                    "correct": hit.row == gold,
                    "score": hit.score,
                    "confidence": hit.confidence,
                    "shares": {name: share / total for name, share in hit.shares.items()},
                }
            )
        return chosen

    def export(self, matching: Matching | None = None) -> Iterator[Link]:
        """Matches with labels, for ``report.write_tsv`` and ``report.write_ntriples``."""
        matching = self.matching if matching is None else matching
        left, right = self.entities
        for place, (i, j) in enumerate(matching.pairs.tolist()):
            confidence = None if matching.confidence is None else float(matching.confidence[place])
            score = float(matching.score[place])
            yield Link(left.labels[i], right.labels[j], score, confidence, left.display[i], right.display[j])

    def save(self, folder: str | Path) -> Path:
        """Write the run folder; every file appears whole, and the manifest with their hashes comes last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        write_text(folder / "config.toml", self.experiment.to_toml())
        tables = [{"labels": t.labels, "names": t.names, "display": t.display} for t in self.entities]
        write_text(folder / "entities.json", json.dumps(tables, ensure_ascii=False))
        parts = {name: getattr(self.links, name).tolist() for name in ("train", "valid", "test")}
        write_text(folder / "links.json", json.dumps(parts))
        embeddings = {"left": torch.from_numpy(self.left), "right": torch.from_numpy(self.right)}
        _write_tensors(folder / "embeddings.safetensors", embeddings, {"widths": json.dumps(dict(self.widths))})
        (folder / WEIGHTS).unlink(missing_ok=True)
        if self.weights:
            _write_tensors(folder / WEIGHTS, self.weights, {"model": self.experiment.model})
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in self.history))
        write_text(folder / "record.json", self.record.to_json())
        save_index(self._index("left"), folder / "index.faiss", about={"fingerprint": self.record.fingerprint})
        write_tsv(folder / "alignment.tsv", self.export())
        write_text(folder / "report.html", self.report())
        names = sorted([*FILES, *([WEIGHTS] if self.weights else [])])
        hashes = {name: sha256_file(folder / name) for name in names}
        manifest = {"format": FORMAT, "description": self.description, "sha256": hashes}
        text = json.dumps(manifest | {"seal": _seal(manifest)}, indent=1, ensure_ascii=False)
        write_text(folder / "manifest.json", text + "\n")
        return folder

    def report(self) -> str:
        """The run as one HTML page."""
        return render_report(
            title=f"{self.description.get('name', 'alignment')} · {self.experiment.model}",
            protocol=self.protocol.as_dict(),
            metrics=self.metrics,
            history=self.history,
            description=self.description or None,
            matches=self.sample(20),
            record=json.loads(self.record.to_json()),
        )

    @staticmethod
    def load(folder: str | Path, *, fingerprint: str | None = None) -> "AlignmentResult":
        """Read a run folder, after checking the hash of each file.

        Args:
            folder: written by ``save``.
            fingerprint: of the data it must belong to, if that matters.

        Raises:
            InputError: no run, a file is missing or damaged, or the run belongs to other data.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        record = RunRecord.from_json((folder / "record.json").read_text(encoding="utf-8"), path=folder / "record.json")
        if fingerprint is not None and record.fingerprint != fingerprint:
            raise InputError(
                f"this run belongs to other data: it has {record.fingerprint}, expected {fingerprint}", folder
            )
        try:
            tensors = load_file(folder / "embeddings.safetensors")
            from safetensors import safe_open

            with safe_open(folder / "embeddings.safetensors", framework="pt") as file:
                widths = json.loads(file.metadata()["widths"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"damaged embeddings ({error}); run the alignment again", folder) from error
        tables = json.loads((folder / "entities.json").read_text(encoding="utf-8"))
        parts = json.loads((folder / "links.json").read_text(encoding="utf-8"))
        arrays = {name: np.array(rows, dtype=np.int64).reshape(-1, 2) for name, rows in parts.items()}
        values = read_toml(folder / "config.toml")
        known = [f.name for f in fields(Protocol)]
        protocol = {name: value for name, value in record.protocol.items() if name in known}
        protocol |= {name: tuple(protocol[name]) for name in ("modalities", "directions")}
        history = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        left, right = (EntityTable(*(tuple(t[key]) for key in ("labels", "names", "display"))) for t in tables)
        result = AlignmentResult(
            left=tensors["left"].numpy(),
            right=tensors["right"].numpy(),
            widths=widths,
            entities=(left, right),
            links=LinkSplit(**arrays),
            experiment=Experiment.of(values),
            protocol=Protocol(**protocol),
            metrics=record.metrics,
            record=record,
            history=history,
            description=manifest["description"],
            weights=load_file(folder / WEIGHTS) if WEIGHTS in manifest["sha256"] else {},
        )
        stored = load_index(folder / "index.faiss", expect={"fingerprint": record.fingerprint})
        result._indexes["left"] = stored.index
        return result

    @cached_property
    def _indexes(self) -> dict[str, Any]:
        return {}

    def _sides(self, side: str) -> tuple[FloatArray, FloatArray]:
        if side not in ("left", "right"):
            raise UsageError(f"unknown side {side!r}; {nearest(side, ('left', 'right'))}")
        return (self.left, self.right) if side == "left" else (self.right, self.left)

    def _index(self, side: str) -> Any:
        """Index of the answering graph; with CSLS over vectors of one more column."""
        asking, answering = self._sides(side)
        search, csls_k = self.experiment.search, self.protocol.csls_k
        if side not in self._indexes:
            base = csls_augment(asking, answering, csls_k)[1] if csls_k else answering
            self._indexes[side] = build_index(
                base, kind=search.index, metric="ip" if csls_k else "cosine", device="cpu", config=search.options
            )
        return self._indexes[side]

    def _nearest(self, queries: FloatArray, k: int, side: str) -> Neighbors:
        """The k best of the answering graph for unit rows ``[Q, D]``, by CSLS or cosine."""
        csls_k = self.protocol.csls_k
        if not csls_k:
            return self._index(side).search(queries, k)
        augmented = np.concatenate([2 * queries, np.ones((len(queries), 1), np.float32)], axis=1)
        row_mean = mean_top_k(queries, self._sides(side)[1], csls_k)
        return csls_neighbors(self._index(side).search(augmented, k), row_mean)

    @cached_property
    def calibration(self) -> Calibration | None:
        """From scores to the probability that a pair is right; ``None`` with fewer than ten validation links.

        Fitted on the ten nearest right entities of every left entity with a validation link. Entities
        without any counterpart are not among these, so where there are many of them it is too sure.
        """
        valid = self.links.valid
        if len(valid) < LEAST_TO_CALIBRATE:
            return None
        found = self._nearest(self.left[valid[:, 0]], 10, "left")
        there = found.ids >= 0
        return Calibration.fit(found.scores[there], (found.ids == valid[:, 1:])[there])

    def _hits(self, row: int, ids: IntArray, scores: FloatArray, side: str) -> Iterator[Hit]:
        table = self.entities[1 if side == "left" else 0]
        ids = ids[ids >= 0]
        others = np.full(len(ids), row)
        parts = self.shares(np.stack([others, ids] if side == "left" else [ids, others], axis=1))
        confidence = None if self.calibration is None else self.calibration.predict(scores[: len(ids)])
        for place, answer in enumerate(ids.tolist()):
            yield Hit(
                answer,
                table.labels[answer],
                table.display[answer],
                float(scores[place]),
                None if confidence is None else float(confidence[place]),
                {name: float(part[place]) for name, part in parts.items()},
            )


def check_threshold(threshold: float) -> float:
    """A least confidence, if it is one; else a ``UsageError``."""
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold must be in 0..1, got {threshold}")
    return threshold


def nearest_few(text: str, names: Sequence[str]) -> str:
    """The three names most like a text, for a message."""
    import difflib

    close = difflib.get_close_matches(text, list(dict.fromkeys(names[:50_000])), n=3, cutoff=0.5)
    return f"near: {', '.join(map(repr, close))}" if close else "give its URI or its name"


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what a manifest says."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        state = "an unfinished run; start the same command again to go on" if folder.is_dir() else "no such folder"
        raise InputError(f"expected a finished run with a manifest, found {state}", folder)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        seal = manifest.pop("seal")
        hashes = dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"damaged manifest ({error!r}); run the alignment again", path) from error
    if manifest.get("format") != FORMAT:
        raise InputError(f"expected run format {FORMAT}, got {manifest.get('format')}", path)
    if seal != _seal(manifest):
        raise InputError("damaged manifest: it does not hash to its seal; run the alignment again", path)
    for name in sorted(set(FILES) | set(hashes)):
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing from this run; run the alignment again", folder)
        if (found := sha256_file(folder / name)) != hashes.get(name):
            raise InputError(
                f"{name} is damaged or not of this run: SHA-256 {found}, the manifest says {hashes.get(name)}", folder
            )
    return dict(manifest)
