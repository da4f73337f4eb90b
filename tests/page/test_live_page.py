"""The same page on a server: what it requests, what it posts, and what it says when the server fails."""

from page_data import example, key_of


def test_it_shows_the_answers_of_the_server(live):
    page, server = live()
    assert page.locator("h1").inner_text().startswith("20 sure links")
    query = dict(server.asked)["matches"]
    assert query["show"] == "matched" and query["state"] == "open" and query["order"] == "least_sure"
    assert query["group"] == "to_check" and query["threshold"] == "0.25"
    assert dict(server.asked)["match"] == {"left": key_of("left", 0), "right": key_of("right", 0)}


def test_sections_load_when_they_come_near(live):
    page, server = live()
    assert "training" not in dict(server.asked)
    page.locator("#training").scroll_into_view_if_needed()
    page.get_by_text("Chosen: epoch 80").wait_for()


def test_a_decision_is_posted_with_the_token_and_undone_by_its_number(live):
    page, server = live()
    page.keyboard.press("a")
    page.get_by_text("Accepted: ").wait_for()
    pair = {"left": key_of("left", 0), "right": key_of("right", 0)}
    assert server.posted == [("decisions", {**pair, "verdict": "accept", "comment": "", "author": ""}, "secret")]
    page.keyboard.press("u")
    page.get_by_text("is open again").wait_for()
    assert server.posted[1] == ("decisions/undo", {"id": 1}, "secret")


def test_the_most_useful_pairs_come_with_their_reason(live):
    page, server = live()
    page.get_by_role("button", name="Help me").click()
    page.locator(".why", has_text="its margin is small").wait_for()
    assert dict(server.asked)["ask"] == {"budget": "20"}


def test_what_is_being_computed_is_requested_again(live, problems):
    page, server = live()
    server.busy = 1
    page.locator("#map").scroll_into_view_if_needed()
    page.get_by_text("Near points have similar embeddings").wait_for()
    assert [name for name, _ in server.asked].count("map") == 2
    problems[:] = [each for each in problems if "503" not in each]


def test_a_failure_is_said_and_decides_nothing(live, problems):
    page, server = live()
    server.fail = "The run folder is gone."
    page.keyboard.press("a")
    page.get_by_role("status").get_by_text("The run folder is gone.").wait_for()
    assert page.locator(".row .verdict").count() == 0
    problems[:] = [each for each in problems if "503" not in each]


def test_a_read_only_page_offers_no_decision(live):
    data = example()
    data["summary"]["read_only"] = True
    page, server = live(data)
    page.get_by_text("This page is read only").wait_for()
    page.keyboard.press("a")
    page.keyboard.press("1")
    assert page.get_by_role("button", name="Accept").count() == 0
    assert server.posted == []


def test_a_long_list_is_loaded_a_page_at_a_time(live):
    page, server = live(example(matches=3000))
    page.get_by_role("button", name="All 3,000").click()
    page.locator(".found", has_text="3,000 rows").wait_for()
    page.get_by_role("listbox").press("End")
    page.locator(".row[aria-posinset='3000'][data-key]").wait_for()
    offsets = {query["offset"] for name, query in server.asked if name == "matches"}
    assert offsets <= {"0", "200", "2600", "2800"}


def test_the_lasso_looks_the_matches_up(live):
    page, server = live()
    page.locator("#map").scroll_into_view_if_needed()
    page.locator("#map canvas").wait_for()
    box = page.locator("#map canvas").bounding_box()
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] - 2, box["y"] + box["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    page.locator(".chosen", has_text="From the map: 40 entities").wait_for()
    name, body, token = server.posted[0]
    assert (name, body["side"], len(body["keys"]), token) == ("lookup", "left", 40, "secret")
    page.locator(".row", has_text="München 13").wait_for()
