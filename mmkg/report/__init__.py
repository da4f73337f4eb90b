"""Figures and matches for people, links for other tools, and the record of a run."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from ..data.links.delimited import to_tsv
    from ..data.links.export import Link
    from ..data.links.ntriples import to_ntriples
    from .export import links_of, write_ntriples, write_tsv
    from .record import RunRecord, Stopwatch, peak_rss_mb
    from .tables import counterparts_text, matches_table, matching_text, metric_table, whole_parts

_HOME = {
    "Link": "..data.links.export",
    "RunRecord": ".record",
    "Stopwatch": ".record",
    "counterparts_text": ".tables",
    "links_of": ".export",
    "matches_table": ".tables",
    "matching_text": ".tables",
    "metric_table": ".tables",
    "peak_rss_mb": ".record",
    "to_ntriples": "..data.links.ntriples",
    "to_tsv": "..data.links.delimited",
    "whole_parts": ".tables",
    "write_ntriples": ".export",
    "write_tsv": ".export",
}

__all__ = [
    "Link",
    "RunRecord",
    "Stopwatch",
    "counterparts_text",
    "links_of",
    "matches_table",
    "matching_text",
    "metric_table",
    "peak_rss_mb",
    "to_ntriples",
    "to_tsv",
    "whole_parts",
    "write_ntriples",
    "write_tsv",
]

__getattr__ = lazy_names(__name__, _HOME)
