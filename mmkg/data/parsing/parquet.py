"""Rows of Parquet files, in and out."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, MissingPackageError
from ...files import atomic_path
from ...typing import IntArray
from ..texts.pieces import LONGEST, PADDING
from .coded import Coded
from .columns import Faults
from .limits import most_bytes, too_large
from .tables import LIST, OPTIONAL, OTHER, TRIPLES, TableBlock, columns_of, is_optional
from .value_text import value_text, value_texts
from .words import Words

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


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file."""
    arrow, parquet = _pyarrow()
    try:
        return list(parquet.read_schema(path).names)
    except FileNotFoundError:
        raise InputError("no such file; check the folder and the name", path) from None
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a Parquet file, got {str(error)[:120]}", path) from None


def read_rows(
    path: Path, wanted: Sequence[str], faults: Faults, *, columns: Sequence[str] = ()
) -> Iterator[TableBlock]:
    """The requested columns of a Parquet file, some thousand rows at a time; see ``TableReader``. Lines are rows.

    Optional columns may hold numbers, truth values, dates and times instead of texts, see ``value_text``; nulls and NaN
    are missing values. Columns requested by their own name may also hold lists of these, which become one text with
    ``LIST`` in between; others of them are missing, with a note. Limit of the file (``faults.max_bytes``): its pages
    after decompression, and all texts as a plain file would hold them.
    """
    arrow, parquet = _pyarrow()
    try:
        most = most_bytes(path, faults.max_bytes)
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = columns if wanted[:3] == TRIPLES else ()
            places = columns_of(schema.names, wanted, path, names)
            for number, (place, column) in enumerate(zip(places, wanted, strict=True)):
                if place is not None and not _readable(schema.field(place), column, arrow):
                    field = schema.field(place)
                    if column.startswith(OTHER):
                        faults.count(
                            f"{path.name}: column {field.name!r} of {field.type}, not read; rows",
                            file.metadata.num_rows,
                        )
                        places[number] = None
                        continue
                    plain = " or a plain value" if is_optional(column) else ""
                    raise InputError(f"expected text{plain} in column {field.name!r}, got {field.type}", path)
            present = [schema.names[place] for place in places if place is not None]
            if _size_of(file.metadata, present) > most:
                raise too_large(path, most)
        # texts that repeat stay stored once until their size is known
        single = [name for name in present if not _is_list(schema.field(name).type, arrow)]
        with parquet.ParquetFile(path, read_dictionary=single) as file:
            first, size, words = 1, 0, Words()
            for batch in file.iter_batches(_ROWS, columns=present):
                batch.validate(full=True)  # Arrow reads texts that are no UTF-8, and codes beyond their dictionary
                lines = np.arange(first, first + len(batch))
                first += len(batch)
                size += sum(_plain_size(column) for column in batch.columns)
                if size > most:
                    raise too_large(path, most)
                yield _block(batch, places, schema.names, wanted, lines, path, faults, words)
    except FileNotFoundError:
        raise InputError("no such file; check the folder and the name", path) from None
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a Parquet file, got {str(error)[:120]}", path) from None


def _block(
    batch: Any,
    places: Sequence[int | None],
    names: Sequence[str],
    wanted: Sequence[str],
    lines: IntArray,
    path: Path,
    faults: Faults,
    words: Words,
) -> TableBlock:
    columns = [None if place is None else batch.column(names[place]) for place in places]
    if wanted[:3] == TRIPLES and columns[3:] in ([], [None, None]):
        coded = [_coded(column, words) for column in columns[:3]]
        if all(column is not None for column in coded):
            return TableBlock([*coded, *columns[3:]], lines)
    found: list[list[str | None] | None] = []
    good = np.ones(len(lines), bool)
    for array, column in zip(columns, wanted, strict=True):
        texts = None if array is None else _texts(array)
        if texts is not None and not is_optional(column) and not all(texts):
            for index in [k for k, text in enumerate(texts) if not text and good[k]]:
                what = "nothing" if texts[index] is None else "an empty text"
                faults.bad(f"expected the {column} in row {int(lines[index])}, got {what}", path)
                good[index] = False
        found.append(texts)
    if good.all():
        return TableBlock(found, lines)
    kept = np.flatnonzero(good).tolist()
    return TableBlock([None if texts is None else [texts[k] for k in kept] for texts in found], lines[good])


def _coded(array: Any, words: Words) -> Coded | None:
    """The texts of a column, each different one once in ``words``; ``None`` if any is missing, empty or very long."""
    arrow, _ = _pyarrow()
    if hasattr(array, "dictionary_decode"):
        array = array.dictionary_decode()  # its dictionary may hold texts that do not occur
    if array.null_count or not len(array):
        return None
    coded = array.dictionary_encode()
    texts = coded.dictionary.cast(arrow.large_string())
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(places)
    if int(lengths.min()) == 0 or int(lengths.max()) > LONGEST:
        return None
    text = np.concatenate([np.frombuffer(data, np.uint8), np.zeros(PADDING, np.uint8)])
    numbers = words.numbers(text, places[:-1], places[1:])
    return Coded(words, numbers[coded.indices.to_numpy(zero_copy_only=False)])


def _texts(array: Any) -> list[str | None]:
    """The texts of a column of any type that ``_readable`` accepts."""
    arrow, _ = _pyarrow()
    if hasattr(array, "dictionary_decode"):
        array = array.dictionary_decode()
    kind, types = array.type, arrow.types
    if _is_text(kind, arrow):
        texts: list[str | None] = array.to_pylist()
        return texts
    if types.is_floating(kind):  # a float32 keeps its short text
        return list(map(value_text, array.to_numpy(zero_copy_only=False)))
    if types.is_timestamp(kind):
        zone = "+00:00" if kind.tz else ""  # Arrow stores times with a zone in UTC
        moments = map(value_text, array.to_numpy(zero_copy_only=False))
        return [None if text is None else text + zone for text in moments]
    if types.is_time64(kind):
        array = array.cast(arrow.time64("us"), safe=False)
    if _is_list(kind, arrow):
        return [None if value is None else LIST.join(value_texts(value)) for value in array.to_pylist()]
    return list(map(value_text, array.to_pylist()))


def _plain_size(array: Any) -> int:
    """Bytes of a column if every row had a text or value of its own."""
    if not hasattr(array, "dictionary_decode"):
        return int(array.nbytes)
    from pyarrow import compute

    widths = compute.binary_length(array.dictionary).to_numpy(zero_copy_only=False)
    codes = array.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(codes, minlength=len(widths)) @ widths) + len(array) if len(codes) else len(array)


def _size_of(metadata: Any, columns: Sequence[str]) -> int:
    """Bytes of some columns after decompression, as the file declares them."""
    groups = (metadata.row_group(k) for k in range(metadata.num_row_groups))
    chunks = (group.column(k) for group in groups for k in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if _column_of(chunk, columns))


def _column_of(chunk: Any, columns: Sequence[str]) -> bool:
    """Whether a chunk belongs to one of the columns, also as the members of its lists."""
    path = chunk.path_in_schema
    return (
        path in columns or path.removesuffix(".list.element") in columns or path.removesuffix(".list.item") in columns
    )


def _readable(field: Any, column: str, arrow: Any) -> bool:
    """Whether a column holds texts or, if it is optional, plain values; by its own name also lists of them."""
    kind, types = field.type, arrow.types
    optional = is_optional(column)
    if column.startswith(OTHER) and _is_list(kind, arrow):
        kind = kind.value_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    plain = (
        *(types.is_boolean, types.is_integer, types.is_floating, types.is_decimal),
        *(types.is_date, types.is_time, types.is_timestamp, types.is_null),
    )
    return _is_text(kind, arrow) or (optional and any(check(kind) for check in plain))


def _is_list(kind: Any, arrow: Any) -> bool:
    return bool(arrow.types.is_list(kind) or arrow.types.is_large_list(kind))


def _is_text(kind: Any, arrow: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind) or arrow.types.is_string_view(kind))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("Parquet files need pyarrow: pip install 'mmkg[parquet]'") from error
    return pyarrow, pyarrow.parquet
