"""Statements of RDF by columns."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import NamedTuple

from ...typing import IntArray


class Statements(NamedTuple):
    """Some statements by column; ``objects`` is "" for a literal, which has value, language and datatype."""

    subjects: Sequence[str]
    predicates: Sequence[str]
    objects: Sequence[str]
    values: Sequence[str]
    languages: Sequence[str]
    datatypes: Sequence[str]
    lines: Sequence[int] | None = None  # line of each statement in N-Triples and N-Quads, where it is known
    numbers: IntArray | None = None  # numbers of the terms, if all of them are entities

    def keep(self, mask: Sequence[bool]) -> "Statements":
        """The statements selected by a mask, without numbers."""
        lines = None if self.lines is None else list(compress(self.lines, mask))
        return Statements.of(list(compress(column, mask)) for column in self[:6])._replace(lines=lines)

    def terms(self) -> list[str]:
        """Subject and object of the first statement, of the second, and so on; literals are left out."""
        terms: list[str] = [""] * (2 * len(self.subjects))
        terms[::2], terms[1::2] = self.subjects, self.objects
        return list(filter(None, terms)) if "" in self.objects else terms

    @staticmethod
    def of(columns: Iterable[Sequence[str]]) -> "Statements":
        """Six columns of equal length."""
        subjects, predicates, objects, values, languages, datatypes = columns
        return Statements(subjects, predicates, objects, values, languages, datatypes)
