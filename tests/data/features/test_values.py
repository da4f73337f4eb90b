import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkg.data.features.values import KINDS, Value, read_value, read_values


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1982", 1982),
        ("-0.5", -0.5),
        ("+.5", 0.5),
        ("5.", 5),
        ("1.5E3", 1500),
        ("12,345,678.9", 12345678.9),
        (" 7 ", 7),
        ("007", 7),
        ("\uff11\uff12", 12),  # full-width digits
        ('"1.5"^^<http://www.w3.org/2001/XMLSchema#double>', 1.5),
    ],
)
def test_numbers(text, number):
    assert read_value(text)[:2] == ("number", pytest.approx(number))


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1982-07-01", 1982.5),
        ("1982-07", 1982.5),
        ("1956-9-12", 1956 + 8 / 12 + 11 / 372),
        ("-0044-03-15", -44 + 2 / 12 + 14 / 372),
        ("2000-02-29", 2000 + 1 / 12 + 28 / 372),
        ("1982-07-01T12:30:00Z", 1982.5),
        ("1982-07-01+02:00", 1982.5),
        ('"1982-07-01"^^<http://www.w3.org/2001/XMLSchema#date>', 1982.5),
    ],
)
def test_dates_are_numbers_of_years(text, years):
    assert read_value(text)[:2] == ("date", pytest.approx(years))


@pytest.mark.parametrize(
    "text",
    [
        "", "-", ".", "e5", "nan", "inf", "-Infinity", "1e999", "1_000", "12,34", "1,2345", "0x10", "1982-13-01",
        "1982-02-30", "1900-02-29", "1982-00-10", "3-0", "12-05", "--05-03", "1982-07-01 to 1983", "180 cm", "1/2",
        "May 1982",
    ],
)  # fmt: skip
def test_everything_else_is_a_text(text):
    found = read_value(text)
    assert found.kind == "text" and math.isnan(found.number)


def test_texts_that_differ_in_case_width_and_white_space_are_equal():
    assert {read_value(text).text for text in ("Straße  No. \uff11", "STRASSE no.\u00a01", '"Strasse No. 1"@de')} == {
        "strasse no. 1"
    }


@given(st.text())
def test_any_text_has_a_value(text):
    found = read_value(text)
    assert found.kind in KINDS and (found.kind == "text") == math.isnan(found.number)
    assert read_value(text.upper()).kind == found.kind or found.kind != "number"


@pytest.mark.parametrize("text", [None, "", "  ", '""'])
def test_an_empty_value_is_none(text):
    assert read_values((text, "x")).kind.tolist() == [-1, KINDS.index("text")]


def test_a_column_of_mixed_values_keeps_what_each_of_them_is():
    values = ("1982", None, "1982-07-01", "unknown", "Unknown", "1982")
    found = read_values(values)
    assert [KINDS[kind] if kind >= 0 else None for kind in found.kind.tolist()] == [
        "number", None, "date", "text", "text", "number",
    ]  # fmt: skip
    assert found.number[[0, 2]].tolist() == [1982, 1982.5]
    assert [found.texts[place] if place >= 0 else None for place in found.text.tolist()] == [
        "1982", None, "1982-07-01", "unknown", "unknown", "1982",
    ]  # fmt: skip
    assert read_values(()).kind.tolist() == [] and isinstance(read_value("x"), Value)
