"""The page of curves and figures that a sweep writes."""

import pytest
from page_data import HOSTILE, page_with

TABLE = "missing   mae\n0 %     0.500\n50 %    0.750"
CURVE = {"axis": "missing, %", "unit": "mae", "x": [0, 50], "y": [0.5, 0.75], "chosen": None}


@pytest.fixture
def opened(context, problems, tmp_path):
    def open_page(curves):
        data = {
            "kind": "curves",
            "title": f"sweep {HOSTILE}",
            "subtitle": "two seeds",
            "curves": curves,
            "table": TABLE,
        }
        path = tmp_path / "sweep.html"
        path.write_text(page_with(data), encoding="utf-8")
        page = context.new_page()
        problems.watch(page)
        page.goto(path.as_uri())
        page.locator("h1").wait_for()
        return page

    return open_page


def test_curves_are_drawn_above_their_table(opened):
    page = opened([CURVE | {"name": "mae, train: each"}, CURVE | {"name": "mae, train: complete"}])
    assert page.locator("h1").inner_text() == f"sweep {HOSTILE}" and page.evaluate("window.hostile") is None
    page.locator("figure svg").nth(1).wait_for()
    assert page.locator("figure svg").count() == 2
    assert "missing, %" in page.locator("figure").first.text_content()
    assert page.locator("pre").inner_text() == TABLE
    assert page.locator("figcaption").first.inner_text() == "mae, train: each"


def test_without_curves_the_table_is_shown_alone(opened):
    page = opened([])
    assert page.locator("pre").inner_text() == TABLE and page.locator("figure").count() == 0
