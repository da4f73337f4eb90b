"""Links as ``owl:sameAs`` and similar statements: any RDF in, N-Triples out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ..parsing.builder import Numbers
from ..parsing.columns import Faults
from ..parsing.statements import read_statements
from ..parsing.terms import CLOSE_MATCH, SAME_AS, label_of, term_of
from .checked import LabelLinks
from .export import Export, Link

_PREFIXES = {
    "owl": "http://www.w3.org/2002/07/owl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
EQUAL = frozenset(
    {SAME_AS, f"<{_PREFIXES['skos']}exactMatch>"}
    | {f"<{_PREFIXES['owl']}{name}>" for name in ("equivalentClass", "equivalentProperty")}
)


def read_same_as_links(path: str | Path, faults: Faults) -> LabelLinks:
    """All statements of an RDF file that two entities are the same as links, subject on the left.

    The predicates are ``owl:sameAs``, ``skos:exactMatch``, ``owl:equivalentClass`` and ``owl:equivalentProperty``;
    other statements are counted.

    Raises:
        InputError: the file is missing or malformed, or the object of such a statement is a literal.
        MissingPackageError: pyoxigraph is not installed.
    """
    path = Path(path)
    left: list[str] = []
    right: list[str] = []
    lines: list[int] = []
    others: Counter[str] = Counter()
    for rows in read_statements(path, faults, Numbers(), special=EQUAL):
        for index, predicate in enumerate(rows.predicates):
            if predicate not in EQUAL:
                others[predicate] += 1
                continue
            line = None if rows.lines is None else rows.lines[index]
            if rows.objects[index]:
                left.append(label_of(rows.subjects[index]))
                right.append(label_of(rows.objects[index]))
                lines.append(len(left) if line is None else line)
            else:
                value = rows.values[index]
                name = _short(predicate)
                faults.bad(f"expected an entity after {name}, got the literal {value[:60]!r}", path, line)
    most = ", ".join(f"{_short(predicate)} ({number:,})" for predicate, number in others.most_common(5))
    faults.count(f"{path.name}: statements that are no links: {most}", others.total())
    return LabelLinks(path, left, right, np.array(lines, np.int64))


def _short(predicate: str) -> str:
    """A predicate by its usual prefix, else its IRI, for messages."""
    label = label_of(predicate)
    for prefix, namespace in _PREFIXES.items():
        if label.startswith(namespace):
            return f"{prefix}:{label.removeprefix(namespace)}"
    return label[:60]


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
