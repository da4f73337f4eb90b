"""The application: routes, errors as sentences, and the guard around them."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from ..errors import MmkgError, brief
from ..version import __version__
from .answers import failed, failure
from .counters import Counters
from .guard import Guard
from .pages import pages
from .reads import reading
from .reconcile_routes import reconciling
from .served import Served
from .writes import deciding

STATUSES = {
    400: "A value that the run does not have.",
    401: "The token is missing or wrong.",
    403: "Another site sent the request, or a write came without the token.",
    404: "What the request names is not in the run.",
    405: "The path knows other methods.",
    413: "The body is too large.",
    422: "A value out of range, or one of another kind.",
    429: "Too many requests.",
    501: "A package is missing on the server.",
    503: "It is being computed, or takes too long.",
}
SENTENCE = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": SENTENCE}}}
    for status, text in STATUSES.items()
}


def application(served: Served) -> ASGIApp:
    """The whole server as an ASGI application."""
    counters = Counters()
    return Guard(routes(served, counters), served.config, counters)


def routes(served: Served, counters: Counters) -> FastAPI:
    """The routes without the guard."""
    app = FastAPI(
        title="mmkg",
        version=__version__,
        description="Matches of two knowledge graphs, decisions about them, and reconciliation.",
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
    )
    app.include_router(reading(served), prefix="/api/v1")
    app.include_router(pages(served, app, counters))
    app.include_router(deciding(served), prefix="/api/v1")
    app.include_router(reconciling(served), prefix="/reconcile")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return failure(_sentence(error), 422)

    @app.exception_handler(HTTPException)
    async def stopped(request: Request, error: HTTPException) -> Response:
        known = {404: "there is nothing at this address", 405: "this address knows other methods only"}
        headers = dict(error.headers) if error.headers else None
        return failure(known.get(error.status_code, str(error.detail)), error.status_code, headers)

    @app.exception_handler(MmkgError)
    @app.exception_handler(TimeoutError)
    @app.exception_handler(MemoryError)
    @app.exception_handler(Exception)
    async def refused(request: Request, error: Exception) -> Response:
        return failed(error)

    return app


def _sentence(error: RequestValidationError) -> str:
    """The first thing that is wrong with a request."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("query", "body", "path"))
    text = str(first["msg"]).removeprefix("Value error, ")
    given = f", got {brief(first['input'])}" if "input" in first and first["type"] != "missing" else ""
    return f"{place or 'the body of the request'}: {text[:1].lower()}{text[1:]}{given}"
