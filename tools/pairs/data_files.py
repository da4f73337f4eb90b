"""Files of embedded data, with the same bytes on every run."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmkg.errors import InputError
from mmkg.files import atomic_path, sha256_file, write_text


def write_tsv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table with a header; cells have no tab and no newline."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    for line in lines:
        if len(line) != len(header) or any(character in cell for cell in line for character in "\t\r\n"):
            raise InputError(f"expected {len(header)} cells without tab or newline, got {line!r}", path=path)
    write_text(path, "".join("\t".join(line) + "\n" for line in lines))


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compressed npz with a fixed time stamp, so that equal arrays give equal bytes."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content.getvalue(), compresslevel=9)


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS of all tables and arrays of a folder."""
    files = sorted([*folder.glob("*.tsv"), *folder.glob("*.npz")])
    write_text(folder / "SHA256SUMS", "".join(f"{sha256_file(path)}  {path.name}\n" for path in files))
