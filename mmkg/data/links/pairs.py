"""From two graphs and links between their labels to a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...typing import IntArray
from ..kg import KnowledgeGraph
from ..parsing.builder import Numbers
from ..parsing.columns import Faults
from ..task import AlignmentTask, Candidates, LinkSplit
from .checked import PARTS, LabelLinks, label_link_rows, split_groups

NO_LINKS = np.empty((0, 2), np.int64)


def task_of(
    left: KnowledgeGraph,
    right: KnowledgeGraph,
    links: LabelLinks | Mapping[str, LabelLinks] | None,
    *,
    name: str,
    train_ratio: float = 0.3,
    valid_ratio: float = 0.1,
    seed: int = 0,
    one_to_one: bool = True,
    candidates: Candidates = "test",
    faults: Faults,
) -> AlignmentTask:
    """Check links and split them.

    Args:
        left: the left graph.
        right: the right graph.
        links: to split by the ratios and the seed, unless they say their part; or those of each part, by its name;
            ``None`` for no links.
        name: of the task.
        train_ratio, valid_ratio, seed: see ``split_links``.
        one_to_one: whether an entity may have one counterpart only.
        candidates: whom a test entity is ranked among.
        faults: what to do with a bad link; its notes become the task's.

    Raises:
        InputError: a link names an unknown entity, comes twice or contradicts another.
    """
    labels = (left.entities, right.entities)
    if links is None:
        split = LinkSplit(NO_LINKS, NO_LINKS, NO_LINKS)
    elif isinstance(links, LabelLinks) and links.parts is None:
        rows, _ = label_link_rows(links, labels, faults, one_to_one=one_to_one)
        split = split_groups(
            rows, train_ratio=train_ratio, valid_ratio=valid_ratio, seed=seed, faults=faults, name=links.path.name
        )
    else:
        if isinstance(links, LabelLinks):
            rows, kept = label_link_rows(links, labels, faults, one_to_one=one_to_one)
            part = np.array(links.parts)[kept]
            parts = [rows[part == each] for each in PARTS]
        else:
            parts = [label_link_rows(links[each], labels, faults, one_to_one=one_to_one)[0] for each in PARTS]
        split = LinkSplit(*parts)
    return AlignmentTask(left, right, split, name, candidates, faults.notes, one_to_one)


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
