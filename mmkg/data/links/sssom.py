"""Links as mappings in SSSOM TSV, in and out: CURIEs with prefixes, a predicate, a justification, a confidence."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...files import write_lines
from ..parsing.columns import Faults, OnError, read_blocks
from ..parsing.iris import label_of_iri, to_iri
from .checked import LabelLinks
from .export import Export

SAME_AS, CLOSE_MATCH, NO_TERM = "owl:sameAs", "skos:closeMatch", "sssom:NoTermFound"
EMBEDDING = "semapv:SemanticSimilarityThresholdMatching"  # similarity of embeddings above a threshold
LICENSE = "https://w3id.org/sssom/license/unspecified"
EQUAL = (SAME_AS, "skos:exactMatch", "owl:equivalentClass")
BUILT_IN = {  # prefixes that need no declaration
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sssom": "https://w3id.org/sssom/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "linkml": "https://w3id.org/linkml/",
}
# in the order of the slots of the class Mapping
COLUMNS = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "object_id",
    "object_label",
    "mapping_justification",
    "confidence",
)
_REQUIRED = ("subject_id", "predicate_id", "object_id", "mapping_justification")
# scheme, authority and first part of the path, as far as something follows them; at least the scheme
_NAMESPACE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://(?:[^/?#]*/(?:[^/?#]+[/#])?)?|(?:[^:/?#]+:)?)?)(.+)", re.DOTALL)
_ENTRY = re.compile(r"\s+([^\s:#\"']+)\s*:\s+(\S.*?)\s*")
_NEEDS_QUOTES = re.compile('[\t\n\r"]')


class SssomMapping(NamedTuple):
    """One mapping between two labels; with one end ``None``, the other end has no counterpart."""

    left: str | None
    right: str | None
    predicate: str = SAME_AS
    confidence: float | None = None
    left_label: str = ""
    right_label: str = ""


def sssom_lines(mappings: Sequence[SssomMapping], *, identifier: str, tool: str = "mmkg") -> Iterator[str]:
    """The lines of a mapping set, each with its newline; ``read_sssom`` gives the mappings back.

    Labels become IRIs as `to_iri` describes, then CURIEs. A confidence that is ``None`` is an empty field. The
    justification is a threshold on the similarity of embeddings. Scores are left out: ``similarity_score`` is limited
    to [0, 1], CSLS scores are not.

    Args:
        mappings: the mappings.
        identifier: IRI of the mapping set.
        tool: name of the program that computed the mappings.

    Raises:
        InputError: both ends are ``None``, or a confidence outside [0, 1].

    Source:
        SSSOM 1.0, the TSV serialisation, https://mapping-commons.github.io/sssom/spec-formats-tsv/.
    """
    prefixes: dict[str, str] = {}  # by namespace
    curies: list[tuple[str, str]] = []
    for mapping in mappings:
        if mapping.left is None and mapping.right is None:
            raise InputError("expected a mapping with an entity on one side at least, got none")
        if mapping.confidence is not None and not 0 <= mapping.confidence <= 1:
            raise InputError(f"expected a confidence in [0, 1], got {mapping.confidence} for {mapping.left!r}")
        curies.append((_curie(mapping.left, prefixes), _curie(mapping.right, prefixes)))
    yield "#curie_map:\n" if prefixes else "#curie_map: {}\n"
    for namespace, prefix in sorted(prefixes.items(), key=lambda item: item[1]):
        yield f"#  {prefix}: {json.dumps(namespace, ensure_ascii=False)}\n"
    yield f"#mapping_set_id: {json.dumps(identifier, ensure_ascii=False)}\n#license: {LICENSE}\n"
    yield f"#mapping_tool: {json.dumps(tool, ensure_ascii=False)}\n"
    yield "\t".join(COLUMNS) + "\n"
    for mapping, (subject, target) in zip(mappings, curies, strict=True):
        sure = "" if mapping.confidence is None else f"{mapping.confidence:.9g}"
        fields = (subject, mapping.left_label, mapping.predicate, target, mapping.right_label, EMBEDDING, sure)
        yield "\t".join(map(_quoted, fields)) + "\n"


def write_sssom(path: str | Path, mappings: Sequence[SssomMapping], *, identifier: str = "") -> int:
    """Write mappings, whole or not at all; returns their number. Raises as ``sssom_lines`` does.

    Args:
        path: the file, usually ``.sssom.tsv``.
        mappings: the mappings.
        identifier: IRI of the mapping set; by default made of the name of the file.
    """
    write_lines(path, sssom_lines(mappings, identifier=identifier or to_iri(Path(path).name)))
    return len(mappings)


def export_lines(export: Export) -> Iterator[str]:
    """The lines of a mapping set of links. Raises as ``sssom_lines`` does."""
    return sssom_lines(mappings_of(export), identifier=export.identifier)


def mappings_of(export: Export) -> list[SssomMapping]:
    """A mapping for each link, then for each left and each right entity without a link."""
    linked = [
        SssomMapping(
            link.left,
            link.right,
            SAME_AS if export.is_same(link) else CLOSE_MATCH,
            link.confidence,
            link.left_label,
            link.right_label,
        )
        for link in export.links
    ]
    left = [SssomMapping(label, None, left_label=shown) for label, shown in export.unmatched[0]]
    return linked + left + [SssomMapping(None, label, right_label=shown) for label, shown in export.unmatched[1]]


def read_sssom(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> list[SssomMapping]:
    """Read all mappings of a set.

    Raises:
        InputError: the file is missing, a column is missing, a line has another number of fields, an identifier is no
            CURIE of a declared prefix, or a confidence is outside [0, 1]; with its line.
    """
    return [mapping for _, mapping in _rows(Path(path), faults or Faults(on_error))]


def read_sssom_links(path: str | Path, faults: Faults) -> LabelLinks:
    """Mappings by ``owl:sameAs``, ``skos:exactMatch`` or ``owl:equivalentClass`` as links; the others are counted.

    Raises:
        InputError: as ``read_sssom``.
    """
    path = Path(path)
    left, right, lines = [], [], []
    others = 0
    for line, mapping in _rows(path, faults):
        if mapping.left is None or mapping.right is None or mapping.predicate not in EQUAL:
            others += 1
            continue
        left.append(mapping.left)
        right.append(mapping.right)
        lines.append(line)
    faults.count(f"{path.name}: mappings that are no links", others)
    return LabelLinks(path, left, right, np.array(lines, np.int64))


def _rows(path: Path, faults: Faults) -> Iterator[tuple[int, SssomMapping]]:
    """Line number and content of each mapping; the predicate of a negated one begins with ``not``."""
    texts = _texts(path, faults)
    prefixes, first, header_line = _head(texts, path)
    if not header_line:
        raise InputError("expected a line of column names after the metadata, got none", path, first)
    header = next(csv.reader([header_line], delimiter="\t"))
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise InputError(f"expected the columns {', '.join(_REQUIRED)}, got none called {missing[0]!r}", path, first)
    rows = csv.reader((text for _, text in texts), delimiter="\t", strict=True)
    while True:
        line = first + 1 + rows.line_num
        try:
            fields = next(rows, None)
        except csv.Error as error:
            faults.bad(f"expected fields separated by tabs, got {error}", path, line)
            continue
        if fields is None:
            return
        if len(fields) != len(header):
            faults.bad(f"expected {len(header)} fields separated by tabs, got {len(fields)}", path, line)
            continue
        row = dict(zip(header, fields, strict=True))
        try:
            yield line, _mapping(row, prefixes)
        except InputError as error:
            faults.bad(str(error), path, line)


def _mapping(row: Mapping[str, str], prefixes: Mapping[str, str]) -> SssomMapping:
    ends: list[str | None] = []
    for column in ("subject_id", "object_id"):
        prefix, colon, rest = row[column].partition(":")
        if row[column] == NO_TERM:
            ends.append(None)
            continue
        if not colon or prefix not in prefixes:
            known = ", ".join(sorted(prefixes)[:8])
            raise InputError(f"expected a CURIE with a prefix of curie_map ({known}), got {row[column][:60]!r}")
        ends.append(label_of_iri(prefixes[prefix] + rest))
    if ends == [None, None]:
        raise InputError("expected an entity on one side at least, got none")
    text = row.get("confidence", "")
    try:
        confidence = float(text) if text else None
    except ValueError:
        confidence = -1.0
    if confidence is not None and not 0 <= confidence <= 1:
        raise InputError(f"expected a confidence in [0, 1], got {text[:60]!r}")
    negated = "not " if row.get("predicate_modifier", "").lower() == "not" else ""
    labels = (row.get("subject_label", ""), row.get("object_label", ""))
    return SssomMapping(ends[0], ends[1], negated + row["predicate_id"], confidence, *labels)


def _head(texts: Iterator[tuple[int, str]], path: Path) -> tuple[dict[str, str], int, str]:
    """Prefixes of the metadata, and number and text of the first line after it."""
    prefixes, inside, line = dict(BUILT_IN), False, 1
    for line, text in texts:
        if not text.startswith("#"):
            return prefixes, line, text.removesuffix("\n")
        content = text[1:].rstrip()
        entry = _ENTRY.fullmatch(content) if inside else None
        if entry is not None:
            prefixes[entry[1]] = _scalar(entry[2], path, line)
        elif content.strip():
            inside = content.lstrip().startswith("curie_map:")
    return prefixes, line, ""


def _scalar(text: str, path: Path, line: int) -> str:
    """A YAML scalar of one line: plain, or in quotes."""
    if text[0] == "'" and len(text) > 1 and text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if text[0] != '"':
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        raise InputError(f"expected the IRI of a prefix, got {text[:60]}", path, line) from None


def _texts(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """Number and text of each line, with its newline."""
    for first, block in read_blocks(path, faults):
        for line, raw in enumerate(block.split(b"\n")[:-1], start=first):
            try:
                yield line, raw.decode() + "\n"
            except UnicodeDecodeError as error:
                faults.bad(f"expected UTF-8, got byte {raw[error.start]:#04x} in column {error.start + 1}", path, line)
                yield line, "\n"


def _curie(label: str | None, prefixes: dict[str, str]) -> str:
    """The CURIE of a label; its namespace gets a prefix if it has none."""
    if label is None:
        return NO_TERM
    if not label:
        raise InputError("expected labels of one character at least, got an empty one")
    iri = to_iri(label)
    found = _NAMESPACE.fullmatch(iri)
    namespace, rest = found.groups() if found else (iri, "")  # an IRI that is a scheme alone
    return f"{prefixes.setdefault(namespace, f'ns{len(prefixes) + 1}')}:{rest}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
