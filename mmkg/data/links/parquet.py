"""Links in Parquet files, in and out."""

from pathlib import Path

from ..parsing.columns import Faults
from ..parsing.parquet import read_rows, write_rows
from .checked import LabelLinks
from .export import Export
from .tables import NUMBERS, OPTIONAL, link_table, read_table_links


def read_parquet_links(path: str | Path, faults: Faults) -> LabelLinks:
    """Read links from Parquet: left, right and optionally part (train, valid or test).

    Raises:
        InputError: the file is missing or not a Parquet file, a column is missing or holds no text, a text is missing.
        MissingPackageError: pyarrow is not installed.
    """
    return read_table_links(Path(path), read_rows, faults)


def write_parquet_links(path: Path, export: Export) -> None:
    """Write links, whole or not at all; the columns are those of ``link_table``, scores and confidences float64.

    Raises:
        InputError: a text that UTF-8 cannot hold, an empty label, or a number out of range.
        MissingPackageError: pyarrow is not installed.
    """
    columns, rows = link_table(export)
    write_rows(path, columns, rows, numbers=NUMBERS, optional=OPTIONAL)
