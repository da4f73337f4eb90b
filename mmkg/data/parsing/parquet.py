"""Rows of Parquet files, in and out."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, MissingPackageError
from ...files import atomic_path
from ...typing import IntArray
from .builder import Coded
from .columns import Faults
from .tables import OPTIONAL, TRIPLES, TableBlock, columns_of

SUFFIXES = (".parquet", ".pq")
_ROWS = 1 << 18  # rows that are read at a time: many, because each different text is looked up once per block
_GROUP = 1 << 16  # rows that are written at a time


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Any,
    *,
    numbers: Sequence[str] = (),
    optional: Sequence[str] = OPTIONAL,
) -> None:
    """Write a table of texts, whole or not at all.

    Args:
        path: the file.
        columns: names of the columns.
        rows: one value per column.
        numbers: columns that hold float64 or ``None`` instead of text.
        optional: columns of texts that may be empty or ``None``.

    Raises:
        InputError: a text that UTF-8 cannot hold, or an empty text in a column that is not optional.
        MissingPackageError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    kinds = [arrow.float64() if column in numbers else arrow.string() for column in columns]
    schema = arrow.schema(list(zip(columns, kinds, strict=True)))
    rows = iter(rows)
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while block := list(islice(rows, _GROUP)):
            texts = list(zip(*block, strict=True))
            for column, items in zip(columns, texts, strict=True):
                if column not in (*optional, *numbers) and not all(items):
                    raise InputError(f"expected the {column} of every row, got an empty text", path)
            try:
                arrays = [arrow.array(items, kind) for items, kind in zip(texts, kinds, strict=True)]
                writer.write_table(arrow.table(arrays, schema))
            except UnicodeEncodeError as error:
                raise InputError(f"expected text that UTF-8 can hold, got {error.object!a:.60}", path) from None


def read_rows(
    path: Path, wanted: Sequence[str], faults: Faults, *, columns: Sequence[str] = ()
) -> Iterator[TableBlock]:
    """The requested columns of a Parquet file, some thousand rows at a time; see ``TableReader``. Lines are rows."""
    arrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = columns if wanted == TRIPLES else ()
            places = columns_of(schema.names, wanted, path, names)
            for place in places:
                if place is not None and not _is_text(schema.field(place).type, arrow):
                    field = schema.field(place)
                    raise InputError(f"expected text in column {field.name!r}, got {field.type}", path)
            present = [schema.names[place] for place in places if place is not None]
            first = 1
            for batch in file.iter_batches(_ROWS, columns=present):
                lines = np.arange(first, first + len(batch))
                first += len(batch)
                yield _block(batch, places, schema.names, wanted, lines, path, faults)
    except FileNotFoundError:
        raise InputError("no such file; check the folder and the name", path) from None
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"expected a Parquet file, got {str(error)[:120]}", path) from None


def _block(
    batch: Any,
    places: Sequence[int | None],
    names: Sequence[str],
    wanted: Sequence[str],
    lines: IntArray,
    path: Path,
    faults: Faults,
) -> TableBlock:
    columns = [None if place is None else batch.column(names[place]) for place in places]
    if wanted == TRIPLES:
        coded = [_coded(column) for column in columns]
        if all(column is not None for column in coded):
            return TableBlock(coded, lines)
    found: list[list[str | None] | None] = []
    good = np.ones(len(lines), bool)
    for array, column in zip(columns, wanted, strict=True):
        texts = None if array is None else array.to_pylist()
        if texts is not None and column not in OPTIONAL and not all(texts):
            for index in [k for k, text in enumerate(texts) if not text and good[k]]:
                what = "nothing" if texts[index] is None else "an empty text"
                faults.bad(f"expected the {column} in row {int(lines[index])}, got {what}", path)
                good[index] = False
        found.append(texts)
    if good.all():
        return TableBlock(found, lines)
    kept = np.flatnonzero(good).tolist()
    return TableBlock([None if texts is None else [texts[k] for k in kept] for texts in found], lines[good])


def _coded(array: Any) -> Coded | None:
    """The texts of a column, each different one once; ``None`` if any is missing or empty."""
    if hasattr(array, "dictionary_decode"):
        array = array.dictionary_decode()  # its dictionary may hold texts that do not occur
    coded = array.dictionary_encode()
    words = coded.dictionary.to_pylist()
    if array.null_count or "" in words:
        return None
    return Coded(words, coded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def _is_text(kind: Any, arrow: Any) -> bool:
    if arrow.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind) or arrow.types.is_string_view(kind))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("Parquet files need pyarrow: pip install 'mmkg[parquet]'") from error
    return pyarrow, pyarrow.parquet
