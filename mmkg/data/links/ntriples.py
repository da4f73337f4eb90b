"""Links as statements such as ``owl:sameAs``: any RDF in, N-Triples out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ..parsing.columns import Faults
from ..parsing.statements import read_statements
from ..parsing.terms import CLOSE_MATCH, SAME_AS, label_of, term_of
from .checked import LabelLinks
from .equal import EQUAL, iri_of, short_name, tally
from .export import Export, Link

_EQUAL = {f"<{iri_of(name)}>" for name in EQUAL}
_OF_SCHEMAS = {f"<{iri_of(name)}>" for name in EQUAL if "equivalent" in name}


def read_same_as_links(path: str | Path, faults: Faults) -> LabelLinks:
    """The statements of an RDF file by which two entities are the same, as links, subject on the left.

    Predicates are those of ``EQUAL``: ``owl:sameAs``, ``skos:exactMatch``, ``owl:equivalentClass`` and
    ``owl:equivalentProperty``. Other statements, and equivalences with class expressions, are left out and counted.

    Raises:
        InputError: the file is missing or malformed, or the object of such a statement is a literal.
        MissingPackageError: pyoxigraph is not installed.
    """
    path = Path(path)
    left: list[str] = []
    right: list[str] = []
    lines: list[int] = []
    others: Counter[str] = Counter()
    total = 0
    for rows in read_statements(path, faults):
        total += len(rows.predicates)
        for index, predicate in enumerate(rows.predicates):
            if predicate not in _EQUAL:
                others[short_name(predicate[1:-1])] += 1
                continue
            line = None if rows.lines is None else rows.lines[index]
            subject, target = rows.subjects[index], rows.objects[index]
            if not target:
                value, name = rows.values[index], short_name(predicate[1:-1])
                faults.bad(f"expected an entity after {name}, got the literal {value[:60]!r}", path, line)
            elif predicate in _OF_SCHEMAS and "_:" in (subject[:2], target[:2]):
                others[short_name(predicate[1:-1]) + " with a class expression"] += 1
            else:
                left.append(label_of(subject))
                right.append(label_of(target))
                lines.append(len(left) if line is None else line)
    faults.count(f"{path.name}: statements that are no links: {tally(others.elements())}", others.total())
    seen = f"{total} statements, none with {', '.join(EQUAL[:-1])} or {EQUAL[-1]}"
    if others:
        seen += f"; predicates: {tally(others.elements())}"
    return LabelLinks(path, left, right, np.array(lines, np.int64), seen=seen)


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
