"""Addresses of services that hold a graph, beside paths of files."""

import re
from pathlib import Path
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


class Url(str):
    """The address of a service, e.g. ``bolt://host/db``; what follows a ``#`` says which part of the graph is meant."""

    @property
    def scheme(self) -> str:
        """The scheme in lower case, without ``://``."""
        return self.partition("://")[0].lower()

    @property
    def place(self) -> str:
        """The address without the part after ``#``."""
        return self.partition("#")[0]

    @property
    def part(self) -> str:
        """The text after the first ``#``, "" without one."""
        return self.partition("#")[2].strip()

    @property
    def shown(self) -> Path:
        """Host and path, for messages and as the name of the graph: without scheme, user and password."""
        host = self.place.partition("://")[2].rpartition("@")[2].partition("?")[0]
        return Path(host.rstrip("/") or self.scheme)

    @property
    def user(self) -> tuple[str | None, str | None]:
        """User and password in the address, if they are there."""
        parts = urlsplit(self.place)
        return parts.username, parts.password


def located(source: str | Path) -> "Path | Url":
    """The path of a file, or the address of a service."""
    if isinstance(source, str) and _SCHEME.match(source):
        return Url(source)
    return Path(source)


def path_of(source: "Path | Url") -> Path:
    """The path of a file, or what stands for an address in messages and names."""
    return source.shown if isinstance(source, Url) else source
