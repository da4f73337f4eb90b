"""The page as a file: what is in it, how large it is, and that its data stay data."""

import json
import re
from dataclasses import replace
from io import BytesIO
from urllib.parse import quote

import numpy as np
import pytest

import mmkg
from mmkg.data.entities import EntityTable
from mmkg.report.page import encoded, page
from mmkg.review import RunView
from mmkg.review.report import MOST_BYTES, report_of
from mmkg.review.rows import Matches
from mmkg.review.static import _sample, fitting, size_of, static_data


def data_of(html):
    (text,) = re.findall(r'<script id="mmkg-data" type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    return json.loads(text)


def test_a_small_run_is_whole(view, small_result):
    found = data_of(report_of(small_result))
    assert found["live"] is False and found["summary"]["sampled"] is None
    rows = found["matches"]["rows"]
    assert rows == view.matches(limit=500)["rows"] and found["matches"]["total"] == len(rows)
    assert {row["left"] for row in rows} <= set(found["details"])
    first = rows[0]
    assert found["details"][first["left"]] == json.loads(json.dumps(view.match(first["left"], first["right"])))
    for side, name in (("left", "details"), ("right", "right_details")):
        for row in found["lists"][f"unmatched_{side}"]["rows"][:30]:
            assert found[name][row[side]]["candidates"][0]["key"] == row["nearest"]["key"]
    assert set(found["lists"]) == {"unmatched_left", "unmatched_right", "rivals", "conflicts", "relations"}


def test_hostile_labels_are_data():
    bad = ["</script><script>alert(1)</script>", "<!--", "\u2028\u202eevil", 'a"b\\', "<img src=x onerror=alert(1)>"]
    rows = [(label, "<b>near</b>", "middle") for label in bad]
    result = mmkg.align(rows, rows, [("middle", "middle")], model="propagation")
    html = report_of(result)
    assert html.count("<") == page().count("<")  # nothing in the data begins an element
    html.encode()
    assert set(bad) <= {row["left"] for row in data_of(html)["matches"]["rows"]}


def test_no_page_is_larger_than_five_megabytes(small_result):
    """Long labels: every section is cut, and what is left is a whole page."""
    tables = []
    for table in small_result.entities:
        labels = [f"{label} " + "<é " * 9000 for label in table.labels]
        tables.append(EntityTable(labels, labels, labels))
    html = report_of(replace(small_result, entities=tuple(tables)))
    assert len(html.encode()) < MOST_BYTES
    found = data_of(html)
    sampled = found["summary"]["sampled"]
    assert sampled["shown"] == len(found["matches"]["rows"]) < sampled["total"] == found["matches"]["total"]
    listed = f"{sampled['shown']} of {sampled['total']} matches are listed"
    assert sampled["text"].startswith(f"This file is a sample: {listed}")
    assert all(len(point["name"]) <= 20 for point in found["map"]["points"])


def test_less_room_gives_less_of_each(view):
    whole = static_data(view)
    for room in (60_000, 120_000):
        found = static_data(view, room)
        assert len(encoded(found).encode()) < room + 20_000
        assert len(found["details"]) < len(whole["details"])


def test_the_sample_takes_two_least_sure_one_wrong_and_one_of_the_others(small_result):
    whole = Matches.of(small_result)

    number = len(whole)
    columns = {"confidence": np.linspace(0.1, 0.9, number, dtype=np.float32), "known": np.zeros(number, bool)}
    matches = replace(whole, **columns)
    vars(matches)["judged"] = np.where(np.arange(number) >= number - 10, -1, 0)  # the surest ones are wrong
    found = _sample(matches, 20, seed=0).tolist()
    assert set(range(10)) <= set(found)  # two of four are the least sure
    assert len(set(found) & set(range(number - 10, number))) >= 5  # one of four is wrong
    assert len(set(found)) == 20
    assert sorted(_sample(matches, number, seed=0).tolist()) == list(range(number))


def test_what_fits_is_the_longest_beginning():
    rows = ["aa", "<", "bbb"]
    assert [size_of(row) for row in rows] == [4, 8, 5]  # "<" is six letters in a page
    assert fitting(rows, 6 + 10) == rows[:2] and fitting(rows, 6 + 9) == rows[:1] and fitting(rows, 0) == []


def test_old_samples_are_not_judged_by_themselves(curies, small_result):
    result = replace(small_result, links=replace(small_result.links, test=small_result.links.test[:0]))
    assert {row["correct"] for row in result.sample(5)} == {None}
    assert {row["correct"] for row in small_result.sample(5)} <= {True, False}


def test_pictures_are_small_and_inside(tmp_path, small_result, monkeypatch):
    Image = pytest.importorskip("PIL.Image")
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        Image.new("RGB", (640, 320), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    graphs = []
    for graph in small_result.run_graphs.now:
        pictures = [None] * graph.num_entities
        pictures[:4] = [str(tmp_path / "red.png"), str(tmp_path / "broken.png"), "https://x.org/a.png", "/no/such.png"]
        graphs.append(replace(graph, pictures=pictures))
    view = RunView(replace(small_result, graphs=tuple(graphs)))
    labels = small_result.entities[0].labels
    found = static_data(view)
    shown = {
        row: found["details"].get(labels[row], {"left": {"pictures": None}})["left"]["pictures"] for row in range(4)
    }
    assert shown[0][0].startswith("data:image/webp;base64,") and len(shown[0][0]) < 1000
    assert not shown[1] and not shown[2] and not shown[3]
    monkeypatch.setattr("mmkg.review.static.WITH_PICTURES", 0)
    assert not any(each["left"]["pictures"] for each in static_data(view)["details"].values())
    card = view.match(labels[0])["left"]
    assert card["pictures"] == [f"/api/v1/picture/left?key={quote(labels[0], safe='')}&n=0"]
    large = view.picture("left", labels[0], 0)
    assert Image.open(BytesIO(large)).size == (480, 240)
    assert view.match(labels[2])["left"]["pictures"] == []


def test_a_run_without_graphs_has_everything_else(view, small_result):
    """Folders of older versions hold none."""
    bare = RunView(replace(small_result, graphs=None, store=None))
    found = static_data(bare)
    assert not found["summary"]["graphs"] and not found["summary"]["pictures"] and found["summary"]["types"] == []
    assert found["matches"]["rows"] == view.matches(limit=500)["rows"]
    detail = next(iter(found["details"].values()))
    assert (detail["attributes"], detail["neighbours"], detail["rules"]) == ([], [], [])
    assert found["lists"]["conflicts"]["total"] == 0 and found["lists"]["rivals"] == view.lists("rivals")
