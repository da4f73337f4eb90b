"""Which matches of a run are decided, directly or because one of their entities is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..data.texts.labels import Labels
from ..decisions.decision import ACCEPT, REJECT, Decision

if TYPE_CHECKING:
    from ..review.view import RunView

Verdicts = dict[tuple[str | None, str | None], str]


def verdicts_of(view: "RunView", decisions: Iterable[Decision], *, one_to_one: bool) -> Verdicts:
    """Verdict by pair of keys, for ``RunView.matches``.

    Where an entity has one counterpart at most, another counterpart that was accepted rejects the match of the run.

    Args:
        view: the view of the run.
        decisions: decisions that were not taken back, the later ones last.
        one_to_one: whether an entity has one counterpart at most.
    """
    found: Verdicts = {each.pair: each.verdict for each in decisions}
    accepted = [pair for pair, verdict in found.items() if verdict == ACCEPT]
    if not one_to_one or not accepted:
        return found
    for place, side in enumerate(view.sides):
        rows = Labels.of(side.table.labels).rows([str(pair[place]) for pair in accepted])
        partner = np.where(rows >= 0, view.columns.partner[place][np.maximum(rows, 0)], -1)
        other = view.sides[1 - place]
        for pair, end in zip(accepted, partner.tolist(), strict=True):
            if end >= 0:
                match = (pair[0], other.key(end)) if place == 0 else (other.key(end), pair[1])
                found.setdefault(match, REJECT)
    return found
