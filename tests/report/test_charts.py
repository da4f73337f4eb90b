import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkg.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_chart, ticks

FINITE = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))


def polyline(svg):
    points = ElementTree.fromstring(svg).find("polyline").get("points")
    return [tuple(float(number) for number in point.split(",")) for point in points.split()]


def test_the_line_runs_from_corner_to_corner():
    # y from 0 to 1 has ticks 0 and 1 at its ends, so the diagonal spans the whole plot
    line = polyline(line_chart([(1, 0.0), (2, 0.5), (3, 1.0)], x_label="epoch", y_label="MRR"))
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    assert line == [(LEFT, HEIGHT - BOTTOM), middle, (WIDTH - RIGHT, TOP)]


def test_points_that_are_not_finite_are_left_out():
    svg = line_chart([(0, 1.0), (1, math.nan), (2, math.inf), (3, 2.0)], x_label="epoch", y_label="loss")
    assert len(polyline(svg)) == 2
    assert "nan" not in svg and "inf" not in svg


def test_no_points_give_no_drawing():
    assert line_chart([], x_label="epoch", y_label="loss") == ""
    assert line_chart([(0, math.nan)], x_label="epoch", y_label="loss") == ""


def test_one_point_stands_in_the_middle():
    (point,) = polyline(line_chart([(7, 0.3)], x_label="epoch", y_label="loss"))
    assert point[0] == pytest.approx((LEFT + WIDTH - RIGHT) / 2)
    assert TOP < point[1] < HEIGHT - BOTTOM


def test_labels_are_escaped():
    svg = line_chart([(0, 1.0)], x_label="<script>", y_label='"><script>')
    assert ElementTree.fromstring(svg).get("aria-label") == '"><script>'
    assert "<script>" not in svg


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0.83, 0.97, [0.8, 0.85, 0.9, 0.95, 1.0]),
        (5, 5, [2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


@given(FINITE, FINITE)
def test_ticks_enclose_the_values_evenly(a, b):
    low, high = min(a, b), max(a, b)
    found = ticks(low, high)
    steps = [after - before for before, after in zip(found, found[1:], strict=False)]
    assert 2 <= len(found) <= 8
    slack = 1e-6 * (1 + abs(low) + abs(high))
    assert found[0] <= low + slack and found[-1] >= high - slack
    assert steps == pytest.approx([steps[0]] * len(steps), abs=slack)
