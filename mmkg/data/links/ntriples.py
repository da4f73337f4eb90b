"""Links as ``owl:sameAs`` statements: any RDF in, N-Triples out."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ..parsing.builder import Numbers
from ..parsing.columns import Faults
from ..parsing.statements import read_statements
from ..parsing.terms import CLOSE_MATCH, SAME_AS, label_of, term_of
from .checked import LabelLinks
from .export import Export, Link


def read_same_as_links(path: str | Path, faults: Faults) -> LabelLinks:
    """All ``owl:sameAs`` statements of an RDF file as links, subject on the left; other statements are skipped.

    Raises:
        InputError: the file is missing or malformed, or the object of ``owl:sameAs`` is a literal.
        MissingPackageError: pyoxigraph is not installed.
    """
    path = Path(path)
    left: list[str] = []
    right: list[str] = []
    lines: list[int] = []
    for rows in read_statements(path, faults, Numbers(), special=frozenset({SAME_AS})):
        for index, predicate in enumerate(rows.predicates):
            if predicate != SAME_AS:
                continue
            line = None if rows.lines is None else rows.lines[index]
            if rows.objects[index]:
                left.append(label_of(rows.subjects[index]))
                right.append(label_of(rows.objects[index]))
                lines.append(len(left) if line is None else line)
            else:
                value = rows.values[index]
                faults.bad(f"expected an entity after owl:sameAs, got the literal {value[:60]!r}", path, line)
    return LabelLinks(path, left, right, np.array(lines, np.int64))


def to_ntriples(links: Iterable[Link], *, is_same: Callable[[Link], bool] | None = None) -> Iterator[str]:
    """One line ``<left> owl:sameAs <right> .`` per link, with its newline.

    A link for which ``is_same`` is false is ``skos:closeMatch``. Labels become RDF terms as `term_of` describes.

    Source: RDF 1.1 N-Triples, https://www.w3.org/TR/n-triples/.
    """
    for link in links:
        predicate = SAME_AS if is_same is None or is_same(link) else CLOSE_MATCH
        yield f"{term_of(link.left)} {predicate} {term_of(link.right)} .\n"


def ntriples_lines(export: Export) -> Iterator[str]:
    """The lines of an N-Triples file."""
    return to_ntriples(export.links, is_same=export.is_same)
