"""Matches as files for others: TSV for people and tables, N-Triples ``owl:sameAs`` for triple stores."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ..data.parsing.iris import ABSOLUTE_IRI, NOT_IN_IRI
from ..errors import InputError
from ..files import atomic_path

if TYPE_CHECKING:
    from ..data.entities import EntityTable
    from ..matching.matching import Matching

COLUMNS = ("left", "right", "score", "confidence", "left_label", "right_label")
SAME_AS = "<http://www.w3.org/2002/07/owl#sameAs>"
CLOSE_MATCH = "<http://www.w3.org/2004/02/skos/core#closeMatch>"

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_SPECIAL = re.compile(r"[\\\t\n\r]")
_PARTS = re.compile(r"([^:]*:(?://[^/?#]*)?)([^#]*)(#?)(.*)", re.DOTALL)  # scheme and authority; path; fragment
# brackets, code points of private use, and percent signs that encode nothing
_MISPLACED = re.compile("[\\[\\]\ue000-\uf8ff\U000f0000-\U0010ffff]|%(?![0-9A-Fa-f]{2})")
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}


class Link(NamedTuple):
    """One match as it leaves the library.

    ``left`` and ``right`` are entity labels (URIs or strings), ``score`` is larger-is-better,
    ``confidence`` is in [0, 1], ``None`` where nobody calibrated it; ``left_label`` and ``right_label``
    are what a person should see.
    """

    left: str
    right: str
    score: float
    confidence: float | None
    left_label: str = ""
    right_label: str = ""


def links_of(left: "EntityTable", right: "EntityTable", matching: "Matching") -> Iterator[Link]:
    """The pairs of a matching with the labels of their entities, in its order."""
    confidences = repeat(None) if matching.confidence is None else matching.confidence.tolist()
    columns = (matching.left.tolist(), matching.right.tolist(), matching.score.tolist())
    for i, j, score, confidence in zip(*columns, confidences, strict=False):
        yield Link(left.labels[i], right.labels[j], score, confidence, left.display[i], right.display[j])


def to_tsv(links: Iterable[Link]) -> Iterator[str]:
    r"""Header and one line per link, each with its newline; columns as in ``COLUMNS``.

    Backslash, tab, newline and carriage return inside a label become ``\\``, ``\t``, ``\n``, ``\r``;
    quotes stay as they are (read with ``quoting=csv.QUOTE_NONE``). Numbers have nine significant
    digits, which hold every float32; a confidence that is ``None`` is an empty field.

    Raises:
        InputError: a score is not finite, or a confidence is not in [0, 1].
    """
    yield "\t".join(COLUMNS) + "\n"
    for link in links:
        _check(link)
        texts = (link.left, link.right, link.left_label, link.right_label)
        if _SPECIAL.search("".join(texts)):
            texts = tuple(_escape(text) for text in texts)  # type: ignore[assignment]
        confidence = "" if link.confidence is None else f"{link.confidence:.9g}"
        yield "\t".join([*texts[:2], f"{link.score:.9g}", confidence, *texts[2:]]) + "\n"


def to_ntriples(links: Iterable[Link], *, is_same: Callable[[Link], bool] | None = None) -> Iterator[str]:
    """One line ``<left> owl:sameAs <right> .`` per link, with its newline.

    A link of which ``is_same`` is false is ``skos:closeMatch``. Labels that are no absolute IRI become ``urn:mmkg:``
    and the percent-encoded label (see `to_iri`).

    Source: RDF 1.1 N-Triples, https://www.w3.org/TR/n-triples/.
    """
    for link in links:
        predicate = SAME_AS if is_same is None or is_same(link) else CLOSE_MATCH
        yield f"<{to_iri(link.left)}> {predicate} <{to_iri(link.right)}> .\n"


def to_iri(label: str) -> str:
    """The label as an absolute IRI.

    A label with ``scheme://`` (or ``urn:``, ``tag:``, ``info:``, ``mailto:``, ``did:``, ``doi:``) is taken
    as an IRI; characters that no IRI may hold are percent-encoded, the rest, ``%`` and non-ASCII
    letters included, stays. Any other label becomes ``urn:mmkg:<percent-encoded label>``, from which
    ``urllib.parse.unquote`` restores it.
    """
    if ABSOLUTE_IRI.match(label):
        return _well_formed(NOT_IN_IRI.sub(_encoded, label))
    return "urn:mmkg:" + quote(label, safe="", errors="surrogatepass")


def write_tsv(path: str | Path, links: Iterable[Link]) -> int:
    """Write links as TSV, whole or not at all; returns their number. Raises as `to_tsv` does."""
    return write_lines(path, to_tsv(links)) - 1


def write_ntriples(path: str | Path, links: Iterable[Link]) -> int:
    """Write links as N-Triples, whole or not at all; returns their number."""
    return write_lines(path, to_ntriples(links))


def read_tsv(path: str | Path) -> Iterator[Link]:
    """Links of a file that `write_tsv` wrote, line by line.

    Raises:
        InputError: another header, a wrong number of fields, or a field that is no number, with its line.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("expected a TSV file of matches, there is none", path)
    with path.open(encoding="utf-8", newline="\n") as file:
        header = tuple(file.readline().rstrip("\r\n").split("\t"))
        if header != COLUMNS:
            raise InputError(f"expected the columns {', '.join(COLUMNS)}, got {', '.join(header)}", path, 1)
        for number, line in enumerate(file, start=2):
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) != len(COLUMNS):
                raise InputError(f"expected {len(COLUMNS)} fields separated by tabs, got {len(fields)}", path, number)
            left, right, left_label, right_label = (_unescape(fields[place]) for place in (0, 1, 4, 5))
            try:
                score, confidence = float(fields[2]), float(fields[3]) if fields[3] else None
            except ValueError as error:
                raise InputError(
                    f"expected a score and a confidence, got {fields[2]!r} and {fields[3]!r}", path, number
                ) from error
            yield Link(left, right, score, confidence, left_label, right_label)


def write_lines(path: str | Path, lines: Iterable[str]) -> int:
    """Write lines with their newlines, whole or not at all; returns their number.

    Raises:
        InputError: a text that UTF-8 cannot hold.
    """
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            try:
                file.write(line)
            except UnicodeEncodeError as error:
                raise InputError(f"expected labels that UTF-8 can hold, got {line.rstrip()!a}", path) from error
            count += 1
    return count


def _well_formed(iri: str) -> str:
    """The IRI without what its path, query and fragment must not hold, percent-encoded."""
    head, path, mark, fragment = _PARTS.fullmatch(iri).groups()  # type: ignore[union-attr]  # it has a scheme
    return head + _MISPLACED.sub(_encoded, path) + mark + _MISPLACED.sub(_encoded, fragment).replace("#", "%23")


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


def _check(link: Link) -> None:
    if not math.isfinite(link.score) or not (link.confidence is None or 0 <= link.confidence <= 1):
        raise InputError(
            f"expected a finite score and a confidence in [0, 1], got {link.score} and {link.confidence} "
            f"for {link.left!r} = {link.right!r}"
        )


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)


def _unescape(text: str) -> str:
    return re.sub(r"\\[\\tnr]", lambda found: _UNESCAPES[found[0]], text)
