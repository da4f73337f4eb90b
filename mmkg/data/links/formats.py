"""All formats of links by name, and reading and writing a file of links in any of them.

A new format is its file and one line in ``LINK_FORMATS``: ``mmkg.load``, ``mmkg.write_pair`` and the option
``--format`` of ``mmkg match`` read this dict.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, UsageError, nearest
from ...files import write_lines
from ..parsing.columns import Faults, OnError, skipped_lines, stem
from ..parsing.rdf_syntax import SUFFIXES as RDF_SUFFIXES
from .checked import LabelLinks
from .delimited import csv_lines, read_delimited_links, tsv_lines
from .export import Export
from .jsonl import jsonl_lines, read_jsonl_links
from .ntriples import ntriples_lines, read_same_as_links
from .oaei import is_oaei, oaei_lines, read_oaei_links
from .parquet import read_parquet_links, write_parquet_links
from .sssom import export_lines
from .sssom_read import is_sssom, read_sssom_links


@dataclass(frozen=True)
class LinkFormat:
    """A format of links.

    Args:
        suffixes: ends of file names in this format, in lower case; files are written with the first of them.
        read: reads the links of a file.
        lines: the text of a file, line by line with newlines; ``None`` for a binary format.
        write: writes a file of a binary format, whole or not at all; ``None`` for a text format.
        holds_parts: whether a file can hold the part (train, valid, test) of each link.
        symmetric: whether a file may state a link in either direction, and by chains of links, as ``owl:sameAs``.
        recognise: whether a file whose name fits is in this format; ``None`` = every such file is.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Path, Faults], LabelLinks]
    lines: Callable[[Export], Iterator[str]] | None = None
    write: Callable[[Path, Export], None] | None = None
    holds_parts: bool = False
    symmetric: bool = False
    recognise: Callable[[Path], bool] | None = None


LINK_FORMATS: dict[str, LinkFormat] = {
    "tsv": LinkFormat((".tsv", ".txt"), read_delimited_links, tsv_lines, holds_parts=True),
    "csv": LinkFormat((".csv",), read_delimited_links, csv_lines, holds_parts=True),
    "jsonl": LinkFormat((".jsonl", ".ndjson"), read_jsonl_links, jsonl_lines, holds_parts=True),
    "parquet": LinkFormat((".parquet", ".pq"), read_parquet_links, write=write_parquet_links, holds_parts=True),
    "nt": LinkFormat(RDF_SUFFIXES, read_same_as_links, ntriples_lines, symmetric=True),
    "sssom": LinkFormat(
        (".sssom.tsv", ".sssom.csv", ".sssom", ".tsv", ".txt", ".csv"),
        read_sssom_links,
        export_lines,
        recognise=is_sssom,
    ),
    "oaei": LinkFormat((".rdf", ".xml", ".owl"), read_oaei_links, oaei_lines, recognise=is_oaei),
}


def link_format(name: str) -> LinkFormat:
    """The format of a name.

    Raises:
        UsageError: no such format; the message names the nearest one.
    """
    if name not in LINK_FORMATS:
        raise UsageError(f"unknown format of links {name!r}; {nearest(name, LINK_FORMATS)}")
    return LINK_FORMATS[name]


def link_format_of(path: str | Path) -> LinkFormat:
    """The format of a file by its name, and by its content where several formats share a suffix.

    The format with the longest fitting suffix is taken; a file of any other name is TSV. A table with the metadata or
    the columns of SSSOM is SSSOM.

    Raises:
        InputError: the content decides, and the file is missing.
    """
    path = Path(path)
    name = stem(path).name.lower()
    fitting = [
        (len(suffix), form.recognise is not None, form)
        for form in LINK_FORMATS.values()
        for suffix in form.suffixes
        if name.endswith(suffix)
    ]
    for _, _, form in sorted(fitting, key=lambda each: each[:2], reverse=True):
        if form.recognise is None or form.recognise(path):
            return form
    return LINK_FORMATS["sssom" if is_sssom(path) else "tsv"]


def read_links(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> LabelLinks:
    """Read links between labels.

    Args:
        path: an OAEI alignment, or RDF with ``owl:sameAs``, ``skos:exactMatch``, ``owl:equivalentClass`` or
            ``owl:equivalentProperty`` (``.rdf``, ``.xml``, ``.owl``, ``.nt``, ``.ttl``, ...); SSSOM (``.sssom.tsv``);
            JSON Lines (``.jsonl``); columns left and right in ``.csv`` and ``.parquet``, and, separated by tabs, in a
            file of any other name.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        faults: policy for bad lines, in place of ``on_error``.

    Raises:
        InputError: the file is missing, breaks its format, or holds no link.
    """
    path, faults = Path(path), faults or Faults(on_error)
    found = link_format_of(path).read(path, faults)
    if len(found.left) == 0:
        skipped = faults.notes.get(skipped_lines(path), 0)
        seen = [found.seen] * bool(found.seen) + [f"{skipped} skipped lines"] * bool(skipped)
        hint = "; leave out the file if no link is known"
        raise InputError(f"expected at least one link, got {'; '.join(seen) or 'none'}{hint}", path)
    return found


def write_links(path: str | Path, export: Export, form: str) -> int:
    """Write links, whole or not at all.

    CSV, JSON Lines and Parquet have the columns of the TSV; in Parquet and JSON Lines score and confidence are numbers.
    An OAEI alignment has the confidence as measure, 1 without one.

    Args:
        path: the file.
        export: the links.
        form: name in ``LINK_FORMATS``.

    Returns:
        Number of links.

    Raises:
        UsageError: no such format, or it cannot hold the split of the links.
        InputError: a text or number that the format cannot hold.
        MissingPackageError: the format needs a package that is not installed.
    """
    chosen = link_format(form)
    if export.parts is not None and not chosen.holds_parts:
        *others, last = (name for name, each in LINK_FORMATS.items() if each.holds_parts)
        raise UsageError(f"links as {form} have no place for a split; choose {', '.join(others)} or {last}")
    if chosen.write is not None:
        chosen.write(Path(path), export)
    elif chosen.lines is not None:
        write_lines(path, chosen.lines(export))
    else:
        raise UsageError(f"links as {form} can only be read; the format has no writer")
    return len(export.links)
