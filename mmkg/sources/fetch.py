"""Fetches public data sets: resumed where it was cut, checked by hash, unpacked with care.

mmkg fetch --list
mmkg fetch openea
mmkg fetch openea --to FOLDER --verify

What a host gives to browsers only is named with its page and the place where it goes; the same command then goes on.
--verify needs no network: it compares every file with its known hash, or with the one of the day it was fetched.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, MmkgError, UsageError, nearest
from ..files import sha256_file, write_text
from .archives import unpack
from .downloads import check_digests, download

SOURCES = Path(__file__).with_name("sources.toml")
RECORD = "FETCHED.json"


@dataclass(frozen=True)
class SourceFile:
    """A file of a data set.

    Args:
        name: its path in the folder of the data set.
        url: where it can be had; empty = by browser alone.
        page: where a browser gets it; by default the page of the data set.
        code: what that page asks for.
        size: in bytes, if it is known.
        sha256, sha512: hexadecimal, if the publisher states them.
        unpack: folder to which the archive is unpacked; empty = it is none.
        max_mb: what an endless download is cut at.
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
        """The hashes that are known, by name."""
        return {kind: value for kind in ("sha256", "sha512") if (value := getattr(self, kind))}


@dataclass(frozen=True)
class Source:
    """A data set: what it is, its page, its files, and what ``mmkg describe`` takes of ``{folder}``."""

    about: str
    page: str
    files: tuple[SourceFile, ...]
    load: str = ""


def read_sources(path: Path = SOURCES) -> dict[str, Source]:
    """The data sets that are known.

    Raises:
        InputError: the file breaks its format.
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
    """Bring a data set into a folder, as far as it can be had without a browser.

    Args:
        source: the data set.
        folder: made if it is not there; ``FETCHED.json`` in it notes size and SHA-256 of each file.
        progress: show bars, if stderr is a terminal.

    Returns:
        A sentence for every file that only a browser can get and that is not there yet.

    Raises:
        InputError: a file cannot be had or is another one; what came before it stays.
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
    """What is wrong with a fetched data set, a sentence each; no network is needed."""
    record = _read_record(folder)
    problems = []
    for file in source.files:
        path = folder / file.name
        if not path.is_file():
            problems.append(f"{path}: is not there")
            continue
        noted = record.get(file.name, {})
        expected = file.digests or ({"sha256": noted["sha256"]} if "sha256" in noted else {})
        if not expected:
            problems.append(f"{path}: its hash is not known, and it was not fetched by this tool")
        else:
            try:
                check_digests(path, expected, path)
            except InputError as error:
                problems.append(str(error))
        for name, sha256 in noted.get("unpacked", {}).items():
            inner = folder / file.unpack / name
            if not inner.is_file():
                problems.append(f"{inner}: is not there")
            elif sha256_file(inner) != sha256:
                problems.append(f"{inner}: differs from what was unpacked")
    return problems


def _by_hand(source: Source, file: SourceFile, path: Path) -> str:
    code = f" (code {file.code})" if file.code else ""
    return (
        f"open {file.page or source.page}{code} in a browser, download {PurePosixPath(file.name).name} and save it as "
        f"{path}; then give the same command again"
    )


def _note(folder: Path, record: dict[str, Any], file: SourceFile, path: Path, sha256: str) -> None:
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
        raise InputError("expected files with their hashes; remove the file to fetch again", path)
    return record


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Run the command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("name", nargs="?", help="data set, see --list")
    options.add_argument("--to", type=Path, help="folder (data/NAME)")
    options.add_argument("--verify", action="store_true", help="only say whether what is there is right")
    options.add_argument("--list", action="store_true", help="name the data sets")
    options.add_argument("--sources", type=Path, default=SOURCES, help="another list of data sets")
    args = options.parse_args()
    try:
        sources = read_sources(args.sources)
        if args.list:
            for name, source in sources.items():
                print(f"{name:<14} {source.about}")
            return 0
        if args.name not in sources:
            raise UsageError(f"unknown data set {args.name!r}; {nearest(str(args.name), sources)}")
        source, folder = sources[args.name], args.to or Path("data") / args.name
        left = verify(source, folder) if args.verify else fetch(source, folder)
    except (MmkgError, OSError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    for sentence in left:
        print(f"fetch: {sentence}", file=sys.stderr)
    if left:
        return 1
    unknown = sum(not file.digests for file in source.files)
    print(f"{len(source.files)} files in {folder} are {'right' if args.verify else 'there'}")
    if unknown:
        print(f"{unknown} of them have no published hash: the one of the day they were fetched is in {folder / RECORD}")
    if source.load:
        print(f"look at them: mmkg describe {source.load.format(folder=folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
