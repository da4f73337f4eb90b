"""Which relations between two entities are links: those by which both are the same."""

import re
from collections import Counter
from collections.abc import Iterable

EQUAL = ("owl:sameAs", "skos:exactMatch", "owl:equivalentClass", "owl:equivalentProperty")
NAMESPACES = {  # prefixes of SSSOM that need no declaration
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sssom": "https://w3id.org/sssom/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "linkml": "https://w3id.org/linkml/",
}
# last parts of names, in lower case: signs, words, properties, and classes of the Alignment API
_SPELLINGS = {"=", "==", "≡", "equivalence", "equivalent", "equivalentto", "equal", "equals", "equiv", "equivrelation"}
_SPELLINGS |= {name.partition(":")[2].lower() for name in EQUAL}
_PARTS = re.compile(r"[#/:.]")


def is_equal(relation: str) -> bool:
    """Whether a relation states that both entities are the same: ``=``, ``Equivalence``, ``skos:exactMatch``, ..."""
    return _PARTS.split(relation.strip())[-1].lower() in _SPELLINGS


def iri_of(curie: str) -> str:
    """The IRI of a name whose prefix is one of ``NAMESPACES``; any other text stays."""
    prefix, colon, rest = curie.partition(":")
    return NAMESPACES[prefix] + rest if colon and prefix in NAMESPACES else curie


def short_name(iri: str) -> str:
    """An IRI of one of ``NAMESPACES`` with its prefix; any other IRI stays."""
    for prefix, namespace in NAMESPACES.items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def tally(names: Iterable[str], most: int = 5) -> str:
    """The most frequent names with their numbers, for messages: ``skos:closeMatch (3), < (1) and 2 others``."""
    counts = Counter(names)
    shown = ", ".join(f"{name[:80]} ({number})" for name, number in counts.most_common(most))
    return shown + (f" and {len(counts) - most} others" if len(counts) > most else "")
