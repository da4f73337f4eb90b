"""Links as mappings in SSSOM TSV, read: files of any tool, with what they leave out or spell in their own way."""

import csv
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..parsing.columns import ByteStream, Faults, OnError, stem
from ..parsing.iris import is_iri, label_of_iri
from .checked import LabelLinks
from .equal import EQUAL, NAMESPACES, short_name, tally
from .lines import text_lines
from .sssom import CLOSE_MATCH, NEGATED, NO_TERM, SssomMapping
from .sssom_head import is_metadata, read_head

REJECTED = {NEGATED + predicate for predicate in (*EQUAL, CLOSE_MATCH)}  # what is not close is not the same
_NAMED = (".sssom.tsv", ".sssom.csv", ".sssom")
_REQUIRED = ("subject_id", "predicate_id", "object_id")
_LONGEST = 100  # lines of one quoted field
_HEAD = 1 << 18  # bytes that decide whether a table is SSSOM
_WHOLE = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)
_JUSTIFICATIONS = {  # by match_type, which mapping_justification replaced
    "lexical": "semapv:LexicalMatching",
    "logical": "semapv:LogicalReasoning",
    "humancurated": "semapv:ManualMappingCuration",
    "complex": "semapv:CompositeMatching",
    "semanticsimilarity": "semapv:SemanticSimilarityThresholdMatching",
    "unspecified": "semapv:UnspecifiedMatching",
}


def read_sssom(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> list[SssomMapping]:
    """Read all mappings of a set.

    Empty lines are left out, and empty fields at the end of a row may lack. Predicates are given with the prefixes of
    SSSOM. A confidence outside [0, 1] is kept and counted; so is a mapping without a justification. A ``match_type``
    is turned into a justification.

    Raises:
        InputError: the file is missing, a column is missing, a row has too few or too many fields, or an identifier is
            neither an IRI nor a CURIE of a declared prefix; with its line.
    """
    return [mapping for _, mapping in sssom_rows(Path(path), faults or Faults(on_error))]


def read_sssom_links(path: str | Path, faults: Faults) -> LabelLinks:
    """Mappings by a predicate of ``EQUAL`` as links, those that ``Not`` negates as rejected pairs; the others counted.

    Raises:
        InputError: as ``read_sssom``.
    """
    path = Path(path)
    left, right, lines = [], [], []
    rejected: tuple[list[str], list[str], list[int]] = ([], [], [])
    alone, total = 0, 0
    predicates: Counter[str] = Counter()
    for line, mapping in sssom_rows(path, faults):
        total += 1
        if mapping.left is None or mapping.right is None:
            alone += 1
        elif mapping.predicate in REJECTED:
            rejected[0].append(mapping.left)
            rejected[1].append(mapping.right)
            rejected[2].append(line)
        elif mapping.predicate not in EQUAL:
            predicates[mapping.predicate] += 1
        else:
            left.append(mapping.left)
            right.append(mapping.right)
            lines.append(line)
    faults.count(f"{path.name}: mappings without a counterpart ({NO_TERM})", alone)
    faults.count(f"{path.name}: mappings that are no links", predicates.total())
    seen = f"{total} mappings, none with {', '.join(EQUAL[:-1])} or {EQUAL[-1]}"
    seen += f"; predicates: {tally(predicates.elements())}" if predicates else ""
    seen += f"; {alone} without a counterpart" if alone else ""
    seen += f"; {len(rejected[0])} negated" if rejected[0] else ""
    never = LabelLinks(path, rejected[0], rejected[1], np.array(rejected[2], np.int64))
    return LabelLinks(path, left, right, np.array(lines, np.int64), seen=seen, rejected=never)


def is_sssom(path: Path) -> bool:
    """Whether a table is a mapping set: by its name, by its metadata, or by the names of its columns."""
    if stem(path).name.lower().endswith(_NAMED):
        return True
    if not path.is_file():
        return False
    with ByteStream(path) as stream:
        lines = stream.read(_HEAD).decode(errors="replace").split("\n")
    for line in filter(str.strip, lines):
        if not line.startswith("#"):
            return set(_REQUIRED) <= set(_names(line))
        if is_metadata(line):
            return True
    return False


def sssom_rows(path: Path, faults: Faults) -> Iterator[tuple[int, SssomMapping]]:
    """Line number and content of each mapping; the predicate of a negated one begins with ``not``."""
    texts = text_lines(path, faults)
    head = read_head(texts, path, faults)
    if not head.names:
        raise InputError("expected a line of column names after the metadata, got none", path, head.line)
    names = _names(head.names)
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        wanted = ", ".join(_REQUIRED)
        raise InputError(f"expected the columns {wanted}, got none called {missing[0]!r}", path, head.line)
    places = [names.index(name) for name in _REQUIRED]

    def is_row(fields: Sequence[str]) -> bool:
        return len(fields) == len(names) and all(":" in fields[place] for place in places)

    odd = unjustified = 0
    for line, fields in _records(texts, len(names), _separator(head.names), is_row):
        if not any(map(str.strip, fields)) or (fields[0].startswith("#") and not is_row(fields)):
            continue
        if len(fields) < len(names):
            short = len(fields)
            fields = [*fields, *[""] * (len(names) - short)]
            if not all(fields[place].strip() for place in places):
                faults.bad(f"expected {len(names)} fields separated by tabs, got {short}", path, line)
                continue
        if any(map(str.strip, fields[len(names) :])):
            faults.bad(f"expected {len(names)} fields separated by tabs, got {len(fields)}", path, line)
            continue
        try:
            mapping = _mapping(dict(zip(names, fields, strict=False)), head.prefixes)
        except InputError as error:
            faults.bad(error.reason, path, line)
            continue
        odd += mapping.confidence is not None and not 0 <= mapping.confidence <= 1
        unjustified += not mapping.justification
        yield line, mapping
    faults.count(f"{path.name}: mappings with a confidence outside [0, 1]", odd)
    faults.count(f"{path.name}: mappings without a justification", unjustified)


def _separator(names: str) -> str:
    return "\t" if "\t" in names or "," not in names else ","


def _names(line: str) -> list[str]:
    """The names of the columns."""
    try:
        fields = next(csv.reader([line], delimiter=_separator(line)), [""])
    except csv.Error:  # no header, e.g. a line that is too long for one
        return []
    while fields and not fields[-1].strip():
        fields.pop()
    return [name.strip() for name in fields]


def _records(
    texts: Iterator[tuple[int, str]], width: int, separator: str, is_row: Callable[[Sequence[str]], bool]
) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of each record.

    A field in quotes may hold separators and line ends, as in RFC 4180. A quote that is not closed in this way is a
    character: it belongs to a field that begins with a quote.
    """
    ahead: deque[tuple[int, str]] = deque()

    def following() -> tuple[int, str] | None:
        return ahead.popleft() if ahead else next(texts, None)

    while (item := following()) is not None:
        line, text = item
        fields = text.split(separator)
        if '"' not in text:
            yield line, fields
            continue
        parsed, is_open = _quoted_fields(text, separator)
        taken: list[tuple[int, str]] = []
        joined = text
        while is_open and len(taken) < _LONGEST and (more := following()) is not None:
            taken.append(more)
            if is_row(more[1].split(separator)):
                break
            joined += "\n" + more[1]
            if '"' in more[1]:
                parsed, is_open = _quoted_fields(joined, separator)
        if parsed is None or (len(parsed) != width and len(fields) == width) or len(parsed) > max(width, len(fields)):
            ahead.extendleft(reversed(taken))
            parsed = [_unquoted(field) for field in fields]
        yield line, parsed


def _quoted_fields(text: str, separator: str) -> tuple[list[str] | None, bool]:
    """The fields of a record, ``None`` if its quotes are not those of RFC 4180; and whether a quote is still open."""
    try:
        lines = [line + "\n" for line in text.split("\n")]
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        return None, "end of data" in str(error)
    return (rows[0], False) if len(rows) == 1 else (None, False)


def _unquoted(field: str) -> str:
    found = _WHOLE.fullmatch(field)
    return found[1].replace('""', '"') if found else field


def _mapping(row: Mapping[str, str], prefixes: Mapping[str, str]) -> SssomMapping:
    ends = [_end(row[column].strip(" \t"), column, row, prefixes) for column in ("subject_id", "object_id")]
    text = row.get("confidence", "").strip()
    try:
        confidence = float(text) if text else None
    except ValueError:
        confidence = math.nan
    predicate = row["predicate_id"].strip(" \t")
    if not predicate:
        raise InputError("expected the predicate_id, got an empty field")
    negated = NEGATED if row.get("predicate_modifier", "").strip().lower() == "not" else ""
    labels = (row.get("subject_label", ""), row.get("object_label", ""))
    name = negated + short_name(_expanded(predicate, prefixes))
    author, date, comment = (row.get(name, "") for name in ("author_id", "mapping_date", "comment"))
    if author := author.strip(" \t"):
        author = label_of_iri(_expanded(author, prefixes))
    justification = _justification(row, prefixes)
    return SssomMapping(ends[0], ends[1], name, confidence, *labels, justification, author, date, comment)


def _end(text: str, column: str, row: Mapping[str, str], prefixes: Mapping[str, str]) -> str | None:
    """The label of one end; ``None`` if it has no counterpart."""
    if not text:
        raise InputError(f"expected the {column}, got an empty field")
    iri = _expanded(text, prefixes)
    if iri == text and not _is_full(text):
        known = ", ".join(sorted(set(prefixes) - set(NAMESPACES))[:8] or sorted(prefixes)[:8])
        raise InputError(
            f"expected an IRI, or a CURIE with a prefix of curie_map ({known}), got {text[:60]!r}; "
            "declare the prefix in curie_map, in the file or in one beside it that ends in .sssom.yml"
        )
    return None if short_name(iri) == NO_TERM else label_of_iri(iri)


def _expanded(text: str, prefixes: Mapping[str, str]) -> str:
    """The IRI of an IRI or a CURIE; another text stays."""
    if text[:1] == "<" and text[-1:] == ">":
        return text[1:-1]
    prefix, colon, rest = text.partition(":")
    if not colon or (rest.startswith("//") and prefix.lower() in ("http", "https")):
        return text
    namespace = prefixes.get(prefix, NAMESPACES.get(prefix))
    return text if namespace is None else namespace + rest


def _is_full(text: str) -> bool:
    """Whether a text is an IRI and not a CURIE: one with an authority, or a URN."""
    _, _, rest = text.partition(":")
    return is_iri(text.strip("<>")) and (rest.startswith("//") or text.lower().startswith(("urn:", "<")))


def _justification(row: Mapping[str, str], prefixes: Mapping[str, str]) -> str:
    found = row.get("mapping_justification", "").strip()
    if found:
        return short_name(_expanded(found, prefixes))
    kind = row.get("match_type", "").split("|")[0].strip()
    name = kind.rpartition(":")[2].rpartition("/")[2].rpartition("#")[2]
    return _JUSTIFICATIONS.get(name.lower(), "semapv:UnspecifiedMatching" if kind else "")
