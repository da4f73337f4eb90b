"""What every request passes: host, rate, origin, token, size and time; and the headers of every answer."""

import asyncio
import hmac
import logging
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import failed, failure
from .counters import Counters
from .limits import Rates
from .settings import ServeConfig, hostname

logger = logging.getLogger(__name__)
COOKIE = "mmkg-token"
TOKEN = "x-mmkg-token"  # header of writes
RECONCILE, HEALTH, PAGE = "/reconcile/", "/health", "/"
READING_POSTS = ("/api/v1/lookup", "/api/v1/align")  # they change nothing
SAFE = ("GET", "HEAD")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Guard:
    """Lets requests to an application through that are allowed.

    Args:
        app: the application.
        config: settings of the server.
        counters: counts of requests.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, counters: Counters) -> None:
        self.app, self.config, self.counters = app, config, counters
        self._rates = {"read": Rates(config.reads), "write": Rates(config.writes)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = _Request(scope)
        began = time.perf_counter()
        status = 500
        started = False

        async def sending(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                self._add_headers(message, request)
            await send(message)

        try:
            refusal = self._refused(request)
            if refusal is None:
                body = await asyncio.wait_for(self._body(request, receive), self.config.seconds)
                if isinstance(body, bytes):
                    await self.app(scope, _replay(body, receive), sending)
                else:
                    refusal = body
            if refusal is not None:
                await refusal(scope, receive, sending)
        except TimeoutError:
            if not started:
                await failure("the body of the request did not arrive in time", 408)(scope, receive, sending)
        except Exception as error:
            logger.warning("%s %s: %s: %s", request.method, request.path, type(error).__name__, error)
            if not started:
                await failed(error)(scope, receive, sending)
        finally:
            self.counters.add(request.path, request.method, status, time.perf_counter() - began)

    def _refused(self, request: "_Request") -> Response | None:
        """The answer to a request that is not allowed; ``None`` if it is."""
        config = self.config
        if not config.is_own(request.headers.get("host", "")):
            return failure("this server does not go by that name; open it at the address that it printed", 421)
        kind = "read" if request.reads else "write"
        wait = self._rates[kind].wait(request.client)
        if wait:
            return failure("too many requests; wait a second", 429, {"Retry-After": str(max(1, round(wait)))})
        if request.headers.get("content-encoding", "identity") != "identity":
            return failure("compressed requests are not read; send it as it is", 415)
        if not request.reconciles and not _same_origin(request):
            return failure("another site sent this request; open the page of this server itself", 403)
        if request.path == HEALTH or request.is_manifest:
            return None
        if config.closed and not self._has_token(request):
            if request.path == PAGE and _equal(request.query.get("token", ""), config.token):
                return self._signed_in()
            return failure("the token is missing or wrong; use the address that the server printed", 401)
        if not request.reads:
            if config.read_only:
                return failure("decisions are read-only here; start without --read-only", 403)
            if not _equal(request.headers.get(TOKEN, ""), config.token):
                return failure(f"writes need the header {TOKEN} with the token that the server printed", 403)
        return None

    def _has_token(self, request: "_Request") -> bool:
        given = [request.headers.get(TOKEN, ""), request.cookie]
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        given += [value.strip()] if kind.lower() == "bearer" else []
        given += [request.query.get("token", "")] if request.reconciles else []  # its clients send no headers
        return any(_equal(each, self.config.token) for each in given)

    def _signed_in(self) -> Response:
        """The page without the token in its address, which is kept as a cookie."""
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, self.config.token, httponly=True, samesite="strict", path="/")
        return response

    async def _body(self, request: "_Request", receive: Receive) -> bytes | Response:
        """The whole body, or the answer to one that is too large."""
        most = self.config.max_picture if request.path == READING_POSTS[1] else self.config.max_body
        too_large = failure(f"expected a body of at most {most:,} bytes, got more; send it in parts", 413)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            return too_large
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return failure("the client has left", 400)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                return too_large
            if not message.get("more_body", False):
                return b"".join(parts)

    def _add_headers(self, message: Message, request: "_Request") -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("content-security-policy", POLICY)
        if request.reconciles and (allowed := self._allowed_origin(request)):
            headers["access-control-allow-origin"] = allowed
            headers["access-control-allow-headers"] = "Content-Type, Authorization"
            headers["cross-origin-resource-policy"] = "cross-origin"
            headers.add_vary_header("Origin")

    def _allowed_origin(self, request: "_Request") -> str:
        """The site that may read an answer: any with a token, without one programs of this machine only."""
        origin = request.headers.get("origin", "")
        if self.config.closed:
            return "*"
        name = hostname(urlsplit(origin).netloc) if origin else ""
        return origin if self.config.is_own(name) and name else ""


class _Request:
    """The head of a request."""

    def __init__(self, scope: Scope) -> None:
        self.method, self.path = str(scope["method"]), str(scope["path"])
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.headers: Mapping[str, str] = dict(pairs)
        self.client = str((scope.get("client") or ("?",))[0])
        self.scheme = str(scope.get("scheme", "http"))
        self._query = scope.get("query_string", b"")

    @property
    def reconciles(self) -> bool:
        """Whether it is of the reconciliation protocol, which other programs speak."""
        return self.path.startswith(RECONCILE)

    @property
    def is_manifest(self) -> bool:
        """Whether it is for the manifest of a reconciliation service, which clients read before they have a token."""
        manifest = self.path in (f"{RECONCILE}left", f"{RECONCILE}right")
        return manifest and self.method in (*SAFE, "OPTIONS") and not {"queries", "extend"} & self.query.keys()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in (*SAFE, "OPTIONS") or self.path in READING_POSTS or self.reconciles

    @property
    def query(self) -> dict[str, str]:
        """First value of each parameter of the address."""
        return {name: values[0] for name, values in parse_qs(self._query.decode("latin-1")).items()}

    @property
    def cookie(self) -> str:
        """The token of the page."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return "" if found is None else found.value


def _same_origin(request: _Request) -> bool:
    """Whether a request is from a page of this server, or from a program that is no browser."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin == f"{request.scheme}://{request.headers.get('host', '')}"
    site, mode = request.headers.get("sec-fetch-site", "none"), request.headers.get("sec-fetch-mode", "")
    return site in ("none", "same-origin") or (mode == "navigate" and request.method in SAFE)


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read, then what the connection says."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
