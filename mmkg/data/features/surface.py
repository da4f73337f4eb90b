"""Names that enter by the values of attributes: results that read these count as using surface names."""

import re

import numpy as np

from ..kg import AttributeTriples, KnowledgeGraph
from ..parsing.roles import bare
from .values import is_empty, read_value

_END = re.compile(r"[/#:]")
_LABEL = re.compile(
    r".*names?|(?:.*title|title.*)s?|(?:pref|alt|alternative|hidden|display|main|short|long)?labels?"
    r"|alias(?:es)?|alsoknownas|aka|synonyms?|nick"
)


def is_label(attribute: str) -> bool:
    """Whether an attribute is, by the end of its IRI, a name of its entity: ``foaf:name``, ``skos:prefLabel``."""
    return _LABEL.fullmatch(bare(_END.split(attribute.strip("<>"))[-1])) is not None


def label_values(left: KnowledgeGraph, right: KnowledgeGraph) -> tuple[str, ...]:
    """Attributes of both graphs whose values are names, sorted; none if only one of the graphs has such values."""
    found = [{facts.names[place] for place in label_places(facts)} for facts in (left.attributes, right.attributes)]
    return tuple(sorted(found[0] | found[1])) if all(found) else ()


def label_places(facts: AttributeTriples) -> list[int]:
    """Positions in ``facts.names`` of the attributes that are names, and of which a value is text."""
    found = []
    for place in (place for place, name in enumerate(facts.names) if is_label(name)):
        values = (facts.values[row] for row in np.flatnonzero(facts.attribute == place).tolist())
        if any(value is not None and not is_empty(value) and read_value(value).kind == "text" for value in values):
            found.append(place)
    return found
