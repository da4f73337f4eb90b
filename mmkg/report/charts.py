"""Line charts as inline SVG, in the colours of their page."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 36


def line_chart(points: Sequence[tuple[float, float]], *, x_label: str, y_label: str) -> str:
    """One series as a line with axes and ticks; its last point is marked and labelled.

    Colours are the CSS classes ``axis``, ``grid``, ``series`` and ``mark`` of the page. The drawing scales
    with its container; ``y_label`` is also its accessible name.

    Args:
        points: (x, y), drawn in this order; points with NaN or infinity are left out.
        x_label: title of the horizontal axis.
        y_label: name of the drawn value.

    Returns:
        An ``<svg>`` element, or "" if no point is left.
    """
    points = [(float(x), float(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return ""
    x_ticks = [tick for tick in ticks(min(x for x, _ in points), max(x for x, _ in points)) if tick == round(tick)]
    y_ticks = ticks(min(y for _, y in points), max(y for _, y in points))
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place_x(x: float) -> float:
        share = (x - x_low) / (x_high - x_low) if x_high > x_low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def place_y(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_label)}">']
    for y in y_ticks:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place_y(y):.1f}" y2="{place_y(y):.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{place_y(y) + 4:.1f}" text-anchor="end">{y:.6g}</text>'
        )
    for x in x_ticks:
        if x_low <= x <= x_high:
            place = f'x="{place_x(x):.1f}" y="{HEIGHT - BOTTOM + 16}"'
            parts.append(f'<text class="axis" {place} text-anchor="middle">{x:.6g}</text>')
    parts.append(f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{escape(x_label)}</text>')
    path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
    x, y = points[-1]
    above = place_y(y) - TOP > 18
    side = "end" if x > x_low else "start"
    parts.append(
        f'<polyline class="series" points="{path}"/>'
        f'<circle class="mark" cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="4"/>'
        f'<text class="value" x="{place_x(x) + 4:.1f}" y="{place_y(y) + (-9 if above else 18):.1f}" '
        f'text-anchor="{side}">{y:.4g}</text></svg>'
    )
    return "".join(parts)


def ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from at or below ``low`` to at or above ``high``.

    About ``count`` steps, two numbers at least, also where ``low`` equals ``high``.
    """
    if high <= low:
        margin = abs(low) / 2 or 1.0
        low, high = low - margin, high + margin
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(position * step, 12) + 0.0 for position in range(first, last + 1)]
