"""Public data sets: download, verify and unpack the files listed in ``sources.toml``.

A file that its host gives to browsers only is named with its web page and the path to save it at; after that, ``fetch``
continues with the other files.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError
from ..files import sha256_file, write_text
from .archives import unpack
from .downloads import check_digests, download

SOURCES = Path(__file__).with_name("sources.toml")
RECORD = "FETCHED.json"


@dataclass(frozen=True)
class SourceFile:
    """A file of a data set.

    Args:
        name: path in the folder of the data set.
        url: address for the download; empty = only with a browser.
        page: web page for the download with a browser; empty = the page of the data set.
        code: access code that the web page requires.
        size: bytes, if known.
        sha256, sha512: hexadecimal, if published.
        unpack: folder, in that of the data set, to unpack an archive into; empty = not an archive.
        max_mb: largest size in MB; a longer download is refused.
    """

    name: str
    url: str = ""
    page: str = ""
    code: str = ""
    size: int | None = None
    sha256: str = ""
    sha512: str = ""
    unpack: str = ""
    max_mb: int = 200

    @property
    def digests(self) -> dict[str, str]:
        """The published hashes by name."""
        return {kind: value for kind in ("sha256", "sha512") if (value := getattr(self, kind))}


@dataclass(frozen=True)
class Source:
    """A data set.

    Args:
        about: one line about its content.
        page: its web page.
        files: its files.
        load: arguments of ``mmkg describe`` for it, with ``{folder}`` for its folder; empty = not a pair of graphs.
    """

    about: str
    page: str
    files: tuple[SourceFile, ...]
    load: str = ""


def read_sources(path: Path = SOURCES) -> dict[str, Source]:
    """Data sets by name, from a TOML file; by default those that come with mmkg.

    Raises:
        InputError: the file violates its format.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Source(**{**entry, "files": tuple(SourceFile(**file) for file in entry["files"])})
            for name, entry in values.items()
        }
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise InputError(f"expected data sets with about, page and files, got {error}", path) from None


def fetch(source: Source, folder: Path, *, progress: bool = True) -> list[str]:
    """Download and unpack a data set, as far as possible without a browser. Existing files are kept.

    Args:
        source: the data set.
        folder: created if absent; ``FETCHED.json`` in it records the size and SHA-256 of each file.
        progress: show bars, on a terminal only.

    Returns:
        One instruction for each missing file that can only be downloaded with a browser.

    Raises:
        InputError: a file cannot be downloaded or has another hash; the files before it are kept.
        MissingPackageError: ``requests`` is not installed.
    """
    record = _read_record(folder)
    missing = []
    for file in source.files:
        path = folder / file.name
        if not path.exists():
            if not file.url:
                missing.append(_by_hand(source, file, path))
                continue
            limit = file.max_mb * 1_000_000
            try:
                sha256 = download(
                    file.url, path, max_bytes=limit, size=file.size, digests=file.digests, progress=progress
                )
            except InputError as error:
                raise InputError(f"{error}\n{_by_hand(source, file, path)}") from None
            _note(folder, record, file, path, sha256)
        elif file.name not in record:
            _note(folder, record, file, path, check_digests(path, file.digests, path))
        if file.unpack and not (folder / file.unpack).exists():
            record[file.name]["unpacked"] = unpack(path, folder / file.unpack)
            _write_record(folder, record)
    return missing


def verify(source: Source, folder: Path) -> list[str]:
    """Check the files of a data set against their hashes, without network access.

    A file without published hash is compared with its hash at the first download.

    Returns:
        One sentence for each missing or changed file; empty = all files are unchanged.
    """
    record = _read_record(folder)
    problems = []
    for file in source.files:
        path = folder / file.name
        if not path.is_file():
            problems.append(f"{path}: missing")
            continue
        noted = record.get(file.name, {})
        expected = file.digests or ({"sha256": noted["sha256"]} if "sha256" in noted else {})
        if not expected:
            problems.append(f"{path}: has no published hash and was not downloaded by mmkg")
        else:
            try:
                check_digests(path, expected, path)
            except InputError as error:
                problems.append(str(error))
        for name, sha256 in noted.get("unpacked", {}).items():
            inner = folder / file.unpack / name
            if not inner.is_file():
                problems.append(f"{inner}: missing")
            elif sha256_file(inner) != sha256:
                problems.append(f"{inner}: changed since it was unpacked")
    return problems


def _by_hand(source: Source, file: SourceFile, path: Path) -> str:
    """Instruction for a download with a browser."""
    code = f" (code {file.code})" if file.code else ""
    return (
        f"open {file.page or source.page}{code} in a browser, download {PurePosixPath(file.name).name} and save it as "
        f"{path}; then run the same command again"
    )


def _note(folder: Path, record: dict[str, Any], file: SourceFile, path: Path, sha256: str) -> None:
    """Record a file; ``hash`` is ``expected`` if it was compared with a published hash."""
    how = "expected" if file.digests else "seen"
    record[file.name] = {"url": file.url, "size": path.stat().st_size, "sha256": sha256, "hash": how}
    _write_record(folder, record)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise InputError(f"expected JSON, got {error}; remove the file to fetch again", path) from None
    if not isinstance(record, dict) or not all(isinstance(each, dict) for each in record.values()):
        raise InputError("expected an object of files with their hashes; remove the file to fetch again", path)
    return record


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
