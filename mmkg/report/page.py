"""The page of a run: one file, which shows the data inside it, or fetches them from the server that sends it."""

import json
from importlib import resources
from typing import Any

from ..printing import json_safe

PLACE = '<script id="mmkg-data" type="application/json">null</script>'


def page() -> str:
    """The page without data, as it was built from ``tools/page``."""
    return resources.files("mmkg").joinpath("review", "page", "index.html").read_text(encoding="utf-8")


def with_data(text: str, data: Any) -> str:
    """A page with data in its place for them: a label can neither end the element nor run.

    Args:
        text: the page without data.
        data: plain values, without numbers that JSON does not have.

    Raises:
        ValueError: the page has no such place, or more than one.
    """
    if text.count(PLACE) != 1:
        raise ValueError(f"expected one {PLACE} in the page, got {text.count(PLACE)}")
    return text.replace(PLACE, PLACE.replace("null", encoded(data)))


def encoded(value: Any) -> str:
    """A value as JSON that can stand in a page: no ``<`` ends its element, controls and half surrogates are escapes."""
    text = json_safe(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    return text.replace("<", "\\u003c")
