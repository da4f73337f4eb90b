"""Aligned relations and attributes on their way out: a table, or mappings of properties in SSSOM."""

from collections.abc import Iterable, Iterator, Sequence

from ..data.links.sssom import CLOSE_MATCH, SssomMapping, sssom_lines
from ..data.parsing.delimited import row_lines
from ..data.relations import RelationPair, same_relations

EQUIVALENT, INVERSE, RELATED = "owl:equivalentProperty", "owl:inverseOf", "skos:relatedMatch"
COLUMNS = (
    "left",
    "right",
    "kind",
    "inverse",
    "support",
    "left_count",
    "right_count",
    "left_in_right",
    "right_in_left",
    "equality",
    "chance",
    "fan",
)
PROPERTY = "rdf property"  # a value of the SSSOM slots subject_type and object_type


def relations_tsv(pairs: Iterable[RelationPair]) -> Iterator[str]:
    """A header and one line per pair, each with its newline; shares have four digits.

    Raises:
        InputError: a label is empty or holds a tab, a line end or a NUL.
    """
    rows = ([_text(pair.as_dict()[name]) for name in COLUMNS] for pair in pairs)
    return row_lines(COLUMNS, rows, "\t")


def relations_sssom(pairs: Sequence[RelationPair], *, least: float) -> Iterator[str]:
    """The lines of a mapping set of properties, each with its newline; the confidence is the equality.

    Relations that can be called one, see ``same_relations``, are ``owl:equivalentProperty``, or ``owl:inverseOf``; the
    others are ``skos:closeMatch`` or, if inverse, ``skos:relatedMatch``.

    Args:
        pairs: the best first.
        least: least probability, in excess of chance, of relations that can be called one.
    """
    same = set(same_relations(pairs, least))
    names = {(True, False): EQUIVALENT, (True, True): INVERSE, (False, False): CLOSE_MATCH, (False, True): RELATED}
    mappings = [SssomMapping(pair.left, pair.right, names[pair in same, pair.inverse], pair.equality) for pair in pairs]
    return sssom_lines(mappings, identifier="urn:mmkg:relations", types=PROPERTY)


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
