"""The curves of the site have the values of the tables that they are drawn from."""

import re

import pytest


@pytest.fixture
def charts(tools):
    import charts

    return charts


@pytest.fixture
def curves(tools):
    import curves

    return curves


def test_a_chart_puts_points_where_the_axes_have_them(charts):
    axis = charts.Axis("a", (0, 1))
    factor = charts.Axis("b", (1, 10, 100), log=True)
    text = charts.chart("Two & more", {"line": [(0, 1), (0.5, 10), (1, 100)]}, x=axis, y=factor)
    # the plot is 442 wide from 58 on, and 248 high above 262; 10 is half way from 1 to 100 in factors
    assert "M58.0 262.0L279.0 138.0L500.0 14.0" in text and 'aria-label="Two &amp; more"' in text
    assert ">line</text>" in text and ">100</text>" in text and "<style>" in text


def test_labels_of_lines_that_end_together_do_not_touch(charts):
    assert charts._apart([30, 10, 12]) == [42, 10, 26]


def test_a_table_is_read_by_its_header(curves, tmp_path):
    path = tmp_path / "FIGURES.md"
    path.write_text("text\n\n| a | b |\n|---|---|\n| one | .5 ± .1 |\n| | 1,200 |\n\n| c |\n", encoding="utf-8")
    assert curves.table(path, "| a |") == (["a", "b"], [["one", ".5 ± .1"], ["one", "1,200"]])
    assert [curves.number(cell) for cell in (".5 ± .1", "1,200", "12.5 GB")] == [0.5, 1200, 12.5]
    with pytest.raises(ValueError, match="FIGURES.md has no table that begins"):
        curves.table(path, "| x |")


def test_every_curve_is_drawn_and_names_its_lines(curves):
    drawn = curves.curves()
    assert set(drawn) == {"few_links", "missing_images", "reliability", "precision", "growth"}
    lines = {"few_links": "combined", "missing_images": "generator", "precision": "recall", "growth": "propagation"}
    for name, line in lines.items():
        assert f">{line}</text>" in drawn[name], name
    for text in drawn.values():
        places = re.findall(r'c[xy]="(-?[\d.]+)"', text)
        assert len(text) < 60_000 and all(0 <= float(each) <= 680 for each in places)
