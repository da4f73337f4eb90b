"""The page of all messages: what the library raises, in the sections that say what to do about it."""

import functools
import html
import re
import zlib
from pathlib import Path
from typing import Any

from messages import Message, Source

ROOT = Path(__file__).parents[2]


def with_messages(text: str) -> str:
    """A page with the errors of each folder, file by file, in the place of ``<!-- messages of FOLDER -->``."""
    folders: dict[str, dict[str, list[str]]] = {}
    for each in library_messages():
        lines = folders.setdefault(folder_of(each), {}).setdefault(each.about, [])
        kind = "" if each.error == "InputError" else f" (`{each.error}`)"
        lines.append(f"- {escaped(each.text)}{kind}\n  {{#{anchor(each)}}}")

    def listed(found: re.Match[str]) -> str:
        files = folders.pop(found[1])
        return "\n\n".join(f"**{about}**\n\n" + "\n".join(lines) for about, lines in files.items())

    filled = re.sub(r"<!-- messages of (\S+) -->", listed, text)
    if folders:
        raise ValueError(
            f"docs/reference/messages.md: no section for {', '.join(folders)}; add one that says what to do"
        )
    return filled


def folder_of(message: Message) -> str:
    """The folder of the file that raises an error."""
    return message.path.rpartition("/")[0]


def anchor(message: Message) -> str:
    """The id of a message on its page."""
    return f"m{zlib.crc32(f'{message.path} {message.text}'.encode()):08x}"


def searched_one_by_one(index: dict[str, Any], weight: float) -> dict[str, Any]:
    """A search index in which each message is an entry of its own, and not a part of the long section of its folder."""
    page = "reference/messages.html"
    docs = [each for each in index["docs"] if not each["location"].startswith(f"{page}#")]
    for each in library_messages():
        place = {"location": f"{page}#{anchor(each)}", "title": each.error}
        docs.append({**place, "text": html.escape(each.text), "boost": weight})
    return {**index, "docs": docs}


@functools.cache
def library() -> Source:
    """The modules of the library."""
    return Source(ROOT, sorted((ROOT / "mmkg").rglob("*.py")))


@functools.cache
def library_messages() -> list[Message]:
    """Every error of the library."""
    return library().messages()


def escaped(text: str) -> str:
    """A text as Markdown shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))
