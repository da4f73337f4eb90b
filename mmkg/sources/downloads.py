"""Downloads a file whole or not at all: resumed where it was cut, checked against size and hashes."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from ..errors import InputError
from ..files import write_text
from ..progress import progress_bar

BLOCK = 1 << 16
TRIES = 3
WAIT = 1.0  # seconds before the second try, twice that before the third
REDIRECTS = 5
TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Cut(Exception):
    """The connection ended before the file did."""


def download(
    url: str,
    path: Path,
    *,
    max_bytes: int,
    size: int | None = None,
    digests: Mapping[str, str] | None = None,
    progress: bool = True,
) -> str:
    """Download a file.

    What has come lies in ``PATH.part`` until it is complete and right; a later call goes on there (Range), unless the
    host says that the file has changed. Connections are https only, redirects too (http to this very machine).

    Args:
        url: where it lies.
        path: where it goes; replaced if it is there.
        max_bytes: of an endless download.
        size: in bytes, if it is known.
        digests: hexadecimal, by the name of a hash (``sha256``, ``sha512``), as far as they are known.
        progress: show a bar, if stderr is a terminal.

    Returns:
        SHA-256 of the file.

    Raises:
        InputError: the host cannot be reached, has no such file or sends a web page in its place; the file is cut, too
            large or another one. Nothing is left at ``path``; only what a cut download has brought is kept.
    """
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        time.sleep(WAIT * attempt)
        try:
            _receive(url, part, max_bytes if size is None else min(size, max_bytes), size, progress)
            break
        except (_Cut, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if attempt + 1 == TRIES:
                have = part.stat().st_size if part.exists() else 0
                what = str(error) if isinstance(error, _Cut) else f"{type(error).__name__}: {error}"
                raise InputError(
                    f"the download was cut after {have:,} bytes ({what:.200}); the same command goes on from there", url
                ) from None
    found = part.stat().st_size
    if size is not None and found != size:
        _forget(part)
        raise InputError(f"expected {size:,} bytes, got {found:,}; it is another file than it was", url)
    sha256 = check_digests(part, digests or {}, url)
    part.replace(path)
    _forget(part)
    return sha256


def check_digests(path: Path, digests: Mapping[str, str], name: str | Path) -> str:
    """SHA-256 of a file whose other hashes are right.

    Raises:
        InputError: a hash differs; a ``.part`` is then removed.
    """
    made = {kind: hashlib.new(kind) for kind in {*digests, "sha256"}}
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            for each in made.values():
                each.update(block)
    for kind, expected in digests.items():
        if (got := made[kind].hexdigest()) != expected.lower():
            if path.suffix == ".part":
                _forget(path)
            raise InputError(f"expected {kind} {expected}, got {got}; it is damaged or another file", name)
    return made["sha256"].hexdigest()


def _receive(url: str, part: Path, limit: int, size: int | None, progress: bool) -> None:
    """Bring ``part`` to its full length."""
    notes = part.with_name(part.name + ".json")
    have, headers = 0, {"Accept-Encoding": "identity"}
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(notes.read_text())
        if note["url"] == url and note["version"]:
            have = part.stat().st_size
            headers |= {"Range": f"bytes={have}-", "If-Range": str(note["version"])} if have else {}
    with requests.Session() as session, _answer(session, url, headers) as answer:
        total = _total(answer, have, url)
        if answer.status_code == 416:
            if total == have:
                return
            _forget(part)
            raise _Cut("the file has changed")
        if answer.status_code != 206:
            have = 0
        if total is not None and (total > limit or (size is not None and total != size)):
            _forget(part)
            raise InputError(
                f"expected {'at most' if size is None else ''} {limit:,} bytes, the host has {total:,}", url
            )
        tag = answer.headers.get("ETag", "")
        version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")  # weak: no parts
        write_text(notes, json.dumps({"url": url, "version": version}))
        with (
            part.open("ab" if have else "wb") as file,
            progress_bar(part.stem, total or limit, enabled=progress) as bar,
        ):
            bar(have)
            for block in answer.raw.stream(BLOCK, decode_content=False):
                have += len(block)
                if have > limit:
                    _forget(part)
                    raise InputError(f"expected at most {limit:,} bytes, the host sends more; nothing was kept", url)
                file.write(block)
                bar(len(block))
        if total is not None and have < total:
            raise _Cut(f"{total:,} were announced")


def _answer(session: requests.Session, url: str, headers: Mapping[str, str]) -> requests.Response:
    """The answer of the last of some redirects, its body not read yet."""
    here = url
    for _ in range(REDIRECTS + 1):
        _check_scheme(here, url)
        answer = session.get(here, headers=dict(headers), stream=True, allow_redirects=False, timeout=TIMEOUT)
        if answer.status_code in (301, 302, 303, 307, 308) and "Location" in answer.headers:
            here = urljoin(here, answer.headers["Location"])
            answer.close()
            continue
        if answer.status_code not in (200, 206, 416):
            if answer.status_code in (429, 500, 502, 503, 504):
                raise _Cut(f"the host answers {answer.status_code} {answer.reason}")
            raise InputError(f"expected a file, the host answers {answer.status_code} {answer.reason}", url)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise InputError("expected a file, the host sends a web page; open the address in a browser", url)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise InputError(f"expected the file as it is, got it as {answer.headers['Content-Encoding']}", url)
        return answer
    raise InputError(f"expected a file, got more than {REDIRECTS} redirects", url)


def _check_scheme(here: str, url: str) -> None:
    scheme, host = urlsplit(here).scheme, urlsplit(here).hostname
    local = urlsplit(url).hostname in LOOPBACK and host in LOOPBACK
    if not (scheme == "https" or (scheme == "http" and local)):
        raise InputError(f"expected an address that begins with https://, got {here[:200]!r}", url)


def _total(answer: requests.Response, have: int, url: str) -> int | None:
    """Length of the whole file, if the host says it."""
    if answer.status_code in (206, 416):
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if span is None or (answer.status_code == 206 and int(span[1] or -1) != have):
            raise InputError(f"asked for the bytes from {have:,} on, got {answer.headers.get('Content-Range')!r}", url)
        return None if span[2] == "*" else int(span[2])
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _forget(part: Path) -> None:
    for path in (part, part.with_name(part.name + ".json")):
        path.unlink(missing_ok=True)
