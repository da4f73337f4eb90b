"""What a notebook shows: a table of matches with bars of their parts, a waterfall of a score, a page in a frame."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..printing import line
from .colours import colours

WIDTH = 160  # of the bar of a match, in pixels; a score of 100 fills it
SIGNS = {True: "+", False: "\u2212"}
TABLE = "border-collapse:collapse;margin:0.4em 0"
CELL = "text-align:left;padding:1px 10px 1px 0;white-space:nowrap;border:0"
LINE = "background:rgba(128,128,128,.18);border-radius:2px"


def _palette(names: Iterable[str]) -> dict[str, str]:
    """A colour that is read on light and dark pages, by modality."""
    return {each["name"]: each["colour"] for each in colours(list(dict.fromkeys(names)))}


def _text(value: Any) -> str:
    return html.escape(line(value))


def share_bar(parts: Mapping[str, float], palette: Mapping[str, str]) -> str:
    """The positive parts of a score side by side; each is as long as it is large, its name and points are its title."""
    pieces = "".join(
        f'<span title="{_text(name)} {part:.1f}" style="display:inline-block;height:10px;'
        f'width:{WIDTH * part / 100:.1f}px;background:{palette[name]}"></span>'
        for name, part in parts.items()
        if part > 0
    )
    return f'<span style="display:inline-block;width:{WIDTH}px;line-height:10px;font-size:0;{LINE}">{pieces}</span>'


def legend(palette: Mapping[str, str]) -> str:
    """Names of the modalities beside their colours."""
    return " ".join(
        f'<span style="white-space:nowrap;margin-right:8px"><span style="display:inline-block;width:10px;height:10px;'
        f'background:{colour}"></span> {_text(name)}</span>'
        for name, colour in palette.items()
    )


def matches_html(title: str, lines: Sequence[str], matches: Sequence[Mapping[str, Any]]) -> str:
    """A heading, some lines, and a table of matches.

    Args:
        title: heading.
        lines: texts below it.
        matches: each with ``left`` and ``right``, texts to show, ``score``, ``confidence`` (``None`` = not known) and
            ``parts``, points by modality.
    """
    palette = _palette(name for match in matches for name in match["parts"])
    head = "".join(f'<th style="{CELL}">{name}</th>' for name in ("left", "right", "score", "confidence", "parts"))
    rows = []
    for match in matches:
        sure = "-" if match["confidence"] is None else f"{match['confidence']:.2f}"
        texts = (_text(match["left"]), _text(match["right"]), f"{match['score']:.0f}", sure)
        cells = (*texts, share_bar(match["parts"], palette))
        rows.append(f"<tr>{''.join(f'<td dir=auto style={chr(34)}{CELL}{chr(34)}>{cell}</td>' for cell in cells)}</tr>")
    above = "".join(f"<div>{_text(each)}</div>" for each in lines)
    table = f'<table style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f"<div><strong>{_text(title)}</strong>{above}{table + legend(palette) if rows else ''}</div>"


def waterfall_html(title: str, parts: Mapping[str, float], lines: Sequence[str]) -> str:
    """How the parts of a score add up, one bar below the other, each from where the one before ends.

    Args:
        title: heading.
        parts: points by modality, the largest first; their sum is in 0..100.
        lines: sentences below.
    """
    palette, total, rows = _palette(parts), 0.0, []
    ends = [0.0]
    for part in parts.values():
        ends.append(ends[-1] + part)
    scale = 100 / max(100.0, *ends)
    for name, part in parts.items():
        start, total = total, total + part
        rows.append(
            _step(name, f"{SIGNS[part >= 0]} {abs(part):.1f}", min(start, total), abs(part), scale, palette[name])
        )
    rows.append(_step("score", f"{total:.1f}", 0, total, scale, "#8a8a86"))
    below = "".join(f"<div dir=auto>{_text(each)}</div>" for each in lines)
    return f'<div><strong dir=auto>{_text(title)}</strong><table style="{TABLE}">{"".join(rows)}</table>{below}</div>'


def _step(name: str, points: str, start: float, length: float, scale: float, colour: str) -> str:
    """A row of a waterfall: name, points, and a bar from ``start``, in points."""
    bar = (
        f'<div style="width:320px;{LINE}"><div style="height:12px;margin-left:{start * scale:.2f}%;'
        f'width:{length * scale:.2f}%;background:{colour}"></div></div>'
    )
    cells = (_text(name), points, bar)
    return f"<tr>{''.join(f'<td style={chr(34)}{CELL}{chr(34)}>{cell}</td>' for cell in cells)}</tr>"


@dataclass(frozen=True)
class Frame:
    """A page inside a notebook, closed off from it: its scripts see neither the notebook nor its address.

    Args:
        page: the page as HTML.
        height: in pixels.
    """

    page: str = field(repr=False)
    height: int

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts allow-downloads allow-popups" '
            f'style="width:100%;height:{self.height}px;border:0" title="run"></iframe>'
        )
