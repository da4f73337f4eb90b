"""What records look like and when they are equal: one line of counts, a small table, equality by value."""

import html
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from .errors import LONGEST, brief

FIRST = 4  # numbers of an array that its hash reads


class Shown:
    """Base of classes that show themselves as one line of counts, and in a notebook as a small table."""

    def _facts(self) -> Mapping[str, Any]:
        """What is shown, by name: numbers, and short texts. By default the public attributes and their sizes."""
        found = {name: _size(value) for name, value in vars(self).items() if not name.startswith("_")}
        return {name: value for name, value in found.items() if value is not None}

    def _table_rows(self) -> Iterable[tuple[Any, ...]]:
        """Rows of the table, all of one length."""
        return self._facts().items()

    def __repr__(self) -> str:
        shown = (
            f"{value:,} {name.replace('_', ' ')}" if _is_count(value) else f"{name}={brief(value)}"
            for name, value in self._facts().items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in self._table_rows())
        return f"<table><caption>{_cell(type(self).__name__)}</caption>{rows}</table>"


class Record(Shown):
    """Base of frozen dataclasses that hold arrays, made with ``eq=False, repr=False``.

    Two records are equal if they are of one class and all their fields are equal; arrays are equal if their shapes and
    values are. The hash of a record reads the sizes of its fields and a few numbers, not all its data.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = fields_of(self), fields_of(other)
        return self is other or all(same(value, theirs[name]) for name, value in mine.items())

    def __hash__(self) -> int:
        return hash((type(self).__name__, *map(_sketch, fields_of(self).values())))


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass, without what it has computed and kept since."""
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal; arrays by shape and values, NaN equals NaN, also inside mappings."""
    if first is second:
        return True
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second, equal_nan=first.dtype.kind == second.dtype.kind == "f")
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return False
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    return bool(first == second)


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """Text of a table cell, escaped."""
    if _is_count(value):
        return f"{value:,}"
    text = brief(value)[1:-1] if isinstance(value, str) and len(value) <= LONGEST else brief(value)
    return html.escape(text)


def _size(value: Any) -> Any:
    """A count or a short text for a value; ``None`` for one that is not shown."""
    if hasattr(value, "shape"):
        return "x".join(map(str, value.shape)) if len(value.shape) != 1 else int(value.shape[0])
    if isinstance(value, Sized) and not isinstance(value, (str, bytes)):
        return len(value)
    return value


def _sketch(value: Any) -> Any:
    """A hashable value that is equal for equal values."""
    if isinstance(value, np.ndarray):
        first = value.flat[:FIRST].tolist() if value.dtype.kind in "iub" else None
        return (value.shape, None if first is None else tuple(first))
    long = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > FIRST
    if long or isinstance(value, Mapping):
        return len(value)
    try:
        return hash(value)
    except TypeError:
        return len(value) if isinstance(value, Sized) else None
