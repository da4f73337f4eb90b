"""Duplicates on disk: clusters, pairs and counts."""

import json
from collections.abc import Iterator
from pathlib import Path

from ..data.links.delimited import to_tsv
from ..data.links.export import Export
from ..data.links.formats import link_format, write_links
from ..errors import UsageError
from ..files import write_lines, write_text
from .duplicates import Duplicates, Member

CLUSTERS, PAIRS, SUMMARY, LINKS = "clusters.tsv", "pairs.tsv", "duplicates.json", "links"


def write_duplicates(found: Duplicates, folder: str | Path, *, form: str | None = None) -> Path:
    """Write a folder of duplicates.

    - ``clusters.tsv``: cluster, entity, name, confidence;
    - ``pairs.tsv``: pairs that may be the same, the surest first, in the columns of other link files;
    - ``duplicates.json``: the counts of ``Duplicates.summary``;
    - ``links.*``: with ``form``, links from the first entity of each cluster to the others.

    Args:
        found: the duplicates.
        folder: made if it does not exist; these files in it are replaced.
        form: name in ``LINK_FORMATS``, e.g. ``nt`` (``owl:sameAs``) or ``sssom``.

    Raises:
        UsageError: no such format, or ``folder`` is a file.
        InputError: a text that a format cannot hold.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder")
    suffix = "" if form is None else link_format(form).suffixes[0]
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / CLUSTERS, cluster_lines(found))
    write_lines(folder / PAIRS, to_tsv(found.pair_links()))
    write_text(folder / SUMMARY, json.dumps(found.summary()) + "\n")
    if form is not None:
        write_links(folder / f"{LINKS}{suffix}", Export(found.links(), identifier="urn:mmkg:duplicates"), form)
    return folder


def cluster_lines(found: Duplicates) -> Iterator[str]:
    """The members of all clusters as TSV; tabs and line ends in texts become spaces."""
    yield "\t".join(Member._fields) + "\n"
    for cluster, entity, name, confidence in found.members():
        yield f"{cluster}\t{_cell(entity)}\t{_cell(name)}\t{confidence:.4f}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()) if any(sign in text for sign in "\t\n\r\v\f\x85\u2028\u2029") else text
