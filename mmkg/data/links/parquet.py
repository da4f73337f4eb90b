"""Links in Parquet files, in and out."""

from pathlib import Path

from ...errors import InputError
from ..parsing.columns import Faults
from ..parsing.parquet import column_names, read_rows, write_rows
from .checked import LabelLinks
from .columns import find_columns, names_shown
from .export import Export
from .rows import LinkRows
from .tables import NUMBERS, OPTIONAL, link_table


def read_parquet_links(path: str | Path, faults: Faults) -> LabelLinks:
    """Read links from Parquet: left, right and optionally part (train, valid or test).

    The columns may have the other names of ``PAIRS``; of a column of relations, only equalities are links.

    Raises:
        InputError: the file is missing or not a Parquet file, a column is missing or holds no text, a text is missing.
        MissingPackageError: pyarrow is not installed.
    """
    path = Path(path)
    names = column_names(path)
    columns = find_columns(names, path)
    if columns is None:
        raise InputError(f"expected columns left and right, got {names_shown(names)}", path)
    found = LinkRows(path, faults)
    places = [place for place in columns[:5] if place is not None]
    for block in read_rows(path, [names[place] for place in places], faults):
        texts = dict(zip(places, block.columns, strict=True))
        for k, line in enumerate(block.lines.tolist()):
            left, right, part, relation, flag = (
                None if place is None else (texts[place] or [])[k] or "" for place in columns[:5]
            )
            found.add(line, left or "", right or "", part=part, relation=relation, flag=flag)
    return found.links()


def write_parquet_links(path: Path, export: Export) -> None:
    """Write links, whole or not at all; the columns are those of ``link_table``, scores and confidences float64.

    Raises:
        InputError: a text that UTF-8 cannot hold, an empty label, or a number out of range.
        MissingPackageError: pyarrow is not installed.
    """
    columns, rows = link_table(export)
    write_rows(path, columns, rows, numbers=NUMBERS, optional=OPTIONAL)
