"""Pinned packages of npm and PyPI and their members, for the scripts that build embedded data."""

import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mmkg.errors import InputError, MissingPackageError
from mmkg.files import sha256_file


class Package(NamedTuple):
    """A package: its name, version, the file that its registry serves, and the SHA-256 of that file."""

    name: str
    version: str
    file: str
    sha256: str

    @property
    def command(self) -> list[str]:
        """Command that fetches the file into the current folder."""
        if self.file.endswith(".tgz"):
            return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        kind = "--only-binary" if self.file.endswith(".whl") else "--no-binary"
        return ["pip", "download", "--quiet", "--no-deps", kind, ":all:", f"{self.name}=={self.version}"]


def npm(name: str, version: str, sha256: str) -> Package:
    """A package of npm, as `npm pack` names its file."""
    return Package(name, version, f"{name}-{version}.tgz", sha256)


def fetch(package: Package, folder: Path) -> Path:
    """Path of a package's file in ``folder``; fetches it when absent and checks its SHA-256."""
    path = folder / package.file
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(package.command, cwd=folder, check=True, stdout=subprocess.PIPE)
        except FileNotFoundError as error:
            tool = package.command[0]
            raise MissingPackageError(f"expected {tool}, found none; install it or fetch {path} yourself") from error
    if (got := sha256_file(path)) != package.sha256:
        raise InputError(f"expected SHA-256 {package.sha256}, got {got}; remove the file to fetch it again", path=path)
    return path


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name, without the package's top folder, and content of each file of a tar archive or a wheel, one at a time."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if (file := tar.extractfile(member) if member.isfile() else None) is not None:
                yield member.name.partition("/")[2], file.read()


def read_members(archive: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Contents of the members of these names.

    Raises:
        InputError: a member is absent.
    """
    names = set(wanted)
    found = {name: content for name, content in members(archive) if name in names}
    if missing := sorted(names - set(found)):
        raise InputError(f"expected {len(names)} members, {len(missing)} are absent, first {missing[0]}", path=archive)
    return found
