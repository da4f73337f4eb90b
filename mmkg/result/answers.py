"""What a run answers: nearest entities, matches with their confidences, links, relations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..compute.host import isolated_class
from ..config.experiment import Experiment
from ..data.entities import EntityTable, is_among
from ..data.formats.frames import links_of_object
from ..data.growth import Extent, extent_of
from ..data.kg import KnowledgeGraph
from ..data.links.between import links_between
from ..data.links.never import read_never
from ..data.relations import RelationPair, align_relations
from ..data.task import AlignmentTask, LinkSplit
from ..errors import Advice, UsageError, brief, nearest
from ..evaluation import FEW, Protocol, count_text, matching_figures
from ..matching import MATCHERS, Counterparts, Matching, is_in
from ..matching.held_out import HeldOut
from ..matching.matching import matching_of
from ..records import Shown
from ..report import Link, RunRecord, links_of
from ..search import Index, Neighbors
from ..search.never import NO_PAIRS, among
from ..typing import FloatArray, IntArray
from .calibrate import Confidences
from .embeddings import SIDES, Embeddings
from .explain import Explanation, explain_pair
from .graphs import RunGraphs, StoredGraphs
from .hits import HitList, Hits
from .linked import Summary, are_guesses, free_rows, given_links, one_to_one, pair_scores, summarised, with_known
from .rules import RunRules
from .scale import scaled
from .searcher import EXACT, LISTED, EmbeddingSearch

if TYPE_CHECKING:
    import torch


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class Answers(Shown):
    """Aligned embeddings of two graphs, with search, matches and confidences.

    Args:
        embeddings: unit rows of both graphs; they keep indexes, CSLS means and calibrations.
        entities: tables of the left and the right graph.
        links: the split of the run.
        experiment: configuration of the run.
        protocol: how ``metrics`` were measured.
        metrics: per direction Hits@1/5/10, MRR and MR on the test links; empty without test links.
        record: machine, versions, time and memory.
        history: one row per epoch and round.
        description: what ``describe`` reports of the task.
        weights: state of the model, which is saved with the run.
        projection: matrices by modality that made its parts narrower, see ``Learned``; empty if they were not.
        device: where scores are computed if a method is not given another device: ``auto``, ``cpu`` or ``cuda``.
        held_out: links that were held out in folds, on which confidences are calibrated; ``None`` = on the validation
            links.
        graphs: the aligned graphs; ``None`` for a run that was read from its folder, see ``run_graphs``.
        fitted: what ``graphs`` had when the run learnt from them; ``None`` = all.
        kept: matches that stay, as those of a run before its graphs grew, int64 ``[P, 2]``, one to one.
        store: the graphs in the folder that the run was read from.
        alone: entities that people decided to have no counterpart, int64 ``[N, 2]`` of (side, row).
        judged: best candidates that people decided about, which correct the confidences; ``None`` = none.
    """

    embeddings: Embeddings
    entities: tuple[EntityTable, EntityTable]
    links: LinkSplit
    experiment: Experiment
    protocol: Protocol
    metrics: Mapping[str, Mapping[str, float]]
    record: RunRecord
    history: Sequence[Mapping[str, Any]] = ()
    description: Mapping[str, Any] = field(default_factory=dict)
    weights: "Mapping[str, torch.Tensor]" = field(default_factory=dict)
    projection: "Mapping[str, torch.Tensor]" = field(default_factory=dict)
    device: str = "auto"
    graphs: tuple[KnowledgeGraph, KnowledgeGraph] | None = None
    aligned_relations: Sequence[RelationPair] | None = None
    held_out: HeldOut | None = None
    fitted: tuple[Extent, Extent] | None = None
    kept: IntArray = field(default_factory=lambda: NO_PAIRS)
    store: StoredGraphs | None = None
    alone: IntArray = field(default_factory=lambda: NO_PAIRS)
    judged: HeldOut | None = None

    @property
    def left(self) -> FloatArray:
        """Unit rows of the left graph, ``[n1, D]``."""
        return self.embeddings.left

    @property
    def right(self) -> FloatArray:
        """Unit rows of the right graph, ``[n2, D]``."""
        return self.embeddings.right

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part of D, in order."""
        return self.embeddings.widths

    def _facts(self) -> dict[str, Any]:
        def shown(share: float) -> float | str:
            number = self.protocol.num_ranked
            return round(share, 4) if number >= FEW else count_text(round(share * number), number)

        hits = {name.replace("_", " "): each["hits@1"] for name, each in self.metrics.items() if "hits@1" in each}
        return {
            "model": self.experiment.model,
            "left_entities": len(self.left),
            "right_entities": len(self.right),
            "columns": self.left.shape[1],
            "modalities": len(self.widths),
            **{f"{part}_links": len(getattr(self.links, part)) for part in ("train", "valid", "test")},
            **{f"Hits@1 {name}": shown(value) for name, value in hits.items()},
        }

    @property
    def run_graphs(self) -> RunGraphs | None:
        """The aligned graphs, read from the run folder if need be; ``None`` if an older version wrote the folder."""
        if self.graphs is not None:
            fitted = self.fitted or (extent_of(self.graphs[0]), extent_of(self.graphs[1]))
            return RunGraphs(self.graphs, fitted)
        return None if self.store is None else self.embeddings.kept("graphs", self.store.read)

    # --- search

    @property
    def searcher(self) -> EmbeddingSearch:
        """Nearest-neighbour search with the settings of the run."""
        return EmbeddingSearch(self.embeddings, self.protocol.csls_k, self.experiment.search, self.device)

    @property
    def csls_means(self) -> tuple[FloatArray, FloatArray]:
        """Mean cosine of each left entity to its nearest right ones, and of each right entity to its left ones."""
        return self.searcher.means()

    def index(self, side: str = "left") -> Index:
        """Index of the graph that answers ``side``; with CSLS over vectors of one more column, see ``csls_augment``."""
        return self.searcher.index(side)

    def nearest(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """The k best of the answering graph for some entities of ``side``, by CSLS or cosine."""
        return self.searcher.nearest(rows, k, side)

    def shares(self, pairs: IntArray) -> dict[str, FloatArray]:
        """Share of each modality in the cosine of each pair, ``[M]``; the shares sum to the cosine."""
        return self.embeddings.shares(pairs)

    def scores(self, pairs: IntArray) -> FloatArray:
        """Score of each pair as people see it, 0 to 100, float32 ``[M]``: the cosine in percent, see ``scaled``."""
        return scaled(self.shares(pairs), self.embeddings.is_exact(pairs))[0].astype(np.float32)

    @property
    def hits(self) -> Hits:
        """Search by entity."""
        return Hits(self.calibration, self.entities)

    def search(self, entity: str | int, *, k: int = 5, side: str = "left") -> HitList:
        """The k most likely counterparts of an entity, best first; ``to_frame`` makes a DataFrame of them.

        Args:
            entity: its row, its URI, or its name; of several with one name, the first with a link, else the first.
            k: number of answers; if the other graph has fewer entities, all of them.
            side: graph of the entity, ``left`` or ``right``.

        Raises:
            UsageError: no such entity or side.
        """
        return self.hits.search(entity, k=k, side=side)

    def explain(self, pair: tuple[str | int, str | int], *, task: AlignmentTask | None = None) -> Explanation:
        """What speaks for a pair of entities, and against it; ``print`` shows it in sentences.

        Args:
            pair: left and right entity, each as a row, a label or a name.
            task: the pair of graphs, for the neighbours; by default those of the run, which a folder of an older
                version does not have.

        Raises:
            UsageError: not a pair, no such entity, one that is not matched, or a task with other graphs.
        """
        if isinstance(pair, str) or len(pair) != 2:
            raise UsageError(f"expected a pair (left entity, right entity), got {brief(pair)}")
        rows = np.array([self.hits.row_of(entity, side) for entity, side in zip(pair, SIDES, strict=True)])
        if task is not None:
            self._check_graphs(task)
        own = self.run_graphs if task is None else None
        graphs = (own.now if own else None) if task is None else (task.left, task.right)
        rules = None if graphs is None else self.rules(graphs)
        return explain_pair(rows, self.calibration, self.entities, self.matching, graphs, rules)

    def rules(self, graphs: tuple[KnowledgeGraph, KnowledgeGraph]) -> RunRules:
        """The rules of the run's links and matches in its graphs; computed once."""
        key = (*self._matching_key, "rules", *map(id, graphs))
        return self.embeddings.kept(key, lambda: RunRules.of(graphs, self.links, self.matching))  # holds the graphs

    def find(self, entity: str | int, *, side: str = "left") -> list[int]:
        """Rows that an entity's row, URI or name may mean, those with a known link first."""
        return self.hits.find(entity, side=side)

    def neighbors(self, k: int = 1, *, side: str = "left") -> tuple[Neighbors, FloatArray | None]:
        """The k best counterparts of every entity of one side, with scores and confidences ``[n, k]``.

        If the other graph has fewer than k entities, there is one column for each of these.
        """
        return self.hits.neighbors(k, side=side)

    def sample(self, number: int = 12, *, seed: int = 0) -> list[dict[str, Any]]:
        """A few test links with the answer of the run, for ``report.matches_table``.

        Of a run without test links they are some of its matches, which nothing judges.
        """
        test = self.links.test
        rows = self.hits.sample(test if len(test) else self.matching.pairs, number, seed=seed)
        return rows if len(test) else [row | {"gold": None, "correct": None} for row in rows]

    # --- matches and their confidences

    @property
    def matching(self) -> Matching:
        """One-to-one matches over all entities of both graphs, by the run's matcher."""
        return self.embeddings.kept(self._matching_key, self.match)

    @property
    def _matching_key(self) -> tuple[Any, ...]:
        """Identifies the matches among what the embeddings keep: all settings that they depend on."""
        search = self.experiment.search
        matcher = (search.matcher, search.matcher_settings(search.matcher))
        settings = (search.csls_k, *matcher, search.index, search.options, self.kept.tobytes(), self.alone.tobytes())
        return ("matching", *settings, self.calibration.key)

    def match(
        self, method: str | None = None, *, k: int | None = None, csls_k: int | None = None, device: str | None = None
    ) -> Matching:
        """Matches over all entities of both graphs but their context, see ``KnowledgeGraph.context``.

        Literal nodes (years, numbers, dates) are matched with the equal one or not at all, see ``pool_of``.

        Args:
            method: name in ``MATCHERS``; by default the run's.
            k: number of nearest entities of either side that are candidates; by default the matcher's own choice.
            csls_k: by default the run's.
            device: where scores are computed; by default that of the run.

        Returns:
            Pairs with scores, and with confidences if the run has any.
        """
        method = self.experiment.search.matcher if method is None else method
        if method not in MATCHERS:
            raise UsageError(f"unknown matcher {brief(method)}; {nearest(method, MATCHERS)}")
        csls_k = self.experiment.search.csls_k if csls_k is None else csls_k
        searcher = self.searcher.without_context
        left, right, never = searcher.embeddings.left, searcher.embeddings.right, searcher.embeddings.never
        options = self.experiment.search.matcher_options(method) | ({} if k is None else {"k": k})
        matched = (self.embeddings.rows("left"), self.embeddings.rows("right"))
        kept = self.kept[~(is_among(self.kept, self.embeddings.exact) | is_in(self.kept, self.embeddings.never))]
        if len(kept) or len(self.alone):  # only the others are matched
            free = [
                free_rows(rows, mine, np.concatenate([kept[:, n], self.alone[self.alone[:, 0] == n, 1]]))
                for n, (rows, mine) in enumerate(zip((left, right), matched, strict=True))
            ]
            left, right = left[free[0]], right[free[1]]
            matched, never = (matched[0][free[0]], matched[1][free[1]]), among(never, free[0], free[1])
            if csls_k and csls_k == self.protocol.csls_k:
                means = searcher.means()
                options["means"] = (means[0][free[0]], means[1][free[1]])
        elif csls_k == self.protocol.csls_k:
            options |= searcher.for_matcher(MATCHERS[method], options.get("k", LISTED))
        if len(never):
            options["never"] = never
        if MATCHERS[method].edges:
            options["edges"] = self._edges(matched)
        if min(len(left), len(right)) == 0:
            found = matching_of(NO_PAIRS[:, 0], NO_PAIRS[:, 1], np.empty(0, np.float32))
        else:
            found = MATCHERS[method](left, right, csls_k=csls_k, kind="auto", device=device or self.device, **options)
        if len(kept) or len(self.alone) or searcher.embeddings is not self.embeddings:
            found = found.named(*matched).with_pairs(kept, pair_scores(kept, self.searcher))
            found = found.joined(self.embeddings.exact, EXACT)
        if self.counterparts is None or csls_k != self.protocol.csls_k:
            return found
        return found.with_confidence(self.confidences(found.pairs, found.score))

    def _edges(self, rows: Sequence[IntArray | None]) -> tuple[IntArray, IntArray]:
        """Pairs of positions among some rows of either graph, ``None`` = all, that a triple joins."""
        graphs = self.run_graphs
        if graphs is None:
            raise UsageError("the run has no graphs, because an older version wrote it; take --method sinkhorn")
        left, right = (
            each.triples[:, ::2] if some is None else among(each.triples[:, ::2], some, some)
            for each, some in zip(graphs.now, rows, strict=True)
        )
        return left, right

    @property
    def calibration(self) -> Confidences:
        """Confidences, from held-out links or without."""
        guessed = are_guesses(self.links, self.protocol)
        search, seed = self.experiment.search, self.experiment.seed
        return Confidences(self.searcher, self.links, search, seed, self.held_out, guessed, self.judged)

    @property
    def counterparts(self) -> Counterparts | None:
        """Calibration of confidences and thresholds, see ``Confidences.counterparts``."""
        return self.calibration.counterparts

    def confidences(self, pairs: IntArray, scores: FloatArray) -> FloatArray:
        """Probability that each pair is right, float32 ``[P]``; scores are by the run's measure.

        Raises:
            UsageError: there are no confidences.
        """
        return self.calibration.of_pairs(pairs, scores)

    def believed(self, matching: Matching | None = None, threshold: float | None = None) -> Matching:
        """The matches whose confidence reaches a threshold; an entity in none of them probably has no counterpart.

        Kept matches are among them unless the threshold is above the default.

        Args:
            matching: with confidences; by default the run's.
            threshold: least confidence; ``None`` = that with the best expected F1, or no threshold where there are no
                confidences.

        Raises:
            UsageError: a threshold > 0, but no confidences.
        """
        matching = self.matching if matching is None else matching
        sure = self.calibration.sure(matching, threshold)
        if not len(self.kept) or (threshold is not None and threshold > self.threshold()):
            return sure
        return matching.keep(is_among(matching.pairs, np.concatenate([sure.pairs, self.kept])))

    def threshold(self, min_precision: float | None = None) -> float:
        """The least confidence with the best expected F1, or with a given precision; 0 without confidences.

        Known links promise that precision, or it is expected where they cannot: ``Counterparts.promise`` says which.

        Raises:
            UsageError: no confidence reaches that precision, or there are none.
        """
        return self.calibration.threshold(min_precision)

    def same_as_threshold(self, threshold: float = 0.0) -> float:
        """The least confidence of links exported as ``owl:sameAs``: that of precision 0.95, at most 1.

        Args:
            threshold: least confidence of all exported links; the result is not below it.
        """
        return self.calibration.same_as_threshold(threshold)

    def aligned_pairs(self, task: AlignmentTask, matching: Matching) -> IntArray:
        """The links that a run was given, and the matches that contradict none of them, int64 ``[M, 2]``.

        Raises:
            UsageError: ``task`` holds other graphs than the run.
        """
        self._check_graphs(task)
        known = self.known
        return with_known(matching, known, np.zeros(len(known), np.float32)).pairs

    @property
    def known(self) -> IntArray:
        """The links that the run was given and has learnt from, one to one, int64 ``[L, 2]``.

        Links that were derived from names or images are found and not given. A pair that is known to be wrong is none.
        """
        known = one_to_one(given_links(self.links, self.protocol))
        return known[~is_in(known, self.never)]

    @property
    def never(self) -> IntArray:
        """Pairs that are known to be wrong, int64 ``[W, 2]``; no search and no matching of the run returns them."""
        return self.embeddings.never

    def without(self, never: Any) -> Self:
        """The same run with further pairs that are known to be wrong, so that it returns other answers in their place.

        What the run has learnt stays as it is; aligning again with ``never`` also learns without them.

        Args:
            never: a file, see ``read_never``; pairs of labels; or rows, int ``[W, 2]``. A pair with an unknown entity
                is left out.

        Raises:
            InputError: the file is missing or breaks its format, or no pair is between the two graphs.
        """
        labels = (self.entities[0].labels, self.entities[1].labels)
        if isinstance(never, str | Path):
            never = read_never(never)
        elif not (isinstance(never, np.ndarray) and never.dtype.kind in "iu"):
            never = links_of_object(never, Path("never"))
        return replace(self, embeddings=self.embeddings.excluding(links_between(never, labels).rows))

    def linked(self, matching: Matching | None = None, threshold: float | None = None) -> Matching:
        """The links of the run: ``known``, with confidence 1, and the believed matches that contradict none of them.

        Args:
            matching: by default the run's.
            threshold: least confidence, see ``believed``.
        """
        return with_known(self.believed(matching, threshold), self.known, pair_scores(self.known, self.searcher))

    def figures(self, matching: Matching | None = None) -> dict[str, float]:
        """Precision, recall and F1 on the test links of a matching over all entities, by default the run's.

        These are figures of matches, not of ranks; see ``matching_figures``. Empty without test links.
        """
        matching = self.matching if matching is None else matching
        return matching_figures(matching.pairs, self.links.test) if len(self.links.test) else {}

    def export(self, matching: Matching | None = None) -> Iterator[Link]:
        """Matches with labels and scores from 0 to 100, for ``report.write_tsv`` and ``report.write_ntriples``."""
        matching = self.matching if matching is None else matching
        return links_of(*self.entities, replace(matching, score=self.scores(matching.pairs)))

    def summary(self, threshold: float | None = None) -> Summary:
        """How many links the run has found, how many are sure, and how many entities have none.

        Args:
            threshold: least confidence of a link; ``None`` = that with the best expected F1.
        """
        threshold = self.threshold() if threshold is None else threshold
        return summarised(
            self.linked(threshold=threshold),
            self.known,
            (self.embeddings.rows("left"), self.embeddings.rows("right")),
            calibrated=self.counterparts is not None,
            threshold=threshold,
            same_as=self.same_as_threshold(threshold),
        )

    def relations(self, task: AlignmentTask | None = None) -> Sequence[RelationPair]:
        """Relations and attributes of both graphs that make the same statements of linked entities, the best first.

        Args:
            task: the pair of the run; by default those relations that were aligned with the run.

        Raises:
            UsageError: the run holds no aligned relations, or ``task`` holds other graphs than the run.
        """
        if task is not None:
            self._check_graphs(task)
        graphs = self.graphs if task is None else (task.left, task.right)
        if self.aligned_relations is not None and task is None:
            return self.aligned_relations
        if graphs is None:
            raise UsageError(
                "this run holds no aligned relations: an older version wrote it, or some modalities were chosen",
                advice=Advice("pass the pair: result.relations(mmkg.load(...))", command_line="align the pair again"),
            )
        return align_relations(*graphs, self.linked().pairs)

    def _check_graphs(self, task: AlignmentTask) -> None:
        for side, graph, table in zip(SIDES, (task.left, task.right), self.entities, strict=True):
            if graph.entities != table.labels:
                raise UsageError(
                    f"this run belongs to other data: its {side} graph has {len(table.labels):,} entities, first "
                    f"{table.labels[0]!r}; the pair has {graph.num_entities:,}, first {graph.entities[0]!r}"
                )

    def judge_counterparts(self, matching: Matching | None = None, threshold: float | None = None) -> dict[str, Any]:
        """How well the run separates links from entities without a counterpart; see ``Confidences.judge``.

        Args:
            matching: with confidences; by default the run's.
            threshold: least confidence; ``None`` = that with the best expected F1.
        """
        return self.calibration.judge(self.matching if matching is None else matching, threshold)
