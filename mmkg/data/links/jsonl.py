"""Links as JSON Lines, in and out: one object with ``left`` and ``right`` per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..parsing.columns import Faults
from .checked import PARTS, LabelLinks
from .columns import find_columns, names_shown
from .export import Export
from .lines import text_lines
from .rows import LinkRows
from .tables import link_table


def read_jsonl(path: str | Path, faults: Faults) -> list[tuple[int, dict[str, Any]]]:
    """Line number and object of each line; empty lines are left out.

    Raises:
        InputError: the file is missing, or a line holds no JSON object; unless ``faults`` skips it.
    """
    path, found = Path(path), []
    for line, text in text_lines(path, faults):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            faults.bad(f"expected a JSON object, got {text[:60]!r} ({str(error)[:80]})", path, line)
            continue
        if isinstance(value, dict):
            found.append((line, value))
        else:
            faults.bad(f"expected a JSON object, got {text[:60]!r}", path, line)
    return found


def read_jsonl_links(path: str | Path, faults: Faults) -> LabelLinks:
    """Links of objects with ``left`` and ``right``, and optionally ``part`` (train, valid or test).

    The keys may have the other names of ``PAIRS``, such as ``subject_id`` and ``object_id``; of objects with a key
    ``relation``, only equalities are links.

    Raises:
        InputError: as ``read_jsonl``; or an object lacks an end, has another part, or several pairs of ends.
    """
    path = Path(path)
    found = LinkRows(path, faults)
    parts: bool | None = None  # whether objects have a part
    for line, row in read_jsonl(path, faults):
        names = list(row)
        try:
            columns = find_columns(names, path, line)
        except InputError as error:
            faults.bad(error.reason, path, line)
            continue
        if columns is None:
            faults.bad(
                f"expected left and right, got the keys {names_shown(names) or 'of an empty object'}", path, line
            )
            continue
        left, right = row[names[columns.left]], row[names[columns.right]]
        part, relation, flag = (None if k is None else row[names[k]] for k in columns[2:5])
        if not all(isinstance(end, str) and end for end in (left, right)):
            faults.bad(f"expected texts left and right, got {left!r:.40} and {right!r:.40}", path, line)
        elif part is not None and part not in PARTS:
            faults.bad(f"expected the part train, valid or test, got {part!r:.40}", path, line)
        elif parts is not None and parts != (part is not None):
            faults.bad("expected a part in every line or in none", path, line)
        else:
            parts = part is not None
            other = None if relation is None else str(relation)
            found.add(line, left, right, part=part, relation=other, flag=None if flag is None else str(flag))
    return found.links()


def jsonl_lines(export: Export) -> Iterator[str]:
    """One JSON object per link, with its newline; its keys are the columns of ``link_table``.

    Raises:
        InputError: a score is not finite, or a confidence is not in [0, 1].
    """
    columns, rows = link_table(export)
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        yield json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"
