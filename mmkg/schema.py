"""JSON that somebody else may have written, checked against a type before it is used."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pydantic

from .errors import InputError

Facts = dict[str, Any]
Figures = dict[str, pydantic.FiniteFloat]
ROW = dict[str, bool | int | pydantic.FiniteFloat | str | None]  # of a training history


def read_json(path: str | Path, kind: Any) -> Any:
    """The content of a JSON file, as a value of a type.

    Args:
        path: UTF-8 text.
        kind: type of the value, as pydantic takes it, e.g. ``dict[str, float]`` or a dataclass.

    Raises:
        InputError: no such file, not JSON, a number that is not finite, or another type; with the path.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"expected JSON as UTF-8 text, got {error.reason} at byte {error.start}", path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from None
    return parse_json(text, kind, path)


def parse_json(text: str, kind: Any, path: str | Path | None = None, line: int | None = None) -> Any:
    """The value of a JSON text; ``path`` and ``line`` are for the message. Raises as ``read_json``."""
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_finite)
        if "\\u" in text or "\\U" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except json.JSONDecodeError as error:
        raise InputError(f"expected JSON: {error.msg}", path, line or error.lineno) from None
    except RecursionError:
        raise InputError("expected JSON, got values nested too deeply", path, line) from None
    except ValueError as error:  # also UnicodeEncodeError
        raise InputError(f"expected JSON: {str(error).splitlines()[0][:200]}", path, line) from None
    return checked(value, kind, path, line)


def checked(value: Any, kind: Any, path: str | Path | None = None, line: int | None = None) -> Any:
    """A value as a value of a type; ``path`` and ``line`` are for the message.

    Raises:
        InputError: it does not fit; the message names the first place that does not.
    """
    try:
        return _adapter(kind).validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        got = repr(first["input"])
        got = got if len(got) <= 60 else got[:57] + "..."
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}, got {got}"
        if not first["loc"] and first["type"] in ("dict_type", "dataclass_type"):
            message = f"expected a JSON object, got a {type(value).__name__}"
        raise InputError(f"{place}: {message}" if place else message, path, line) from None


@cache
def _cached(kind: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return _cached(kind)
    except TypeError:  # a type that cannot be hashed
        return pydantic.TypeAdapter(kind)


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value
