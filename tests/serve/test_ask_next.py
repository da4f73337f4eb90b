def test_the_next_pairs_leave_out_what_was_decided(client):
    rows = client.get("/api/v1/ask?budget=4").json()["rows"]
    assert len(rows) == 4 and {"left", "right", "gain", "why"} <= set(rows[0])
    pair = {"left": rows[0]["left"], "right": rows[0]["right"]}
    done = client.write("/api/v1/decisions", {**pair, "verdict": "accept", "comment": "", "author": "a"})
    assert done.status_code == 200, done.text
    after = client.get("/api/v1/ask?budget=500").json()["rows"]
    assert len(after) > 4 and pair["left"] not in {each["left"] for each in after}
