"""Syntaxes of RDF, recognised by the name of a file and by its beginning."""

import re
from pathlib import Path
from urllib.parse import quote

from ...errors import InputError
from .columns import stem

XML = "RDF/XML"
KINDS = {
    ".nt": "N-Triples",
    ".nq": "N-Quads",
    ".ttl": "Turtle",
    ".trig": "TriG",
    ".rdf": XML,
    ".owl": XML,
    ".xml": XML,
    ".n3": "N3",
    ".jsonld": "JSON-LD",
}
SUFFIXES = tuple(KINDS)
HEAD = 1 << 16  # bytes at the beginning of a file that decide between syntaxes

_BY_CONTENT = (".ttl", ".rdf", ".owl", ".xml")  # suffixes that are also used for files in another syntax
_COMMENTS = re.compile(r"(?:\s++|#[^\n]*+)*+")
_PROLOG = re.compile(r"(?:\s++|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[.*?\]\s*)?>)*+", re.DOTALL)
_MARKUP = re.compile(r"<(?:\?xml|!|[A-Za-z_][\w.\-]*(?::[\w.\-]+)?\s|html\b)", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.\-]+:)?([\w.\-]+)")
_JSON = re.compile(r'\{\s*"|\[\s*\{\s*"|\{\s*\}')
_TURTLE = re.compile(r"@prefix\b|@base\b|(?i:prefix\s+[\w.\-]*:|base\s*<)|<[^<>\s]*>\s|_:|\[|\(|[\w.\-]*:\S*\s")
_OTHERS = (
    ("OWL functional syntax", re.compile(r"(?:Prefix|Ontology)\s*\(")),
    ("OWL Manchester syntax", re.compile(r"(?:Prefix|Ontology|Namespace)\s*:\s")),
    ("OBO format", re.compile(r"format-version\s*:")),
)


def suffix_of(path: Path) -> str:
    """The suffix of a file without ``.gz`` or ``.bz2``, in lower case."""
    return stem(path).suffix.lower()


def base_iri(path: Path) -> str:
    """The IRI of a file, against which relative IRIs are resolved: ``file:///`` and the name of the file.

    The folder is left out, so that the labels of a graph are the same on every machine.
    """
    return "file:///" + quote(stem(path).name)


def syntax_of(path: Path, head: bytes) -> str:
    """The syntax of a file, a value of ``KINDS``.

    Args:
        path: the file.
        head: its first bytes.

    Raises:
        InputError: the content is in a syntax that is not read; the message names it.
    """
    suffix = suffix_of(path)
    if suffix not in _BY_CONTENT:
        return KINDS[suffix]
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]
    if wide:
        return KINDS[suffix]  # only XML declares such an encoding
    text = head.decode("utf-8", "replace")
    text = text[_COMMENTS.match(text).end() :]  # type: ignore[union-attr]  # matches the empty text, too
    if _MARKUP.match(text):
        root = _ROOT.match(text, _PROLOG.match(text).end())  # type: ignore[union-attr]
        name = root[1] if root else ""
        if name == "Ontology":
            raise _not_rdf("OWL/XML", path)
        if name.lower() == "html":
            raise _not_rdf("an HTML page", path)
        return XML
    for name, pattern in _OTHERS:
        if pattern.match(text):
            raise _not_rdf(name, path)
    if _JSON.match(text):
        return "JSON-LD"
    return "Turtle" if _TURTLE.match(text) else KINDS[suffix]


def _not_rdf(name: str, path: Path) -> InputError:
    hint = "" if "HTML" in name else "; convert it to RDF/XML or Turtle, e.g. with ROBOT or Protégé"
    return InputError(f"expected RDF, got {name}{hint}", path)
