"""Reader of a graph from a SPARQL 1.1 endpoint, a few hundred entities at a time."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ...errors import InputError
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.iris import oxigraph
from ..parsing.rdf_statements import Statements
from ..parsing.terms import escape
from ..parsing.urls import Url
from .rdf import RdfReader
from .registry import GraphData
from .sparql_endpoint import Endpoint, SlowEndpoint

SUBJECTS = 10_000  # entities whose IRIs are listed by one query
STATEMENTS = 200  # entities whose statements are read by one query
UNSUSPECTED = 1000  # rows of an answer that no endpoint cuts; longer answers are counted
PATHS = ("sparql", "query")  # last part of the path of addresses that need no ``sparql+``
_PREFIXES = re.compile(r"\s*(?:PREFIX\s+[^\s:]*:\s*<[^<>\s]*>\s*)*", re.IGNORECASE)

Row = tuple[Any, ...]  # terms of pyoxigraph


def is_endpoint(url: Url) -> bool:
    """Whether an address begins with ``sparql+``, or is one of http whose path ends in ``sparql`` or ``query``."""
    if url.scheme in ("sparql+http", "sparql+https"):
        return True
    return url.scheme in ("http", "https") and urlsplit(url.place).path.rstrip("/").rpartition("/")[2] in PATHS


def read_endpoint(url: Url, faults: Faults, *, languages: Sequence[str] = ("en",)) -> GraphData:
    """Read one graph from a SPARQL endpoint; statements give what they give in a file, see ``read_rdf``.

    The IRIs of all subjects are listed in their order, each page from the last IRI on; then the statements of a few
    hundred of them at a time are read. Long answers are counted, so that an endpoint that cuts them is noticed; then
    each query is about fewer. Blank nodes have names in one answer only: statements with them are left out and
    counted, unless the graph is small enough for one answer.

    Args:
        url: ``sparql+https://host/path`` or ``https://host/sparql``. A pattern about ``?s`` after ``#`` restricts the
            entities, one about ``?p`` and ``?o`` the statements: ``#?s a <http://dbpedia.org/ontology/City>``;
            ``PREFIX`` lines may come first. ``?default-graph-uri=IRI`` selects a named graph.
        faults: filled with notes.
        languages: languages of names, by preference.

    Raises:
        InputError: the endpoint cannot be reached, refuses a query, sends something else, or has no such statement.
        MissingPackageError: requests or pyoxigraph is not installed.
    """
    with Endpoint(url, faults.max_bytes) as endpoint:
        reader = RdfReader(GraphBuilder(endpoint.name, faults), tuple(language.lower() for language in languages))
        for rows in _Pages(endpoint, url.part, faults).all():
            reader.take(_columns(rows, endpoint, faults), endpoint.name)
        return reader.finish()


class _Pages:
    """The statements of an endpoint, a page at a time.

    Args:
        endpoint: the endpoint.
        part: the pattern, after its prefixes.
        faults: gets a note about what is left out.
    """

    def __init__(self, endpoint: Endpoint, part: str, faults: Faults) -> None:
        self.endpoint, self.faults, self.step = endpoint, faults, STATEMENTS
        head = _PREFIXES.match(part)
        cut = 0 if head is None else head.end()
        self.prefixes, self.pattern = part[:cut].strip(), part[cut:].strip()
        if re.match(r"(?:SELECT|CONSTRUCT|DESCRIBE|ASK)\b", self.pattern, re.IGNORECASE):
            raise InputError(
                "expected a pattern about ?s after #, e.g. ?s a <http://dbpedia.org/ontology/City>, got the query "
                f"{self.pattern[:60]!r}",
                endpoint.name,
            )

    def all(self) -> Iterator[list[Row]]:
        """All statements, as terms (subject, predicate, object)."""
        first = self._rows("", f"LIMIT {UNSUSPECTED}")
        if len(first) < UNSUSPECTED and len(first) == self._number(""):
            yield first
            return
        blank, left_out = oxigraph().BlankNode, 0
        for subjects in self._subjects():
            while subjects:
                try:
                    rows = self._statements(subjects[: self.step])
                except SlowEndpoint:
                    if self.step == 1:
                        raise
                    rows = None
                if rows is None:  # too many for one answer
                    self.step = max(1, min(self.step, len(subjects)) // 2)
                    continue
                subjects = subjects[self.step :]
                kept = [row for row in rows if type(row[2]) is not blank]
                left_out += len(rows) - len(kept)
                yield kept
        with suppress(SlowEndpoint):
            left_out += self._number("FILTER(isBlank(?s))")
        self.faults.count(f"{self.endpoint.name}: statements with blank nodes left out", left_out)

    def _subjects(self) -> Iterator[list[str]]:
        """The IRIs of all subjects as terms, in the order of the endpoint."""
        last, limit = "", SUBJECTS
        seen: set[str] = set()
        while True:
            after = f'FILTER(STR(?s) > "{escape(last)}")' if last else ""
            query = f"SELECT DISTINCT ?s WHERE {{ ?s ?p ?o . {self.pattern} FILTER(isIRI(?s)) {after} }}"
            try:
                rows = self._select(f"{query} ORDER BY STR(?s) LIMIT {limit}", "s")
            except SlowEndpoint:
                if limit < UNSUSPECTED:
                    raise
                limit //= 4
                continue
            found = [row[0] for row in rows]
            if not found:
                return
            fresh = [term for each in found if (term := str(each)) not in seen]
            if not fresh:
                raise InputError(
                    f"expected subjects after {last!r}, got the same page again: the endpoint ignores FILTER, ORDER BY "
                    "or LIMIT",
                    self.endpoint.name,
                )
            seen.update(fresh)
            last = found[-1].value
            yield fresh

    def _statements(self, subjects: list[str]) -> list[Row] | None:
        """All statements about some subjects; ``None`` if the endpoint does not give all of them in one answer."""
        values = f"VALUES ?s {{ {' '.join(subjects)} }}"
        rows = self._rows(values)
        if len(rows) < UNSUSPECTED or len(rows) >= (number := self._number(values)):
            return rows
        if len(subjects) > 1:
            return None
        rows = []
        while len(rows) < number:
            more = self._rows(values, f"ORDER BY ?p ?o LIMIT {UNSUSPECTED} OFFSET {len(rows)}")
            if not more:
                raise InputError(
                    f"expected {number:,} statements about {subjects[0]}, the endpoint gives {len(rows):,} of them",
                    self.endpoint.name,
                )
            rows += more
        return rows

    def _rows(self, values: str, end: str = "") -> list[Row]:
        return self._select(f"SELECT DISTINCT ?s ?p ?o WHERE {{ {self._where(values)} }} {end}", "s", "p", "o")

    def _number(self, values: str) -> int:
        """The number of statements, as the endpoint counts them."""
        inner = f"SELECT DISTINCT ?s ?p ?o WHERE {{ {self._where(values)} }}"
        rows = self._select(f"SELECT (COUNT(*) AS ?n) WHERE {{ {{ {inner} }} }}", "n")
        try:
            return int(rows[0][0].value)
        except (IndexError, AttributeError, ValueError):
            raise InputError(f"expected a number of statements, got {rows[:1]}", self.endpoint.name) from None

    def _where(self, values: str) -> str:
        return f"{values} ?s ?p ?o . {self.pattern}"

    def _select(self, query: str, *names: str) -> list[Row]:
        rows = self.endpoint.select(f"{self.prefixes}\n{query}".strip(), *names)
        if any(None in row for row in rows):
            raise InputError(
                f"expected a value of {', '.join(names)} in every row, got an empty one", self.endpoint.name
            )
        return rows


def _columns(rows: list[Row], endpoint: Endpoint, faults: Faults) -> Statements:
    """Statements by columns; those of RDF-star are left out and counted."""
    ox = oxigraph()
    plain = [row for row in rows if ox.Triple not in (type(row[0]), type(row[2]))]
    faults.count(f"{endpoint.name}: RDF-star statements left out", len(rows) - len(plain))
    for subject, predicate, _ in plain:
        if type(subject) is ox.Literal or type(predicate) is not ox.NamedNode:
            raise InputError(f"expected statements, got {subject} {predicate}", endpoint.name)
    targets = [target for _, _, target in plain]
    literal = [type(target) is ox.Literal for target in targets]
    pairs = list(zip(targets, literal, strict=True))
    return Statements(
        [str(subject) for subject, _, _ in plain],
        [str(predicate) for _, predicate, _ in plain],
        ["" if each else str(target) for target, each in pairs],
        [target.value if each else "" for target, each in pairs],
        [(target.language or "") if each else "" for target, each in pairs],
        [target.datatype.value if each and not target.language else "" for target, each in pairs],
    )
