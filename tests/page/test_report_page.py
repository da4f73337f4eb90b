"""The flows of a review in a report: filter, open, decide, undo, slider, download, reload."""

import pytest
from page_data import HOSTILE, example, key_of, page_with

from mmkg.data.links.sssom_read import read_sssom
from mmkg.decisions.read import read_decisions

TITLE = "#match-title"


def rows(page):
    return page.locator(".row[data-key]")


def text(page, place):
    return page.locator(place).inner_text()


def decide_bar(page):
    return page.get_by_role("group", name="Decide")


def test_the_headline_counts_and_the_slider_moves_all_counts(report):
    page = report()
    assert text(page, "h1") == "20 sure links, 10 to check, 16 left and 13 right without a counterpart"
    assert text(page, ".figure") == "97 %"
    # (k + 1/2) / 40 reaches .76 for k >= 30: ten matches
    page.locator("#threshold").fill("76")
    assert text(page, "h1") == "10 sure links, 0 to check, 36 left and 33 right without a counterpart"
    assert text(page, ".figure") == "88 %"  # of the table: .5 + .76 / 2
    page.get_by_role("button", name="To check 0").wait_for()
    page.get_by_text("Nothing to check").wait_for()
    page.get_by_role("button", name="Left only 36").click()
    page.locator(".found", has_text="36 rows").wait_for()
    page.get_by_role("button", name="Back to 25 %").click()
    assert text(page, "h1").startswith("20 sure links")


def test_the_least_sure_match_is_first_and_open(report):
    page = report()
    assert rows(page).first.get_attribute("data-key") == key_of("left", 0)
    assert rows(page).first.get_attribute("aria-selected") == "true"
    assert text(page, TITLE) == "Paris = Paris"


def test_filters_select_rows(report):
    page = report()
    page.get_by_role("button", name="All 40").click()
    page.locator("#search").fill("münchen")
    page.locator(".found", has_text="6 rows").wait_for()  # 7, 13, 19, 25, 31, 37; 1 has a hostile name
    page.locator("#search").fill("")
    page.locator(".found", has_text="40 rows").wait_for()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Confidence from").fill("0.9")
    page.get_by_label("Confidence from").blur()
    page.locator(".found", has_text="4 rows").wait_for()
    page.get_by_label("Type").select_option("City")
    page.locator(".found", has_text="2 rows").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Speaks against").select_option("image")
    page.locator(".found", has_text="6 rows").wait_for()  # 0, 7, 14, 21, 28, 35
    page.get_by_label("Order").select_option("label")
    page.get_by_label("Margin to").fill("0.0001")
    page.get_by_label("Margin to").blur()
    page.get_by_text("No row fits these filters").wait_for()


def test_opening_a_row_shows_both_entities(report):
    page = report()
    rows(page).nth(2).click()
    cards = page.locator(".card")
    assert text(page, TITLE) == "القاهرة = Le Caire"
    assert cards.nth(0).locator("h4").inner_text() == "القاهرة"
    assert cards.nth(0).locator("h4").evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert cards.nth(1).locator("h4").evaluate("e => getComputedStyle(e).direction") == "ltr"
    assert cards.nth(0).locator("img").evaluate("image => image.naturalWidth") > 0
    assert "1 equal, 1 near, 1 different" in text(page, ".match")
    label = page.locator(".match .chart").get_attribute("aria-label")
    # confidence 12.5 / 40 = .3125: score 58.75 rounds to 58.8 = 28.75 + 20 + 10; hubness only counts in the ranking
    assert label == "Score: structure +28.8, name +20.0, image +10.0, score 58.8, hubness −20.0"


def test_accept_by_key_goes_on_and_can_be_undone(report):
    page = report()
    page.keyboard.press("a")
    page.get_by_role("status").get_by_text("Accepted: Paris and Paris.").wait_for()
    assert rows(page).nth(1).get_attribute("aria-selected") == "true"
    assert rows(page).first.locator(".verdict").inner_text() == "accepted"
    page.keyboard.press("u")
    page.get_by_role("status").get_by_text("is open again").wait_for()
    assert rows(page).first.get_attribute("aria-selected") == "true"
    assert rows(page).first.locator(".verdict").count() == 0


def test_a_key_never_decides_a_row_that_is_not_on_the_screen_yet(report):
    page = report()
    page.evaluate("['a', 'r', 'n'].forEach(key => document.dispatchEvent(new KeyboardEvent('keydown', {key})))")
    page.get_by_text("Accepted: Paris and Paris.").wait_for()
    assert [each.inner_text() for each in page.locator(".row .verdict").all()] == ["accepted"]
    page.keyboard.press("r")
    page.get_by_text("Rejected: ").wait_for()
    assert [each.inner_text() for each in page.locator(".row .verdict").all()] == ["accepted", "rejected"]


def test_undo_by_the_button_of_the_message(report):
    page = report()
    page.keyboard.press("r")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.get_by_role("status").get_by_text("is open again").wait_for()


def test_decisions_outlive_a_reload(report):
    page = report()
    page.keyboard.press("a")
    page.get_by_text("Accepted: Paris").wait_for()
    page.keyboard.press("r")
    page.get_by_text("Rejected: ").wait_for()
    page.reload()
    page.locator(".found", has_text="8 rows").wait_for()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("State").select_option("decided")
    page.locator(".found", has_text="2 rows").wait_for()
    assert [each.inner_text() for each in page.locator(".row .verdict").all()] == ["accepted", "rejected"]


def test_a_reload_returns_to_the_open_match(report):
    page = report()
    page.get_by_role("button", name="Sure 20").click()
    page.locator(".row[data-key]", has_text="Le Caire 20").click()
    page.get_by_text("القاهرة 20 = Le Caire 20").wait_for()
    page.reload()
    assert text(page, TITLE) == "القاهرة 20 = Le Caire 20"


def test_an_address_of_a_match_that_is_not_here_opens_the_first(report):
    page = report()
    page.goto(page.url.partition("#")[0] + "#show=sure&left=nobody")
    page.reload()
    assert text(page, TITLE) == "Londres 10 = London 10"


def test_another_candidate_and_none(report):
    page = report()
    page.keyboard.press("3")
    page.get_by_text("Accepted: Paris").wait_for()
    page.keyboard.press("n")
    page.get_by_text("No counterpart: ").wait_for()
    rows(page).first.click()
    assert "accepted Le Caire by somebody" in decide_bar(page).inner_text().replace("\n", " ")
    assert page.locator(".candidates button[aria-pressed=true]").inner_text().split()[:3] == ["3", "Le", "Caire"]


def test_keys_rest_while_a_text_is_written_and_can_be_switched_off(report):
    page = report()
    page.locator("#search").press_sequentially("a")
    page.locator("#search").fill("")
    page.get_by_text("Comment, name, keys").click()
    page.get_by_label("Comment on this decision").press_sequentially("near run")
    assert page.locator(".toast").count() == 0
    page.get_by_label("Keys:").uncheck()
    page.locator(TITLE).focus()
    page.keyboard.press("a")
    assert page.locator(".toast").count() == 0


def test_who_decided_and_why_are_shown_and_downloaded(report, tmp_path):
    page = report()
    page.get_by_text("Comment, name, keys").click()
    page.get_by_label("Your name or ORCID").fill("orcid:0000-0002-1825-0097")
    page.get_by_label("Comment on this decision").fill('the "same" city')
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("Accepted: ").wait_for()
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("Rejected: ").wait_for()
    page.get_by_role("button", name="No counterpart").click()
    page.get_by_text("No counterpart: ").wait_for()
    rows(page).first.click()
    assert "by orcid:0000-0002-1825-0097" in decide_bar(page).inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Decisions").click()
    path = tmp_path / "decisions.sssom.tsv"
    download.value.save_as(path)
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    found = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["predicate_modifier"] for row in found] == ["", "Not", ""]
    assert [row["object_id"].split(":")[1] for row in found] == [
        "0",
        "javascript:window.hostile='key'"[11:],
        "NoTermFound",
    ]
    assert found[0]["comment"] == '"the ""same"" city"'
    assert {row["author_id"] for row in found} == {"orcid:0000-0002-1825-0097"}
    read = [decision for _, decision in read_decisions(path)]
    assert [(each.left, each.verdict) for each in read] == [
        (key_of("left", 0), "accept"),
        (key_of("left", 1), "reject"),
        (key_of("left", 2), "no_counterpart"),
    ]
    assert read[0].comment == 'the "same" city' and read[1].right == "javascript:window.hostile='key'"


@pytest.mark.parametrize(("button", "lines"), [("TSV", 41), ("N-Triples", 40)])
def test_matches_are_downloaded(report, button, lines):
    page = report()
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    found = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(found) == lines
    assert key_of("left", 0) in found[lines - 40]


def test_hostile_labels_are_text(report, problems):
    page = report()
    rows(page).nth(1).click()
    page.locator(".card h4", has_text=HOSTILE).wait_for()
    assert page.evaluate("window.hostile") is None
    assert page.locator(".card a[href^=javascript]").count() == 0
    assert problems == []
    # markup that gets into the page in another way does not run either: its policy names the one script that may
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.hostile=1\">')")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hostile") is None
    assert any("Content Security Policy" in each for each in problems)
    problems.clear()


def test_a_long_list_holds_only_the_rows_in_sight(report):
    data = example(matches=2_000)
    data["details"] = {}
    page = report(data)
    page.get_by_role("button", name="All 2,000").click()
    page.locator(".found", has_text="2,000 rows").wait_for()
    page.get_by_role("listbox").press("End")
    page.locator(".row[aria-posinset='2000'][data-key]").wait_for()
    assert rows(page).count() < 60
    assert "not hold the facts of this pair" in text(page, ".match")


def test_lists_and_the_way_from_them_to_a_match(report):
    page = report()
    lists = page.locator("#lists")
    lists.get_by_role("button", name="Conflicts").click()
    assert lists.locator("tbody").inner_text().split("\t") == ["Paris", "Paris", "founded", "250", "-300", "26 %"]
    lists.get_by_role("button", name="Left only").click()
    lists.get_by_role("button", name="Village 41").click()
    assert text(page, TITLE) == "Village 41 without a counterpart"
    page.keyboard.press("2")
    page.get_by_text("Accepted: Village 41").wait_for()


def test_an_entity_of_the_right_graph_alone(report, tmp_path):
    page = report()
    page.get_by_role("button", name="Right only 13").click()
    rows(page).last.click()
    page.get_by_text("Village 42 without a counterpart").wait_for()
    page.keyboard.press("a")
    page.get_by_text("Choose a candidate with 1 to 5").wait_for()
    page.keyboard.press("1")
    page.get_by_text("Accepted: Village 42").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Decisions").click()
    path = tmp_path / "right.sssom.tsv"
    download.value.save_as(path)
    mapping = read_sssom(path)[0]
    assert (mapping.left, mapping.right) == (key_of("left", 2), key_of("right", 42))


def test_the_lasso_lists_the_matches_inside(report):
    page = report()
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map canvas").bounding_box()
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] - 2, box["y"] + box["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    page.locator(".chosen", has_text="From the map: 40 entities").wait_for()
    page.locator(".found", has_text="40 rows").wait_for()
    page.get_by_role("button", name="Show all").click()
    page.locator(".found", has_text="10 rows").wait_for()


def test_a_run_that_has_nothing_says_so(report):
    data = example(matches=2, left_alone=0, right_alone=0)
    summary = data["summary"]
    summary |= {"thresholds": summary["thresholds"][:1], "threshold": 0.0, "precision": None, "histogram": []}
    summary |= {"judged": False, "metrics": []}
    summary |= {"calibrated": "", "types": [], "sampled": {"shown": 2, "total": 9}}
    for row in data["matches"]["rows"]:
        row |= {"confidence": None, "margin": None, "shares": {}}
    detail = next(iter(data["details"].values()))
    detail |= {"waterfall": [], "candidates": [], "attributes": [], "neighbours": [], "confidence": None}
    data |= {"trust": {"reliability": [], "curve": [], "histogram": []}, "lists": {}, "training": {"curves": []}}
    data["map"] = {"points": [], "links": [], "sampled": None, "method": ""}
    page = report(data)
    said = text(page, "main")
    for sentence in (
        "Not judged: this run has no test links",
        "Matches have no confidence here",
        "This page holds 2 of 9 rows",
        "No candidates were kept",
        "Neither entity has attributes",
        "Neither entity has neighbours",
        "Not judged: no links were held out",
        "This page has no map",
        "Every entity of the left graph has a counterpart",
        "This run keeps no history",
    ):
        assert sentence in said, sentence
    assert page.get_by_role("button", name="Sure").count() == 0


def test_a_narrow_screen_shows_the_list_or_the_match(report):
    page = report(width=390)
    assert not page.locator(TITLE).is_visible()
    rows(page).nth(2).click()
    page.locator(TITLE).wait_for()
    assert not page.get_by_role("listbox").is_visible()
    first, second = (page.locator(".card").nth(k).bounding_box() for k in range(2))
    assert second["y"] >= first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="← List").click()
    page.get_by_role("listbox").wait_for()


def test_the_keyboard_alone_reaches_everything(report):
    page = report()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("listbox").get_attribute("aria-activedescendant") == "row-2"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "match-title"
    page.keyboard.press("k")
    assert rows(page).nth(1).get_attribute("aria-selected") == "true"


def test_it_works_in_a_frame_that_keeps_nothing(context, problems):
    """As a notebook shows it: without storage, and without an address of its own."""
    page = context.new_page()
    problems.watch(page)
    page.evaluate(
        """text => {
            const frame = document.createElement('iframe');
            frame.sandbox = 'allow-scripts allow-downloads';
            frame.style = 'width: 1300px; height: 800px';
            frame.srcdoc = text;
            document.body.append(frame);
        }""",
        page_with(example()),
    )
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Accept").click()
    frame.get_by_text("Accepted: Paris and Paris.").wait_for()
    frame.get_by_role("button", name="Undo", exact=True).click()
    frame.get_by_text("is open again").wait_for()
