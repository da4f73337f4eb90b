"""What an alignment run leaves behind: embeddings, figures, matches; to ask, to save, to load again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..config.experiment import Experiment
from ..data.entities import EntityTable
from ..data.split import sample_links
from ..data.task import AlignmentTask, LinkSplit
from ..errors import UsageError, nearest
from ..evaluation import Protocol, all_metrics, evaluate, evaluate_sample, listed_ranks, matching_figures
from ..evaluation.protocol import LEFT_TO_RIGHT, RIGHT_TO_LEFT
from ..fusion import modality_shares
from ..matching import MATCHERS, Counterparts, Matching
from ..matching.counterparts import pair_margins
from ..matching.sinkhorn import transported_pairs
from ..modalities import SURFACE
from ..report import Link, RunRecord, links_of, render_report
from ..search import INDEXES, Index, Neighbors, build_index, csls_neighbors
from ..search.exact import ExactIndex
from ..search.index import LARGEST_FLAT
from ..search.means import csls_pair_means, mean_scores
from ..search.neighbors import sort_neighbors
from ..search.vectors import unit_rows
from ..typing import FloatArray, IntArray

SAME_AS_PRECISION = 0.95  # of links that are called owl:sameAs and not skos:closeMatch
BLOCK_BYTES = 256 << 20  # of entities that are scored at a time without an index
FEW_ROWS = 4096  # are scored with all others where an index would have to be built first
BLOCK_ROWS = 1 << 18  # lists are read once per block
KEPT = (
    "matching",
    "csls_means",
    "indexes",
    "counterparts",
)  # computed once, from the embeddings and the protocol's CSLS


@dataclass(frozen=True)
class Hit:
    """One answer of a search.

    Args:
        row: of the answering graph.
        label: its URI or string.
        display: what to show.
        score: CSLS if the run uses it, else cosine; larger is better.
        confidence: probability that it is the counterpart, ``None`` where nothing was calibrated; that of an answer
            which is nearer to another entity is small, so that it need not fall along the list.
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
        left, right: unit rows, float32 or float16 ``[n1, D]`` and ``[n2, D]``; may be mapped from a file.
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

    def match(
        self, method: str | None = None, *, k: int | None = None, csls_k: int | None = None, device: str = "auto"
    ) -> Matching:
        """Matches over all entities of both graphs.

        Args:
            method: name in ``MATCHERS``; by default the run's.
            k: nearest entities of either side that come into question; by default the matcher's own choice.
            csls_k: by default the run's.
            device: where scores are computed.

        Returns:
            Pairs with scores, and confidences where validation links were there to calibrate on.
        """
        method = self.experiment.search.matcher if method is None else method
        if method not in MATCHERS:
            raise UsageError(f"unknown matcher {method!r}; {nearest(method, MATCHERS)}")
        csls_k = self.experiment.search.csls_k if csls_k is None else csls_k
        means = self.csls_means if csls_k and csls_k == self.protocol.csls_k else None
        options = self.experiment.search.matcher_options(method) | ({} if k is None else {"k": k})
        if means is not None and max(len(self.left), len(self.right)) > LARGEST_FLAT:
            options["indexes"] = (self.index("left"), self.index("right"))
        found = MATCHERS[method](
            self.left, self.right, csls_k=csls_k, kind="auto", device=device, means=means, **options
        )
        if self.counterparts is None or csls_k != self.protocol.csls_k:
            return found
        return found.with_confidence(self.confidences(found.pairs, found.score))

    def believed(self, matching: Matching | None = None, threshold: float | None = None) -> Matching:
        """Only the matches that are sure enough; an entity in none of them has no counterpart, as far as one can tell.

        Args:
            matching: with confidences; by default the run's.
            threshold: least confidence; ``None`` = that with the best F1 on validation links, or no threshold where
                there are too few of them.

        Raises:
            UsageError: a threshold > 0, but no confidences.
        """
        matching = self.matching if matching is None else matching
        threshold = self.threshold() if threshold is None else threshold
        if check_threshold(threshold) == 0:
            return matching
        if matching.confidence is None:
            raise UsageError(
                "a threshold needs confidences, and this run had too few validation links to calibrate them"
            )
        return matching.keep(matching.confidence >= threshold)

    def threshold(self, min_precision: float | None = None) -> float:
        """The least confidence with the best F1 on validation links, or with a wanted precision; 0 without confidences.

        Raises:
            UsageError: no confidence reaches that precision, or there are none.
        """
        if self.counterparts is not None:
            return self.counterparts.threshold(min_precision).value
        if min_precision is not None:
            raise UsageError(
                "a precision needs confidences, and this run had too few validation links to calibrate them"
            )
        return 0.0

    def same_as_threshold(self, threshold: float = 0.0) -> float:
        """The least confidence of what may be called the same: a precision of 0.95 on validation links, at most 1.

        Args:
            threshold: of the links that are believed; the result is not below it.
        """
        if self.counterparts is None:
            return 1.0
        try:
            return max(threshold, self.counterparts.threshold(SAME_AS_PRECISION).value)
        except UsageError:  # never as precise
            return 1.0

    def aligned_pairs(self, task: AlignmentTask, matching: Matching) -> IntArray:
        """Training and validation links of a run, and the matches that contradict none of them, int64 ``[M, 2]``.

        Raises:
            UsageError: ``task`` holds other graphs than the run.
        """
        for side, graph, table in zip(("left", "right"), (task.left, task.right), self.entities, strict=True):
            if graph.entities != table.labels:
                raise UsageError(
                    f"this run belongs to other data: its {side} graph has {len(table.labels):,} entities, first "
                    f"{table.labels[0]!r}; the pair has {graph.num_entities:,}, first {graph.entities[0]!r}"
                )
        known = np.concatenate([self.links.train, self.links.valid])
        _, first_left = np.unique(known[:, 0], return_index=True)
        known = known[np.sort(first_left)]  # one to one, where the links are not
        _, first_right = np.unique(known[:, 1], return_index=True)
        known = known[np.sort(first_right)]
        free = ~(np.isin(matching.left, known[:, 0]) | np.isin(matching.right, known[:, 1]))
        return np.concatenate([known, matching.pairs[free]])

    def evaluate(
        self,
        *,
        candidates: str | None = None,
        csls_k: int | None = None,
        links: IntArray | None = None,
        device: str = "auto",
    ) -> dict[str, dict[str, float]]:
        """Metrics on the test links (or others), with the run's protocol unless told otherwise.

        Of more links than ``search.test_queries`` a sample is ranked, among the candidates of all.
        """
        links = self.links.test if links is None else links
        if len(links) == 0:
            return {}
        candidates = candidates or self.protocol.candidates
        csls_k = self.protocol.csls_k if csls_k is None else csls_k
        asked = sample_links(
            links, self.experiment.search.ranked(len(links)), seed=self.experiment.seed, label="ranked test links"
        )
        means = self.csls_means if candidates == "all" and csls_k and csls_k == self.protocol.csls_k else None
        if len(asked) == len(links) and means is None:
            return evaluate(self.left, self.right, links, candidates=candidates, csls_k=csls_k, device=device)
        return evaluate_sample(
            self.left, self.right, links, asked, candidates=candidates, csls_k=csls_k, means=means, device=device
        )

    def evaluate_assignment(
        self, *, candidates: str | None = None, links: IntArray | None = None, device: str = "auto"
    ) -> dict[str, dict[str, float]]:
        """Metrics of an assignment: candidates are ranked by what Sinkhorn makes of the scores of all queries.

        A ranking in which the queries compete for the candidates. With candidates ``test`` it also knows that every
        query has its answer among them and no answer belongs to two, which no user knows: keep these figures
        apart from those of ``evaluate``. Settings are ``search.sinkhorn`` of the experiment.
        """
        links = self.links.test if links is None else links
        if len(links) == 0:
            return {}
        some = (candidates or self.protocol.candidates) == "test"
        pools = [
            np.unique(links[:, side]) if some else np.arange(len(rows))
            for side, rows in enumerate((self.left, self.right))
        ]
        gold = np.stack([np.searchsorted(pools[side], links[:, side]) for side in (0, 1)], axis=1)
        rows, cols, weights = transported_pairs(
            self.left[pools[0]],
            self.right[pools[1]],
            self.experiment.search.matcher_settings("sinkhorn"),
            csls_k=self.protocol.csls_k,
            device=device,
        )
        there = listed_ranks(rows, cols, weights, gold, num_rows=len(pools[0]), num_candidates=len(pools[1]))
        back = listed_ranks(cols, rows, weights, gold[:, ::-1], num_rows=len(pools[1]), num_candidates=len(pools[0]))
        return {LEFT_TO_RIGHT: all_metrics(there), RIGHT_TO_LEFT: all_metrics(back)}

    def figures(self, matching: Matching | None = None) -> dict[str, float]:
        """Precision, recall and F1 on the test links of a matching over all entities, by default the run's.

        Figures of links found, not of ranks; see ``matching_figures``. Empty without test links.
        """
        matching = self.matching if matching is None else matching
        return matching_figures(matching.pairs, self.links.test) if len(self.links.test) else {}

    def evaluated(
        self,
        *,
        candidates: str | None = None,
        csls_k: int | None = None,
        rescoring: str = "none",
        device: str = "auto",
    ) -> "AlignmentResult":
        """The same run with the metrics that ``evaluate`` gives, and the protocol that goes with them.

        With ``rescoring="sinkhorn"`` those of ``evaluate_assignment``, of all test links.
        """
        ranked = self.experiment.search.ranked(len(self.links.test))
        if rescoring == "sinkhorn":
            if csls_k is not None and csls_k != self.protocol.csls_k:
                raise UsageError("rescoring takes the candidates of the run's own CSLS; leave csls_k out")
            metrics, ranked = self.evaluate_assignment(candidates=candidates, device=device), len(self.links.test)
        else:
            metrics = self.evaluate(candidates=candidates, csls_k=csls_k, device=device)
        protocol = replace(
            self.protocol,
            candidates=candidates or self.protocol.candidates,
            csls_k=self.protocol.csls_k if csls_k is None else csls_k,
            num_test_ranked=ranked if ranked < len(self.links.test) else None,
            rescoring=rescoring,
        )
        if protocol.csls_k != self.protocol.csls_k:
            return replace(self, metrics=metrics, protocol=protocol)
        return self.annotated(metrics=metrics, protocol=protocol)

    def annotated(self, **changes: Any) -> "AlignmentResult":
        """The same run with other ``metrics``, ``record`` or notes; what was found out about the embeddings is kept."""
        other = replace(self, **changes)
        other.__dict__.update({name: value for name, value in vars(self).items() if name in KEPT})
        return other

    def restrict(self, modalities: Sequence[str], *, evaluate: bool = True) -> "AlignmentResult":
        """The same run judged by some of its modalities only: their parts of the embeddings, of unit length.

        Args:
            modalities: names of some of ``widths``.
            evaluate: whether to rank the test links; else ``metrics`` is empty.

        Raises:
            UsageError: no modality, or one that the run does not have.
        """
        if not modalities:
            raise UsageError(f"name at least one modality; this run has {', '.join(self.widths)}")
        for name in modalities:
            if name not in self.widths:
                raise UsageError(f"this run has no modality {name!r}; {nearest(name, self.widths)}")
        starts = dict(zip(self.widths, np.cumsum([0, *self.widths.values()]).tolist(), strict=False))
        widths = {name: width for name, width in self.widths.items() if name in modalities}
        columns = np.concatenate([np.arange(starts[name], starts[name] + width) for name, width in widths.items()])
        protocol = replace(self.protocol, modalities=tuple(widths), surface_names=not SURFACE.isdisjoint(widths))
        left, right = (_columns(side, columns) for side in (self.left, self.right))
        restricted = replace(self, left=left, right=right, widths=widths, protocol=protocol, metrics={})
        return restricted.evaluated() if evaluate else restricted

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
        found = self.nearest(np.array([row]), k, side)
        return list(self._hits(row, found.ids[0], found.scores[0], side))

    def neighbors(self, k: int = 1, *, side: str = "left") -> tuple[Neighbors, FloatArray | None]:
        """The k best counterparts of every entity of one side, with scores and confidences ``[n, k]``."""
        rows = np.arange(len(self._sides(side)[0]))
        found = self.nearest(rows, k, side)
        return found, self._list_confidences(rows, found, side)

    def confidences(self, pairs: IntArray, scores: FloatArray) -> FloatArray:
        """Probability that each pair is right, float32 ``[P]``; scores are by the run's measure.

        Raises:
            UsageError: too few validation links to calibrate on.
        """
        if self.counterparts is None:
            raise UsageError("confidences need at least ten validation links")
        return self.counterparts.calibration.predict(pair_margins(pairs, scores, self.nearest))

    def _list_confidences(self, rows: IntArray, found: Neighbors, side: str) -> FloatArray | None:
        """Confidences of answers, ``[Q, K]``, 0 where there is none; ``None`` where nothing was calibrated."""
        if self.counterparts is None:
            return None
        asking, places = np.nonzero(found.ids >= 0)
        ends = [rows[asking], found.ids[asking, places]]
        pairs = np.stack(ends if side == "left" else ends[::-1], axis=1)
        confidence = np.zeros(found.ids.shape, np.float32)
        confidence[asking, places] = self.confidences(pairs, found.scores[asking, places])
        return confidence

    def find(self, entity: str | int, *, side: str = "left") -> list[int]:
        """Rows that an entity's row, URI or name may mean, those with a known link first."""
        self._sides(side)
        if not isinstance(entity, str):
            return [int(entity)]
        column = 0 if side == "left" else 1
        rows = self.entities[column].find(entity)
        if len(rows) == 1:
            return rows
        linked = np.isin(rows, self.links.all()[:, column])
        return [row for _, row in sorted(zip((~linked).tolist(), rows, strict=True))]

    def shares(self, pairs: IntArray) -> dict[str, FloatArray]:
        """Part of each modality in the cosine of each pair, ``[M]``; they sum to the cosine."""
        left, right = (
            torch.from_numpy(side[pairs[:, place]].astype(np.float32, copy=False))
            for place, side in enumerate((self.left, self.right))
        )
        parts = modality_shares(left, right, list(self.widths.values())).numpy()
        return {name: parts[:, m] for m, name in enumerate(self.widths)}

    def sample(self, number: int = 12, *, seed: int = 0) -> list[dict[str, Any]]:
        """A few test links with the answer the run gives, for ``report.matches_table``."""
        links = self.links.test if len(self.links.test) else self.matching.pairs
        rows = np.random.default_rng(seed).permutation(len(links))[:number]
        asked = links[np.sort(rows)]
        if len(asked) == 0:
            return []
        found = self.nearest(asked[:, 0], 1, "left")
        chosen = []
        for (left, gold), ids, scores in zip(asked.tolist(), found.ids, found.scores, strict=True):
            hit = next(self._hits(left, ids, scores, "left"))
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
        return links_of(*self.entities, self.matching if matching is None else matching)

    def save(self, folder: str | Path) -> Path:
        """Write the run folder; every file appears whole, and the manifest with their hashes comes last."""
        from .run_folder import write_run  # the folder knows the run, not the other way round

        return write_run(self, folder)

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
        """Read a run folder, after checking the hash of each file; embeddings are mapped from the disk.

        Args:
            folder: written by ``save``.
            fingerprint: of the data it must belong to, if that matters.

        Raises:
            InputError: no run, a file is missing or damaged, or the run belongs to other data.
        """
        from .run_folder import read_run

        return read_run(folder, fingerprint=fingerprint)

    @cached_property
    def csls_means(self) -> tuple[FloatArray, FloatArray]:
        """Mean cosine of each left entity to its nearest right ones, and of each right entity to its left ones."""
        k, search, widths = self.protocol.csls_k, self.experiment.search, tuple(self.widths.values())
        kind = INDEXES[search.index].extendable
        if kind is None or max(len(self.left), len(self.right)) <= LARGEST_FLAT:
            return csls_pair_means(self.left, self.right, k, config=search.index_options("auto", widths))
        means = []
        for side in ("left", "right"):
            asking, answering = self._sides(side)
            self._lists[side] = build_index(
                answering, kind=kind, device="cpu", config=search.index_options(kind, widths)
            )
            means.append(mean_scores(self._lists[side].search(asking, k)))
        return means[0], means[1]

    @cached_property
    def _lists(self) -> dict[str, Index]:
        """Indexes without the CSLS column, by the side that asks, until ``index`` takes their lists over."""
        return {}

    @cached_property
    def indexes(self) -> dict[str, Index]:
        """Indexes at hand, by the side that asks."""
        return {}

    def index(self, side: str = "left") -> Index:
        """Index of the graph that answers ``side``; with CSLS over vectors of one more column, see ``csls_augment``."""
        if side not in self.indexes:
            index = self._built(side)
            if len(few := index.tuning_rows(len(self._sides(side)[0]))):  # else a question would read too much
                index.tune(self._asked(few, side))
            self.indexes[side] = index
        return self.indexes[side]

    def _built(self, side: str) -> Index:
        answering, csls_k = self._sides(side)[1], self.protocol.csls_k
        kind = self.experiment.search.index
        config = self.experiment.search.index_options(kind, tuple(self.widths.values()))
        if not csls_k:
            return build_index(answering, kind=kind, device="cpu", config=config)
        column = -self.csls_means[1 if side == "left" else 0]
        if side in self._lists:
            return self._lists.pop(side).extended(column)
        base = np.concatenate([answering, column[:, None]], axis=1, dtype=np.float32)
        return build_index(base, kind=kind, metric="ip", device="cpu", config=config)

    def _asked(self, rows: IntArray, side: str) -> FloatArray:
        """Entities of ``side`` as the index wants to be asked, float32."""
        block = self._sides(side)[0][rows].astype(np.float32, copy=False)
        if self.protocol.csls_k:
            block = np.concatenate([2 * block, np.ones((len(block), 1), np.float32)], axis=1)
        return block

    def _sides(self, side: str) -> tuple[FloatArray, FloatArray]:
        if side not in ("left", "right"):
            raise UsageError(f"unknown side {side!r}; {nearest(side, ('left', 'right'))}")
        return (self.left, self.right) if side == "left" else (self.right, self.left)

    def nearest(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """The k best of the answering graph for some entities of ``side``, by CSLS or cosine."""
        size = len(self._sides(side)[1])
        if side not in self.indexes and size > LARGEST_FLAT and len(rows) <= FEW_ROWS:
            found = self._nearest_of_all(rows, k, side)
        else:
            blocks = np.split(rows, range(BLOCK_ROWS, len(rows), BLOCK_ROWS))
            parts = [self.index(side).search(self._asked(chosen, side), k) for chosen in blocks]
            ids, scores = ([getattr(part, name) for part in parts] for name in ("ids", "scores"))
            found = Neighbors(np.concatenate(ids), np.concatenate(scores))
        return (
            csls_neighbors(found, self.csls_means[0 if side == "left" else 1][rows]) if self.protocol.csls_k else found
        )

    def _nearest_of_all(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """The same without an index: all entities of the other side are scored, a block at a time."""
        answering, asked = self._sides(side)[1], self._asked(rows, side)
        ids, scores = np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32)
        step = min(BLOCK_ROWS, max(1, BLOCK_BYTES // (4 * answering.shape[1])))
        for start in range(0, len(answering), step):
            block = answering[start : start + step].astype(np.float32, copy=False)
            if self.protocol.csls_k:
                column = -self.csls_means[1 if side == "left" else 0][start : start + step, None]
                block = np.concatenate([block, column], axis=1, dtype=np.float32)
            part = ExactIndex(block, metric="ip", device="cpu").search(asked, k)
            ids = np.concatenate([ids, np.where(part.ids >= 0, part.ids + start, -1)], axis=1)
            found = sort_neighbors(ids, np.concatenate([scores, part.scores], axis=1))
            ids, scores = found.ids[:, :k], found.scores[:, :k]
        return Neighbors(ids, scores)

    @cached_property
    def counterparts(self) -> Counterparts | None:
        """What validation links say about confidences and thresholds, see ``learn_counterparts``."""
        from .calibrate import learn_counterparts  # knows the run, not the other way round

        return learn_counterparts(self)

    def _hits(self, row: int, ids: IntArray, scores: FloatArray, side: str) -> Iterator[Hit]:
        table = self.entities[1 if side == "left" else 0]
        ids = ids[ids >= 0]
        others = np.full(len(ids), row)
        parts = self.shares(np.stack([others, ids] if side == "left" else [ids, others], axis=1))
        listed = Neighbors(ids[None], scores[None, : len(ids)])
        confidence = self._list_confidences(np.array([row]), listed, side)
        for place, answer in enumerate(ids.tolist()):
            yield Hit(
                answer,
                table.labels[answer],
                table.display[answer],
                float(scores[place]),
                None if confidence is None else float(confidence[0, place]),
                {name: float(part[place]) for name, part in parts.items()},
            )


def check_threshold(threshold: float) -> float:
    """A least confidence, if it is one; else a ``UsageError``."""
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold must be in 0..1, got {threshold}")
    return threshold


def _columns(rows: FloatArray, columns: IntArray) -> FloatArray:
    """Some columns of the rows, each row of unit length again, in the type of ``rows``; block by block."""
    out = np.empty((len(rows), len(columns)), rows.dtype)
    for start in range(0, len(rows), BLOCK_ROWS):
        part = rows[start : start + BLOCK_ROWS, columns].astype(np.float32, copy=False)
        out[start : start + len(part)] = unit_rows(torch.from_numpy(part)).numpy()
    return out
