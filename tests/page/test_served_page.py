"""The page on the server itself: what people decide is in its store."""

import pytest

pytest.importorskip("fastapi", reason="needs pip install mmkg[serve]")

import mmkg
from mmkg.serve.app import application
from mmkg.serve.server import served_run
from mmkg.serve.settings import ServeConfig

ADDRESS = "http://127.0.0.1:8000"  # nothing listens there: requests are answered in this process


@pytest.fixture(scope="module")
def run(small_run):
    return mmkg.AlignmentResult.load(small_run)


@pytest.fixture
def opened(context, problems, run, tmp_path):
    """Open the page of a server with some settings: page and server."""
    from starlette.testclient import TestClient

    made = []

    def open_page(**config):
        served = served_run(run, str(tmp_path), ServeConfig(**config))
        made.append(served)
        client = TestClient(application(served), base_url=ADDRESS)

        def answer(route):
            request = route.request
            headers = {name: value for name, value in request.headers.items() if name != "accept-encoding"}
            response = client.request(request.method, request.url, headers=headers, content=request.post_data_buffer)
            route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.content)

        context.route("**/*", answer)
        page = context.new_page()
        problems.watch(page)
        page.goto(ADDRESS + "/")
        page.locator(".row[data-key]").first.wait_for()
        return page, served

    yield open_page
    for served in made:
        served.store.close()


def test_the_page_shows_the_run_and_stores_what_people_decide(opened):
    page, served = opened()
    counts = served.view.summary()["counts"]
    assert page.locator("h1").inner_text().startswith(f"{counts['sure']} sure link")
    page.get_by_role("button", name="All ").click()
    first = served.view.matches(known=False, limit=1)["rows"][0]
    page.locator(f".row[data-key='{first['left']}'][aria-selected=true]").wait_for()
    page.get_by_text("Comment, name, keys").click()
    page.get_by_label("Your name or ORCID").fill("Ada")
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("Accepted: ").wait_for()
    made = served.store.all()[-1]
    assert (made.left, made.right, made.verdict, made.author) == (first["left"], first["right"], "accept", "Ada")
    page.keyboard.press("u")
    page.get_by_text("is open again").wait_for()
    assert served.store.all()[-1].undone


def test_another_candidate_is_shown_after_a_reload(opened):
    page, served = opened()
    page.get_by_role("button", name="All ").click()
    first = served.view.matches(known=False, limit=1)["rows"][0]
    page.locator(f".row[data-key='{first['left']}'][aria-selected=true]").wait_for()
    names = [each["name"] for each in served.view.match(first["left"])["candidates"]]
    page.locator(".candidates").get_by_text(names[1], exact=True).wait_for()
    page.keyboard.press("2")
    page.get_by_text("Accepted: ").wait_for()
    page.goto(f"{ADDRESS}/?again#show=all&left={first['left']}")
    page.locator(".decided", has_text=names[1]).wait_for()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("State").select_option("decided")
    page.locator(f".row[data-key='{first['left']}']").wait_for()


def test_every_section_has_its_answer(opened):
    page, served = opened(read_only=True)
    page.get_by_text("This page is read only").wait_for()
    for section, words in (("trust", "Confidence and what is right"), ("lists", "Relations"), ("training", "MRR")):
        page.evaluate("id => document.getElementById(id).scrollIntoView()", section)
        page.locator(f"#{section}", has_text=words).wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="TSV").click()
    assert download.value.suggested_filename == "matches.tsv"
