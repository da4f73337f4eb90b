"""The result of an alignment run: its parts, and one object that holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.host import isolated_class
from ..data.describe import describe
from ..data.entities import EntityTable
from ..data.features.registry import use_names
from ..data.literals import pool_of
from ..data.parsing.columns import Faults
from ..data.relations import align_relations
from ..data.task import AlignmentTask, LinkSplit
from ..errors import Advice, Setting, UsageError
from ..evaluation import OUT_OF_FOLD, known_pairs, several_answers
from ..matching import Matching
from ..report.frames import arrow_table, data_frame
from ..report.notebook import Frame
from ..review.report import report_of
from ..search.never import NO_PAIRS
from ..typing import FloatArray, IntArray
from .added import added_links
from .answers import Answers
from .decide import decide
from .eight_bits import rounded
from .embeddings import SIDES, Embeddings
from .gold import Gold, gold_links
from .judge import Judge, Metrics
from .linked import one_to_one
from .notebook import run_html
from .run_folder import RunContent, read_run, write_run

if TYPE_CHECKING:
    from .growth import Growth


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class AlignmentResult(Answers):
    """Aligned embeddings of two graphs, with search, matches, confidences, figures and files.

    Its fields are those of ``Answers``.
    """

    # --- new entities

    def transform(self, graph: Any, side: str = "left") -> FloatArray:
        """Embeddings of the entities of a graph, unit rows ``[n, D]``, zero for one of which nothing is known.

        Entities of the run, known by their labels, have the rows that they have in the run. New ones are embedded from
        their triples with known and other new entities, their names, values and images; nothing is trained.

        Args:
            graph: what ``as_graph`` takes: a file, a ``KnowledgeGraph``, DataFrames, a list of triples.
            side: the graph of the run that it belongs to, ``left`` or ``right``.

        Raises:
            InputError: the graph breaks its format, or shares nothing with that of the run.
            UsageError: no such side, a run of an older version or of a model object.
        """
        self.embeddings.sides(side)
        growth = self._grow(*((graph, None) if side == "left" else (None, graph)))
        place = SIDES.index(side)
        found: FloatArray = growth.embeddings[place][growth.rows[place]]
        return found

    def with_new(self, left: Any = None, right: Any = None) -> "AlignmentResult":
        """The run with the entities of new graphs, embedded as by ``transform``; for search, as matches may change.

        Args:
            left, right: what is new in either graph, or that graph as it is now; ``None`` = nothing.
        """
        growth = self._grow(left, right)
        entities = (EntityTable.of(growth.graphs.now[0]), EntityTable.of(growth.graphs.now[1]))
        pool = pool_of(*entities, self.links.all())
        left, right = (rounded(side, self.experiment.search.store) for side in growth.embeddings)
        embeddings = Embeddings(left, right, self.widths, pool.matched, pool.exact, self.embeddings.never)
        graphs, fitted = growth.graphs
        return replace(self, embeddings=embeddings, entities=entities, graphs=graphs, fitted=fitted, store=None)

    def extend(self, left: Any = None, right: Any = None, *, links: Any = None) -> "AlignmentResult":
        """The run with new entities and links. Old entities keep their rows, and earlier links stay.

        New entities are matched with each other and with old ones that had no link. Given links are known links from
        now on, and replace those that contradict them; embeddings do not learn from them.

        Args:
            left, right: what is new in either graph, or that graph as it is now; ``None`` = nothing.
            links: more known links: a file or pairs of labels.

        Raises:
            InputError: as ``transform``; or a link names unknown entities or contradicts one that the run has learnt
                from.
            UsageError: as ``transform``, or nothing is new.
        """
        if left is None and right is None and links is None:
            raise UsageError("give what is new: a left graph, a right graph, or links")
        kept = self.linked().pairs
        result = self if left is None and right is None else self.with_new(left, right)
        split, given = added_links(links, result.entities, result.links)
        kept = one_to_one(np.concatenate([given, kept]))
        result = replace(result, links=split, kept=kept[np.argsort(kept[:, 0])])
        pool = pool_of(*result.entities, split.all())
        embeddings, never = result.embeddings, self.embeddings.never
        embeddings = Embeddings(embeddings.left, embeddings.right, self.widths, pool.matched, pool.exact, never)
        graphs = self.run_graphs if result is self else result.run_graphs
        assert graphs is not None
        task = AlignmentTask(*graphs.now, split, name=str(self.description.get("name", "task")), one_to_one=False)
        protocol = replace(self.protocol, num_valid=len(split.valid), num_test=len(split.test))
        result = replace(result, embeddings=embeddings, protocol=protocol, description=describe(task))
        if protocol.judged != OUT_OF_FOLD:  # which cannot be ranked again
            result = replace(result, metrics={}).evaluated()
        relations = align_relations(*graphs.now, result.linked().pairs)
        prints = task.graph_fingerprints()
        record = replace(
            self.record,
            protocol=dict(self.record.protocol) | result.protocol.as_dict(),
            metrics=result.metrics,
            graphs=prints,
            fingerprint=task.fingerprint(prints),
        )
        return replace(result, record=record, aligned_relations=relations)

    def decided(self, decisions: Any, faults: Faults | None = None) -> "AlignmentResult":
        """The run with decisions of people: accepted pairs are known links, rejected ones and entities without a
        counterpart are matched no more. What people judged also corrects the confidences.

        What the run has learnt stays as it is; aligning again with ``data.decisions`` also learns from them.

        Args:
            decisions: a file, see ``mmkg.decisions.read.read_decisions``, or ``Decision`` objects.
            faults: where counts of decisions go that are not used.

        Raises:
            InputError: the file is missing, breaks its format, or holds no decision about entities of the run.
        """
        found = decide(self, decisions, Faults() if faults is None else faults)
        changes: dict[str, Any] = {
            "links": found.links,
            "protocol": found.protocol,
            "kept": found.kept,
            "alone": found.alone,
        }
        return replace(self.without(found.never), **changes, judged=found.judged, metrics={})

    def _grow(self, left: Any, right: Any) -> "Growth":
        from ..compute.devices import resolve_device
        from ..learners.grown import Before
        from .growth import grow

        graphs, protocol = self.run_graphs, self.record.protocol
        if graphs is None:
            raise UsageError("this run keeps no graphs, because an older version wrote it; run the alignment again")
        if tuple(protocol.get("modalities", self.widths)) != tuple(self.widths):
            raise UsageError("new entities are embedded by all modalities of a run; leave the choice of modalities out")
        refined = bool(protocol.get("refined_by", {}).get("round"))
        matches = self.kept if len(self.kept) else self.linked().pairs if refined else NO_PAIRS
        matches = matches[(matches < [extent.entities for extent in graphs.fitted]).all(axis=1)]
        before = Before(
            AlignmentTask(*graphs.then, LinkSplit(self.links.train, NO_PAIRS, NO_PAIRS), one_to_one=False),
            self.experiment,
            self.left,
            self.right,
            self.widths,
            self.weights,
            protocol,
            matches,
            self.projection,
        )
        return grow(before, graphs, (left, right), device=resolve_device(self.device))

    # --- figures

    @property
    def judge(self) -> Judge:
        """Ranks links with the settings of the run."""
        return Judge(self.searcher, self.experiment.search, self.experiment.seed, self.links.all())

    def evaluate(
        self,
        *,
        candidates: str | None = None,
        csls_k: int | None = None,
        links: Any = None,
        hits: Sequence[int] = (),
        device: str | None = None,
    ) -> Metrics:
        """Metrics on the test links (or others), by the run's protocol where nothing else is given.

        Of more links than ``search.test_queries`` a sample is ranked, among the candidates of all. If an entity has
        several counterparts, each of its links is ranked without the others (filtered ranking).

        Args:
            candidates: ``test`` = the entities of the links, ``all`` = all entities.
            csls_k: neighbourhood size of CSLS, 0 = off.
            links: rows ``[L, 2]``, a file of links, or pairs of labels, a mapping or a DataFrame; except of rows, links
                that the run has learnt from and labels that it does not know are left out, see ``gold_links``.
            hits: each k of Hits@k besides 1; by default those of the run.
            device: where scores are computed.
        """
        if links is not None and not (isinstance(links, np.ndarray) and links.dtype.kind in "iu"):
            links = self.gold(links).links
        judge = replace(self.judge, search=replace(self.experiment.search, hits=tuple(hits))) if hits else self.judge
        return judge.ranks(
            self.links.test if links is None else links,
            candidates=candidates or self.protocol.candidates,
            csls_k=self.protocol.csls_k if csls_k is None else csls_k,
            device=device,
        )

    def gold(self, links: Any) -> Gold:
        """Links to judge the run by, without those that it has learnt from; see ``gold_links``."""
        return gold_links(links, self.entities, self.known)

    def tested_on(self, links: IntArray) -> "AlignmentResult":
        """The same run with other test links, int64 ``[L, 2]``, ranked among all entities; without metrics."""
        protocol = replace(self.protocol, num_test=len(links), candidates="all", judged="test", num_judged=0)
        return replace(self, links=replace(self.links, test=links), protocol=protocol, metrics={})

    def evaluate_assignment(
        self, *, candidates: str | None = None, links: IntArray | None = None, device: str | None = None
    ) -> Metrics:
        """Metrics of an assignment of all queries by Sinkhorn; see ``Judge.assignment_ranks``.

        Keep these figures apart from those of ``evaluate``.
        """
        links = self.links.test if links is None else links
        return self.judge.assignment_ranks(links, candidates=candidates or self.protocol.candidates, device=device)

    def evaluated(
        self,
        *,
        candidates: str | None = None,
        csls_k: int | None = None,
        rescoring: str = "none",
        device: str | None = None,
    ) -> "AlignmentResult":
        """The same run with the metrics of ``evaluate`` and the protocol that belongs to them.

        With ``rescoring="sinkhorn"`` the metrics are those of ``evaluate_assignment``, of all test links.
        """
        other = candidates or csls_k is not None or rescoring != "none" or not self._has_hits()
        if self.protocol.judged == OUT_OF_FOLD and other:
            raise UsageError(
                "this run has no test links: its figures are of links held out in folds, which cannot be ranked again",
                advice=Advice("give other links, {}", Setting("links", "FILE", option="--links")),
            )
        if self.protocol.judged != "test":  # nothing else to rank
            links = self.links.valid if self.protocol.judged == "validation" else None
            return self if links is None else replace(self, metrics=self.evaluate(links=links, csls_k=csls_k))
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
            filtered=several_answers(known_pairs(self.links.test)),
        )
        return replace(self, metrics=metrics, protocol=protocol)

    def _has_hits(self) -> bool:
        """Whether the metrics, if any, hold each Hits@k of the settings."""
        names = {f"hits@{k}" for k in self.experiment.search.hits}
        return all(names <= set(figures) for figures in self.metrics.values())

    def restrict(self, modalities: str | Sequence[str], *, evaluate: bool = True) -> "AlignmentResult":
        """The same run with some of its modalities only: their parts of the embeddings, scaled to unit length.

        Args:
            modalities: names of some of ``widths``.
            evaluate: whether to rank the test links; else ``metrics`` is empty.

        Raises:
            UsageError: no modality, or one that the run does not have.
        """
        embeddings = self.embeddings.restrict(modalities)
        names = tuple(embeddings.widths)
        values = {name: each for name, each in self.protocol.surface_values.items() if name in names}
        surface = bool(values) or use_names((*names, *self.protocol.seeds_from))
        protocol = replace(self.protocol, modalities=names, surface_names=surface, surface_values=values)
        changes: dict[str, Any] = {"embeddings": embeddings, "protocol": protocol, "metrics": {}}
        changes["projection"] = {name: matrix for name, matrix in self.projection.items() if name in names}
        restricted = replace(self, **changes, aligned_relations=None, held_out=None)
        return restricted.evaluated() if evaluate else restricted

    # --- tables and files

    def to_arrow(self, matching: Matching | None = None) -> Any:
        """Matches as a table of Arrow: left and right label, their names, score and confidence.

        Args:
            matching: by default the run's; e.g. ``result.believed()``.

        Raises:
            MissingPackageError: pyarrow is not installed.
        """
        return arrow_table(*self._columns(matching))

    def to_frame(self, matching: Matching | None = None) -> Any:
        """The same as a DataFrame of pandas.

        Raises:
            MissingPackageError: pandas or pyarrow is not installed.
        """
        return data_frame(*self._columns(matching))

    def _columns(self, matching: Matching | None) -> tuple[dict[str, Any], list[str]]:
        links = list(self.export(matching))
        fields_of_links = {"left": "left", "right": "right", "left_name": "left_label", "right_name": "right_label"}
        fields_of_links |= {"score": "score", "confidence": "confidence"}
        columns = {name: [getattr(link, field) for link in links] for name, field in fields_of_links.items()}
        return columns, ["score", "confidence"]

    def report(self) -> str:
        """The run as one HTML page, which needs no network."""
        return report_of(self)

    def explore(self, *, height: int = 800) -> Frame:
        """The page of the run in a frame of a notebook.

        Args:
            height: in pixels.
        """
        return Frame(self.report(), height)

    def _repr_html_(self) -> str:
        return run_html(self)

    def save(self, folder: str | Path) -> Path:
        """Write the run folder; every file appears whole, and the manifest with their hashes comes last."""
        content = RunContent(**{f.name: getattr(self, f.name) for f in fields(RunContent)})
        matches, graphs = self.export(self.linked()), self.run_graphs
        return write_run(content, folder, matches=matches, report=self.report(), graphs=graphs)

    @staticmethod
    def load(folder: str | Path, *, fingerprint: str | None = None, device: str | None = "auto") -> "AlignmentResult":
        """Read a run folder, after checking the hash of each file; embeddings are mapped from the disk.

        Args:
            folder: written by ``save``.
            fingerprint: fingerprint of the data that the run must belong to; ``None`` = any data.
            device: where scores are computed: ``auto``, ``cpu`` or ``cuda``; ``None`` = as in training, or ``auto`` if
                this machine does not have that device.

        Raises:
            InputError: no run, a file is missing or damaged, or the run belongs to other data.
        """
        return AlignmentResult(**vars(read_run(folder, fingerprint=fingerprint, device=device)))
