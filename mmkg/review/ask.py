"""Which pairs to decide next: those whose answers would help the run most."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..data.parsing.delimited import row_lines
from ..data.texts.labels import Labels
from ..errors import UsageError, brief
from ..printing import guarded, line
from ..result.answers import Answers
from ..result.embeddings import SIDES
from ..result.linked import one_to_one
from ..search.given import check_count
from ..typing import FloatArray, IntArray
from .open_pairs import OpenPairs

SHORTLIST = 20  # pairs per question from which a varied batch is chosen
LEAST_SHORTLIST = 500
POWER = 4  # of the confidence; confidences of runs with few links are rough and often too high
ACCEPT, REJECT, NO_COUNTERPART = VERDICTS = ("accept", "reject", "no_counterpart")

Decided = Mapping[tuple[str | None, str | None], str]


class Question(NamedTuple):
    """A pair whose answer would help.

    Args:
        left, right: labels of the entities.
        left_name, right_name: texts to show.
        confidence: probability that the pair is right; ``None`` in a run without confidences.
        margin: its score minus that of the best rival of either entity; larger is surer.
        gain: how much an answer would help, relative to the best question of the run, in [0, 1].
        why: the reasons, in words.
    """

    left: str
    right: str
    left_name: str
    right_name: str
    confidence: float | None
    margin: float
    gain: float
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return self._asdict()


def pairs_to_ask(result: Answers, budget: int = 20, decided: Decided | None = None) -> list[Question]:
    """The pairs whose answers would help a run most, the most helpful first.

    Candidates are the best counterpart of each entity that is open. They are chosen by ``gains``, and are ``varied``.

    Args:
        result: the run.
        budget: number of pairs, >= 1; fewer if there are no more.
        decided: verdicts (``accept``, ``reject``, ``no_counterpart``) by left and right label; with ``no_counterpart``
            one of the two is ``None``. Entities of accepted pairs and those without a counterpart are no longer open;
            of a rejected pair, the next best counterparts are. Labels that the run does not have are not used.

    Raises:
        UsageError: the budget is below 1, or ``decided`` has an unknown verdict.
    """
    budget = check_count(budget, "budget")
    closed, rejected = _rows_of(result, decided or {})
    result = result.without(rejected) if len(rejected) else result
    is_open = []
    for place, side in enumerate(SIDES):
        rows = np.zeros(len(result.entities[place].labels), bool)
        rows[result.embeddings.rows(side)] = True
        rows[np.concatenate([closed[place], result.known[:, place]])] = False
        is_open.append(rows)
    pairs = OpenPairs.of(result, is_open)
    gain = gains(pairs)
    return list(_questions(result, pairs, gain, varied(result, pairs.pairs, gain, budget)))


def gains(pairs: OpenPairs) -> FloatArray:
    """What an answer to each pair is expected to help, in arbitrary units, ``[P]``.

    A yes is a new link, from which its neighbourhood learns; a no only removes a pair. So a pair gains by the
    probability that it is right and by the number of its neighbours, of which each counts less than the one before.
    The smallest margin, the doubt about a pair, modalities that prefer another one, and undecided neighbours alone were
    tried, too, and needed more answers for the same recall (``tools/studies/asking.py``).
    """
    found: FloatArray = pairs.confidence.astype(np.float64) ** POWER * (1 + np.log1p(pairs.neighbors))
    return found


def best_first(pairs: IntArray, gain: FloatArray) -> IntArray:
    """Positions of pairs by their gain, the largest first, no two with an entity in common."""
    order = np.argsort(-gain, kind="stable")
    return one_to_one(np.column_stack([pairs[order], order]))[:, 2]


def varied(result: Answers, pairs: IntArray, gain: FloatArray, budget: int) -> IntArray:
    """Positions of at most ``budget`` pairs with a large gain that are not like each other, int64, in their order.

    Each is the one with the largest gain times its distance, 1 minus the cosine, to the nearest pair that was chosen
    before. No two have an entity in common.

    Args:
        result: the run.
        pairs: int64 ``[P, 2]``.
        gain: ``[P]``, >= 0.
        budget: number of pairs.

    Source:
        Carbonell and Goldstein, SIGIR 1998 (maximal marginal relevance), as a product instead of a weighted sum.
    """
    short = best_first(pairs, gain)[: max(SHORTLIST * budget, LEAST_SHORTLIST)]
    some, value = pairs[short], gain[short]
    sides = [rows[some[:, place]].astype(np.float32) for place, rows in enumerate((result.left, result.right))]
    nearest, free = np.zeros(len(some)), np.ones(len(some), bool)
    chosen: list[int] = []
    while len(chosen) < budget and free.any():
        place = int(np.where(free, value * (1 - nearest), -1.0).argmax())
        chosen.append(place)
        free[place] = False
        nearest = np.maximum(nearest, np.minimum(*(rows @ rows[place] for rows in sides)).clip(0, 1))
    found: IntArray = short[np.array(chosen, np.int64)]
    return found


def questions_tsv(questions: Iterable[Question]) -> Iterator[str]:
    """A header and one line per question, each with its newline; the columns are the fields of ``Question``.

    Raises:
        InputError: a label is empty or holds a tab, a line end or a NUL.
    """
    rows = (["" if value is None else str(value) for value in each] for each in questions)
    shown = ([*row[:2], *(guarded(line(text)) for text in row[2:4]), *row[4:7], guarded(line(row[7]))] for row in rows)
    return row_lines(Question._fields, shown, "\t", optional=("confidence",))


def _rows_of(result: Answers, decided: Decided) -> tuple[tuple[IntArray, IntArray], IntArray]:
    """Rows of either side that are no longer open, and rejected pairs, int64 ``[R, 2]``."""
    labels, verdicts = list(decided), np.array(list(decided.values()), object)
    rows = np.full((len(labels), 2), -1, np.int64)
    for place, table in enumerate(result.entities):
        given = [number for number, pair in enumerate(labels) if pair[place] is not None]
        rows[given, place] = Labels.of(table.labels).rows(str(labels[number][place]) for number in given)
    for pair, verdict in decided.items():
        if verdict not in VERDICTS or pair.count(None) != (verdict == NO_COUNTERPART):
            raise UsageError(
                f"expected {ACCEPT} or {REJECT} of two labels, or {NO_COUNTERPART} of one, got {brief(verdict)} of "
                f"{brief(pair)}"
            )
    no = verdicts == REJECT
    closed = [each[each >= 0] for each in rows[~no].T]
    return (closed[0], closed[1]), rows[no & (rows >= 0).all(axis=1)]


def _questions(result: Answers, pairs: OpenPairs, gain: FloatArray, chosen: IntArray) -> Iterator[Question]:
    most = float(gain.max()) if len(gain) else 1.0
    calibrated = result.counterparts is not None
    for place in chosen.tolist():
        left, right = pairs.pairs[place].tolist()
        yield Question(
            result.entities[0].labels[left],
            result.entities[1].labels[right],
            result.entities[0].display[left],
            result.entities[1].display[right],
            round(float(pairs.confidence[place]), 4) if calibrated else None,
            round(float(pairs.margin[place]), 4),
            round(float(gain[place]) / most, 4) if most > 0 else 0.0,
            _why(result, pairs, place, calibrated=calibrated),
        )


def _why(result: Answers, pairs: OpenPairs, place: int, *, calibrated: bool) -> str:
    """The reasons to ask about a pair, in words."""
    reasons = []
    if calibrated:
        reasons.append(f"right with probability {pairs.confidence[place]:.2f}")
    against = [name for name, prefers in pairs.against.items() if prefers[place]]
    if against:
        rival = result.entities[1].display[int(pairs.rival[place])]
        verb = "prefers" if len(against) == 1 else "prefer"
        reasons.append(
            f"{' and '.join([', '.join(against[:-1]), against[-1]] if against[1:] else against)} {verb} {rival}"
        )
    if pairs.neighbors[place]:
        reasons.append(f"{pairs.neighbors[place]:,} neighbours or more on either side")
    return "; ".join(reasons) or "no confidences to choose by"
