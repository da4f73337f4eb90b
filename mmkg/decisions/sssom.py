"""Decisions as mappings in SSSOM: with author and date, ``Not`` for rejected pairs, ``sssom:NoTermFound`` for none."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..data.links.equal import EQUAL
from ..data.links.sssom import CURATED, NEGATED, SAME_AS, SssomMapping, sssom_lines
from ..data.links.sssom_read import REJECTED, sssom_rows
from ..data.parsing.columns import Faults
from ..errors import InputError
from ..files import write_lines
from .decision import ACCEPT, NO_COUNTERPART, REJECT, Decision

Names = Callable[[int, str], str]  # side (0 = left, 1 = right) and label -> text to show
IDENTIFIER = "urn:mmkg:decisions"


def decision_lines(decisions: Sequence[Decision], names: Names | None = None) -> Iterator[str]:
    """The lines of a mapping set, each with its newline, in the order of the decisions; what was undone is left out.

    SSSOM has dates and no times, so that the order of the lines is the order in which they were made.

    Args:
        decisions: the decisions.
        names: text to show of an entity; ``None`` = the set has no names.

    Source:
        SSSOM 1.0: ``predicate_modifier``, ``author_id``, ``mapping_date``, ``sssom:NoTermFound``.
    """

    def mapping(decision: Decision) -> SssomMapping:
        shown = ["" if names is None or end is None else names(side, end) for side, end in enumerate(decision.pair)]
        return SssomMapping(
            decision.left,
            decision.right,
            NEGATED + SAME_AS if decision.verdict == REJECT else SAME_AS,
            None,
            shown[0],
            shown[1],
            CURATED,
            decision.author,
            decision.date[:10],
            decision.comment,
        )

    return sssom_lines([mapping(each) for each in decisions if not each.undone], identifier=IDENTIFIER)


def write_decisions(path: str | Path, decisions: Sequence[Decision], names: Names | None = None) -> None:
    """Write decisions as SSSOM, whole or not at all."""
    write_lines(path, decision_lines(decisions, names))


def read_sssom_decisions(path: Path, faults: Faults) -> list[tuple[int, Decision]]:
    """The decisions of people in a mapping set, each with its line.

    They are mappings by manual curation, or with an author. Mappings that a program computed are counted and left out;
    so are those by a predicate that says neither that two entities are the same nor that they are not.

    Raises:
        InputError: the file is missing or breaks its format, or no mapping in it is a decision.
    """
    found: list[tuple[int, Decision]] = []
    computed = other = 0
    for line, mapping in sssom_rows(path, faults):
        if mapping.justification != CURATED and not mapping.author:
            computed += 1
            continue
        if mapping.predicate in REJECTED:
            verdict = REJECT
        elif mapping.predicate in EQUAL:
            verdict = NO_COUNTERPART if mapping.left is None or mapping.right is None else ACCEPT
        else:
            other += 1
            continue
        try:
            said = (mapping.author, mapping.date.strip(), mapping.comment.strip())
            decision = Decision(mapping.left, mapping.right, verdict, *said)
        except InputError as error:
            faults.bad(error.reason, path, line)
            continue
        found.append((line, decision))
    if not found:
        seen = f"{computed:,} computed by a program" if computed else "none"
        hint = "; give computed links as links" if computed else ""
        raise InputError(f"expected at least one decision of a person, got {seen}{hint}", path)
    faults.count(f"{path.name}: mappings that a program computed, no decisions", computed)
    faults.count(f"{path.name}: mappings by other predicates, no decisions", other)
    return found
