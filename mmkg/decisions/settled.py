"""What holds after all decisions: the last word of each person, and nothing that two people dispute."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from .decision import ACCEPT, NO_COUNTERPART, REJECT, Decision

End = tuple[int, str]  # side (0 = left, 1 = right) and label
Pair = tuple[str | None, str | None]


class Settled(NamedTuple):
    """Decisions that hold.

    Args:
        decisions: each pair and each entity without a counterpart once, in the order in which they were made.
        disputed: decisions of several people that contradict each other; none of them holds.
    """

    decisions: list[Decision]
    disputed: list[list[Decision]]

    def disputes(self) -> list[str]:
        """One sentence for each dispute."""
        return [f"not used, people disagree: {'; '.join(each.text() for each in some)}" for some in self.disputed]


def settled(decisions: Sequence[Decision], *, one_to_one: bool = True) -> Settled:
    """What holds of some decisions.

    Of one person the last word counts: a later decision replaces each earlier one that it contradicts. Decisions of
    several people that contradict each other are disputed. A decision that was undone counts for nothing.

    Args:
        decisions: in the order in which they were made.
        one_to_one: whether an entity has one counterpart at most, so that accepting another one is a contradiction.
    """
    authors: dict[str, _LastWord] = defaultdict(lambda: _LastWord(one_to_one))
    for place, each in enumerate(decisions):
        if not each.undone:
            authors[each.author].add(place, each)
    left = sorted((item for words in authors.values() for item in words.said.values()), key=lambda item: item[0])
    kept: dict[Pair, tuple[int, Decision]] = {}
    disputed = []
    for some in _groups([each for _, each in left]):
        group = [left[place] for place in some]
        if _contradict([each for _, each in group], one_to_one):
            disputed.append([each for _, each in group])
        else:
            for place, each in group:
                kept.setdefault(each.pair, (place, each))
    return Settled([each for _, each in sorted(kept.values(), key=lambda item: item[0])], disputed)


class _LastWord:
    """What one person holds, by pair, with the place of each decision."""

    def __init__(self, one_to_one: bool) -> None:
        self.one_to_one = one_to_one
        self.said: dict[Pair, tuple[int, Decision]] = {}
        self.accepted: dict[End, set[Pair]] = defaultdict(set)

    def add(self, place: int, new: Decision) -> None:
        """A later decision takes the place of those that it contradicts."""
        replaced: set[Pair] = {new.pair}
        if new.verdict == ACCEPT:
            replaced |= {(new.left, None), (None, new.right)}
        if new.verdict == NO_COUNTERPART or (new.verdict == ACCEPT and self.one_to_one):
            replaced |= {pair for end in _ends(new) for pair in self.accepted[end]}
        for pair in replaced & self.said.keys():
            for end in _ends(self.said.pop(pair)[1]):
                self.accepted[end].discard(pair)
        self.said[new.pair] = (place, new)
        if new.verdict == ACCEPT:
            for end in _ends(new):
                self.accepted[end].add(new.pair)


def _ends(decision: Decision) -> list[End]:
    return [(side, label) for side, label in enumerate(decision.pair) if label is not None]


def _groups(decisions: Sequence[Decision]) -> list[list[int]]:
    """Places of decisions that may contradict each other: about one pair, or accepted or alone with one entity."""
    parent = list(range(len(decisions)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[object, int] = {}
    for place, each in enumerate(decisions):
        for key in [each.pair, *(_ends(each) if each.verdict != REJECT else ())]:
            parent[root(place)] = root(first.setdefault(key, place))
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(len(decisions)):
        groups[root(place)].append(place)
    return list(groups.values())


def _contradict(decisions: Sequence[Decision], one_to_one: bool) -> bool:
    """Whether any two decisions cannot both hold."""
    verdicts: dict[Pair, str] = {}
    counterparts: dict[End, set[str | None]] = defaultdict(set)
    for each in decisions:
        if verdicts.setdefault(each.pair, each.verdict) != each.verdict:
            return True
        if each.verdict != REJECT:
            for side, label in _ends(each):
                counterparts[side, label].add(each.pair[1 - side])
    return any(len(some) > 1 and (one_to_one or None in some) for some in counterparts.values())
