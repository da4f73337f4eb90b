"""The errors a user can meet and mend."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class MmkgError(Exception):
    """Something the user gave cannot be used; the message says what and what to do."""


class InputError(MmkgError, ValueError):
    """Data that breaks the contract of its format.

    Args:
        message: what was expected and what came.
        path: the file, if there is one.
        line: 1-based line in it, if there is one.
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.path = None if path is None else Path(path)
        self.line = line


class UsageError(MmkgError, ValueError):
    """A name, key or value nobody knows; the command line answers with exit status 2."""


class MissingPackageError(MmkgError, ImportError):
    """An optional package is absent; the message holds the pip command that brings it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Sentence that names the known words and the one nearest to ``name``."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"


def check_model(name: str, known: Iterable[str]) -> str:
    """The name, if a model is called so.

    Raises:
        UsageError: none is; the message names the nearest one.
    """
    known = list(known)
    if name not in known:
        raise UsageError(f"unknown model {name!r}; {nearest(name, known)}")
    return name
