"""One rule for labels and IRIs, used by every format that writes IRIs."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from types import ModuleType
from urllib.parse import quote, unquote

from ...errors import MissingPackageError

OURS = "urn:mmkg:"  # prefix of the IRIs of labels that are no IRIs; the percent-encoded label follows

# The productions of RFC 3987, Sec. 2.2
_UCSCHAR = "\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U000e1000-\U000efffd" + "".join(
    f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14)
)
_IPRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_REGULAR = r"A-Za-z0-9._~!$&'()*+,;=\-" + _UCSCHAR  # iunreserved and sub-delims
_ENCODED = "%[0-9A-Fa-f]{2}"


def _any_of(characters: str) -> str:
    return f"(?:[{characters}]++|{_ENCODED})*+"


_ABSOLUTE_IRI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*:"
    rf"(?://(?:{_any_of(_REGULAR + ':')}@)?(?:\[([^\]]*)\]|{_any_of(_REGULAR)})(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    rf"{_any_of(_REGULAR + ':@/')}"
    rf"(?:\?{_any_of(_REGULAR + ':@/?' + _IPRIVATE)})?"
    rf"(?:\#{_any_of(_REGULAR + ':@/?')})?"
)
_IP_FUTURE = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:\-]+")


def to_iri(label: str) -> str:
    """The label as an absolute IRI; ``label_of_iri`` gives the label back, whatever it holds.

    An absolute IRI of any scheme stays as it is. Any other label, also one that begins with ``urn:mmkg:``, becomes
    ``urn:mmkg:`` and the percent-encoded label.
    """
    if is_iri(label) and not label.startswith(OURS):
        return label
    return OURS + quote(label, safe="", errors="surrogatepass")


def label_of_iri(iri: str) -> str:
    """The label of an IRI that ``to_iri`` returned; any other IRI is its own label."""
    return unquote(iri[len(OURS) :], errors="surrogatepass") if iri.startswith(OURS) else iri


@lru_cache(maxsize=1 << 16)
def is_iri(text: str) -> bool:
    """Whether a text is an absolute IRI, with or without a fragment.

    Source: RFC 3987, Sec. 2.2, production IRI; IPv6 addresses in brackets as RFC 3986, Sec. 3.2.2.
    """
    found = _ABSOLUTE_IRI.fullmatch(text)
    return found is not None and (found[1] is None or _is_ip_literal(found[1]))


def oxigraph() -> ModuleType:
    """The module pyoxigraph.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import pyoxigraph
    except ImportError as error:
        raise MissingPackageError("RDF files need pyoxigraph: pip install 'mmkg[rdf]'") from error
    return pyoxigraph


def _is_ip_literal(text: str) -> bool:
    if _IP_FUTURE.fullmatch(text):
        return True
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text  # zone identifiers have no place in an IRI
