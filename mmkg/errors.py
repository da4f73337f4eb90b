"""Errors that a user can cause and correct."""

import difflib
import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 60  # characters of a value in a message
LONGEST_MESSAGE = 4000


class Setting(NamedTuple):
    """A setting that an error message recommends.

    Args:
        key: full name, e.g. ``data.on_error``.
        value: recommended value; a text in capitals, or a tuple of such texts, stands for what the user fills in.
        argument: name of the argument in Python; by default the last part of ``key``.
        option: option of the command line; by default ``--set``.
    """

    key: str
    value: str | bool | int | tuple[str, ...]
    argument: str = ""
    option: str = ""

    def in_python(self) -> str:
        """The setting as an argument of a call: ``on_error='skip'``."""
        if isinstance(self.value, tuple):
            shown = f"({', '.join(self.value)})"
        else:
            shown = self.value if isinstance(self.value, str) and self.value.isupper() else repr(self.value)
        return f"{self.argument or self.key.rpartition('.')[2]}={shown}"

    def on_command_line(self) -> str:
        """The setting as an option: ``--set data.on_error=skip``."""
        if self.option:
            return f"{self.option} {self.value}"
        shown = self.value if isinstance(self.value, str) else json.dumps(self.value)
        return f"--set {shlex.quote(f'{self.key}={shown}')}"


class Advice:
    """What to do about an error, in the words of Python and of the command line.

    Args:
        text: the advice, with ``{}`` for each setting.
        settings: the settings.
        command_line: text for the command line, if it offers something else.
    """

    def __init__(self, text: str, *settings: Setting, command_line: str | None = None) -> None:
        self.text, self.settings = text, settings
        self.command_line = text if command_line is None else command_line

    def in_python(self) -> str:
        """The advice with arguments of a call."""
        return self.text.format(*(each.in_python() for each in self.settings))

    def on_command_line(self) -> str:
        """The advice with options of the command line."""
        return self.command_line.format(*(each.on_command_line() for each in self.settings))


ON_CPU = Setting("device", "cpu", option="--device")
SKIP, MANY = Setting("data.on_error", "skip"), Setting("data.one_to_one", False)


class MmkgError(Exception):
    """An input of the user cannot be used; the message names the input and the remedy.

    A message that contains a very long value is cut.

    Args:
        message: what was expected and what was found.
        advice: what to do, if that names settings; ``str`` has it in the words of Python.
        place: beginning of the message.
    """

    def __init__(self, message: str = "", *, advice: Advice | None = None, place: str = "") -> None:
        super().__init__(_cut(place + message + (f"; {advice.in_python()}" if advice else "")))
        self.reason, self.advice, self.place = message, advice, place

    def on_command_line(self) -> str:
        """The whole message with its advice in the words of the command line."""
        return _cut(self.place + self.reason + (f"; {self.advice.on_command_line()}" if self.advice else ""))


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}[...]"


class InputError(MmkgError, ValueError):
    """Data that violates their format.

    Args:
        message: what was expected and what was found.
        path: the file, if known.
        line: line in the file, from 1, if known.
        advice: what to do, if that names settings.
    """

    def __init__(
        self, message: str, path: str | Path | None = None, line: int | None = None, *, advice: Advice | None = None
    ) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(message, advice=advice, place=place)
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
