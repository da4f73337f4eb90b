"""Labels and values as RDF writes them: IRIs, blank nodes, literals with a datatype or a language."""

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from ..errors import MissingPackageError

OURS = "urn:mmkg:"  # stands before labels that are no IRIs, percent-encoded
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"

# Schemes without an authority that occur as entity identifiers. A bare "word:" is not enough:
# "Batman:Returns" is a title.
ABSOLUTE_IRI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:urn|tag|info|mailto|did|doi):).", re.DOTALL)
# What an IRI must not hold: RFC 3987, ucschar and iprivate; N-Triples, production IRIREF.
NOT_IN_IRI = re.compile(
    '[\x00-\x20<>"{}|^`\\\\\x7f-\x9f\ufdd0-\ufdef\ufff0-\uffff'
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<([^<>"\s]+)>)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_SPECIAL = re.compile(r'[\x00-\x1f"\\\x7f]')
_NAMED = {character: "\\" + letter for letter, character in _PLAIN.items() if letter != "'"}


def oxigraph():  # type: ignore[no-untyped-def]
    """The module pyoxigraph.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import pyoxigraph
    except ImportError as error:
        raise MissingPackageError("RDF files need pyoxigraph: pip install 'mmkg[rdf]'") from error
    return pyoxigraph


def literal_of(text: str) -> tuple[str, str | None]:
    """Value and type of a text: ``"1.5"^^<IRI>`` and ``"text"@en`` come apart, anything else is a plain value."""
    if not text.startswith('"'):
        return text, None
    found = _LITERAL.fullmatch(text)
    if found is None:
        return text, None
    value, language, datatype = found.groups()
    return unescape(value), type_of(language, datatype)


@lru_cache(maxsize=1 << 12)  # so that equal types are one string
def type_of(language: str | None, datatype: str | None) -> str | None:
    """How ``AttributeTriples.types`` holds a language or a datatype."""
    if language:
        return "@" + language.lower()
    return None if not datatype or datatype == XSD_STRING else datatype


def literal_text(value: str, kind: str | None) -> str:
    """The value as N-Triples writes it, the inverse of ``literal_of``."""
    suffix = "" if kind is None else kind if kind.startswith("@") else f"^^<{kind}>"
    return f'"{escape(value)}"{suffix}'


def plain_or_literal(value: str, kind: str | None) -> str:
    """The value as it is, or as a literal where it could not be read back otherwise."""
    plain = kind is None and value and not any(sign in value for sign in "\t\n\r\0")
    return value if plain and literal_of(value) == (value, None) else literal_text(value, kind)


def unescape(text: str) -> str:
    """Replace backslash escapes; those that RDF does not know stay as they are."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def escape(text: str) -> str:
    """Backslash escapes for what a quoted literal of one line must not hold."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"\\u{ord(found[0]):04X}", text)


def term_of(label: str) -> str:
    """The label as an RDF term: an IRI or a blank node as it is, anything else as ``<urn:mmkg:...>``.

    ``label_of`` gives the label back, whatever it holds.
    """
    if label.startswith("_:") and _is_blank(label[2:]):
        return label
    return f"<{iri_of(label)}>"


def iri_of(label: str) -> str:
    """The label as an IRI, ``urn:mmkg:`` and the percent-encoded label where it is none."""
    if label.startswith(OURS) or not is_iri(label):
        return OURS + quote(label, safe="", errors="surrogatepass")
    return label


def reference_of(label: str) -> str:
    """The same for files that know of no RDF parser: what has no usual scheme is no IRI, and blank nodes are none.

    ``label_of_iri`` gives the label back, whatever it holds.
    """
    if label.startswith(OURS) or not ABSOLUTE_IRI.match(label) or NOT_IN_IRI.search(label):
        return OURS + quote(label, safe="", errors="surrogatepass")
    return label


def label_of_iri(iri: str) -> str:
    """The label behind an IRI."""
    return unquote(iri[len(OURS) :], errors="surrogatepass") if iri.startswith(OURS) else iri


def label_of(term: str) -> str:
    """The label behind ``<IRI>`` or ``_:node``."""
    if term[0] != "<":
        return term
    return label_of_iri(term[1:-1])


@lru_cache(maxsize=1 << 16)
def is_iri(text: str) -> bool:
    """Whether a text is an absolute IRI."""
    if ":" not in text:
        return False
    try:
        oxigraph().NamedNode(text)
    except ValueError:
        return False
    return True


def _is_blank(text: str) -> bool:
    try:
        oxigraph().BlankNode(text)
    except ValueError:
        return False
    return True


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else found[0]
    return _PLAIN.get(code, found[0])
