"""Links of the site lead somewhere, it needs no network, and everybody can read its pages."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).parents[2] / "docs"


class Page(HTMLParser):
    """Links, ids, headings, pictures, and addresses that a page loads."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.loaded, self.headings, self.pictures, self.twice = [], set(), [], [], [], set()
        self.language = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if attrs.get("id"):
            self.twice |= {attrs["id"]} & self.ids
            self.ids.add(attrs["id"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(attrs.get("alt"))
        if tag == "svg" and attrs.get("role") == "img":
            self.pictures.append(attrs.get("aria-label"))
        if tag == "html":
            self.language = attrs.get("lang")
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        address = attrs.get("src") or (attrs.get("href") if tag == "link" and attrs.get("rel") != "canonical" else None)
        if address:
            self.loaded.append(address)


@pytest.fixture(scope="module")
def built(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_page_and_a_heading(built, site):
    assert len(built) > 50
    broken = []
    for path, page in built.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file():
                broken.append((path.relative_to(site).as_posix(), link))
            elif parts.fragment and there.suffix == ".html" and unquote(parts.fragment) not in built[there].ids:
                broken.append((path.relative_to(site).as_posix(), link))
    assert broken == []


def test_no_page_loads_anything_from_the_network(built):
    loaded = {address for page in built.values() for address in page.loaded if urlsplit(address).netloc}
    assert loaded == set()


def test_equations_are_mathml(site):
    text = (site / "concepts" / "csls.html").read_text(encoding="utf-8")
    assert "<math" in text and "arithmatex" not in text


def test_pages_have_one_title_headings_in_order_and_words_for_each_picture(built, site):
    drawn = 0
    for path, page in built.items():
        name = path.relative_to(site).as_posix()
        if name == "404.html":
            continue
        assert page.language == "en", name
        assert page.headings.count(1) == 1 and page.headings[0] == 1, name
        assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), name
        assert all(alt and len(alt.split()) >= 4 for alt in page.pictures), (name, page.pictures)
        assert page.twice == set(), name
        drawn += len(page.pictures)
    assert drawn >= 15


def test_pictures_are_small_and_drawings_have_the_colours_of_their_page():
    for path in (DOCS / "pictures").iterdir():
        assert path.stat().st_size < 60_000, path.name
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert "prefers-color-scheme:dark" in text and "currentColor" in text and "<text" in text, path.name
