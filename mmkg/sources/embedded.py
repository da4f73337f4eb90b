"""Files of the pairs that are shipped with the package, each checked against SHA256SUMS when it is read."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.kg import ImageTable
from ..errors import InputError
from ..typing import FloatArray, IntArray

_PACKAGE = Path(__file__).parents[1]


def embedded_folder(name: str, package: Path = _PACKAGE) -> Path:
    """Folder of embedded data: inside the installed package, or next to it in a checkout.

    Raises:
        InputError: neither folder exists.
    """
    places = (package / "datasets" / name, package.parent / "datasets" / name)
    for place in places:
        if (place / "SHA256SUMS").is_file():
            return place
    raise InputError(
        f"expected the embedded data {name!r} in {places[0]} or {places[1]}, found neither; "
        f"install mmkg again, or run tools/pairs/build_{name}_pair.py in a checkout"
    )


class EmbeddedFiles:
    """The files of a folder.

    Args:
        folder: folder with the files and their SHA256SUMS.

    Raises:
        InputError: there is no SHA256SUMS; on reading, a file is absent or differs from it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sums = folder / "SHA256SUMS"
        if not sums.is_file():
            raise InputError("expected a folder with embedded data, found no SHA256SUMS", path=folder)
        lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
        self.sums = {name: digest for digest, name in lines}

    def read(self, name: str) -> bytes:
        """Content of a file."""
        path = self.folder / name
        if name not in self.sums or not path.is_file():
            raise InputError("expected this file of the embedded data, found none; install mmkg again", path=path)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sums[name]:
            raise InputError(
                "the file differs from SHA256SUMS: it was damaged or edited; install mmkg again", path=path
            )
        return content

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of a TSV with a header; every row has all columns."""
        header, *lines = (line.split("\t") for line in self.read(name).decode().split("\n")[:-1])
        return [dict(zip(header, line, strict=True)) for line in lines]

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Arrays of an npz."""
        with np.load(io.BytesIO(self.read(name)), allow_pickle=False) as arrays:
            return dict(arrays)


def kept_images(
    rows: IntArray, codes: NDArray[Any], scale: FloatArray | float, ratio: float, generator: np.random.Generator
) -> ImageTable | None:
    """``codes * scale`` of a random share of the pictures, by entity row; ``None`` without pictures.

    Args:
        rows: entity row of each picture, ``[P]``, in any order.
        codes: whole numbers, ``[P, d]``.
        scale: value of one step, a number or ``[d]``.
        ratio: share to keep, in [0, 1].
        generator: draws the pictures to keep.
    """
    kept = generator.permutation(len(rows))[: round(len(rows) * ratio)]
    if len(kept) == 0:
        return None
    kept = kept[np.argsort(rows[kept])]
    return ImageTable(rows[kept], codes[kept].astype(np.float32) * scale)
