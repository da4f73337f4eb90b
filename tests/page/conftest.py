"""A real browser, and pages in it. The tests are skipped where there is none."""

import json
import os
import shutil
from urllib.parse import parse_qs, urlsplit

import pytest
from page_data import PAGE, example, page_with

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking"]
LIVE = "http://mmkg.example/"


@pytest.fixture(scope="module")  # Playwright keeps an event loop in this thread, which tests elsewhere do not expect
def browser():
    """Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path; CHROMIUM names one")
    if not PAGE.is_file():
        pytest.skip("the page is not built: make page")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Problems(list):
    """What a page complains about: errors of scripts, and refusals of its policy."""

    def watch(self, page):
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda line: self.append(line.text) if line.type in ("error", "warning") else None)


@pytest.fixture
def problems():
    found = Problems()
    yield found
    assert found == []


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def report(context, problems, tmp_path):
    """Open a report with the given data, by default those of the example."""

    def open_report(data=None, *, width=1400):
        path = tmp_path / "report.html"
        path.write_text(page_with(example() if data is None else data), encoding="utf-8")
        page = context.new_page()
        problems.watch(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(path.as_uri())
        page.locator(".found", has_text="row").wait_for()
        return page

    return open_report


class PretendServer:
    """Answers as a server of the contract would, from the data of a report; it keeps what is posted."""

    def __init__(self, data):
        self.data = data
        self.posted = []
        self.asked = []
        self.fail = None
        self.busy = 0  # requests for the map that come too early

    def answer(self, route):
        request = route.request
        address = urlsplit(request.url)
        if address.path == "/":
            text = page_with(None).replace('name="mmkg-token" content=""', 'name="mmkg-token" content="secret"')
            return route.fulfill(body=text, content_type="text/html; charset=utf-8")
        name = address.path.removeprefix("/api/v1/")
        self.asked.append((name, {key: value[0] for key, value in parse_qs(address.query).items()}))
        if self.fail is not None:
            return route.fulfill(status=503, json={"error": self.fail})
        if name == "map" and self.busy > 0:
            self.busy -= 1
            return route.fulfill(status=503, json={"error": "being computed"}, headers={"Retry-After": "1"})
        if request.method == "POST":
            self.posted.append((name, json.loads(request.post_data), request.headers.get("x-mmkg-token")))
        return route.fulfill(json=self.json(name, self.asked[-1][1]))

    def json(self, name, query):
        data = self.data
        if name == "matches":
            part = data["matches"] if query["show"] == "matched" else data["lists"][f"unmatched_{query['show']}"]
            rows = part["rows"]
            first, last = int(query["offset"]), int(query["offset"]) + int(query["limit"])
            return {"total": len(rows), "offset": first, "rows": rows[first:last]}
        if name == "match":
            return data["details"][query["left"]] if "left" in query else data["right_details"][query["right"]]
        if name.startswith("lists/"):
            return data["lists"][name.removeprefix("lists/")]
        if name == "decisions":
            given = self.posted[-1][1]
            return {**given, "id": len(self.posted), "date": "2026-05-01T12:00:00Z", "undone": False}
        if name == "decisions/undo":
            return {"undone": {**self.posted[0][1], "id": 1, "date": "2026-05-01T12:00:00Z", "undone": True}}
        if name == "ask":
            row = data["matches"]["rows"][5]
            return {"rows": [{"left": row["left"], "right": row["right"], "gain": 1.5, "why": "its margin is small"}]}
        if name == "lookup":
            keys = self.posted[-1][1]["keys"]
            return {"rows": [row for row in data["matches"]["rows"] if row["left"] in keys], "unknown": []}
        return data[name]


@pytest.fixture
def live(context, problems):
    """Open the live page on a pretended server: page and server."""

    def open_live(data=None):
        server = PretendServer(example() if data is None else data)
        context.route("**/*", server.answer)
        page = context.new_page()
        problems.watch(page)
        page.goto(LIVE)
        page.locator(".row[data-key]").first.wait_for()
        return page, server

    return open_live
