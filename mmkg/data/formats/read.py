"""Links in files of any format."""

from pathlib import Path

import numpy as np

from ..links.checked import LabelLinks
from ..links.jsonl import SUFFIXES as JSONL_SUFFIXES
from ..links.jsonl import read_jsonl_links
from ..links.oaei import is_oaei, read_oaei_links
from ..links.sssom import SUFFIXES as SSSOM_SUFFIXES
from ..links.sssom import read_sssom_links
from ..parsing.columns import Faults, OnError, stem
from ..parsing.statements import SUFFIXES as RDF_SUFFIXES
from . import delimited, parquet, rdf


def read_links(path: str | Path, *, on_error: OnError = "raise", faults: Faults | None = None) -> LabelLinks:
    """Read links between labels.

    Args:
        path: an OAEI alignment or ``owl:sameAs`` (``.rdf``, ``.xml``, ``.owl``, ``.nt``, ``.ttl``, ...); SSSOM
            (``.sssom.tsv``); JSON Lines (``.jsonl``); columns left and right in ``.csv`` and ``.parquet``, and,
            separated by tabs, in a file of any other name.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        faults: what to do with bad lines, in place of ``on_error``.

    Raises:
        InputError: the file is missing or breaks its format.
    """
    path, faults = Path(path), faults or Faults(on_error)
    suffix = stem(path).suffix.lower()
    if is_same_as(path):
        pairs = rdf.read_same_as(path, faults)
        return LabelLinks(path, [a for a, _ in pairs], [b for _, b in pairs], np.arange(1, len(pairs) + 1))
    if stem(path).name.lower().endswith(SSSOM_SUFFIXES):
        return read_sssom_links(path, faults)
    if suffix in JSONL_SUFFIXES:
        return read_jsonl_links(path, faults)
    if suffix in parquet.SUFFIXES:
        return parquet.read_parquet_links(path, faults)
    if suffix in RDF_SUFFIXES:
        return read_oaei_links(path, faults)
    return delimited.read_delimited_links(path, faults)


def is_same_as(path: Path) -> bool:
    """Whether a file of links is RDF, and no OAEI alignment."""
    suffix = stem(path).suffix.lower()
    return suffix in RDF_SUFFIXES and not (suffix in (".rdf", ".xml", ".owl") and is_oaei(path))
