"""Every error that the library raises is on a page of the site, with what it means and what to do."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
MODULE = '''
"""Reader of
shelves.

More."""
KEEP = Advice("keep it by {}", Setting("data.keep", "ALL"))


def short(text, wanted):
    """The message."""
    return f"expected {wanted}, got {text!r}"


class Shelf:
    def read(self, faults, line):
        what = f"no shelf {line}" if line else "no shelf at all"
        raise InputError(what, self.path)

    def bad(self, message):
        raise InputError(message)

    def check(self, rows, name):
        faults.bad(short(rows, f"{len(rows)} rows"), advice=Advice("pass {}, or {}", SKIP, other))
        self.refuse("a book " + "is missing")
        raise UsageError(f"unknown shelf; {nearest(name, SHELVES)}", advice=KEEP if rows else None)

    def refuse(self, why):
        return InputError(why)

    def again(self, error):
        raise InputError(error.reason)
'''


@pytest.fixture
def messages(tools):
    import messages

    return messages


@pytest.fixture
def page(tools):
    import message_page

    return message_page


def test_texts_are_found_wherever_they_are_written(messages, tmp_path):
    path = tmp_path / "shelf.py"
    path.write_text(MODULE, encoding="utf-8")
    source = messages.Source(tmp_path, [path])
    found = source.messages()
    assert [(each.error, each.text) for each in found] == [
        ("InputError", "a book is missing"),
        ("InputError", "expected … rows, got …; pass --set data.on_error=skip, or …"),
        ("InputError", "no shelf at all"),
        ("InputError", "no shelf …"),
        ("UsageError", "unknown shelf; did you mean …? known: …; keep it by --set data.keep=ALL"),
    ]
    assert {each.path for each in found} == {"shelf.py"} and {each.about for each in found} == {"Reader of shelves."}


def test_every_error_of_the_library_has_a_text_unless_it_passes_another_on(page, messages):
    source = page.library()
    silent = [
        (path, messages.ast.unparse(call.args[0]))
        for path, call, inside in source.raised
        if not any(re.search(r"\w{3}", text) for text in source.texts(call.args[0], inside))
    ]
    assert [each for each in silent if not re.search(r"error|problem|what", each[1])] == [] and len(silent) < 20
    assert len({each.text for each in page.library_messages()}) > 700


def test_every_message_is_on_the_page_below_what_it_means_and_what_to_do(page):
    text = page.with_messages((REFERENCE / "messages.md").read_text(encoding="utf-8"))
    lines = set(text.replace("\n  {", " {").splitlines())
    for each in page.library_messages():
        kind = "" if each.error == "InputError" else f" (`{each.error}`)"
        assert f"- {page.escaped(each.text)}{kind} {{#{page.anchor(each)}}}" in lines
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(sections) > 25
    for section in sections:
        assert "*What it means.*" in section and "*What to do.*" in section and "\n- " in section, section[:60]
    assert page.escaped("a*b [c]") == r"a\*b \[c\]"
    with pytest.raises(ValueError, match="no section for mmkg, mmkg/callbacks"):
        page.with_messages("# All messages")


def test_the_usual_errors_are_quoted_as_they_are_printed(page):
    texts = [each.text for each in page.library_messages()]
    quoted = re.findall(r"^\| `([^`]+)`", (REFERENCE / "errors.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(quoted) > 30
    for each in quoted:
        pattern = ".*".join(map(re.escape, re.split(r"\s*…\s*", each)))
        assert any(re.search(pattern, text) for text in texts), each
