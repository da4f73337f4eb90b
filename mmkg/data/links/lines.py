"""The lines of a text file, for formats in which a record may take several lines."""

from collections.abc import Iterator
from pathlib import Path

from ..parsing.columns import Faults, read_blocks


def text_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """Number and text of each line without its newline; a line that is no UTF-8 goes to ``faults``."""
    for first, block in read_blocks(path, faults):
        for line, raw in enumerate(block.split(b"\n")[:-1], start=first):
            try:
                yield line, raw.decode()
            except UnicodeDecodeError as error:
                faults.bad(f"expected UTF-8, got byte {raw[error.start]:#04x} in column {error.start + 1}", path, line)
