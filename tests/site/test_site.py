"""The site builds strictly and without network; its links lead somewhere, and its search finds messages and formats."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is not installed")
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """Links, ids, and addresses that a page loads."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.loaded = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if attrs.get("id"):
            self.ids.add(attrs["id"])
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        address = attrs.get("src") or (attrs.get("href") if tag == "link" and attrs.get("rel") != "canonical" else None)
        if address:
            self.loaded.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", "tools/site/mkdocs.yml", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "no_proxy": "*", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


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


@pytest.mark.parametrize(
    "typed, page",
    [
        ("is linked to and to", "reference/errors.html"),
        ("expected an HDF5 file", "reference/messages.html"),
        ("LightRAG", "data/graphrag.html"),
        ("neo4j-admin", "data/graphs.html"),
        ("SSSOM", "howto/merge.html"),
        ("data.one_to_one", "reference/settings.html"),
    ],
)
def test_the_search_finds_messages_formats_and_settings(site, typed, page):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    words = typed.lower().split()
    found = {
        each["location"].partition("#")[0] for each in index["docs"] if all(w in each["text"].lower() for w in words)
    }
    assert page in found
