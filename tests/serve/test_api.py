"""The HTTP API: what the contract of the page says, and one sentence for each error."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from mmkg.decisions.store import read_store


def test_the_summary_and_the_first_rows_are_those_of_the_view(client, loaded):
    summary = client.get("/api/v1/summary").json()
    assert summary["num_left"] == len(loaded.left) and summary["read_only"] is False
    assert summary["counts"]["left_without"] == loaded.summary().left_without
    found = client.get("/api/v1/matches?order=score&limit=3").json()
    assert found["total"] == len(loaded.linked(threshold=0)) and len(found["rows"]) == 3
    assert found["rows"][0]["score"] >= found["rows"][2]["score"]


def test_a_match_has_both_cards_and_its_decision(client, match):
    detail = client.get("/api/v1/match", params={"left": match[0], "right": match[1]}).json()
    assert detail["left"]["key"] == match[0] and detail["right"]["key"] == match[1] and detail["decision"] is None
    made = client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "reject"}).json()
    assert client.get("/api/v1/match", params={"left": match[0]}).json()["decision"] == made


def test_candidates_are_those_of_a_search(client, loaded):
    found = client.get("/api/v1/candidates", params={"key": loaded.entities[0].labels[3], "k": 4}).json()["rows"]
    assert [each["key"] for each in found] == [hit.label for hit in loaded.search(3, k=4)]


def test_search_finds_a_name_and_a_key(client):
    for text in ("Chat", "chat", "CHA"):
        assert client.get("/api/v1/search", params={"q": text}).json()["rows"][0]["name"] == "Chat"
    key = client.get("/api/v1/search?q=Chat").json()["rows"][0]["key"]
    assert client.get("/api/v1/search", params={"q": key, "k": 1}).json()["rows"][0]["key"] == key


def test_a_lookup_gives_the_matches_of_many_entities(client, loaded):
    matching = loaded.linked(threshold=0)
    labels = loaded.entities
    keys = [labels[1].labels[row] for row in matching.right[:5].tolist()] + ["nobody"]
    found = client.post("/api/v1/lookup", json={"side": "right", "keys": keys}).json()
    rows = found["rows"]
    assert [each["left"] for each in rows[:5]] == [labels[0].labels[row] for row in matching.left[:5].tolist()]
    assert len(rows) == 6 and rows[5] is None and found["unknown"] == ["nobody"]
    client.write("/api/v1/decisions", {"left": rows[2]["left"], "right": rows[2]["right"], "verdict": "reject"})
    again = client.post("/api/v1/lookup", json={"side": "right", "keys": keys[2:4]}).json()["rows"]
    assert [each["verdict"] for each in again] == ["reject", None]
    confidence = [round(float(value), 4) for value in matching.confidence[:5]]
    assert [each["confidence"] for each in rows[:5]] == confidence
    assert client.post("/api/v1/lookup", json={"keys": []}).json() == {"rows": [], "unknown": []}


# --- decisions


def test_a_decision_is_in_the_store_when_it_is_answered(client, match, tmp_path):
    values = {"left": match[0], "right": match[1], "verdict": "accept", "author": " Ada  L. ", "comment": "a\r\nb"}
    made = client.write("/api/v1/decisions", values)
    assert made.status_code == 200
    (stored,) = read_store(tmp_path / "decisions.sqlite")
    assert stored.as_dict() == made.json() and stored.author == "Ada L." and stored.comment == "a\nb"
    assert client.get("/api/v1/decisions").json()["rows"] == [made.json()]
    row = client.get("/api/v1/matches?state=accepted").json()["rows"][0]
    assert (row["left"], row["right"], row["verdict"]) == (*match, "accept")
    undone = client.write("/api/v1/decisions/undo", {}).json()["undone"]
    assert undone["id"] == 1 and undone["undone"]
    assert client.get("/api/v1/matches?state=accepted").json()["total"] == 0
    assert client.write("/api/v1/decisions/undo", {}).json() == {"undone": None}


def test_the_next_pairs_leave_out_what_is_decided(client):
    first = client.get("/api/v1/ask?budget=3").json()["rows"]
    assert len(first) == 3 and first[0]["why"] and first[0]["gain"] >= first[1]["gain"]
    values = {"left": first[0]["left"], "right": first[0]["right"], "verdict": "accept"}
    client.write("/api/v1/decisions", values)
    assert first[0]["left"] not in [each["left"] for each in client.get("/api/v1/ask?budget=3").json()["rows"]]


def test_another_candidate_that_is_accepted_decides_the_match(client, match):
    detail = client.get("/api/v1/match", params={"left": match[0]}).json()
    other = next(each["key"] for each in detail["candidates"] if each["key"] != match[1])
    client.write("/api/v1/decisions", {"left": match[0], "right": other, "verdict": "accept"})
    rows = client.get("/api/v1/matches?state=rejected").json()["rows"]
    assert match in [(row["left"], row["right"]) for row in rows]


@pytest.mark.parametrize(
    ("values", "status", "sentence"),
    [
        ({"left": "nobody", "right": "RIGHT", "verdict": "accept"}, 404, "the left graph has no entity 'nobody'"),
        ({"left": "LEFT", "verdict": "accept"}, 422, "expected a left and a right entity to accept, got 1"),
        ({"left": "LEFT", "right": "RIGHT", "verdict": "no_counterpart"}, 422, "expected one entity without"),
        ({"left": "LEFT", "right": "RIGHT", "verdict": "maybe"}, 422, "verdict: input should be 'accept'"),
        ({"left": "LEFT", "right": "RIGHT"}, 422, "verdict: field required"),
        ({"left": "LEFT", "right": "RIGHT", "verdict": "accept", "x": 1}, 422, "x: extra inputs are not permitted"),
        ({"left": "LEFT", "right": "RIGHT", "verdict": "accept", "comment": "c" * 4001}, 422, "comment: string should"),
        ([], 422, "the body of the request: input should be a valid dictionary"),
    ],
)
def test_a_decision_that_is_none_changes_nothing(client, match, values, status, sentence):
    if isinstance(values, dict):
        values = {name: {"LEFT": match[0], "RIGHT": match[1]}.get(value, value) for name, value in values.items()}
    done = client.write("/api/v1/decisions", values)
    assert done.status_code == status and sentence in done.json()["error"], done.text
    assert client.get("/api/v1/decisions").json()["total"] == 0


def test_an_unknown_decision_cannot_be_undone(client):
    done = client.write("/api/v1/decisions/undo", {"id": 5})
    assert done.status_code == 404 and done.json() == {"error": "no decision has the number 5"}


def test_a_full_disk_is_a_sentence_and_the_server_goes_on(client, match, monkeypatch):
    import sqlite3

    def full(*words, **named):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("mmkg.decisions.store._open", full)
    done = client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "accept"})
    assert done.status_code == 503 and "disk is full" in done.json()["error"]
    monkeypatch.undo()
    assert (
        client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "accept"}).json()["id"] == 1
    )


# --- files


def test_downloads_hold_the_decisions(client, match, loaded):
    before = client.get("/api/v1/download/matches.tsv")
    assert before.headers["content-disposition"] == 'attachment; filename="matches.tsv"'
    client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "accept"})
    row = next(line.split("\t") for line in client.get("/api/v1/download/matches.tsv").text.splitlines()
               if line.startswith(f"{match[0]}\t"))  # fmt: skip
    assert row[1] == match[1] and float(row[3]) == 1.0
    client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "reject"})
    sssom = client.get("/api/v1/download/matches.sssom.tsv").text
    assert "\tNot\t" in sssom and client.get("/api/v1/download/matches.nt").text.startswith("<")
    decisions = client.get("/api/v1/download/decisions.sssom.tsv").text
    assert decisions.count("semapv:ManualMappingCuration") == 2
    assert client.get("/api/v1/download/manifest.json").status_code == 422


# --- a new entity


def test_a_new_entity_is_aligned_by_its_name_and_nothing_is_stored(client, loaded):
    found = client.post("/api/v1/align", json={"names": ["Chat"], "k": 3}).json()
    assert found["modalities"] == ["name"] and len(found["rows"]) == 3
    assert found["rows"][0]["name"] == "chats"  # the counterpart of the entity with that name
    assert client.get("/api/v1/summary").json()["num_left"] == len(loaded.left)


def test_a_new_entity_is_aligned_by_values_neighbours_and_picture(client, loaded):
    graph = loaded.run_graphs.now[0]
    head, relation, tail = graph.triples[0].tolist()
    body = {
        "neighbours": [{"relation": graph.relations[relation], "key": graph.entities[tail]}],
        "values": [{"attribute": graph.attributes.names[0], "value": "7"}],
    }
    found = client.post("/api/v1/align", json=body).json()
    assert {"relation", "attribute"} <= set(found["modalities"])


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 400, "nothing is known of this entity; give names, values, neighbours or a picture"),
        ({"neighbours": [{"relation": "r", "key": "nobody"}]}, 404, "has no entity 'nobody'"),
        ({"picture": "no base64!"}, 422, "expected a picture file in Base64"),
        ({"picture": base64.b64encode(b"no picture").decode()}, 422, "expected a picture, got a file that is none"),
        ({"names": ["x"], "side": "middle"}, 422, "side: input should be 'left' or 'right'"),
    ],
)
def test_a_new_entity_that_cannot_be_read_is_a_sentence(client, body, status, sentence):
    done = client.post("/api/v1/align", json=body)
    assert done.status_code == status and sentence in done.json()["error"], done.text


# --- pictures


@pytest.fixture
def pictured(loaded, tmp_path):
    """The run with a picture of its first left entity; beside it lies a file of somebody else."""
    from dataclasses import replace

    Image.fromarray(np.full((900, 600, 3), 200, np.uint8)).save(tmp_path / "mine.png")
    (tmp_path / "secret.txt").write_text("hush hush")
    left, right = loaded.run_graphs.now
    pictures = [str(tmp_path / "mine.png"), str(tmp_path / "secret.txt"), *[None] * (left.num_entities - 2)]
    return replace(loaded, graphs=(replace(left, pictures=pictures), right), fitted=None, store=None)


def test_a_picture_is_served_small_and_from_the_list_of_the_run_only(make, pictured):
    client, labels = make(pictured), pictured.entities[0].labels
    done = client.get("/api/v1/picture/left", params={"key": labels[0]})
    assert done.status_code == 200 and done.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(done.content)) as image:
        assert image.format == "WEBP" and max(image.size) <= 480
    for key, n in ((labels[1], 0), (labels[0], 1), (labels[2], 0), ("../secret.txt", 0), ("/etc/passwd", 0)):
        refused = client.get("/api/v1/picture/left", params={"key": key, "n": n})
        assert refused.status_code == 404 and b"hush" not in refused.content


# --- the server itself


def test_health_and_metrics(make, match):
    client = make()
    assert client.get("/health").json()["status"] == "ok"
    client.write("/api/v1/decisions", {"left": match[0], "right": match[1], "verdict": "accept"})
    client.get("/api/v1/match?left=nobody")
    text = client.get("/metrics").text
    assert 'mmkg_requests_total{part="decisions",method="POST",status="200"} 1' in text
    assert 'mmkg_requests_total{part="match",method="GET",status="404"} 1' in text
    assert "mmkg_decisions 1" in text and 'mmkg_request_seconds_bucket{le="+Inf"} 3' in text


def test_the_description_names_every_address_and_holds_no_script(client):
    schema = client.get("/openapi.json").json()
    text = client.get("/docs").text
    assert len(schema["paths"]) > 20 and all(path in text for path in schema["paths"]) and "<script" not in text
    assert all("422" in route["responses"] for path in schema["paths"].values() for route in path.values())


def test_an_unexpected_error_is_a_sentence_without_a_traceback(client, monkeypatch):
    monkeypatch.setattr(client.served.view, "search", lambda *words: 1 / 0)
    done = client.get("/api/v1/search?q=a")
    assert done.status_code == 500 and done.json() == {"error": "unexpected error: ZeroDivisionError"}


def test_what_takes_too_long_is_a_sentence(make, monkeypatch):
    import time

    client = make(seconds=0.05)
    monkeypatch.setattr(client.served.view, "training", lambda: time.sleep(0.3))
    done = client.get("/api/v1/training")
    assert done.status_code == 503 and "takes longer than the server allows" in done.json()["error"]


def test_long_work_is_done_once_at_a_time(client, monkeypatch):
    served = client.served
    monkeypatch.setattr(served.view, "map", dict, raising=False)
    with served.alone("the map"):
        done = client.get("/api/v1/map")
    assert done.status_code == 503 and done.headers["retry-after"]
    assert "the map is being computed" in done.json()["error"]


def test_labels_that_utf8_cannot_hold_are_escaped():
    from mmkg.serve.answers import encoded

    assert json.loads(encoded({"a": "\ud800é"})) == {"a": "\ud800é"} and encoded("é") == '"é"'.encode()
