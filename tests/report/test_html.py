from html.parser import HTMLParser

from mmkg.report.charts import line_chart
from mmkg.report.html import render_curves

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


def test_a_page_of_curves_shows_charts_and_table():
    chart = line_chart([(0, 0.5), (50, 0.25)], x_label="missing, %", y_label=EVIL)
    html = render_curves(title=EVIL, subtitle=EVIL, curves=[(EVIL, chart)], table=f"a  b\n{EVIL}\n")
    page = Page(html)
    assert page.faults == [] and page.tags.count("svg") == 1 and "script" not in page.tags
    assert page.text.count(EVIL) == 5  # title twice, subtitle, caption, table
    assert "a  b\n" in page.text


def test_a_page_without_curves_is_the_table_alone():
    page = Page(render_curves(title="sets", subtitle="", curves=[], table="a"))
    assert page.faults == [] and page.tags.count("section") == 1 and "svg" not in page.tags
