"""Reader of RDF (N-Triples, N-Quads, Turtle, TriG, N3, RDF/XML and JSON-LD), writer of N-Triples."""

from collections.abc import Iterator, Sequence
from itertools import chain, compress
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files import write_lines
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..parsing.builder import GraphBuilder, picked
from ..parsing.coded import Coded, Numbers
from ..parsing.columns import Faults, OnError, stem
from ..parsing.iris import is_iri, oxigraph
from ..parsing.rdf_statements import Statements
from ..parsing.rdf_syntax import SUFFIXES as RDF_SUFFIXES
from ..parsing.statements import read_statements
from ..parsing.terms import RDF, SAME_AS, escape, label_of, labels_of, literal_text, term_of, type_of
from ..texts.packed import Texts
from .registry import GraphData

TYPE, INDIVIDUAL = f"<{RDF}type>", "<http://www.w3.org/2002/07/owl#NamedIndividual>"
LABEL, DEPICTION = "<http://www.w3.org/2000/01/rdf-schema#label>", "<http://xmlns.com/foaf/0.1/depiction>"
NAMES = (
    LABEL,
    "<http://www.w3.org/2004/02/skos/core#prefLabel>",
    "<http://xmlns.com/foaf/0.1/name>",
    "<http://schema.org/name>",
    "<https://schema.org/name>",
)
IMAGES = (
    DEPICTION,
    "<http://xmlns.com/foaf/0.1/img>",
    "<http://schema.org/image>",
    "<https://schema.org/image>",
    "<http://dbpedia.org/ontology/thumbnail>",
    "<http://www.wikidata.org/prop/direct/P18>",
)
SPECIAL = frozenset({*NAMES, *IMAGES, SAME_AS, TYPE})


def read_rdf(
    source: str | Path | Sequence[str | Path],
    *,
    languages: Sequence[str] = ("en",),
    on_error: OnError = "raise",
    faults: Faults | None = None,
) -> GraphData:
    """Read one graph from RDF files; memory grows with the graph, not with the size of the files.

    IRIs and blank nodes are entities. Statements between them, ``rdf:type`` included, are triples. Literals are
    attribute values: the text in ``values`` (``None`` if it is empty), datatype or language in ``types``. Exceptions:

    - ``rdfs:label``, ``skos:prefLabel``, ``foaf:name`` and ``schema:name`` give one name for each entity. A name in
      the first of ``languages`` is preferred, then one in a regional variant of it (``@en-GB`` for ``en``), then one in
      the second, and so on, then one without a language, then any other. Among names of equal rank the order of these
      predicates decides, then the order in the file. All other names are counted and left out.
    - ``foaf:depiction``, ``foaf:img``, ``schema:image``, ``dbo:thumbnail`` and Wikidata's P18 give ``pictures``; the
      first one of each entity is used.
    - ``owl:sameAs`` gives pairs of labels, no triples.
    - ``rdf:type owl:NamedIndividual`` declares an entity and gives no triple.

    Entities are the terms of all other statements. IRIs that begin with ``urn:mmkg:`` encode labels that are no IRIs,
    see ``write_ntriples``. Blank nodes keep their label in N-Triples and N-Quads and are numbered in other formats;
    blank nodes of different files are different entities. Graph names are ignored.

    A repeated statement counts once, also one that is in several files or named graphs. Left out and counted are
    RDF-star triples with the statements about them, and formulas of N3. Relative IRIs are resolved against the base
    that the file declares, else against ``file:///`` and the name of the file. RDF/XML may have any encoding that it
    declares. Entities of a DTD must be short plain text, such as namespaces.

    Args:
        source: a file, a folder of such files, or several files; ``.nt``, ``.nq``, ``.ttl``, ``.trig``, ``.rdf``,
            ``.owl``, ``.xml``, ``.n3``, ``.jsonld``, each also ``.gz`` or ``.bz2``. Files in ``.ttl``, ``.rdf``,
            ``.owl`` and ``.xml`` are recognised by their content.
        languages: languages of names, by preference.
        on_error: ``skip`` leaves out bad lines of N-Triples and N-Quads, bad statements of Turtle, TriG and N3,
            statements of RDF/XML with a bad IRI, and statements with an unexpected object.
        faults: policy for bad lines, in place of ``on_error``; filled with notes.

    Raises:
        InputError: a file is missing or malformed (the message gives line and column as reported by the parser), or
            the files hold no triple.
        MissingPackageError: pyoxigraph is not installed.
    """
    oxigraph()
    faults = faults or Faults(on_error)
    files = rdf_files(source)
    home = Path(source) if isinstance(source, str | Path) else files[0]
    reader = RdfReader(GraphBuilder(home, faults), tuple(language.lower() for language in languages))
    for number, path in enumerate(files):
        reader.read(path, blank="" if len(files) == 1 else f"f{number + 1}.")
    return reader.finish()


def rdf_files(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """The RDF files of a folder in order of their names, or the given files.

    Raises:
        InputError: no RDF file, or a file without a known suffix.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        files = sorted(path for path in Path(source).iterdir() if stem(path).suffix.lower() in RDF_SUFFIXES)
        if not files:
            raise InputError(f"expected a folder of RDF files ({', '.join(RDF_SUFFIXES)}), found none", source)
        return files
    files = [Path(source)] if isinstance(source, str | Path) else [Path(each) for each in source]
    for path in files:
        if stem(path).suffix.lower() not in RDF_SUFFIXES:
            raise InputError(f"expected an RDF file ({', '.join(RDF_SUFFIXES)}, also .gz or .bz2)", path)
    if not files:
        raise InputError("expected at least one RDF file, got none")
    return files


def write_ntriples(graph: KnowledgeGraph, path: str | Path) -> None:
    """Write a graph as N-Triples, completely or not at all; ``read_rdf`` reads it back.

    Every entity is declared first (``rdf:type owl:NamedIndividual``), so that rows keep their order; names, pictures,
    triples and attributes follow. Labels that are no IRIs become ``urn:mmkg:`` IRIs, a missing value becomes an empty
    literal. Image features and display texts are left out.

    Args:
        graph: the graph.
        path: the ``.nt`` file.

    Raises:
        InputError: a text that UTF-8 cannot hold.
    """
    write_lines(path, chain(declaration_lines(graph), statement_lines(graph)))


def declaration_lines(graph: KnowledgeGraph) -> Iterator[str]:
    """N-Triples lines that declare the entities of a graph in their order, with their newlines."""
    return (f"{term_of(label)} {TYPE} {INDIVIDUAL} .\n" for label in graph.entities)


def statement_lines(graph: KnowledgeGraph) -> Iterator[str]:
    """N-Triples lines of the names, pictures, triples and attributes of a graph, with their newlines."""
    terms = [term_of(label) for label in graph.entities]
    for term, name in zip(terms, graph.names or (), strict=False):
        if name:
            yield f'{term} {LABEL} "{escape(name)}" .\n'
    for term, picture in zip(terms, graph.pictures or (), strict=False):
        if picture:
            target = f"<{picture}>" if is_iri(picture) else f'"{escape(picture)}"'
            yield f"{term} {DEPICTION} {target} .\n"
    relations = [term_of(label) for label in graph.relations]
    for head, relation, tail in graph.triples.tolist():
        yield f"{terms[head]} {relations[relation]} {terms[tail]} .\n"
    facts = graph.attributes
    names = [term_of(label) for label in facts.names]
    types = facts.types or (None,) * len(facts)
    for entity, name, value, kind in zip(
        facts.entity.tolist(), facts.attribute.tolist(), facts.values, types, strict=True
    ):
        yield f"{terms[entity]} {names[name]} {literal_text(value or '', kind)} .\n"


class RdfReader:
    """Sorts statements into triples, attribute facts, names, pictures and ``owl:sameAs`` pairs."""

    def __init__(self, builder: GraphBuilder, languages: tuple[str, ...]) -> None:
        self.builder = builder
        self.same_as: list[tuple[str, str]] = []
        self._languages = {language: rank for rank, language in enumerate(languages)}
        self._rank: dict[int, int] = {}
        self._predicates = Numbers()  # predicates seen so far
        self._is_special: BoolArray = np.zeros(0, bool)  # of each predicate

    def read(self, path: Path, *, blank: str) -> None:
        """Add the statements of a file; ``blank`` is a prefix for the labels of blank nodes."""
        for rows in read_statements(path, self.builder.faults, blank=blank):
            self.take(rows, path)
        self._predicates.settle()

    def take(self, rows: Statements, path: Path) -> None:
        """Add statements, in order."""
        builder = self.builder
        linked = np.array(list(map(bool, rows.objects)), bool) if rows.linked is None else rows.linked
        special = self._specials(rows.predicates)
        ordinary = ~special
        named = np.ones(len(special), bool)  # statements that make their subject an entity
        pairs = zip(picked(rows.predicates, special), picked(rows.objects, special), strict=True)
        for index, (predicate, target) in zip(np.flatnonzero(special).tolist(), pairs, strict=True):
            if predicate == TYPE:
                ordinary[index] = target not in ("", INDIVIDUAL)
            named[index] = predicate != SAME_AS and (predicate != TYPE or target != "")
        special &= ~ordinary
        used = np.stack([named, linked & ordinary], axis=1)
        ends = np.full(used.shape, -1)  # entities are numbered in order of appearance
        ends[used] = builder.entities.of(_terms(rows, used))
        for index in np.flatnonzero(special).tolist():
            self._take_special(rows, index, int(ends[index, 0]), path)
        links, facts = linked & ordinary, ~linked & ordinary
        builder.add_triples(ends[links].ravel(), picked(rows.predicates, links), path)
        if facts.any():
            columns = (rows.predicates, rows.values, rows.languages, rows.datatypes)
            names, values, languages, datatypes = (picked(column, facts) for column in columns)
            types = list(map(type_of, languages, datatypes)) if any(languages) or any(datatypes) else None
            builder.add_facts(ends[facts, 0], names, Texts.filled(values), types, path)

    def finish(self) -> GraphData:
        """The graph of all statements taken so far."""
        builder = self.builder
        return GraphData(builder.build(once=True, named=labels_of), self.same_as)

    def _specials(self, predicates: Sequence[str]) -> BoolArray:
        """Which statements have a predicate of ``SPECIAL``."""
        numbers = self._predicates.of(predicates)
        if len(self._predicates) > len(self._is_special):
            latest = self._predicates.labels()[len(self._is_special) :]
            new = np.array([predicate in SPECIAL for predicate in latest], bool)
            self._is_special = np.concatenate([self._is_special, new])
        return self._is_special[numbers]

    def _take_special(self, rows: Statements, index: int, entity: int, path: Path) -> None:
        """Take a name, a picture or a pair; ``entity`` is the number of the subject."""
        builder, faults = self.builder, self.builder.faults
        subject, predicate, target, value, language = (column[index] for column in rows[:5])
        line = None if rows.lines is None else rows.lines[index]
        if predicate == SAME_AS:
            if target:
                self.same_as.append((label_of(subject), label_of(target)))
            else:
                faults.bad(f"expected an entity after owl:sameAs, got the literal {value[:60]!r}", path, line)
        elif predicate == TYPE and not target:
            faults.bad(f"expected a class after rdf:type, got the literal {value[:60]!r}", path, line)
        elif predicate in IMAGES:
            picture = label_of(target) if target else value
            if builder.pictures.setdefault(entity, picture) != picture:
                faults.count(f"{path.name}: more pictures of one entity", 1)
        elif predicate in NAMES:
            if target:
                text = f"expected text after {label_of(predicate)}, got the entity {label_of(target)!r}"
                faults.bad(text, path, line)
            elif value:
                self._name(entity, value, language, NAMES.index(predicate), path)

    def _name(self, entity: int, text: str, language: str, predicate: int, path: Path) -> None:
        rank = self._place(language.lower()) * len(NAMES) + predicate
        if entity in self._rank:
            self.builder.faults.count(f"{path.name}: more names of one entity", 1)
        if rank < self._rank.get(entity, rank + 1):
            self._rank[entity] = rank
            self.builder.names[entity] = text

    def _place(self, language: str) -> int:
        """Place of a language in the order of preference; a regional variant comes after the language itself."""
        last = 2 * len(self._languages)
        if not language:
            return last
        if language in self._languages:
            return 2 * self._languages[language]
        main = self._languages.get(language.partition("-")[0])
        return last + 1 if main is None else 2 * main + 1


def _terms(rows: Statements, used: BoolArray) -> Sequence[str]:
    """Subject and object of the first statement, of the second, and so on, where ``used`` ``[S, 2]`` selects them."""
    subjects, objects = rows.subjects, rows.objects
    if isinstance(subjects, Coded) and isinstance(objects, Coded) and subjects.words is objects.words:
        return Coded.interleaved(subjects, objects).at(used.ravel())
    return list(compress(chain.from_iterable(zip(subjects, objects, strict=True)), used.ravel().tolist()))
