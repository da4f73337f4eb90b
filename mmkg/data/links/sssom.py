"""Links as mappings in SSSOM TSV, written: CURIEs with prefixes, a predicate, a justification, a confidence."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from ...files import write_lines
from ..parsing.iris import to_iri
from .export import Export

SAME_AS, CLOSE_MATCH, NO_TERM = "owl:sameAs", "skos:closeMatch", "sssom:NoTermFound"
NEGATED = "not "  # a predicate that begins so is that of a mapping with the modifier ``Not``
EMBEDDING = "semapv:SemanticSimilarityThresholdMatching"  # similarity of embeddings above a threshold
CURATED = "semapv:ManualMappingCuration"
LICENSE = "https://w3id.org/sssom/license/unspecified"
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
# columns of sets that have a value in them: after which one they stand, and their part of a mapping
OPTIONAL = (
    ("predicate_modifier", "predicate_id"),
    ("author_id", "mapping_justification"),
    ("mapping_date", "author_id"),
    ("comment", "confidence"),
)
FAMILIAR = {"https://orcid.org/": "orcid"}  # prefixes of namespaces that have a usual one
# scheme, authority and first part of the path, as far as something follows them; at least the scheme
_NAMESPACE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://(?:[^/?#]*/(?:[^/?#]+[/#])?)?|(?:[^:/?#]+:)?)?)(.+)", re.DOTALL)
_LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
_NEEDS_QUOTES = re.compile('[\t\n\r"]')


class SssomMapping(NamedTuple):
    """One mapping between two labels; with one end ``None``, the other end has no counterpart.

    The confidence is in [0, 1]; a file may hold any number, and NaN stands for a text that is none. The author is a
    name or an IRI, the date is one of ISO 8601; empty = not stated.
    """

    left: str | None
    right: str | None
    predicate: str = SAME_AS
    confidence: float | None = None
    left_label: str = ""
    right_label: str = ""
    justification: str = EMBEDDING
    author: str = ""
    date: str = ""
    comment: str = ""


def sssom_lines(
    mappings: Sequence[SssomMapping], *, identifier: str, tool: str = "mmkg", types: str = ""
) -> Iterator[str]:
    """The lines of a mapping set, each with its newline; ``read_sssom`` gives the mappings back.

    Labels become IRIs as `to_iri` describes, then CURIEs. A confidence that is ``None`` is an empty field. Scores are
    left out.

    Args:
        mappings: the mappings.
        identifier: IRI of the mapping set.
        tool: name of the program that computed the mappings.
        types: type of all subjects and objects, a value of the SSSOM slots; empty = not stated.

    Raises:
        InputError: both ends are ``None``, or a confidence outside [0, 1].

    Source:
        SSSOM 1.0, the TSV serialisation, https://mapping-commons.github.io/sssom/spec-formats-tsv/.
    """
    prefixes: dict[str, str] = {}  # by namespace
    curies: list[tuple[str, str, str]] = []
    for mapping in mappings:
        if mapping.left is None and mapping.right is None:
            raise InputError("expected a mapping with an entity on one side at least, got none")
        if mapping.confidence is not None and not 0 <= mapping.confidence <= 1:
            raise InputError(f"expected a confidence in [0, 1], got {mapping.confidence} for {mapping.left!r}")
        ends = _curie(mapping.left, prefixes), _curie(mapping.right, prefixes)
        curies.append((*ends, _curie(mapping.author, prefixes) if mapping.author else ""))
    yield "#curie_map:\n" if prefixes else "#curie_map: {}\n"
    for namespace, prefix in sorted(prefixes.items(), key=lambda item: item[1]):
        yield f"#  {prefix}: {_in_yaml(namespace)}\n"
    yield f"#mapping_set_id: {_in_yaml(identifier)}\n#license: {LICENSE}\n"
    yield f"#mapping_tool: {_in_yaml(tool)}\n"
    if types:
        yield f"#subject_type: {_in_yaml(types)}\n#object_type: {_in_yaml(types)}\n"
    stated = {
        "predicate_modifier": any(mapping.predicate.startswith(NEGATED) for mapping in mappings),
        "author_id": any(mapping.author for mapping in mappings),
        "mapping_date": any(mapping.date for mapping in mappings),
        "comment": any(mapping.comment for mapping in mappings),
    }
    names = list(COLUMNS)
    for name, before in OPTIONAL:
        if stated[name]:
            names.insert(names.index(before if before in names else "mapping_justification") + 1, name)
    yield "\t".join(names) + "\n"
    for mapping, (subject, target, author) in zip(mappings, curies, strict=True):
        fields = {
            "subject_id": subject,
            "subject_label": mapping.left_label,
            "predicate_id": mapping.predicate.removeprefix(NEGATED),
            "predicate_modifier": "Not" if mapping.predicate.startswith(NEGATED) else "",
            "object_id": target,
            "object_label": mapping.right_label,
            "mapping_justification": mapping.justification,
            "author_id": author,
            "mapping_date": mapping.date,
            "confidence": "" if mapping.confidence is None else f"{mapping.confidence:.9g}",
            "comment": mapping.comment,
        }
        yield "\t".join(_quoted(fields[name]) for name in names) + "\n"


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
    """A mapping for each link, for each rejected pair, then for each left and each right entity without a link."""
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
    linked += [
        SssomMapping(pair.left, pair.right, NEGATED + SAME_AS, None, pair.left_label, pair.right_label, CURATED)
        for pair in export.rejected
    ]
    left = [SssomMapping(label, None, left_label=shown) for label, shown in export.unmatched[0]]
    return linked + left + [SssomMapping(None, label, right_label=shown) for label, shown in export.unmatched[1]]


def _curie(label: str | None, prefixes: dict[str, str]) -> str:
    """The CURIE of a label; its namespace gets a prefix if it has none."""
    if label is None:
        return NO_TERM
    if not label:
        raise InputError("expected labels of one character at least, got an empty one")
    iri = to_iri(label)
    found = _NAMESPACE.fullmatch(iri)
    namespace, rest = found.groups() if found else (iri, "")  # an IRI that is a scheme alone
    return f"{prefixes.setdefault(namespace, FAMILIAR.get(namespace, f'ns{len(prefixes) + 1}'))}:{rest}"


def _in_yaml(text: str) -> str:
    """The text as a quoted scalar; the line separators of Unicode, which end a line in YAML, are escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
