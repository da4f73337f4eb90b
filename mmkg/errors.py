"""Errors that a user can cause and correct."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LONGEST = 60  # characters of a value in a message
LONGEST_MESSAGE = 4000


class MmkgError(Exception):
    """An input of the user cannot be used; the message names the input and the remedy.

    A message that contains a very long value is cut.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}[...]")


class InputError(MmkgError, ValueError):
    """Data that violates their format.

    Args:
        message: what was expected and what was found.
        path: the file, if known.
        line: line in the file, from 1, if known.
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.reason = message
        self.path = None if path is None else Path(path)
        self.line = line


class UsageError(MmkgError, ValueError):
    """An unknown name, key or value; the command line ends with exit status 2."""


class MissingPackageError(MmkgError, ImportError):
    """An optional package is not installed; the message contains the pip command that installs it."""


def brief(value: Any, longest: int = LONGEST) -> str:
    """The ``repr`` of a value on one line, cut to a length, for messages."""
    if isinstance(value, (str, bytes)) and len(value) > longest:
        value = value[:longest]
        return f"{value!r}[...]"
    if isinstance(value, (list, tuple, set, frozenset, Mapping)) and len(value) > longest:
        return f"a {type(value).__name__} of {len(value):,}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 2 * longest else f"{text[: 2 * longest]}[...]"


def nearest(name: str, known: Iterable[str]) -> str:
    """Hint for an unknown name: the most similar known name, if any is similar, and all known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"


def check_model(name: str, known: Iterable[str]) -> str:
    """``name``, if a model has this name.

    Raises:
        UsageError: no model has this name; the message contains the most similar name.
    """
    known = list(known)
    if name not in known:
        raise UsageError(f"unknown model {brief(name)}; {nearest(name, known)}")
    return name
