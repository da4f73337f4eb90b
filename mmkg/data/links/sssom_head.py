"""The metadata of a mapping set in SSSOM: YAML in lines that begin with ``#``, or in a file of its own."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ...errors import InputError
from ..parsing.columns import ByteStream, Faults, stem
from .equal import NAMESPACES

_MOST = 1 << 18  # characters of metadata
_DEEPEST = 20  # levels of nesting
_EXTERNAL = (".sssom.yml", ".sssom.yaml")
_SUFFIX = re.compile(r"(?:\.sssom)?(?:\.(?:tsv|csv|txt))?$", re.IGNORECASE)
_TOP = re.compile(r"[^\s#]")
# keys of a mapping set that tell SSSOM from any other table with comments
_KEY = re.compile(r"#\s*[\"']?(?:curie_map|mapping_set_[a-z]+|subject_source|object_source|sssom_version)[\"']?\s*:")


class Head(NamedTuple):
    """The metadata, and the line after them.

    Args:
        prefixes: namespaces by prefix, with those that need no declaration.
        line: number of the first line after the metadata.
        names: text of this line, the names of the columns; empty if there is none.
    """

    prefixes: dict[str, str]
    line: int
    names: str


def read_head(texts: Iterator[tuple[int, str]], path: Path, faults: Faults) -> Head:
    """The metadata of a set; ``texts`` are left behind the names of the columns.

    Metadata in a file of the same name that ends in ``.sssom.yml`` are read as well; the file itself has precedence.

    Raises:
        InputError: the map of prefixes is no map of texts in YAML, or the metadata are too long or too deep.
    """
    lines: list[tuple[int, str]] = []
    line, names = 1, ""
    cells = " \t," if stem(path).suffix.lower() == ".csv" else " \t"  # of nothing, which spreadsheets add
    for line, text in texts:
        if text.startswith("#"):
            lines.append((line, text[1:].rstrip(cells)))
        elif text.strip():
            names = text
            break
    outside = external_metadata(path)
    prefixes = dict(NAMESPACES)
    if outside is not None:
        with ByteStream(outside) as stream:
            content = stream.read(4 * _MOST).decode(errors="replace").replace("\r\n", "\n").split("\n")
        prefixes |= _prefixes(list(enumerate(content, start=1)), outside, faults)
    prefixes |= _prefixes(lines, path, faults)
    return Head(prefixes, line, names)


def external_metadata(path: Path) -> Path | None:
    """The file of metadata beside a file of mappings; ``None`` without one."""
    base = _SUFFIX.sub("", stem(path).name)
    return next((path.with_name(base + end) for end in _EXTERNAL if path.with_name(base + end).is_file()), None)


def is_metadata(line: str) -> bool:
    """Whether a line of comment is metadata of a mapping set."""
    return _KEY.match(line) is not None


def _prefixes(lines: Sequence[tuple[int, str]], path: Path, faults: Faults) -> dict[str, str]:
    if sum(len(text) + 1 for _, text in lines) > _MOST:
        raise InputError(f"expected metadata of at most {_MOST} characters, got more", path, lines[0][0])
    try:
        found = _parsed(lines, path)
    except InputError:  # a key whose value is no YAML, such as a title with a colon, does not spoil the others
        found = {}
        for block in _blocks(lines):
            try:
                found |= _parsed(block, path)
            except InputError:
                if block[0][1].lstrip("\"' ").startswith("curie_map"):
                    raise
                faults.count(f"{path.name}: keys of metadata that are no YAML", 1)
    declared = found.get("curie_map") or {}
    first = next((line for line, text in lines if "curie_map" in text), None)
    if not isinstance(declared, dict):
        raise InputError("expected prefixes and their IRIs in curie_map, got other YAML", path, first)
    for prefix, iri in declared.items():
        if not isinstance(iri, str) or not iri.strip():
            raise InputError(f"expected the IRI of the prefix {prefix[:40]!r}, got {iri!r:.60}", path, first)
    return {prefix: iri for prefix, iri in declared.items()}


def _blocks(lines: Sequence[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """The lines of each key at the top level."""
    blocks: list[list[tuple[int, str]]] = []
    for line, text in lines:
        if _TOP.match(text) or not blocks:
            blocks.append([])
        blocks[-1].append((line, text))
    return blocks


def _parsed(lines: Sequence[tuple[int, str]], path: Path) -> dict[str, Any]:
    """Texts, lists and maps of some lines of YAML; a map of nothing if they are a plain comment."""
    used = [text for _, text in lines if text.strip()]
    margin = min((len(text) - len(text.lstrip(" ")) for text in used), default=0)
    loader = _Loader("\n".join(text[margin:] for _, text in lines))
    try:
        found = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark or error.problem_mark
        line = None if mark is None else lines[min(mark.line, len(lines) - 1)][0]
        what = f"{error.context or ''} {error.problem or ''}".strip()
        raise InputError(f"expected metadata in YAML, got an error {what[:120]}", path, line) from None
    except yaml.YAMLError as error:
        raise InputError(f"expected metadata in YAML, got {str(error)[:120]}", path, lines[0][0]) from None
    finally:
        loader.dispose()
    return found if isinstance(found, dict) else {}


class _Loader(yaml.BaseLoader):  # type: ignore[misc]
    """YAML of texts, lists and maps, without tags, aliases (which expand without bound) and deep nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias, which metadata do not have", event.start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.composer.ComposerError(None, None, "too deep nesting", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1
