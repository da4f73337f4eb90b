"""Labels and values as RDF terms: IRIs, blank nodes, literals with a datatype or a language."""

import re
from functools import lru_cache

import numpy as np

from ..texts.labels import Labels
from .iris import OURS, label_of_iri, to_iri

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
SAME_AS = "<http://www.w3.org/2002/07/owl#sameAs>"
CLOSE_MATCH = "<http://www.w3.org/2004/02/skos/core#closeMatch>"
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<([^<>"\s]+)>)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_SPECIAL = re.compile(r'[\x00-\x1f"\\\x7f]')
_NAMED = {character: "\\" + letter for letter, character in _PLAIN.items() if letter != "'"}
# N-Triples, production BLANK_NODE_LABEL: PN_CHARS_U or a digit, then PN_CHARS and inner dots
_PN_CHARS_U = (
    "A-Za-z_:\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_PN_CHARS = _PN_CHARS_U + "0-9\xb7\u0300-\u036f\u203f-\u2040\\-"
_BLANK_NODE = re.compile(rf"_:[{_PN_CHARS_U}0-9](?:[{_PN_CHARS}.]*[{_PN_CHARS}])?")


def literal_of(text: str) -> tuple[str, str | None]:
    """Value and type of a text.

    ``"1.5"^^<IRI>`` and ``"text"@en`` are split into value and type; any other text is a plain value without a type.
    """
    if not text.startswith('"'):
        return text, None
    found = _LITERAL.fullmatch(text)
    if found is None:
        return text, None
    value, language, datatype = found.groups()
    return unescape(value), type_of(language, datatype)


@lru_cache(maxsize=1 << 12)  # so that equal types are one string
def type_of(language: str | None, datatype: str | None) -> str | None:
    """A language or a datatype in the form of ``AttributeTriples.types``."""
    if language:
        return "@" + language.lower()
    return None if not datatype or datatype == XSD_STRING else datatype


def literal_text(value: str, kind: str | None) -> str:
    """The value as an N-Triples literal, the inverse of ``literal_of``."""
    suffix = "" if kind is None else kind if kind.startswith("@") else f"^^<{kind}>"
    return f'"{escape(value)}"{suffix}'


def plain_or_literal(value: str, kind: str | None) -> str:
    """The value unchanged if ``literal_of`` gives it back, otherwise as a literal."""
    plain = kind is None and value and not any(sign in value for sign in "\t\n\r\0")
    return value if plain and literal_of(value) == (value, None) else literal_text(value, kind)


def unescape(text: str) -> str:
    """Replace the backslash escapes of RDF; other backslashes stay."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def escape(text: str) -> str:
    """Replace the characters that a quoted literal of one line must not hold by backslash escapes."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"\\u{ord(found[0]):04X}", text)


def term_of(label: str) -> str:
    """The label as a term of N-Triples: a blank node ``_:name`` stays, any other label becomes ``<IRI>`` (``to_iri``).

    ``label_of`` gives the label back, whatever it holds.
    """
    return label if _BLANK_NODE.fullmatch(label) else f"<{to_iri(label)}>"


def label_of(term: str) -> str:
    """The label of ``<IRI>`` or ``_:name``."""
    return label_of_iri(term[1:-1]) if term[0] == "<" else term


def labels_of(terms: Labels) -> Labels:
    """The label of each term, see ``label_of``."""
    named = terms.store[terms.offsets[:-1]] == ord("<")
    found = Labels.cut(terms.store, terms.offsets[:-1] + named, terms.offsets[1:] - 1 - named)
    ours = np.flatnonzero(found.beginning_with(OURS) & named)
    if not len(ours):
        return found
    labels = found.to_list()
    for row in ours.tolist():
        labels[row] = label_of_iri(labels[row])
    return Labels.of(labels)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else found[0]
    return _PLAIN.get(code, found[0])
