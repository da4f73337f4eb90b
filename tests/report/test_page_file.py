"""Data inside the page."""

import json

import pytest

from mmkg.report.page import PLACE, encoded, page, with_data


def test_the_built_page_has_one_place_for_data_and_fetches_nothing_from_elsewhere():
    text = page()
    assert text.count(PLACE) == 1 and text.startswith("<!doctype html>")
    assert 'src="http' not in text and 'href="http' not in text


def test_data_stand_in_their_place_and_stay_data():
    data = {"a": "</script><b>", "b": "\u202e\ud800\u2028", "c": [1.5, None, True]}
    html = with_data(f"<p>{PLACE}</p>", data)
    inside = html.removeprefix('<p><script id="mmkg-data" type="application/json">').removesuffix("</script></p>")
    assert "<" not in inside and json.loads(inside) == data
    html.encode()  # no half of a surrogate pair is left
    assert "\u202e" not in inside


def test_a_page_needs_one_place_for_its_data():
    with pytest.raises(ValueError, match="got 0"):
        with_data("<p>", {})
    with pytest.raises(ValueError, match="JSON"):
        encoded(float("nan"))
