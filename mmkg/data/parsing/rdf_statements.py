"""Statements of RDF by columns."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...typing import BoolArray


class Statements(NamedTuple):
    """Some statements by column; ``objects`` is "" for a literal, which has value, language and datatype."""

    subjects: Sequence[str]
    predicates: Sequence[str]
    objects: Sequence[str]
    values: Sequence[str]
    languages: Sequence[str]
    datatypes: Sequence[str]
    lines: Sequence[int] | None = None  # line of each statement in N-Triples and N-Quads, where it is known

    linked: BoolArray | None = None  # which objects are entities, where it is known

    def with_blanks(self, prefix: str) -> "Statements":
        """The same statements, with a prefix for the labels of blank nodes."""
        return self._replace(subjects=_prefixed(self.subjects, prefix), objects=_prefixed(self.objects, prefix))

    @staticmethod
    def of(columns: Iterable[Sequence[str]]) -> "Statements":
        """Six columns of equal length."""
        subjects, predicates, objects, values, languages, datatypes = columns
        return Statements(subjects, predicates, objects, values, languages, datatypes)


def _prefixed(terms: Sequence[str], prefix: str) -> list[str]:
    return [f"_:{prefix}{term[2:]}" if term.startswith("_:") else term for term in terms]
