"""Writer of files of tab-separated fields without a header, as DBP15K, OpenEA and MMKB have them."""

from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError
from ...files import atomic_path


def write_tab_lines(path: Path, rows: Iterable[Iterable[str]], *, empty_last: bool = False) -> None:
    """Write lines of fields separated by tabs, completely or not at all; ``empty_last`` allows an empty last field.

    Raises:
        InputError: a field holds a tab, a line end or a NUL, is empty, or cannot be UTF-8.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            fields = list(row)
            for field in fields:
                if any(sign in field for sign in "\t\n\r\0"):
                    raise InputError(f"expected text without tabs, line ends and NUL, got {field[:60]!r}", path)
            if not all(fields[:-1] if empty_last else fields):
                raise InputError(f"expected text in every field, got {fields!r:.80}", path)
            try:
                file.write("\t".join(fields) + "\n")
            except UnicodeEncodeError:
                raise InputError(f"expected text that UTF-8 can hold, got {fields!a:.80}", path) from None
