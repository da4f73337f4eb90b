"""Line charts as SVG that is readable on light and dark pages: text is text, and lines are labelled where they end."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

COLOURS = ("#3b82d6", "#d9681c", "#1a9c6c", "#8b6fd6", "#b0852a")  # 3 to 1 and more on white and on dark pages
WIDTH, HEIGHT = 680, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 500, 14, 262  # of the plot
GAP = 16  # between labels
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
# Of a picture by itself. In a page it is part of the page, and has its colours.
STYLE = "<style>svg{color:#1f2937}@media (prefers-color-scheme:dark){svg{color:#e5e7eb}}</style>"

Points = Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """An axis of a chart.

    Args:
        title: what it shows.
        ticks: values that are named, the ends among them.
        log: whether steps are factors.
        form: format of the names of ticks.
    """

    title: str
    ticks: Sequence[float]
    log: bool = False
    form: str = "g"

    def share(self, value: float) -> float:
        """Place of a value between the ends, 0 to 1."""
        low, high, value = (math.log(each) if self.log else each for each in (self.ticks[0], self.ticks[-1], value))
        return (value - low) / (high - low)


def chart(about: str, lines: Mapping[str, Points], *, x: Axis, y: Axis, diagonal: bool = False) -> str:
    """A chart.

    Args:
        about: what it shows, for readers who do not see it.
        lines: points of each line by its name.
        x: the horizontal axis.
        y: the vertical axis.
        diagonal: whether a thin line marks where both are equal.
    """
    parts = [*_grid(x, y)]
    if diagonal:
        parts.append(f'<path d="M{LEFT} {BOTTOM}L{RIGHT} {TOP}" stroke="currentColor" stroke-dasharray="2 4"/>')
    places = _apart([_y(points[-1][1], y) for points in lines.values()])
    for colour, (name, points), place in zip(COLOURS, lines.items(), places, strict=False):
        at = [(_x(one, x), _y(other, y)) for one, other in points]
        path = "L".join(f"{one:.1f} {other:.1f}" for one, other in at)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        if len(at) <= 12:
            parts += [f'<circle cx="{one:.1f}" cy="{other:.1f}" r="3.5" fill="{colour}"/>' for one, other in at]
        one, other = at[-1]
        parts.append(
            f'<path d="M{one:.1f} {other:.1f}L{RIGHT + 12} {place:.1f}" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(f'<text x="{RIGHT + 18}" y="{place + 4.5:.1f}" fill="currentColor">{html.escape(name)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    return f'{head} aria-label="{html.escape(about)}" {FONT}>{STYLE}\n' + "\n".join(parts) + "\n</svg>\n"


def _grid(x: Axis, y: Axis) -> Iterable[str]:
    """Lines and names of both axes."""
    yield '<g fill="currentColor" fill-opacity=".85">'
    for tick in y.ticks:
        place = _y(tick, y)
        yield f'<path d="M{LEFT} {place:.1f}H{RIGHT}" stroke="currentColor" stroke-opacity=".18"/>'
        yield f'<text x="{LEFT - 8}" y="{place + 4.5:.1f}" text-anchor="end">{tick:{y.form}}</text>'
    for tick in x.ticks:
        place = _x(tick, x)
        yield f'<path d="M{place:.1f} {BOTTOM}v5" stroke="currentColor" stroke-opacity=".5"/>'
        yield f'<text x="{place:.1f}" y="{BOTTOM + 21}" text-anchor="middle">{tick:{x.form}}</text>'
    yield f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 46}" text-anchor="middle">{html.escape(x.title)}</text>'
    middle = (TOP + BOTTOM) / 2
    turned = f'transform="rotate(-90 14 {middle})" text-anchor="middle"'
    yield f'<text x="14" y="{middle + 4}" {turned}>{html.escape(y.title)}</text>'
    yield "</g>"


def _x(value: float, axis: Axis) -> float:
    return LEFT + axis.share(value) * (RIGHT - LEFT)


def _y(value: float, axis: Axis) -> float:
    return BOTTOM - axis.share(value) * (BOTTOM - TOP)


def _apart(places: Sequence[float]) -> list[float]:
    """Places of labels that do not touch, in the order of the given ones, as near to these as going down allows."""
    found = dict.fromkeys(range(len(places)), 0.0)
    last = -math.inf
    for number in sorted(found, key=lambda each: places[each]):
        last = found[number] = max(places[number], last + GAP)
    return list(found.values())
