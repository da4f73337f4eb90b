"""The search of the site finds the page of an error that a command prints, and of a question."""

import functools
import json
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmkg.cli.app import _run

FILES = {
    "left.tsv": "a\tr\tb\nb\tr\tc\n",
    "right.tsv": "x\tr\ty\ny\tr\tz\n",
    "links.tsv": "a\tx\n",
    "short.tsv": "a\tr\tb\nb\tr\n",
    "many.tsv": "a\tx\na\ty\n",
    "twice.tsv": "a\tx\na\tx\n",
    "unknown.tsv": "q\tx\n",
    "lines.jsonl": '{"left": 1\n',
    "nodes.json": "{nodes: 1}",
    "latin.tsv": b"a\tr\t\xe9\n",
    "empty.tsv": "",
    "columns.csv": "one,two,three\na,r,b\n",
    "run.toml": "model = \n",
}
FAILING = """\
describe short.tsv right.tsv
describe left.tsv right.tsv --links many.tsv
describe left.tsv right.tsv --links twice.tsv
describe left.tsv right.tsv --links unknown.tsv
describe left.tsv right.tsv --links lines.jsonl
describe absent.tsv right.tsv
describe latin.tsv right.tsv
describe nodes.json right.tsv
describe empty.tsv right.tsv
describe emoji-xx-yy
describe left.tsv right.tsv --set data.on_eror=skip
describe left.tsv right.tsv --set data.on_error=maybe
describe columns.csv right.tsv --set data.header=true
describe https://example.org/x.nt
describe ftp://example.org/x.nt right.tsv
align left.tsv right.tsv --links links.tsv --config run.toml --out a
align left.tsv right.tsv --links links.tsv --images pictures --out b
match folder
evaluate absent
fetch nothing
convert left.tsv out --to nothing
sentiment train absent --out c""".splitlines()

QUESTIONS = {
    "align two CSV files with no links": ("start/first.html", "tutorials/rdf.html", "tutorials/texts.html"),
    "no links": ("data/links.html", "tutorials/texts.html"),
    "what does confidence mean": ("concepts/confidence.html",),
    "how do I give images": ("data/pictures.html",),
    "GPU": ("howto/gpu.html",),
    "my graph is in Neo4j": ("data/graphs.html",),
    "evaluate on DBP15K as the papers": ("tutorials/dbp15k.html",),
    "export to SSSOM": ("howto/merge.html",),
    "owl:sameAs": ("howto/merge.html",),
    "serve as HTTP": ("howto/serve.html",),
    "how much memory for 5M entities": ("howto/large.html",),
    "which model": ("start/models.html",),
    "LightRAG": ("data/graphrag.html",),
    "DataFrame": ("data/graphs.html",),
    "parquet": ("data/tables.html",),
    "neo4j-admin": ("data/graphs.html",),
    "data.one_to_one": ("reference/settings.html", "reference/formats.html", "reference/errors.html"),
}


@pytest.fixture(scope="module")
def found(site):
    """The places that the search of the built site finds, best first."""
    if shutil.which("node") is None:
        pytest.skip("needs node")

    def asked(queries):
        command = ["node", str(Path(__file__).parent / "asked.js"), str(site)]
        done = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return asked


@pytest.fixture
def messages(tmp_path, monkeypatch, capsys):
    """What each failing command prints."""
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    printed = []
    for line in FAILING:
        monkeypatch.setattr("sys.argv", ["mmkg", *line.split()])
        assert _run() in (1, 2), line
        printed.append(capsys.readouterr().err.splitlines()[-1])
    return printed


def test_a_message_finds_the_page_that_explains_it(found, messages):
    pages = ("reference/errors.html", "reference/messages.html")
    missed = {
        message: places[:1]
        for message, places in zip(messages, found(messages), strict=True)
        if not (places and places[0].startswith(pages))
    }
    assert len(messages) >= 20 and missed == {}


def test_a_message_that_is_found_has_a_place_on_its_page(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    page = (site / "reference" / "messages.html").read_text(encoding="utf-8")
    places = [each["location"].partition("#")[2] for each in index["docs"] if each["title"] == "InputError"]
    assert len(places) > 500 and all(f'<li id="{place}">' in page for place in places)
    assert "{#" not in page


def test_a_question_finds_the_page_that_answers_it(found):
    first = {query: places[0].partition("#")[0] for query, places in zip(QUESTIONS, found([*QUESTIONS]), strict=True)}
    assert {query: page for query, page in first.items() if page not in QUESTIONS[query]} == {}


def test_a_message_that_is_pasted_in_a_browser_finds_it_too(site):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on the path")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            message = "mmkg: l.tsv:2: 'a' is linked to 'y' here and to 'x' in line 1; or --set data.one_to_one=false"
            page.locator("[data-md-component=search-query]").fill(message)
            page.keyboard.press("End")  # the search listens to keys
            first = page.locator(".md-search-result__item a").first
            first.wait_for(timeout=15_000)
            assert "/reference/errors.html" in first.get_attribute("href")
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
