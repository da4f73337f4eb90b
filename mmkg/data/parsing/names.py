"""Names of entities from the JSON files that go with DBP15K."""

import json
import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from .columns import Faults
from .id_rows import IdRows
from .integers import MAX_ID


def read_names(path: str | Path, sides: Sequence[IdRows], faults: Faults) -> list[tuple[str | None, ...]]:
    """Read a list of ``[id, [word, ...]]`` (or ``[id, "text"]``).

    Args:
        path: JSON file, UTF-8.
        sides: rows of the ids of each graph.
        faults: policy for bad items; ids of neither graph are counted.

    Returns:
        Per graph one text for each row: the words joined by a space, ``None`` without words.

    Raises:
        InputError: the file is missing, is no such JSON, or names an id twice.
    """
    path = Path(path)
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise InputError("no such file; check the path of the names", path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"expected JSON, got {error.msg.lower()} in column {error.colno}", path, error.lineno
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected UTF-8 JSON, got {error}", path) from None
    if not isinstance(items, list):
        raise InputError(f"expected a list of [id, [word, ...]], got a JSON {type(items).__name__}", path)
    texts: dict[int, str] = {}
    for number, item in enumerate(items, start=1):
        if not (isinstance(item, list) and len(item) == 2 and type(item[0]) is int and 0 <= item[0] <= MAX_ID):
            faults.bad(f"item {number}: expected [id, [word, ...]], got {reprlib.repr(item)}", path)
            continue
        entity_id, words = item
        words = [words] if isinstance(words, str) else words
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            faults.bad(f"item {number}: expected the words of id {entity_id}, got {reprlib.repr(words)}", path)
        elif entity_id in texts:
            faults.bad(f"item {number}: expected unique ids, {entity_id} came before", path)
        else:
            texts[entity_id] = " ".join(words).strip()
    ids = np.fromiter(texts, np.int64, len(texts))
    found, known = [], 0
    for rows in sides:
        known += int((rows(ids) >= 0).sum())
        found.append(tuple(texts.get(entity_id) or None for entity_id in rows.ids.tolist()))
    faults.count(f"{path.name}: names of unknown entities", len(texts) - known)
    return found
