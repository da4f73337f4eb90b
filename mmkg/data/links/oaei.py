"""Links as alignments in the RDF/XML format of the OAEI, in and out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from ...errors import InputError
from ...files import write_lines
from ..parsing.columns import ByteStream, Faults, OnError
from ..parsing.iris import is_iri, label_of_iri, to_iri
from ..parsing.terms import NOT_IN_XML, RDF
from .checked import LabelLinks
from .equal import is_equal, tally
from .export import Export

NAMESPACE = "http://knowledgeweb.semanticweb.org/heterogeneity/alignment"
_BLOCK = 1 << 16
_SPACE = " \t\r\n"  # of XML
_ENTITIES = ("entity1", "entity2")
_FIELDS = (*_ENTITIES, "relation", "measure")
_RESOURCE, _ABOUT = (f"{RDF} resource", "resource"), (f"{RDF} about", "about")


class Cell(NamedTuple):
    """One correspondence: two labels, the relation between them, and its measure (strength), usually in [0, 1].

    A file may hold any measure; one that is no number is NaN.
    """

    left: str
    right: str
    relation: str = "="
    measure: float = 1.0


class Alignment(NamedTuple):
    """The cells of a file, and the number of the line in which each begins."""

    cells: list[Cell]
    lines: list[int]


def read_oaei(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> Alignment:
    """Read all cells of an alignment; no other file is ever opened.

    Relative names of entities are resolved against ``xml:base``. Measures outside [0, 1] are kept and counted; cells
    between expressions (EDOAL) are left out and counted.

    Raises:
        InputError: the file is missing or not an alignment in XML, or a cell lacks an entity; with line, and column if
            the parser reports one. A document type (DTD) is refused.
    """
    path = Path(path)
    return _Handler(path, faults or Faults(on_error)).run()


def read_oaei_links(path: str | Path, faults: Faults) -> LabelLinks:
    """The cells with a relation of equivalence as links; other cells are counted.

    Raises:
        InputError: as ``read_oaei``.
    """
    path = Path(path)
    found = read_oaei(path, faults=faults)
    kept = [index for index, cell in enumerate(found.cells) if is_equal(cell.relation)]
    faults.count(f"{path.name}: cells of another relation than =", len(found.cells) - len(kept))
    cells = [found.cells[index] for index in kept]
    lines = np.array([found.lines[index] for index in kept], np.int64)
    seen = f"{len(found.cells)} cells"
    if found.cells:
        seen += f" with the relations {tally(cell.relation for cell in found.cells)}"
    return LabelLinks(path, [cell.left for cell in cells], [cell.right for cell in cells], lines, seen=seen)


def is_oaei(path: Path) -> bool:
    """Whether the first elements of an XML file, after any comments, are those of an alignment.

    A file with a document type, or one that is no XML, is an alignment if its beginning names the namespace.
    """
    handler = _Recogniser()
    seen = b""
    with ByteStream(path) as stream:
        try:
            while handler.found is None and (block := stream.read(_BLOCK)):
                seen = seen or block
                handler.parser.Parse(block, False)
        except (expat.ExpatError, ValueError, LookupError):
            pass
        if handler.found is None:  # a document type may be long
            return NAMESPACE.encode() in seen + stream.read(_BLOCK)
    return handler.found


def write_oaei(path: str | Path, cells: Iterable[Cell], *, left: str = "left", right: str = "right") -> int:
    """Write cells as an alignment, whole or not at all; returns their number. ``read_oaei`` gives them back.

    Args:
        path: the file.
        cells: the cells.
        left: name or IRI of the left ontology.
        right: name or IRI of the right ontology.

    Raises:
        InputError: as ``cell_lines``.
    """
    cells = list(cells)
    write_lines(path, cell_lines(cells, left=left, right=right))
    return len(cells)


def oaei_lines(export: Export) -> Iterator[str]:
    """The lines of an alignment of links; the measure is the confidence, 1 without one. Raises as ``cell_lines``."""
    sure = ((link, 1.0 if link.confidence is None else link.confidence) for link in export.links)
    return cell_lines(Cell(link.left, link.right, "=", measure) for link, measure in sure)


def cell_lines(cells: Iterable[Cell], *, left: str = "left", right: str = "right") -> Iterator[str]:
    """The lines of an alignment, each with its newline. Labels become IRIs as `to_iri` describes.

    Raises:
        InputError: a relation or the name of an ontology that XML cannot hold, or a measure outside [0, 1].
    """
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF xmlns="{NAMESPACE}"\n  xmlns:rdf="{RDF}"\n'
    yield '  xmlns:xsd="http://www.w3.org/2001/XMLSchema#">\n<Alignment>\n<xml>yes</xml>\n<level>0</level>\n'
    yield "<type>??</type>\n"
    yield f"<onto1><Ontology rdf:about={_quoted(left)}/></onto1>\n"
    yield f"<onto2><Ontology rdf:about={_quoted(right)}/></onto2>\n"
    for cell in cells:
        if not 0 <= cell.measure <= 1:
            raise InputError(f"expected a measure in [0, 1], got {cell.measure} for {cell.left!r}")
        yield (
            f"<map><Cell><entity1 rdf:resource={_quoted(to_iri(cell.left))}/>"
            f"<entity2 rdf:resource={_quoted(to_iri(cell.right))}/>"
            f"<relation>{_quoted(cell.relation)[1:-1]}</relation>"
            f'<measure rdf:datatype="xsd:float">{cell.measure:.9g}</measure></Cell></map>\n'
        )
    yield "</Alignment>\n</rdf:RDF>\n"


class _Recogniser:
    """Looks at the root and its first child: ``found`` is whether they are those of an alignment, once it is known."""

    def __init__(self) -> None:
        self.found: bool | None = None
        self.elements = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.StartNamespaceDeclHandler = self.namespace
        self.parser.StartDoctypeDeclHandler = self.doctype

    def namespace(self, _: str | None, iri: str | None) -> None:
        if self.found is None and (iri or "").startswith(NAMESPACE):
            self.found = True

    def start(self, name: str, _: dict[str, str]) -> None:
        self.elements += 1
        if self.found is None and name.rpartition(" ")[2] == "Alignment":
            self.found = True
        elif self.found is None and self.elements > 1:
            self.found = False

    def doctype(self, *_: object) -> None:
        raise ValueError("entities are not expanded")


class _Handler:
    """Collects the cells while the parser reports elements."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.found = Alignment([], [])
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler, self.parser.EndElementHandler = self.start, self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.cell: dict[str, str] | None = None
        self.line = 0
        self.seen = False
        self.inside = ""  # entity1, entity2, relation or measure, if the parser is inside of it
        self.depth = 0  # number of open elements inside of that
        self.bases = [""]  # xml:base of the open elements

    def run(self) -> Alignment:
        with ByteStream(self.path, self.faults.max_bytes) as stream:
            try:
                while block := stream.read(_BLOCK):
                    self.parser.Parse(block, False)
                self.parser.Parse(b"", True)
            except expat.ExpatError as error:
                what = f"expected XML, got {expat.ErrorString(error.code)} in column {error.offset + 1}"
                raise InputError(what, self.path, error.lineno) from None
            except (ValueError, LookupError) as error:  # an encoding of several bytes, or an unknown one
                if isinstance(error, InputError):
                    raise
                raise InputError(f"expected XML in a known encoding, got {str(error)[:80]}", self.path, 1) from None
        if not self.seen:
            raise InputError("expected an Alignment (OAEI), got other XML", self.path)
        odd = sum(not 0 <= cell.measure <= 1 for cell in self.found.cells)
        self.faults.count(f"{self.path.name}: cells with a measure outside [0, 1]", odd)
        return self.found

    def doctype(self, *_: object) -> None:
        raise InputError("expected XML without a document type (DTD)", self.path, self.parser.CurrentLineNumber)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        base = attributes.get("http://www.w3.org/XML/1998/namespace base")
        self.bases.append(self.bases[-1] if base is None else _resolved(base.strip(_SPACE), self.bases[-1]))
        if tag == "Alignment":
            self.seen = True
        elif tag == "Cell":
            self.cell, self.line, self.inside = {}, self.parser.CurrentLineNumber, ""
        if self.cell is None:
            return
        if self.inside:
            self.depth += 1
            if self.depth == 1 and self.inside in _ENTITIES:
                self.name(attributes, _ABOUT)
                self.cell[self.inside + " element"] = tag
        elif tag in _FIELDS:
            self.inside, self.depth = tag, 0
            self.name(attributes, (*_RESOURCE, *_ABOUT))

    def name(self, attributes: dict[str, str], keys: Sequence[str]) -> None:
        """Take the value of an entity or a relation from the attributes of an element."""
        assert self.cell is not None
        found = next((attributes[key].strip(_SPACE) for key in keys if key in attributes), "")
        if not found and f"{RDF} ID" in attributes:
            found = "#" + attributes[f"{RDF} ID"]
        if found:
            self.cell[self.inside] = found if self.inside == "relation" else _resolved(found, self.bases[-1])

    def text(self, data: str) -> None:
        if self.cell is not None and self.inside and not self.depth:
            self.cell[self.inside + " text"] = self.cell.get(self.inside + " text", "") + data

    def end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        base = self.bases.pop()
        if self.inside and self.depth:
            self.depth -= 1
        elif self.inside and self.cell is not None:
            text = self.cell.get(self.inside + " text", "").strip(_SPACE)
            if text and not self.cell.get(self.inside):
                self.cell[self.inside] = _resolved(text, base) if self.inside in _ENTITIES else text
            self.inside = ""
        elif tag == "Cell" and self.cell is not None:
            cell, self.cell = self.cell, None
            self.add(cell)

    def add(self, cell: dict[str, str]) -> None:
        missing = [each for each in _ENTITIES if not cell.get(each)]
        if missing and all(f"{each} element" in cell for each in missing):
            self.faults.count(f"{self.path.name}: cells between expressions", 1)
        elif missing:
            what = f"expected a cell with entity1 and entity2, got none for {missing[0]}"
            self.faults.bad(what, self.path, self.line)
        else:
            left, right = (label_of_iri(cell[each]) for each in _ENTITIES)
            try:
                measure = float(cell.get("measure", "1"))
            except ValueError:
                measure = math.nan
            self.found.cells.append(Cell(left, right, cell.get("relation", "="), measure))
            self.found.lines.append(self.line)


def _resolved(name: str, base: str) -> str:
    """The IRI of a name that may be relative to a base."""
    if not base or is_iri(name):
        return name
    return urldefrag(base).url + name if name.startswith("#") else urljoin(base, name)


def _quoted(text: str) -> str:
    """The text as an XML attribute value, with its quotes."""
    if NOT_IN_XML.search(text):
        raise InputError(f"expected text that XML can hold, got {text!a:.60}")
    return '"' + escape(text, {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}) + '"'
