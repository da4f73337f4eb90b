"""Labels and values as RDF writes them: IRIs, blank nodes, literals with a datatype or a language."""

import re
from functools import lru_cache

from .iris import iri_of, label_of_iri, oxigraph

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"


_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<([^<>"\s]+)>)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_SPECIAL = re.compile(r'[\x00-\x1f"\\\x7f]')
_NAMED = {character: "\\" + letter for letter, character in _PLAIN.items() if letter != "'"}


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


def label_of(term: str) -> str:
    """The label behind ``<IRI>`` or ``_:node``."""
    if term[0] != "<":
        return term
    return label_of_iri(term[1:-1])


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
