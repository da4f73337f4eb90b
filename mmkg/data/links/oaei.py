"""Links as alignments in the RDF/XML format of the OAEI, in and out."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from ...errors import InputError
from ...files import write_lines
from ..parsing.columns import ByteStream, Faults, OnError
from ..parsing.iris import label_of_iri, to_iri
from ..parsing.terms import NOT_IN_XML, RDF
from .checked import LabelLinks
from .export import Export

NAMESPACE = "http://knowledgeweb.semanticweb.org/heterogeneity/alignment"
_EQUAL = {"=", "≡", "equivalence", "http://www.w3.org/2002/07/owl#equivalentClass"}
_BLOCK = 1 << 16


class Cell(NamedTuple):
    """One correspondence: two labels, the relation between them, and its measure (strength) in [0, 1]."""

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

    Raises:
        InputError: the file is missing or not an alignment in XML, a cell lacks an entity or has a measure outside
            [0, 1]; with line, and column if the parser reports one. A document type (DTD) is refused.
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
    kept = [index for index, cell in enumerate(found.cells) if cell.relation in _EQUAL]
    faults.count(f"{path.name}: cells of another relation than =", len(found.cells) - len(kept))
    cells = [found.cells[index] for index in kept]
    lines = np.array([found.lines[index] for index in kept], np.int64)
    return LabelLinks(path, [cell.left for cell in cells], [cell.right for cell in cells], lines)


def is_oaei(path: Path) -> bool:
    """Whether the beginning of a file names the namespace of alignments."""
    with ByteStream(path) as stream:
        return NAMESPACE.encode() in stream.read(1 << 14)


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
        self.inside = ""

    def run(self) -> Alignment:
        with ByteStream(self.path, self.faults.max_bytes) as stream:
            try:
                while block := stream.read(_BLOCK):
                    self.parser.Parse(block, False)
                self.parser.Parse(b"", True)
            except expat.ExpatError as error:
                what = f"expected XML, got {expat.ErrorString(error.code)} in column {error.offset + 1}"
                raise InputError(what, self.path, error.lineno) from None
        if not self.seen:
            raise InputError("expected an Alignment (OAEI), got other XML", self.path)
        return self.found

    def doctype(self, *_: object) -> None:
        raise InputError("expected XML without a document type (DTD)", self.path, self.parser.CurrentLineNumber)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "Alignment":
            self.seen = True
        elif tag == "Cell":
            self.cell, self.line = {}, self.parser.CurrentLineNumber
        elif self.cell is not None and tag in ("entity1", "entity2"):
            label = attributes.get(f"{RDF} resource", attributes.get(f"{RDF} about"))
            if label:
                self.cell[tag] = label
            self.inside = "" if label else tag
        elif self.cell is not None and tag in ("relation", "measure"):
            self.inside = tag
        elif self.inside in ("entity1", "entity2") and self.cell is not None and f"{RDF} about" in attributes:
            self.cell[self.inside] = attributes[f"{RDF} about"]

    def text(self, data: str) -> None:
        if self.cell is not None and self.inside in ("relation", "measure"):
            self.cell[self.inside] = self.cell.get(self.inside, "") + data

    def end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == self.inside:
            self.inside = ""
        if tag != "Cell" or self.cell is None:
            return
        cell, self.cell = self.cell, None
        missing = [each for each in ("entity1", "entity2") if not cell.get(each)]
        text = cell.get("measure", "1").strip()
        try:
            measure = float(text)
        except ValueError:
            measure = math.nan
        if missing:
            self.faults.bad(
                f"expected a cell with entity1 and entity2, got none for {missing[0]}", self.path, self.line
            )
        elif not 0 <= measure <= 1:
            self.faults.bad(f"expected a measure in [0, 1], got {text[:60]!r}", self.path, self.line)
        else:
            relation = cell.get("relation", "=").strip() or "="
            left, right = label_of_iri(cell["entity1"]), label_of_iri(cell["entity2"])
            self.found.cells.append(Cell(left, right, relation, measure))
            self.found.lines.append(self.line)


def _quoted(text: str) -> str:
    """The text as an XML attribute value, with its quotes."""
    if NOT_IN_XML.search(text):
        raise InputError(f"expected text that XML can hold, got {text!a:.60}")
    return '"' + escape(text, {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}) + '"'
