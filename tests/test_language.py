"""Texts are plain English: a few phrases that readers stumbled over do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PHRASES = (
    r"told|tells|untold",  # of files and figures: holds, reports, indicates, states
    r"asked|asks for",  # of searches: queries, given, requested
    r"at hand|what there is|what is there|come into question|heard of|draw(?:s|n)? up|stands? beside|seen to",
    r"of everything random",
)
PATTERN = re.compile(r"\b(?:" + "|".join(PHRASES) + r")\b", re.IGNORECASE)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tools" / "FIGURES.md"]


def found(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        if PATTERN.search(line)
    ]


@pytest.mark.parametrize("folder", ["mmkg", "tools"])
def test_code_avoids_phrases_that_readers_stumbled_over(folder):
    assert [line for path in sorted((ROOT / folder).rglob("*.py")) for line in found(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_avoid_them_too(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("old entries stay as they were")
    assert found(page) == []


def test_the_pattern_finds_them():
    assert PATTERN.search("What there is of it is told.") and not PATTERN.search("A toll is a taskforce.")
