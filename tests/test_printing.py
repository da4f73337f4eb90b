"""Characters that a terminal acts upon never reach it."""

import io
import json
import unicodedata

import pytest

from mmkg.printing import json_safe, line, lines, show

RED = "\x1b[31m"
ACTING = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d"]
ACTING += [*"\u202e\u2066\u2067\u2068\u2069\ufeff\ud800\udfff"]


@pytest.mark.parametrize("letter", ACTING, ids=lambda letter: f"{ord(letter):04x}")
def test_no_control_is_left_on_a_line(letter):
    shown = line(f"a{letter}b")
    assert letter not in shown and shown[0] == "a" and shown[-1] == "b" and len(shown) > 2
    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in shown)
    assert letter in "\n\t" or letter not in lines(f"a{letter}b")


def test_escapes_can_be_read_and_other_letters_stay():
    assert line(f"{RED}red\u202egnp.exe\n2\t3") == r"\x1b[31mred\u202egnp.exe 2 3"
    assert lines("1\n2\t3\r\x9b") == "1\n2\t3\\x0d\\x9b"
    for text in ("東京", "العربية", "👩\u200d🚀", "é", "\u200c", "=1+1", "a\\b"):
        assert line(text) == text


def test_a_letter_that_the_terminal_lacks_is_an_escape():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    show("東é", file=out, flush=True)
    assert raw.getvalue() == b"\\u6771\\xe9\n"


def test_json_has_escapes_and_the_same_value():
    value = {"a": f"{RED}\u202e\x7f\x9b\u2028東"}
    text = json_safe(json.dumps(value, ensure_ascii=False))
    assert not set(text) & set(ACTING) and "東" in text and json.loads(text) == value
