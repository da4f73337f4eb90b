"""Alignments in the RDF/XML format of the OAEI, in and out."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from ...errors import InputError
from ...files import atomic_path
from ..parsing.columns import ByteStream, Faults, OnError
from ..parsing.terms import RDF
from .checked import LabelLinks

NAMESPACE = "http://knowledgeweb.semanticweb.org/heterogeneity/alignment"
_EQUAL = {"=", "≡", "equivalence", "http://www.w3.org/2002/07/owl#equivalentClass"}
_BLOCK = 1 << 16
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Cell(NamedTuple):
    """One correspondence: two labels, the relation between them, its strength in [0, 1]."""

    left: str
    right: str
    relation: str = "="
    measure: float = 1.0


class Alignment(NamedTuple):
    """The cells of a file and the line in which each begins."""

    cells: list[Cell]
    lines: list[int]


def read_oaei(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> Alignment:
    """Read all cells of an alignment; nothing outside the file is ever opened.

    Raises:
        InputError: the file is missing or no such XML, a cell lacks an entity or has a measure outside [0, 1]; with
            line, and column where the parser gives one. A document type (DTD) is refused.
    """
    path = Path(path)
    return _Handler(path, faults or Faults(on_error)).run()


def read_oaei_links(path: str | Path, faults: Faults) -> LabelLinks:
    """The cells of equivalence as links; cells of other relations are counted.

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
    """Whether a file begins as an alignment does."""
    with ByteStream(path) as stream:
        return NAMESPACE.encode() in stream.read(1 << 14)


def write_oaei(path: str | Path, cells: Iterable[Cell], *, left: str = "left", right: str = "right") -> int:
    """Write cells as an alignment, whole or not at all; returns their number. ``read_oaei`` gives them back.

    Args:
        path: the file.
        cells: what to write.
        left: name or IRI of the left ontology.
        right: of the right one.

    Raises:
        InputError: a text that XML cannot hold, or a measure outside [0, 1].
    """
    path, count = Path(path), 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            f'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF xmlns="{NAMESPACE}"\n  xmlns:rdf="{RDF}"\n'
            '  xmlns:xsd="http://www.w3.org/2001/XMLSchema#">\n<Alignment>\n<xml>yes</xml>\n<level>0</level>\n'
            "<type>??</type>\n"
            f"<onto1><Ontology rdf:about={_quoted(left, path)}/></onto1>\n"
            f"<onto2><Ontology rdf:about={_quoted(right, path)}/></onto2>\n"
        )
        for cell in cells:
            if not 0 <= cell.measure <= 1:
                raise InputError(f"expected a measure in [0, 1], got {cell.measure} for {cell.left!r}", path)
            file.write(
                f"<map><Cell><entity1 rdf:resource={_quoted(cell.left, path)}/>"
                f"<entity2 rdf:resource={_quoted(cell.right, path)}/>"
                f"<relation>{_quoted(cell.relation, path)[1:-1]}</relation>"
                f'<measure rdf:datatype="xsd:float">{cell.measure:.9g}</measure></Cell></map>\n'
            )
            count += 1
        file.write("</Alignment>\n</rdf:RDF>\n")
    return count


class _Handler:
    """Follows the elements of the file."""

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
        with ByteStream(self.path) as stream:
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
            self.found.cells.append(Cell(cell["entity1"], cell["entity2"], relation, measure))
            self.found.lines.append(self.line)


def _quoted(text: str, path: Path) -> str:
    """The text as an XML attribute value, with its quotes."""
    if _NOT_XML.search(text):
        raise InputError(f"expected text that XML can hold, got {text!a:.60}", path)
    return '"' + escape(text, {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}) + '"'
