"""One form of a text for comparisons."""

import unicodedata


def folded(text: str) -> str:
    """The text without differences of letter case, width and spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
