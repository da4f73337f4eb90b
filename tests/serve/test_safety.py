"""What a request must bring: the right name, the right origin, the token; how large, how often and how long."""

import anyio
import pytest
from starlette.testclient import TestClient

from mmkg.errors import UsageError
from mmkg.serve.app import application
from mmkg.serve.guard import COOKIE
from mmkg.serve.limits import Rates
from mmkg.serve.pages import policy, with_token
from mmkg.serve.settings import ServeConfig

TOKEN = "a-token-of-a-test"
WRITE = {"left": "a", "right": "b", "verdict": "accept"}


def write(client, **headers):
    return client.post("/api/v1/decisions", json=WRITE, headers=headers)


def test_a_write_needs_the_token(client):
    for headers in ({}, {"X-MMKG-Token": ""}, {"X-MMKG-Token": TOKEN + "x"}, {"Authorization": f"Bearer {TOKEN}"}):
        assert write(client, **headers).status_code == 403
    assert write(client, **{"X-MMKG-Token": TOKEN}).status_code == 404  # no such entity
    assert client.served.store.count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},  # another port is another site
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_can_neither_write_nor_read(client, headers):
    done = write(client, **{"X-MMKG-Token": TOKEN}, **headers)
    assert done.status_code == 403 and "another site sent this request" in done.json()["error"]
    assert client.get("/api/v1/summary", headers=headers).status_code == 403


def test_the_page_itself_may(client):
    for headers in ({"Origin": "http://127.0.0.1:8000"}, {"Sec-Fetch-Site": "same-origin"}):
        assert write(client, **{"X-MMKG-Token": TOKEN}, **headers).status_code == 404
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200  # a link on another page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "192.168.0.7:8000"])
def test_a_name_that_another_site_points_here_is_refused(client, host):
    done = client.get("/api/v1/summary", headers={"Host": host})
    assert done.status_code == 421 and "does not go by that name" in done.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000"])
def test_its_own_names_are_taken(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_read_only_takes_no_decision_and_the_page_gets_no_token(make, tmp_path):
    client = make(read_only=True)
    done = write(client, **{"X-MMKG-Token": TOKEN})
    assert done.status_code == 403 and done.json()["error"].startswith("decisions are read-only here")
    assert client.get("/api/v1/summary").json()["read_only"] is True
    assert TOKEN not in client.get("/").text and not (tmp_path / "decisions.sqlite").exists()
    assert client.post("/api/v1/lookup", json={"keys": []}).status_code == 200  # a read


# --- other machines


@pytest.mark.parametrize("config", [{"host": "0.0.0.0"}, {"given": True}])
def test_where_others_can_connect_every_request_needs_the_token(make, config):
    client = make(**config)
    for path in ("/", "/api/v1/summary", "/metrics", "/docs", "/openapi.json", "/reconcile/left?queries={}"):
        assert client.get(path).status_code == 401, path
    assert client.post("/reconcile/left", data={"queries": "{}"}).status_code == 401
    assert client.get("/health").status_code == 200
    manifest = client.get("/reconcile/left").json()
    assert manifest["authentication"] == {"type": "apiKey", "name": "token", "in": "query"}
    for headers in ({"X-MMKG-Token": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{COOKIE}={TOKEN}"}):
        assert client.get("/api/v1/summary", headers=headers).status_code == 200
    assert client.get("/api/v1/summary", params={"token": TOKEN}).status_code == 401  # an address is no secret
    assert client.get("/reconcile/left", params={"queries": "{}", "token": TOKEN}).json() == {}
    cookie = {"Cookie": f"{COOKIE}={TOKEN}"}
    assert write(client, **cookie).status_code == 403  # a form of another site would send the cookie


def test_the_printed_address_signs_in_and_hides_the_token(make):
    client = make(given=True)
    assert client.get("/?token=wrong-token").status_code == 401
    done = client.get(f"/?token={TOKEN}", follow_redirects=False)
    assert done.status_code == 303 and done.headers["location"] == "/"
    assert "HttpOnly" in done.headers["set-cookie"] and "samesite=strict" in done.headers["set-cookie"].lower()
    assert client.get(f"/?token={TOKEN}").status_code == 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"token": "short"}, "--token must have eight or more letters"),
        ({"token": "with a space"}, "--token must have"),
        ({"token": "schlüssel-schlüssel"}, "--token must have"),
        ({"port": 70000}, "--port must be in 0..65535, got 70000"),
    ],
)
def test_settings_that_are_unsafe_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        ServeConfig(**values)


def test_two_servers_have_different_tokens():
    assert ServeConfig().token != ServeConfig().token and len(ServeConfig().token) >= 32


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("example.org", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host, local):
    assert ServeConfig(host=host).local is local


# --- size, rate, time


def test_a_large_body_is_refused_before_it_is_read(make):
    client = make(max_body=100)
    done = client.post("/api/v1/lookup", content=b"x" * 101)
    assert done.status_code == 413 and "at most 100 bytes" in done.json()["error"]
    assert client.post("/api/v1/lookup", content=b"{}", headers={"Content-Length": "-5"}).status_code == 413


def asgi(client, path, parts, **headers):
    """Status of a POST whose body comes in parts and never ends; ``None`` for a part that does not come."""
    sent = iter(parts)
    messages = []

    async def receive():
        part = next(sent, b"x" * 60)
        if part is None:
            await anyio.sleep(10)
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message):
        messages.append(message)

    names = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1", **headers}.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": names, "query_string": b"", "scheme": "http"}
    anyio.run(application(client.served), scope, receive, send)
    return messages[0]["status"]


def test_a_body_without_an_end_is_refused_at_its_limit(make):
    assert asgi(make(max_body=100), "/api/v1/lookup", []) == 413


def test_a_body_that_does_not_arrive_is_given_up(make):
    assert asgi(make(seconds=0.05), "/api/v1/lookup", [b"{", None]) == 408


def test_a_compressed_body_is_refused(client):
    done = client.post("/api/v1/lookup", content=b"x", headers={"Content-Encoding": "gzip"})
    assert done.status_code == 415


def test_a_client_that_asks_too_often_waits(make):
    client = make(reads=5.0)
    codes = [client.get("/health").status_code for _ in range(14)]
    assert codes[:10] == [200] * 10 and 429 in codes[10:]
    done = next(each for each in (client.get("/health") for _ in range(20)) if each.status_code == 429)
    assert int(done.headers["retry-after"]) >= 1 and "too many requests" in done.json()["error"]


def test_a_bucket_fills_with_time_and_each_client_has_its_own():
    rates = Rates(2.0)
    assert [rates.wait("a", 0.0) for _ in range(4)] == [0.0] * 4
    assert rates.wait("a", 0.0) == pytest.approx(0.5)
    assert rates.wait("b", 0.0) == 0.0
    assert rates.wait("a", 0.5) == 0.0 and rates.wait("a", 0.5) > 0
    assert [rates.wait("a", 100.0) for _ in range(5)][:4] == [0.0] * 4  # no more than four at once


def test_rates_forget_the_clients_of_long_ago():
    rates = Rates(1.0)
    for number in range(10_050):
        rates.wait(f"client {number}", 0.0)
    assert len(rates._left) == 10_000


# --- headers


def test_every_answer_has_the_headers_of_safety(client):
    for path in ("/", "/health", "/nothing", "/api/v1/summary", "/docs", "/reconcile/left", "/api/v1/matches?limit=0"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert "server" not in headers


def test_only_programs_of_this_machine_read_the_reconciliation_service(client, make):
    for origin in ("http://127.0.0.1:3333", "http://localhost:3333"):
        done = client.get("/reconcile/left", headers={"Origin": origin})
        assert done.status_code == 200 and done.headers["access-control-allow-origin"] == origin
    evil = client.get("/reconcile/left", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers
    assert "access-control-allow-origin" not in client.get("/api/v1/summary").headers
    with_a_token = make(given=True).get("/reconcile/left", headers={"Origin": "https://refine.example"})
    assert with_a_token.headers["access-control-allow-origin"] == "*"
    preflight = client.options("/reconcile/left", headers={"Origin": "http://127.0.0.1:3333"})
    assert preflight.status_code == 204 and "POST" in preflight.headers["access-control-allow-methods"]


def test_scripts_of_the_page_run_and_no_others():
    page = '<html><head><script>let a = 1</script><script id=d type="application/json">null</script></head></html>'
    found = policy(with_token(page, 'x"><script>evil()</script>'))
    # printf 'let a = 1' | openssl dgst -sha256 -binary | base64
    assert found.count("'sha256-") == 1 and "'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='" in found
    assert "script-src 'none'" in policy("<html></html>")
    assert with_token(page, "abc").startswith('<html><head><meta name="mmkg-token" content="abc">')


def test_the_page_carries_the_token_of_writes(client):
    text = client.get("/").text
    assert "mmkg" in text


def test_a_web_socket_is_closed(client):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), TestClient(application(client.served)).websocket_connect("/"):
        pass
