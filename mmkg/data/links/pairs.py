"""From the graphs and links that a reader returns to a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...records import Record
from ...typing import IntArray
from ..entities import is_among
from ..kg import KnowledgeGraph
from ..parsing.coded import Numbers
from ..parsing.columns import Faults
from ..split import SplitConfig, split_groups
from ..task import AlignmentTask, LinkSplit
from .checked import PARTS, SEEDS, LabelLinks, label_link_rows
from .decided import Decided, DecidedLabels, decided_rows, with_decisions
from .never import never_rows


@dataclass(frozen=True, eq=False, repr=False)
class PairData(Record):
    """What a reader of a pair returns: graphs and links as the files hold them. ``make_task`` checks and splits them.

    Args:
        left: the left graph.
        right: the right graph.
        links: the links of each file; none if no links are known.
        name: name of the task in messages and records.
        own: whether the links are the user's own, nearly all of which are learnt from; else they are those of a
            benchmark, of which published tables learn from 30 %.
        rejected: pairs that are not the same.
        decided: decisions of people, which count more than links and rejected pairs of files.
        notes: counts of skipped lines, duplicates and the like, by text.
    """

    left: KnowledgeGraph
    right: KnowledgeGraph
    links: Sequence[LabelLinks]
    name: str
    notes: Mapping[str, int] = field(default_factory=dict)
    own: bool = False
    rejected: Sequence[LabelLinks] = ()
    decided: DecidedLabels | None = None


def make_task(pair: PairData, split: SplitConfig) -> AlignmentTask:
    """Check the links of a pair and split them.

    Links without a part are split by the ratios and the seed; the others go to the part that their file assigns. The
    links of graphs of one's own are all training links unless ``train_ratio`` is given.

    Raises:
        InputError: a link names an unknown entity, occurs twice or contradicts another; file and line are given.
    """
    faults = Faults(split.on_error, dict(pair.notes))
    labels = (pair.left.entities, pair.right.entities)
    found: list[LinkSplit] = []
    known_at: list[tuple[LabelLinks, IntArray, IntArray]] = []
    ratios = split.ratios(own=pair.own)
    for links in pair.links:
        rows, kept = label_link_rows(links, labels, faults, one_to_one=split.one_to_one)
        known_at.append((links, rows, kept))
        if links.parts is None:
            found.append(_drawn(rows, split, ratios, links.path, faults))
            continue
        part = np.array(links.parts, str)[kept]
        found.append(LinkSplit(*(rows[part == each] for each in PARTS)))
        if SEEDS in links.parts:
            found.append(_drawn(rows[part == SEEDS], split, (1.0, ratios[1]), links.path, faults))
    parts = [[np.empty((0, 2), np.int64), *(getattr(each, part) for each in found)] for part in PARTS]
    known = LinkSplit(*map(np.concatenate, parts))
    candidates = split.candidates or ("all" if pair.own else "test")
    said = [links.rejected for links in pair.links if links.rejected is not None]
    never = never_rows([*pair.rejected, *said], known_at, labels, faults)
    decided = Decided()
    if pair.decided is not None:
        decided = decided_rows(pair.decided, labels, faults)
        name = pair.decided.path.name
        known = with_decisions(known, decided, one_to_one=split.one_to_one, faults=faults, name=name)
        never = np.unique(np.concatenate([never[~is_among(never, decided.accepted)], decided.rejected]), axis=0)
    return AlignmentTask(
        pair.left,
        pair.right,
        known,
        pair.name,
        candidates,
        faults.notes,
        split.one_to_one,
        never,
        decided.accepted,
        decided.alone,
    )


def _drawn(rows: IntArray, split: SplitConfig, ratios: tuple[float, float], path: Path, faults: Faults) -> LinkSplit:
    """Links split by the ratios of training and validation; moved links are counted."""
    drawn = split_groups(rows, train_ratio=ratios[0], valid_ratio=ratios[1], seed=split.seed)
    faults.count(f"{path.name}: links moved to the part of a link they share an entity with", drawn.moved)
    return drawn.links


def same_as_links(
    pairs: Sequence[tuple[str, str]], left: Sequence[str], right: Sequence[str], path: Path, faults: Faults
) -> LabelLinks:
    """Links that follow from pairs of labels that are the same, directly or through other labels.

    ``owl:sameAs`` holds in both directions and along chains, so that cycles add nothing. Each group of labels
    that are the same gives links between its left and its right entities; groups come in the order of their
    left entities. Pairs that link nothing are counted.

    Raises:
        InputError: a group holds several entities of one graph, unless ``faults`` skips it.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = Numbers()
    ends = numbers.of([label for pair in pairs for label in pair]).reshape(-1, 2)
    size = len(numbers)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    group = connected_components(graph, directed=False)[1].astype(np.int64) if size else np.empty(0, np.int64)
    members = [_members(labels, numbers, group) for labels in (left, right)]
    found: tuple[list[str], list[str]] = ([], [])
    useful = np.zeros(size, bool)
    for each, lefts in members[0].items():
        rights = members[1].get(each)
        if rights is None:
            continue
        useful[each] = True
        for side, several in (("left", lefts), ("right", rights)):
            if len(several) > 1:
                faults.bad(
                    f"owl:sameAs makes {several[0]!r} and {several[1]!r} of the {side} graph the same; remove the "
                    "statement, or give the links in a file",
                    path,
                )
                break
        else:
            found[0].append(lefts[0])
            found[1].append(rights[0])
    if size:
        faults.count(f"{path.name}: owl:sameAs that links no two entities", int((~useful[group[ends[:, 0]]]).sum()))
    return LabelLinks(path, *found, np.arange(1, len(found[0]) + 1))


def _members(labels: Sequence[str], numbers: Numbers, group: IntArray) -> dict[int, list[str]]:
    """The labels of a graph in each group, in the order of the graph."""
    members: dict[int, list[str]] = {}
    known = numbers.known(labels)
    for row in np.flatnonzero(known >= 0).tolist():
        members.setdefault(int(group[known[row]]), []).append(labels[row])
    return members
