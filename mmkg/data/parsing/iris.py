"""Labels and IRIs, one way and back."""

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from ...errors import MissingPackageError

OURS = "urn:mmkg:"  # stands before labels that are no IRIs, percent-encoded
# Schemes without an authority that occur as entity identifiers. A bare "word:" is not enough:
# "Batman:Returns" is a title.
ABSOLUTE_IRI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:urn|tag|info|mailto|did|doi):).", re.DOTALL)
# What an IRI must not hold: RFC 3987, ucschar and iprivate; N-Triples, production IRIREF.
NOT_IN_IRI = re.compile(
    '[\x00-\x20<>"{}|^`\\\\\x7f-\x9f\ufdd0-\ufdef\ufff0-\uffff'
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)


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
