"""Errors that a user can cause and correct."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class MmkgError(Exception):
    """An input of the user cannot be used; the message names the input and the remedy."""


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
        raise UsageError(f"unknown model {name!r}; {nearest(name, known)}")
    return name
