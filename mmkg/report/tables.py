"""Figures and matches as tables for people: aligned plain text, or Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from ..errors import UsageError
from ..printing import line

Style = Literal["text", "markdown"]

HITS = ("hits@1", "hits@5", "hits@10")  # columns of a table without figures
MARKS = {True: "✓", False: "✗", None: ""}


def metric_table(
    metrics: Mapping[str, Mapping[str, float]],
    protocol: Mapping[str, Any],
    *,
    links: int | None = None,
    style: Style = "text",
) -> str:
    """One row per direction, one column per metric, and the evaluation protocol below.

    Args:
        metrics: figures by direction (``left_to_right``, ``right_to_left``) and name: ``hits@1`` and the like and
            ``mrr`` in [0, 1], ``mr`` from 1 up. A missing figure is shown as ``-``.
        protocol: evaluation protocol, in the order of display; nested mappings are flattened.
        links: number of links that were ranked. Of fewer than 50, hits are shown as counts with their 95 % interval,
            and no means. ``None`` = not known.
        style: ``text`` for aligned columns in a terminal, ``markdown`` for a Markdown table.
    """
    header, rows = metric_rows(metrics, links)
    table = text_table(["", *header], rows, left=[0], style=style)
    few = "" if links is None or not _are_few(links) else f"95 % intervals in brackets, of {links:,} links"
    note = " · ".join(each for each in (few, protocol_line(protocol)) if each)
    return table if not note else f"{table}\n{note}\n" if style == "text" else f"{table}\n*{escape_markdown(note)}*\n"


def metric_rows(
    metrics: Mapping[str, Mapping[str, float]], links: int | None = None
) -> tuple[list[str], list[list[str]]]:
    """Titles of the columns of figures, and a row per direction, which begins with its name; see ``metric_table``."""
    columns = metric_columns(metrics)
    if links is None or not _are_few(links):
        texts = {name: partial(format_metric, name) for name in columns}
    else:
        columns = {name: title for name, title in columns.items() if name.startswith("hits@")}
        texts = {name: partial(_counted, links) for name in columns}
    rows = [
        [direction.replace("_", " "), *(text(figures.get(name)) for name, text in texts.items())]
        for direction, figures in metrics.items()
    ]
    return list(columns.values()), rows


def matching_text(figures: Mapping[str, float], matcher: str) -> str:
    """One line with the figures of ``matching_figures``; of fewer than 50 links, counts with their 95 % interval."""
    links, what = int(figures["links"]), "one-to-one matches among all entities"
    if not _are_few(links):
        precision, recall, f1 = (format_metric(name, figures[name]) for name in ("precision", "recall", "f1"))
        return f"{what}: precision {precision}, recall {recall}, F1 {f1} on {links:,} test links ({matcher})"
    found, right = (
        _counted(int(figures[name]), figures[figure]) for name, figure in (("links", "recall"), ("found", "precision"))
    )
    return (
        f"{what}: {found} test links found, {right} of the matches about their entities are right ({matcher}; "
        "95 % intervals in brackets)"
    )


def metric_columns(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Name and title of each column of figures: Hits@k by ascending k, MRR, MR."""
    named = {name: name.removeprefix("hits@") for figures in metrics.values() for name in figures}
    found = {name for name, k in named.items() if name != k and k.isdecimal()}
    hits = sorted(found or HITS, key=lambda name: int(name.removeprefix("hits@")))
    return {**{name: name.capitalize() for name in hits}, "mrr": "MRR", "mr": "MR"}


def matches_table(matches: Iterable[Mapping[str, Any]], *, style: Style = "text", width: int = 32) -> str:
    """One row per match: both entities, whether it is correct, its score, its confidence, the part of each modality.

    Args:
        matches: mappings with ``left`` and ``right`` (display texts; ``right`` is ``None`` for
            "no counterpart"), ``score`` in [0, 100], ``confidence`` in [0, 1] (``None``: not calibrated) and, if
            known, ``correct`` (True, False, or None), ``gold`` (the correct answer) and ``parts`` (part of the
            score by modality; they sum to it, the part of a modality against the match is negative).
        style: as in `metric_table`.
        width: maximum width of a label, in terminal cells.
    """
    matches = list(matches)
    names = list(dict.fromkeys(name for match in matches for name in match.get("parts") or ()))
    judged = any(match.get("correct") is not None for match in matches)
    header = ["left", "right", *(["ok"] if judged else []), "score", "conf.", *names]
    rows = []
    for match in matches:
        score, parts = whole_parts(match.get("parts") or {"": match["score"]})
        right = "(none)" if match["right"] is None else str(match["right"])
        if match.get("correct") is False and match.get("gold") is not None:
            right = f"{shorten(right, width)} [{shorten(str(match['gold']), width)}]"
        else:
            right = shorten(right, width)
        rows.append(
            [
                shorten(str(match["left"]), width),
                right,
                *([MARKS[match.get("correct")]] if judged else []),
                str(score),
                "-" if match["confidence"] is None else f"{match['confidence']:.2f}",
                *(str(parts.get(name, "")) for name in names),
            ]
        )
    return text_table(header, rows, left=[0, 1], style=style)


def counterparts_text(judged: Mapping[str, Any], *, matcher: str) -> str:
    """The result of `AlignmentResult.judge_counterparts` for people, with its protocol."""
    share, chosen = judged["share"], judged["threshold"]
    how = "estimated" if judged["estimated"] else "as given"
    if judged.get("interval") is not None:
        how += " in {:.3f} to {:.3f}".format(*judged["interval"])
    names = ("precision", "recall", "f1", "none_precision", "none_recall", "none_f1", "auc", "calibration_error")
    parts = [("known", "known"), ("graph, left", "graph"), ("graph, right", "graph_right")]
    rows = [
        [what, *(format_metric(name, judged[part].get(name)) for name in names)]
        for what, part in parts
        if part in judged
    ]
    header = ["", "precision", "recall", "F1", "none: precision", "recall", "F1", "AUC", "ECE"]
    curve = [
        [format_metric("", each[name]) for each in judged["known"]["reliability"]]
        for name in ("confidence", "right", "weight")
    ]
    numbers = [str(place + 1) for place in range(len(curve[0]))]
    named = zip(("confidence", "share right", "weight"), curve, strict=True)
    few = ", too few to trust these figures" if _are_few(judged["num_known"]) else ""
    return "".join(
        [
            f"Links, and entities without a counterpart (none); candidates: all entities. {share:.3f} of the left "
            f"entities outside the learnt links have a counterpart ({how}); links of confidence {judged['least']:.3f} "
            f"or more are believed (best expected F1: {chosen['value']:.3f}, with F1 {chosen['f1']:.3f})\n",
            f"{judged['source']}\n",
            text_table(header, rows, left=[0]),
            f"known: best answers to {judged['num_known']:,} test links{few}, with and without their counterpart among "
            "the candidates, weighted by that share\n",
            f"graph: matches ({matcher}) of all entities outside the learnt links; of {judged['num_unseen']:,} left "
            f"ones {judged['graph']['linked']:.3f} have a known link, the others count as having no counterpart\n",
            "AUC: how often the best answer of an entity with a counterpart has a higher confidence than one without\n",
            text_table(["known", *numbers], [[name, *values] for name, values in named], left=[0]),
        ]
    )


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (), style: Style = "text"
) -> str:
    """A table with aligned columns; widths are counted in terminal cells, so that wide letters and emoji line up.

    Args:
        header: column titles.
        rows: texts, one per column.
        left: indices of left-aligned columns; the others are right-aligned.
        style: ``text`` or ``markdown``.

    Returns:
        The lines, each with its newline.

    Raises:
        UsageError: an unknown style.
    """
    if style not in ("text", "markdown"):
        raise UsageError(f"expected the style 'text' or 'markdown', got {style!r}")
    from rich.cells import cell_len

    clean = escape_markdown if style == "markdown" else line
    table = [[clean(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(cell_len(row[column]) for row in table)) for column in range(len(header))]

    def pad(cell: str, column: int) -> str:
        space = " " * (widths[column] - cell_len(cell))
        return cell + space if column in left else space + cell

    lines = [[pad(cell, column) for column, cell in enumerate(row)] for row in table]
    if style == "text":
        return "".join("  ".join(cells).rstrip() + "\n" for cells in lines)
    rule = [":" + "-" * (size - 1) if column in left else "-" * (size - 1) + ":" for column, size in enumerate(widths)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (lines[0], rule, *lines[1:]))


def protocol_line(protocol: Mapping[str, Any]) -> str:
    """The protocol as ``key: value`` parts on one line, nested mappings as ``outer.inner``."""
    return " · ".join(f"{name.replace('_', ' ')}: {text}" for name, text in flatten(protocol))


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Pairs of name and readable text, in the order of ``values``; nested mappings as ``outer.inner``."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += flatten(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", str(value) if name == "seed" else format_value(value)))
    return pairs


def format_value(value: Any) -> str:
    """A value for people: yes or no, ``-`` for None, thousands separated, floats with four digits, lists by comma."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(format_value(each) for each in value)
    return str(value)


def format_metric(name: str, value: float | None) -> str:
    """Three decimals for shares, one for the mean rank ``mr``, ``-`` for a missing figure."""
    return "-" if value is None else f"{value:,.1f}" if name == "mr" else f"{value:.3f}"


def shorten(text: str, width: int) -> str:
    """The text, cut to ``width`` terminal cells including a final ellipsis."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def escape_markdown(text: str) -> str:
    """The text on one line, with the special characters of Markdown and HTML escaped."""
    return "".join("\\" + letter if letter in r"\|*_`<>[]" else letter for letter in line(text))


def _are_few(links: int) -> bool:
    from ..evaluation.interval import FEW  # imports torch

    return links < FEW


def _counted(number: int, share: float | None) -> str:
    """A share of a number of answers as a count with its interval; ``-`` for a missing figure."""
    from ..evaluation.interval import count_text

    return "-" if share is None else count_text(round(share * number), number)


def whole_parts(parts: Mapping[str, float]) -> tuple[int, dict[str, int]]:
    """A score and its parts as whole numbers that add up, each less than 1 from its value.

    Args:
        parts: the parts, which add up to the score.

    Source:
        The largest-remainder method (Hamilton).
    """
    score = round(sum(parts.values()))
    floors = {name: math.floor(part) for name, part in parts.items()}
    missing = score - sum(floors.values())
    raised = sorted(parts, key=lambda name: floors[name] - parts[name])[:missing]
    return score, {name: floors[name] + (name in raised) for name in parts}
