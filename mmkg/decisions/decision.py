"""One decision of a person: two entities are the same, are not, or an entity has no counterpart."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import InputError, brief

ACCEPT, REJECT, NO_COUNTERPART = "accept", "reject", "no_counterpart"
VERDICTS = (ACCEPT, REJECT, NO_COUNTERPART)
LONGEST_LABEL, LONGEST_AUTHOR, LONGEST_COMMENT = 8192, 200, 4000  # characters
_ORCID = re.compile(r"(?:orcid:|(?:https?://)?orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)?")


@dataclass(frozen=True)
class Decision:
    """What one person decided.

    Args:
        left: label of the left entity; ``None`` if a right entity has no counterpart.
        right: label of the right entity; ``None`` if a left entity has no counterpart.
        verdict: one of ``VERDICTS``.
        author: who decided: a name, an ORCID or another IRI; empty = not known.
        date: when, ISO 8601, a date or a time in UTC; empty = not known.
        comment: why.
        id: number in its store, from 1; 0 = in none.
        undone: whether it was taken back.

    Raises:
        InputError: an unknown verdict, an entity is missing or is one too many, or a text is too long or no text.
    """

    left: str | None
    right: str | None
    verdict: str
    author: str = ""
    date: str = ""
    comment: str = ""
    id: int = 0
    undone: bool = False

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(f"expected a verdict {', '.join(VERDICTS)}, got {brief(self.verdict)}")
        ends = [each for each in (self.left, self.right) if each is not None]
        if self.verdict == NO_COUNTERPART:
            if len(ends) != 1:
                raise InputError(f"expected one entity without a counterpart, got {len(ends)}: give left or right")
        elif len(ends) != 2:
            raise InputError(f"expected a left and a right entity to {self.verdict}, got {len(ends)} of them")
        limits = (LONGEST_LABEL,) * len(ends) + (LONGEST_AUTHOR, LONGEST_COMMENT)
        for text, most in zip((*ends, self.author, self.comment), limits, strict=True):
            if len(text) > most:
                raise InputError(f"expected a text of at most {most:,} characters, got {len(text):,}")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InputError(f"expected text that UTF-8 can hold, got {ascii(text)[:60]}") from None
        if not all(ends):
            raise InputError("expected labels of one character at least, got an empty one")
        if self.date and not _DATE.fullmatch(self.date):
            raise InputError(f"expected a date such as 2026-05-31 or 2026-05-31T12:00:00Z, got {brief(self.date)}")

    @property
    def pair(self) -> tuple[str | None, str | None]:
        """Labels of both entities."""
        return self.left, self.right

    def text(self) -> str:
        """The decision in a few words, for messages."""
        who = self.author or "somebody"
        if self.verdict == NO_COUNTERPART:
            return f"{who}: {brief(self.left or self.right)} has no counterpart"
        return f"{who}: {brief(self.left)} {'=' if self.verdict == ACCEPT else 'is not'} {brief(self.right)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def now() -> str:
    """This moment in UTC, to the second, as ``Decision.date``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def author_of(text: str) -> str:
    """An author as ``Decision.author``: an ORCID as its IRI, any other text without spaces around it."""
    found = _ORCID.fullmatch(text.strip())
    return f"https://orcid.org/{found[1].upper()}" if found else " ".join(text.split())
