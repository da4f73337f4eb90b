"""Report: figures and matches for people, files for others, and what the run was."""

from .html import render_report
from .links import Link, links_of, read_tsv, to_ntriples, to_tsv, write_ntriples, write_tsv
from .record import RunRecord, Stopwatch, peak_rss_mb
from .tables import counterparts_text, matches_table, metric_table

__all__ = [
    "Link",
    "RunRecord",
    "Stopwatch",
    "counterparts_text",
    "links_of",
    "matches_table",
    "metric_table",
    "peak_rss_mb",
    "read_tsv",
    "render_report",
    "to_ntriples",
    "to_tsv",
    "write_ntriples",
    "write_tsv",
]
