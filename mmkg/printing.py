"""Text for people: characters that a terminal acts upon, or that change the order of reading, are made visible."""

import re
import sys
from typing import Any, TextIO

# C0 and C1 controls, DEL; marks of direction; line and paragraph separator; annotations; half surrogates
_CONTROL = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_ACTING = re.compile(f"[{_CONTROL}]")
_LINE_ENDS = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]")
_IN_LINES = re.compile(f"(?![\\n\\t])[{_CONTROL}]")


def line(text: Any) -> str:
    r"""The text on one line: line ends and tabs as a space, other controls as an escape such as ``\x1b``, ``\u202e``.

    Labels and names of a graph pass through here before they are printed.
    """
    return _ACTING.sub(_escape, _LINE_ENDS.sub(" ", str(text)))


def lines(text: Any) -> str:
    """The text with its line ends and tabs, and all other controls as escapes."""
    return _IN_LINES.sub(_escape, str(text))


def show(text: Any = "", *, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Print text for people, see ``lines``; a letter that the terminal cannot show is an escape.

    Args:
        text: one or several lines.
        end: printed after it.
        file: stdout by default.
        flush: whether to flush the file.
    """
    out = sys.stdout if file is None else file
    out.write(printable(lines(text), out) + end)
    if flush:
        out.flush()


def printable(text: str, file: TextIO) -> str:
    """The text, with escapes for letters that the encoding of the file does not have."""
    encoding = getattr(file, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def json_safe(text: str) -> str:
    r"""A JSON text with the controls that JSON leaves as they are (DEL, C1, marks of direction) as ``\u`` escapes."""
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


# --- fields of tables that a spreadsheet may open

# a spreadsheet runs a text that begins like this, or takes its quotes off and then runs it
_FORMULA = re.compile('[=+\\-@"\\t\\r\\uff1d\\uff0b\\uff0d\\uff20]')


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula."""
    return _FORMULA.match(text) is not None


def guarded(text: str) -> str:
    """The text, after a backslash if a spreadsheet would take it for a formula; ``unguarded`` takes that off again."""
    return "\\" + text if is_formula(text.lstrip("\\")) else text


def unguarded(text: str) -> str:
    """The text that ``guarded`` was given."""
    return text[1:] if text.startswith("\\") and is_formula(text.lstrip("\\")) else text


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
