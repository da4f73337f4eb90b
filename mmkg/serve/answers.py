"""Answers of the server: JSON, and one sentence for each error."""

import json
from typing import Any

from starlette.responses import Response

from ..decisions.store import StoreError
from ..errors import InputError, MissingPackageError, MmkgError, UsageError
from ..printing import line


class NotFound(UsageError):
    """What a request names is not in the run."""


class Refused(UsageError):
    """A request that the server does not allow, with its status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Busy(MmkgError):
    """The server does this once at a time, or a computation is not finished."""


def encoded(value: Any) -> bytes:
    """JSON in UTF-8, with escapes only where UTF-8 has no form for a label."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def answer(value: Any, status: int = 200) -> Response:
    """JSON as a response."""
    return Response(encoded(value), status, media_type="application/json")


def failure(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """An error as a response: ``{"error": sentence}``."""
    return Response(encoded({"error": line(message)}), status, headers, media_type="application/json")


def failed(error: Exception) -> Response:
    """The response for an error."""
    if isinstance(error, Refused):
        return failure(error.reason, error.status)
    if isinstance(error, NotFound):
        return failure(error.reason, 404)
    if isinstance(error, UsageError):
        return failure(error.reason, 400)
    if isinstance(error, Busy):
        return failure(error.reason, 503, {"Retry-After": "2"})
    if isinstance(error, MissingPackageError):
        return failure(error.reason, 501)
    if isinstance(error, StoreError):
        return failure(error.reason, 503)
    if isinstance(error, InputError):
        return failure(error.reason, 422)
    if isinstance(error, TimeoutError):
        text = "this takes longer than the server allows; ask for less, or try again later"
        return failure(text, 503, {"Retry-After": "5"})  # what is computed once goes on meanwhile
    if isinstance(error, MemoryError):
        return failure("not enough memory for this request; ask for less", 503)
    return failure(f"unexpected error: {type(error).__name__}", 500)
