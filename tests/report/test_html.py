import json
import re
from html.parser import HTMLParser

import pytest

from mmkg.report.charts import line_chart
from mmkg.report.html import render_curves, render_report
from mmkg.report.record import RunRecord

EVIL = "<script>alert('x')</script>\"'&{{ 7 * 7 }}"
VOID = {"meta", "br", "img", "input", "link"}


class Page(HTMLParser):
    """Tags, visible text and nesting errors of a page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text, self.faults = [], [], [], "", []
        self.feed(html)
        self.close()
        self.faults += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data + " "


def side(entities, share):
    modalities = {"structure": {"share": 1.0}, "image": {"share": share}}
    return {"entities": entities, "triples": 10, "degree": {"50%": 2}, "modalities": modalities}


@pytest.fixture
def content():
    return {
        "title": "emoji-fr-en",
        "protocol": {"candidates": "test", "csls_k": 3},
        "metrics": {"left_to_right": {"hits@1": 0.9125, "mrr": 0.93, "mr": 12.3}},
        "history": [{"epoch": 1, "loss": 4.0}, {"epoch": 2, "loss": 2.0, "valid": 0.5}],
        "description": {"left": side(1932, 0.75), "right": side(1950, 0.5)},
        "matches": [
            {"left": "chat", "right": "dog", "score": 50.4, "confidence": 0.25, "correct": False, "gold": "cat"},
            {"left": "pain", "right": None, "score": 10.0, "confidence": None},
            {
                "left": "pomme",
                "right": "apple",
                "score": 87.5,
                "confidence": 0.5,
                "correct": True,
                "parts": {"name": 70.2, "image": 40.2, "structure": -22.9},
            },
        ],
        "record": json.loads(RunRecord(seed=7, device="cpu", threads=2, seconds={"train": 61.5}).to_json()),
    }


def texts(html):
    return re.sub(r"\s+", " ", Page(html).text)


def test_the_page_shows_figures_protocol_data_matches_and_record(content):
    text = texts(render_report(**content))
    for shown in (
        "emoji-fr-en",
        "left to right 0.912 0.930 12.3",
        "csls k 3",
        "entities 1,932 1,950",
        "image 75.0 % 50.0 %",
        "dog should be cat ✗ 50 0.25",
        "pain no counterpart 10 -",
        "pomme apple ✓ 88 0.50",
        "name 71 · image 40 · structure -23",
        "seconds.train 61.5",
        "seed 7",
    ):
        assert shown in text, shown


def test_loss_and_validation_mrr_are_drawn_apart(content):
    page = Page(render_report(**content))
    assert page.tags.count("svg") == 2
    assert [value for name, value in page.attributes if name == "aria-label"] == ["loss", "MRR on validation links"]


def test_aligned_relations_are_a_table(content):
    pair = {"left": "r<", "right": "s", "kind": "relation", "inverse": True, "support": 1234}
    html = render_report(**content, relations=[pair | {"left_in_right": 0.751, "right_in_left": 1.0}])
    assert "r< s inverse relation 1,234 75 % 100 %" in texts(html) and Page(html).faults == []


def test_tags_are_closed_in_order(content):
    assert Page(render_report(**content)).faults == []


def test_nothing_is_fetched_and_nothing_runs(content):
    html = render_report(**content)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")}
    assert "url(" not in html and "@import" not in html


def test_every_text_is_escaped(content):
    content |= {"title": EVIL, "protocol": {EVIL: EVIL}, "record": {EVIL: EVIL}}
    content["metrics"] = {EVIL: {"hits@1": 0.5}}
    content["history"] = [{"epoch": 1, f"{EVIL}mrr": 0.5}]
    content["matches"] = [
        {
            "left": EVIL,
            "right": EVIL,
            "score": 0,
            "confidence": 0,
            "correct": False,
            "gold": EVIL,
            "parts": {EVIL: 1.0},
        }
    ]
    content["description"]["left"]["modalities"][EVIL] = {"share": 0.5}
    content["description"]["left"][EVIL] = 1
    page = Page(render_report(**content))
    assert "script" not in page.tags
    assert page.faults == []
    assert page.text.count(EVIL) >= 11
    assert "alert" not in " ".join(name for name, _ in page.attributes)


def test_share_bars_are_proportional_and_leave_out_what_speaks_against(content):
    html = render_report(**content)
    assert re.findall(r'class="m-(\w+)" style="flex: ([0-9.-]+)"', html) == [("name", "71"), ("image", "40")]


def test_what_is_absent_is_left_out():
    page = Page(render_report(title="bare"))
    assert page.faults == []
    assert "h2" not in page.tags and "table" not in page.tags
    assert "bare" in page.text


def test_the_same_content_gives_the_same_page(content):
    assert render_report(**content) == render_report(**content)


# --- pages of curves


def test_a_page_of_curves_shows_charts_and_table_in_the_style_of_a_report(content):
    chart = line_chart([(0, 0.5), (50, 0.25)], x_label="missing, %", y_label=EVIL)
    html = render_curves(title=EVIL, subtitle=EVIL, curves=[(EVIL, chart)], table=f"a  b\n{EVIL}\n")
    page = Page(html)
    assert page.faults == [] and page.tags.count("svg") == 1 and "script" not in page.tags
    assert page.text.count(EVIL) == 5  # title twice, subtitle, caption, table
    assert "a  b\n" in page.text
    style = re.compile(r"(?s)\nbody \{.*?</style>")
    rules = re.sub(r" \.m-\w+ \{[^}]*\}", "", style.search(render_report(**content))[0])
    assert style.search(html)[0] == rules and "--series: #2a78d6" in html


def test_a_page_without_curves_is_the_table_alone():
    page = Page(render_curves(title="sets", subtitle="", curves=[], table="a"))
    assert page.faults == [] and page.tags.count("section") == 1 and "svg" not in page.tags
