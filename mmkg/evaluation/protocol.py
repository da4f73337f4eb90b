"""The evaluation protocol, which is reported with every metric, so that only comparable figures are compared."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import UsageError, brief, nearest

LEFT_TO_RIGHT = "left_to_right"
RIGHT_TO_LEFT = "right_to_left"
CANDIDATES = ("test", "all")
SELECTIONS = ("validation", "out-of-fold", "none", "test")
OUT_OF_FOLD = "out-of-fold"
JUDGED = ("test", "validation", OUT_OF_FOLD)
RESCORINGS = ("none", "sinkhorn")
MOST_NAMED = 3  # attributes that are named in a line


@dataclass(frozen=True)
class Protocol:
    """The links and candidates that were ranked, and the data that the model used.

    Args:
        candidates: ``test`` = the entities of the test links, as in published tables; ``all`` = every entity of the
            graph, which is harder.
        csls_k: neighbourhood size of CSLS; 0 = plain cosine. Published code uses 3.
        modalities: names of the modalities used.
        iterative: whether pseudo-links were added while training.
        pseudo_rounds: rounds of pseudo-links that were kept, 0 if the seed links alone were better; ``None`` in records
            of older versions.
        refined: rounds that were kept in which embeddings were refined by their own soft matches, without training.
        compared: whether the neighbours of candidate pairs were compared, weighed by validation links.
        seeds_from: modalities from which training links were derived, beside known links or without any.
        surface_names: whether a model used entity names ("w/ SF" in published tables), as names, as seeds, or as values
            of attributes.
        surface_values: the attributes whose values are names, by modality.
        selection: links on which the model was selected: ``validation``, ``out-of-fold`` (links held out in folds),
            ``none`` (last weights), or ``test``, as in the official code of several papers.
        judged: links that the metrics are about: ``test``; ``validation``, where all links are learnt from or chosen
            on, so that the metrics may be a little too high; ``out-of-fold``, links held out in ``folds``, each ranked
            by a fit that did not learn from it, while the result learns from all.
        num_judged: number of these links, if they are no test links.
        folds: number of folds that were held out in turn.
        num_seeds: number of training and validation links that were derived from ``seeds_from``; ``None`` = all, if
            there is ``seeds_from``.
        num_train, num_valid, num_test: number of links of each part.
        refit: whether the model learnt once more, from training and validation links, with what the latter chose.
        num_valid_ranked, num_test_ranked: number of them that were ranked, a seeded sample; ``None`` = all.
        valid_candidates: number of entities of each side among which a validation link was ranked; ``None`` = all
            outside the training links.
        rescoring: ``sinkhorn`` if candidates were ranked by an assignment of all queries at once, which uses that each
            candidate is the answer to one query; not comparable with ranks of ``none``.
        filtered: whether test entities have several counterparts, so that a link is ranked without the other right
            answers to its query (filtered ranking), and recall counts links; without such entities there is nothing
            to filter.
        seed: random seed of the run.
        directions: directions reported.
        ties: rank of equal scores; always their mean rank.

    Raises:
        UsageError: unknown ``candidates``, ``selection`` or ``rescoring``, or a negative ``csls_k``.
    """

    candidates: str = "test"
    csls_k: int = 3
    modalities: tuple[str, ...] = ()
    iterative: bool = False
    pseudo_rounds: int | None = None
    refined: int = 0
    compared: bool = False
    seeds_from: tuple[str, ...] = ()
    surface_names: bool = False
    surface_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    selection: str = "validation"
    num_train: int = 0
    num_valid: int = 0
    num_test: int = 0
    num_valid_ranked: int | None = None
    num_test_ranked: int | None = None
    valid_candidates: int | None = None
    rescoring: str = "none"
    filtered: bool = False
    judged: str = "test"
    num_judged: int = 0
    folds: int = 0
    num_seeds: int | None = None
    refit: bool = False
    seed: int | None = None
    directions: tuple[str, ...] = (LEFT_TO_RIGHT, RIGHT_TO_LEFT)
    ties: str = "mean"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("candidates", self.candidates, CANDIDATES),
            ("selection", self.selection, SELECTIONS),
            ("rescoring", self.rescoring, RESCORINGS),
            ("judged", self.judged, JUDGED),
        ):
            if value not in known:
                raise UsageError(f"unknown {what} {brief(value)}; {nearest(str(value), known)}")
        if self.csls_k < 0:
            raise UsageError(f"csls_k must be >= 0, got {self.csls_k}")

    @property
    def calibrated_before(self) -> bool:
        """Whether confidences come from links that an earlier fit held out, and the last one learnt from."""
        return self.judged == OUT_OF_FOLD or self.refit

    @property
    def transductive(self) -> bool:
        """Whether test entities took part in learning, by pseudo-links or in a refinement; their links did not."""
        return self.refined > 0 or (self.iterative and self.pseudo_rounds != 0)

    @property
    def num_ranked(self) -> int:
        """Number of links that were ranked: of test links, or of those that the metrics are about instead."""
        if self.judged != "test":
            return self.num_judged
        return self.num_test if self.num_test_ranked is None else self.num_test_ranked

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, tuples as lists."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return values | {"surface_values": {name: list(each) for name, each in self.surface_values.items()}}

    def describe(self) -> str:
        """The protocol in one line of text."""
        parts = [
            "candidates: " + ("entities of the test links" if self.candidates == "test" else "all entities"),
            f"CSLS k={self.csls_k}" if self.csls_k > 0 else "no CSLS",
            self._iterated(),
            *([f"refined by soft matches, {_counted(self.refined, 'round')}"] if self.refined else []),
            *(["neighbours of candidate pairs compared"] if self.compared else []),
            *(["transductive: test entities took part, their links did not"] if self.transductive else []),
            self._named(),
            "selected on " + self._selected_on() + (", then learnt from these, too" if self.refit else ""),
            f"links {self.num_train} train / {self.num_valid} valid / {self.num_test} test",
            "ties at their mean rank",
        ]
        if self.modalities:
            parts.insert(2, "modalities: " + ", ".join(self.modalities))
        if self.num_test_ranked is not None:
            parts.insert(0, _sampled(self.num_test_ranked, self.num_test, "test links", self.seed))
        if self.filtered:
            parts.insert(1, "filtered: the other right answers to a query are no candidates, recall per link")
        if self.seeds_from:
            parts.insert(0, self._seeded())
        if self.judged != "test":
            parts.insert(0, self._judged_on())
        if self.rescoring != "none":
            parts.insert(0, "RE-SCORED BY SINKHORN over all queries at once, not comparable with plain ranking")
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        return "; ".join(parts)

    def _iterated(self) -> str:
        if not self.iterative or self.pseudo_rounds is None:
            return "iterative" if self.iterative else "not iterative"
        kept = _counted(self.pseudo_rounds, "round") if self.pseudo_rounds else "no round"
        return f"iterative, {kept} of pseudo-links kept"

    def _named(self) -> str:
        if not self.surface_names:
            return "without names"
        names = list(dict.fromkeys(name for some in self.surface_values.values() for name in some))
        more = f" and {_counted(len(names) - MOST_NAMED, 'other')}" if len(names) > MOST_NAMED else ""
        return "with names" + (f", by values of {', '.join(names[:MOST_NAMED])}{more}" if names else "")

    def _seeded(self) -> str:
        derived = f"derived from {' and '.join(self.seeds_from)}"
        if self.num_seeds is None or self.num_seeds == self.num_train + self.num_valid:
            return f"NO KNOWN LINKS: trained and selected on pairs {derived}"
        return f"{self.num_seeds:,} of the training links {derived}"

    def _judged_on(self) -> str:
        if self.judged == "validation":
            return f"judged on the {self.num_judged:,} validation links, which also selected"
        whole = self.num_judged >= self.num_train - (self.num_seeds or 0)
        how = "each held out in turn" if whole else "held out once"
        folds = _counted(self.folds, "fold")
        return f"judged on {self.num_judged:,} of the known links, {how} ({folds}); learnt from all"

    def _selected_on(self) -> str:
        if self.selection == OUT_OF_FOLD:
            return "the held-out links"
        if self.selection != "validation":
            return "nothing (last weights)" if self.selection == "none" else "TEST links"
        text = "validation links"
        if self.num_valid_ranked is not None:
            text = _sampled(self.num_valid_ranked, self.num_valid, text, self.seed)
        return text if self.valid_candidates is None else f"{text} among {self.valid_candidates:,} entities a side"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sampled(number: int, total: int, what: str, seed: int | None) -> str:
    return f"{number:,} of {total:,} {what}, sampled" + ("" if seed is None else f" (seed {seed})")
