"""Queries to a SPARQL endpoint over HTTP, with timeouts, a few polite retries, and errors in one line."""

import time
from typing import TYPE_CHECKING, Any

from ...errors import InputError, MissingPackageError
from ...files import MAX_BYTES
from ...version import __version__
from ..parsing.iris import oxigraph
from ..parsing.urls import Url

if TYPE_CHECKING:
    import requests

TRIES = 4
WAIT = 2.0  # seconds before the second try, twice that before the third, and so on
MOST_WAIT = 60.0  # seconds; longest wait that an endpoint may request
TIMEOUT = (10, 120)  # seconds to connect, seconds without a byte
LONGEST_GET = 1500  # bytes of a query in an address; longer ones are posted
BLOCK = 1 << 16
BUSY, SLOW = (429, 502, 503), (500, 504)
FORMATS = {"json": "JSON", "xml": "XML", "tab-separated": "TSV"}
ACCEPT = "application/sparql-results+json, application/sparql-results+xml;q=0.8, text/tab-separated-values;q=0.5"


class SlowEndpoint(InputError):
    """The endpoint gave up on a query; a smaller one may work."""


class Endpoint:
    """A SPARQL 1.1 endpoint.

    Args:
        url: its address, without ``sparql+``; user and password in it, or in ``~/.netrc``, are sent.
        max_bytes: largest size of an answer.

    Raises:
        MissingPackageError: requests or pyoxigraph is not installed.
    """

    def __init__(self, url: Url, max_bytes: int = MAX_BYTES) -> None:
        try:
            import requests
        except ImportError as error:
            raise MissingPackageError("SPARQL endpoints need requests: pip install 'mmkg[sparql]'") from error
        oxigraph()
        self.url, self.max_bytes = Url(url.place.removeprefix("sparql+")), max_bytes
        self.name = self.url.shown
        self._session = requests.Session()
        self._session.headers.update(
            {"Accept": ACCEPT, "User-Agent": f"mmkg/{__version__} (knowledge-graph alignment)"}
        )

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def select(self, query: str, *names: str) -> list[tuple[Any, ...]]:
        """The solutions of a SELECT query: the terms of pyoxigraph of some variables, ``None`` = unbound.

        Raises:
            SlowEndpoint: the endpoint needs too long for the query.
            InputError: it cannot be reached, refuses the query, or does not answer with results of SPARQL.
        """
        body, kind = self._body(query)
        form = next((form for key, form in FORMATS.items() if key in kind), None)
        if kind == "text/html" or body[:200].lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
            raise self._not_an_endpoint(f"a web page ({kind})")
        if form is None:
            raise self._not_an_endpoint(f"an answer of the type {kind or 'unknown'}")
        try:
            return _terms(body, form, names)
        except (ValueError, SyntaxError) as error:
            reason = " ".join(str(error).split())[:200]
        # Raised here, so that no traceback holds the solutions, which only the thread that made them may delete.
        raise self._not_an_endpoint(f"a malformed one: {reason}")

    def _not_an_endpoint(self, got: str) -> InputError:
        return InputError(
            f"expected an answer of a SPARQL endpoint, got {got}; the address is that of the endpoint itself, e.g. "
            "https://dbpedia.org/sparql",
            self.name,
        )

    def _body(self, query: str) -> tuple[bytes, str]:
        """The answer to a query and its media type, after at most ``TRIES`` tries."""
        from requests import RequestException, Timeout

        for attempt in range(TRIES):
            last = attempt + 1 == TRIES
            try:
                with self._sent(query) as answer:
                    if answer.status_code in BUSY and not last:
                        time.sleep(_wait(answer.headers.get("Retry-After"), attempt))
                        continue
                    return self._read(answer), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            except Timeout:
                raise SlowEndpoint(f"expected an answer within {TIMEOUT[1]} seconds, got none", self.name) from None
            except RequestException as error:
                if last:
                    text = " ".join(str(error).split())[:200]
                    raise InputError(f"the endpoint cannot be reached: {text}", self.name) from None
                time.sleep(WAIT * 2**attempt)
        raise AssertionError("unreachable")

    def _sent(self, query: str) -> "requests.Response":
        if len(query.encode()) <= LONGEST_GET:
            return self._session.get(self.url, params={"query": query}, stream=True, timeout=TIMEOUT)
        return self._session.post(self.url, data={"query": query}, stream=True, timeout=TIMEOUT)

    def _read(self, answer: "requests.Response") -> bytes:
        body = bytearray()
        for block in answer.iter_content(BLOCK):
            body += block
            if len(body) > self.max_bytes:
                raise SlowEndpoint(f"expected an answer of at most {self.max_bytes:,} bytes, got more", self.name)
        code = answer.status_code
        if code >= 400:
            html = "html" in answer.headers.get("Content-Type", "")
            lines = [] if html else [line.strip() for line in body.decode(errors="replace").splitlines()]
            first = next((f": {line[:200]}" for line in lines if line), "")
            kind = SlowEndpoint if code in SLOW else InputError
            hint = {401: "; give user and password in ~/.netrc", 404: "; check the address"}.get(code, "")
            raise kind(f"the endpoint answers HTTP {code} {answer.reason}{first}{hint}", self.name)
        if "S1TAT" in answer.headers.get("X-SQL-State", ""):  # Virtuoso: partial results after its time limit
            raise SlowEndpoint("the endpoint gave a part of the answer only, for want of time", self.name)
        return bytes(body)


def _terms(body: bytes, form: str, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The terms of some variables in each solution; ValueError or SyntaxError where there are none."""
    ox = oxigraph()
    found = ox.parse_query_results(body, format=getattr(ox.QueryResultsFormat, form))
    if not isinstance(found, ox.QuerySolutions):
        raise ValueError("an answer of yes or no")
    known = {variable.value for variable in found.variables}
    if missing := [name for name in names if name not in known]:
        raise ValueError(f"no variable {missing[0]}")
    return [tuple(row[name] for name in names) for row in found]


def _wait(requested: str | None, attempt: int) -> float:
    """Seconds to wait: those that the endpoint requests, up to a limit."""
    return min(float(requested), MOST_WAIT) if requested and requested.isdecimal() else WAIT * 2**attempt
