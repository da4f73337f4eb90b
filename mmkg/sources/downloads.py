"""Resumable download of large files, checked against size and hashes.

Not built on pooch: version 1.9 starts a cut download again from the first byte (``HTTPDownloader`` opens its file with
``w+b`` and sends no ``Range``), which is costly for archives of several GB. It also sets no limit on the size and
follows redirects to plain http.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..errors import InputError, MissingPackageError
from ..files import write_text
from ..progress import progress_bar

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 16
TRIES = 3
WAIT = 1.0  # seconds before the second try, twice that before the third
REDIRECTS = 5
TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Cut(Exception):
    """The connection ended before the end of the file, or the host is busy: worth another try."""


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

    The received bytes are kept in ``PATH.part`` until the file is complete and verified. A later call continues there
    (``Range``), unless the file on the host has changed (``If-Range``). Only https is used, also after redirects; http
    is allowed to this machine.

    Args:
        url: address of the file.
        path: file to write; an existing one is replaced.
        max_bytes: largest size; a longer download is refused.
        size: expected size in bytes, if known.
        digests: expected hashes, hexadecimal, by name (``sha256``, ``sha512``).
        progress: show a bar, on a terminal only.

    Returns:
        SHA-256 of the file.

    Raises:
        InputError: the host cannot be reached, has no such file or sends a web page instead; or the file is cut, too
            large, or has another size or hash. ``path`` is left as it was; only the bytes of a cut download are kept.
        MissingPackageError: ``requests`` is not installed.
    """
    try:
        from requests import RequestException
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise MissingPackageError("downloads need requests: pip install 'mmkg[fetch]'") from error
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        time.sleep(WAIT * attempt)
        try:
            _receive(url, part, max_bytes if size is None else min(size, max_bytes), size, progress)
            break
        except (_Cut, RequestException, HTTPError) as error:
            if attempt + 1 == TRIES:
                have = part.stat().st_size if part.exists() else 0
                what = str(error) if isinstance(error, _Cut) else f"{type(error).__name__}: {error}"
                raise InputError(
                    f"the download was cut after {have:,} bytes ({what:.200}); the same command continues from there",
                    url,
                ) from None
    found = part.stat().st_size
    if size is not None and found != size:
        _forget(part)
        raise InputError(f"expected {size:,} bytes, got {found:,}; the file on the host has changed", url)
    sha256 = check_digests(part, digests or {}, url)
    part.replace(path)
    _forget(part)
    return sha256


def check_digests(path: Path, digests: Mapping[str, str], name: str | Path) -> str:
    """SHA-256 of a file, after its expected hashes were checked.

    Args:
        path: the file.
        digests: expected hashes, hexadecimal, by name.
        name: file or address for the message.

    Raises:
        InputError: a hash differs; a file ``*.part`` is then removed.
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
            raise InputError(f"expected {kind} {expected}, got {got}; the file is damaged or another one", name)
    return made["sha256"].hexdigest()


def _receive(url: str, part: Path, limit: int, size: int | None, progress: bool) -> None:
    """Download ``part``, or the rest of it.

    ``PART.json`` records the address and the version (ETag or date) of the bytes received so far.
    """
    notes = part.with_name(part.name + ".json")
    have, headers = 0, {"Accept-Encoding": "identity"}
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(notes.read_text())
        if note["url"] == url and note["version"]:
            have = part.stat().st_size
            headers |= {"Range": f"bytes={have}-", "If-Range": str(note["version"])} if have else {}
    from requests import Session

    with Session() as session, _answer(session, url, headers) as answer:
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
        strong = tag and not tag.startswith("W/")  # a weak tag allows no Range
        version = tag if strong else answer.headers.get("Last-Modified", "")
        write_text(notes, json.dumps({"url": url, "version": version}))
        with (
            part.open("ab" if have else "wb") as file,
            progress_bar(part.stem, total or limit, enabled=progress) as bar,
        ):
            bar(have)
            for block in answer.raw.stream(BLOCK, decode_content=False):  # iter_content loses the last bytes of a cut
                have += len(block)
                if have > limit:
                    _forget(part)
                    raise InputError(f"expected at most {limit:,} bytes, the host sends more; nothing was kept", url)
                file.write(block)
                bar(len(block))
        if total is not None and have < total:
            raise _Cut(f"of {total:,} announced")


def _answer(session: "requests.Session", url: str, headers: Mapping[str, str]) -> "requests.Response":
    """The response after at most ``REDIRECTS`` redirects, its body not read yet."""
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
            raise InputError(f"expected the file as it is, got it encoded as {answer.headers['Content-Encoding']}", url)
        return answer
    raise InputError(f"expected a file, got more than {REDIRECTS} redirects", url)


def _check_scheme(here: str, url: str) -> None:
    scheme, host = urlsplit(here).scheme, urlsplit(here).hostname
    local = urlsplit(url).hostname in LOOPBACK and host in LOOPBACK
    if not (scheme == "https" or (scheme == "http" and local)):
        raise InputError(f"expected an address that begins with https://, got {here[:200]!r}", url)


def _total(answer: "requests.Response", have: int, url: str) -> int | None:
    """Length of the whole file in bytes, if the host announces it."""
    if answer.status_code in (206, 416):
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if span is None or (answer.status_code == 206 and int(span[1] or -1) != have):
            raise InputError(f"requested the bytes from {have:,} on, got {answer.headers.get('Content-Range')!r}", url)
        return None if span[2] == "*" else int(span[2])
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _forget(part: Path) -> None:
    for path in (part, part.with_name(part.name + ".json")):
        path.unlink(missing_ok=True)
