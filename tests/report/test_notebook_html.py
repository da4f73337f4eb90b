import re

import pytest

from mmkg.report.notebook import Frame, matches_html, share_bar, waterfall_html

HOSTILE = '<script>alert("x")</script>\u202e\x1b[31m'


def bars(text):
    """Left margin and width of each bar of a waterfall, in percent of the scale."""
    found = re.findall(r"margin-left:(-?[\d.]+)%;width:(-?[\d.]+)%", text)
    return [(float(start), float(width)) for start, width in found]


def test_each_bar_of_a_waterfall_begins_where_the_one_before_ends():
    text = waterfall_html("a = b", {"name": 50.0, "structure": 30.0, "image": -20.0}, ["because"])
    assert bars(text) == [(0, 50), (50, 30), (60, 20), (0, 60)]  # the last is the score, 60
    assert [re.sub("<[^>]*>", " ", row).split() for row in text.split("<tr>")[1:]][:3] == [
        ["name", "+", "50.0"], ["structure", "+", "30.0"], ["image", "\u2212", "20.0"]]  # fmt: skip
    assert "60.0" in text and "<div dir=auto>because</div>" in text


def test_a_waterfall_that_rises_above_100_still_fits():
    assert bars(waterfall_html("", {"name": 90.0, "structure": 35.0, "image": -25.0}, [])) == [
        (0, 72), (72, 28), (80, 20), (0, 80)]  # fmt: skip


def test_a_waterfall_without_points_has_bars_of_no_length():
    assert bars(waterfall_html("", {"name": 0.0}, [])) == [(0, 0), (0, 0)]


def test_the_bar_of_a_match_is_as_long_as_its_positive_parts():
    text = share_bar({"name": 50.0, "image": -10.0, "structure": 25.0}, {"name": "red", "structure": "blue"})
    widths = re.findall(r'title="(\w+) ([\d.]+)"[^>]*width:([\d.]+)px;background:(\w+)', text)
    assert widths == [("name", "50.0", "80.0", "red"), ("structure", "25.0", "40.0", "blue")]  # of 160 pixels


@pytest.mark.parametrize("confidence", [0.5, None])
def test_labels_are_text_and_never_markup(confidence):
    match = {"left": HOSTILE, "right": "b", "score": 71.6, "confidence": confidence, "parts": {HOSTILE: 71.6}}
    for text in (matches_html(HOSTILE, [HOSTILE], [match]), waterfall_html(HOSTILE, {HOSTILE: 3.0}, [HOSTILE])):
        assert "<script" not in text and "\x1b" not in text and "\u202e" not in text and "&lt;script&gt;" in text
    assert "<td" in matches_html("", [], [match]) and ">72<" in matches_html("", [], [match])
    assert (">0.50<" if confidence else ">-<") in matches_html("", [], [match])


def test_a_run_without_links_has_no_table():
    assert matches_html("a", ["b"], []) == "<div><strong>a</strong><div>b</div></div>"


def test_a_frame_holds_the_page_and_keeps_it_from_the_notebook():
    text = Frame('<p title="a">&amp;</p>', 300)._repr_html_()
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;&amp;amp;&lt;/p&gt;"' in text and "height:300px" in text
    assert "allow-same-origin" not in text and "sandbox=" in text
