"""Links as JSON Lines, in and out: one object with ``left`` and ``right`` per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..parsing.columns import Faults, read_strings
from .checked import PARTS, LabelLinks
from .export import Export
from .tables import link_table


def read_jsonl(path: str | Path, faults: Faults) -> list[tuple[int, dict[str, Any]]]:
    """Line number and object of each line.

    Raises:
        InputError: the file is missing, or a line holds no JSON object; unless ``faults`` skips it.
    """
    path, found = Path(path), []
    for line, fields in read_strings(path, 1, faults, more=True):
        text = "\t".join(fields)
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
    """Links of objects with texts ``left`` and ``right``, and optionally ``part`` (train, valid or test).

    Raises:
        InputError: as ``read_jsonl``; or an object lacks ``left`` or ``right``, or has another part.
    """
    path = Path(path)
    left: list[str] = []
    right: list[str] = []
    parts: list[str] = []
    lines: list[int] = []
    for line, row in read_jsonl(path, faults):
        ends = row.get("left"), row.get("right")
        part = row.get("part")
        if not all(isinstance(end, str) and end for end in ends):
            faults.bad(f"expected texts left and right, got {ends[0]!r:.40} and {ends[1]!r:.40}", path, line)
        elif part is not None and part not in PARTS:
            faults.bad(f"expected the part train, valid or test, got {part!r:.40}", path, line)
        elif lines and (part is None) != (not parts):
            faults.bad("expected a part in every line or in none", path, line)
        else:
            left.append(str(ends[0]))
            right.append(str(ends[1]))
            lines.append(line)
            parts += [] if part is None else [part]
    return LabelLinks(path, left, right, np.array(lines, np.int64), parts or None)


def jsonl_lines(export: Export) -> Iterator[str]:
    """One JSON object per link, with its newline; its keys are the columns of ``link_table``.

    Raises:
        InputError: a score is not finite, or a confidence is not in [0, 1].
    """
    columns, rows = link_table(export)
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        yield json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"
