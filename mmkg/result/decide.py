"""Decisions of people, applied to a finished run."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..data.entities import EntityTable, is_among
from ..data.links.decided import Decided, decided_rows, has_end, with_decisions
from ..data.parsing.columns import Faults
from ..data.parsing.iris import is_iri
from ..data.task import LinkSplit
from ..data.texts.labels import Labels
from ..decisions.read import decided_labels
from ..evaluation import Protocol
from ..matching.held_out import HeldOut, Nearest, best_margins
from ..typing import IntArray
from .linked import are_guesses, number_derived, one_to_one

if TYPE_CHECKING:
    from .answers import Answers


class DecidedRun(NamedTuple):
    """What decisions change of a run: fields of ``Answers``.

    Args:
        links: the split, with accepted pairs as first training links.
        protocol: with the number of links that were derived.
        kept: matches that stay: accepted pairs, and those of the run before.
        alone: entities without a counterpart.
        never: pairs that are matched no more.
        judged: best candidates that were decided about; ``None`` = none.
    """

    links: LinkSplit
    protocol: Protocol
    kept: IntArray
    alone: IntArray
    never: IntArray
    judged: HeldOut | None


def decide(run: "Answers", decisions: Any, faults: Faults) -> DecidedRun:
    """Decisions as changes of a run; see ``AlignmentResult.decided``."""
    single = run.experiment.data.one_to_one
    labels = (run.entities[0].labels, run.entities[1].labels)
    stated = decided_labels(decisions, one_to_one=single, faults=faults)
    rows = decided_rows(stated, labels, faults)
    links, protocol = _with_accepted(
        run.links, run.protocol, rows, one_to_one=single, faults=faults, name=stated.path.name
    )
    out = is_among(run.kept, rows.rejected) | has_end(run.kept, rows.alone)
    never = np.concatenate([rows.rejected, _namesakes(rows.alone, run.entities)])
    return DecidedRun(
        links,
        protocol,
        one_to_one(np.concatenate([rows.accepted, run.kept[~out]])),
        np.unique(np.concatenate([run.alone[~_given(run.alone, rows.accepted)], rows.alone]), axis=0),
        never,
        judged_sample(rows, run.links, run.embeddings.is_exact, run.nearest),
    )


def judged_sample(rows: Decided, links: LinkSplit, is_exact: Any, nearest: Nearest) -> HeldOut | None:
    """Best candidates of left entities that people decided about, by a run that has not learnt from the decisions.

    A candidate is right if the pair was accepted. It is wrong if it was rejected, if another one was accepted, or if
    the entity has no counterpart. Entities of links that the run has learnt from or is calibrated on are left out.

    Args:
        rows: the decisions.
        links: the split of the run before the decisions.
        is_exact: which pairs are equal literal nodes, which have no margin.
        nearest: returns the k best candidates of some entities of a side.
    """
    alone = rows.alone[rows.alone[:, 0] == 0, 1]
    lefts = np.unique(np.concatenate([rows.accepted[:, 0], rows.rejected[:, 0], alone]))
    lefts = np.setdiff1d(lefts, np.concatenate([links.train[:, 0], links.valid[:, 0]]))
    if not len(lefts):
        return None
    found = nearest(lefts, 2, "left")
    best = np.stack([lefts, found.ids[:, 0]], axis=1)
    right = is_among(best, rows.accepted)
    wrong = is_among(best, rows.rejected) | np.isin(lefts, rows.accepted[:, 0]) | np.isin(lefts, alone)
    used = (right | wrong) & (best[:, 1] >= 0)
    used[used] &= ~is_exact(best[used])
    if not used.any():
        return None
    margins = best_margins(lefts, found, nearest)[used]
    return HeldOut(margins, right[used], right[used])


def _with_accepted(
    links: LinkSplit, protocol: Protocol, rows: Decided, *, one_to_one: bool, faults: Faults, name: str
) -> tuple[LinkSplit, Protocol]:
    """Links after decisions. Derived links stay the last training links, as ``given_links`` expects them."""
    derived, guessed = number_derived(links, protocol), are_guesses(links, protocol)
    if guessed:  # validation links that were found are none beside links that are known
        links = LinkSplit(np.concatenate([links.train, links.valid]), links.valid[:0], links.test)
    changed = with_decisions(links, rows, one_to_one=one_to_one, faults=faults, name=name)
    if derived:
        last = links.train[max(0, len(links.train) - derived) :]
        protocol = replace(protocol, num_seeds=int(is_among(last, changed.train).sum()))
    return changed, protocol


def _given(alone: IntArray, accepted: IntArray) -> np.ndarray:
    """Which entities without a counterpart, ``[N, 2]``, have one by now, bool ``[N]``."""
    found = np.zeros(len(alone), bool)
    for side in (0, 1):
        found |= (alone[:, 0] == side) & np.isin(alone[:, 1], accepted[:, side])
    return found


def _namesakes(alone: IntArray, entities: tuple[EntityTable, EntityTable]) -> IntArray:
    """Pairs of an entity without a counterpart and the one of the other graph with its IRI, int64 ``[P, 2]``."""
    found = []
    for side, row in alone.tolist():
        label = entities[side].labels[row]
        if is_iri(label):
            others = Labels.of(entities[1 - side].labels).rows_of(label)
            found += [(row, other) if side == 0 else (other, row) for other in others]
    return np.array(found, np.int64).reshape(-1, 2)
