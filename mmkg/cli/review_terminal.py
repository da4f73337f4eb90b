"""Decisions in the terminal: both entities of the least sure match, and one letter."""

import getpass
import sys
from pathlib import Path
from typing import Any

from ..decisions.decision import ACCEPT, NO_COUNTERPART, REJECT, Decision, author_of
from ..decisions.settled import settled
from ..decisions.store import FILE, DecisionStore
from ..printing import line, show
from ..result.result import AlignmentResult
from ..serve.verdicts import verdicts_of
from .shown import print_json

KEYS = "a accept, r reject, n no counterpart, 1-5 another candidate, s skip, u undo, q quit"
FACTS, NEIGHBOURS = 8, 6  # rows that are shown
WIDTH = 48  # letters of a column


def review_here(run: Path, author: str | None, *, as_json: bool = False) -> None:
    """Show matches, the least sure first, and read decisions from the keyboard or a pipe until ``q`` or the end.

    Args:
        run: the run folder.
        author: who decides; ``None`` = the name of the user.
        as_json: print one JSON object with the decisions instead of the entities.
    """
    from ..review import RunView

    view, store = RunView(AlignmentResult.load(run), run), DecisionStore.of(run)
    try:
        made = _Review(view, store, author_of(_user() if author is None else author), quiet=as_json).loop()
        total = store.count()
    finally:
        store.close()
    if as_json:
        print_json({"decisions": [each.as_dict() for each in made], "total": total})
    else:
        where = f"{run / FILE}   (mmkg match {run} --decisions {run})"
        show(f"{len(made):,} decisions, {total:,} in all: {where}")


class _Review:
    """A review in progress."""

    def __init__(self, view: Any, store: DecisionStore, author: str, *, quiet: bool) -> None:
        self.view, self.store, self.author, self.quiet = view, store, author, quiet
        self.made: list[Decision] = []
        self.skipped = 0

    def loop(self) -> list[Decision]:
        """Decide until the end; returns the decisions that were made and not taken back."""
        while True:
            single = self.view.result.experiment.data.one_to_one
            held = settled(self.store.all(), one_to_one=single).decisions
            verdicts = verdicts_of(self.view, held, one_to_one=single)
            query = {"order": "least_sure", "state": "open", "known": False, "limit": 1, "offset": self.skipped}
            found = self.view.matches(decisions=verdicts, **query)
            if not found["rows"]:
                self._show("every match is decided" if not self.skipped else "every match is decided or skipped")
                return self.made
            row = found["rows"][0]
            detail = self.view.match(row["left"], row["right"])
            self._print(detail, found["total"] - self.skipped)
            if not self._answered(row, detail):
                return self.made

    def _answered(self, row: dict[str, Any], detail: dict[str, Any]) -> bool:
        """Read keys until one decides, skips or undoes; false at the end."""
        while True:
            if not self.quiet:
                show(f"[{KEYS}] ", end="", flush=True)
            text = sys.stdin.readline()
            key = text.strip().lower()
            if not text or key == "q":
                if not self.quiet:
                    show()
                return False
            if key == "s":
                self.skipped += 1
                return True
            if key == "u":
                self._undo()
                return True
            decision = self._decision(key, row, detail)
            if decision is not None:
                self.made.append(self.store.add(decision))
                self._show(f"written: {line(self.made[-1].text())}")
                return True
            self._show(f"{line(key)[:20] or 'nothing'}: no such key; {KEYS}")

    def _decision(self, key: str, row: dict[str, Any], detail: dict[str, Any]) -> Decision | None:
        if key == "a":
            return Decision(row["left"], row["right"], ACCEPT, self.author)
        if key == "r":
            return Decision(row["left"], row["right"], REJECT, self.author)
        if key == "n":
            return Decision(row["left"], None, NO_COUNTERPART, self.author)
        if key.isdecimal() and 1 <= int(key) <= len(detail["candidates"]):
            return Decision(row["left"], detail["candidates"][int(key) - 1]["key"], ACCEPT, self.author)
        return None

    def _undo(self) -> None:
        undone = self.store.undo(author=self.author)
        if undone is None:
            self._show("nothing to undo")
            return
        self.made = [each for each in self.made if each.id != undone.id]
        self._show(f"taken back: {line(undone.text())}")

    def _show(self, text: str) -> None:
        if not self.quiet:
            show(text)

    def _print(self, detail: dict[str, Any], left: int) -> None:
        """Both entities side by side."""
        if self.quiet:
            return
        confidence = "" if detail["confidence"] is None else f", confidence {detail['confidence']:.2f}"
        show(f"\n{left:,} to check; score {detail['score']:.0f}{confidence}")
        _columns(*(line(detail[side]["name"]) for side in ("left", "right")))
        _columns(*(line(detail[side]["key"]) for side in ("left", "right")))
        _columns(*(line(", ".join(detail[side]["types"])) for side in ("left", "right")))
        for each in detail["attributes"][:FACTS]:
            sign = {"equal": "=", "near": "~", "different": "|"}.get(each["state"], " ")
            _columns(*(_fact(each[side]) for side in ("left", "right")), sign=sign)
        for each in detail["neighbours"][:NEIGHBOURS]:
            _columns(*(_neighbour(each[side]) for side in ("left", "right")), sign="=" if each["matched"] else " ")
        for text in detail["rules"][:3]:
            show(f"  {line(text)}")
        for number, each in enumerate(detail["candidates"], start=1):
            show(f"  {number} {line(each['name'])}   {line(each['key'])}   {each['score']:.0f}")


def _columns(left: str, right: str, *, sign: str = " ") -> None:
    if left or right:
        show(f"  {left[:WIDTH]:<{WIDTH}} {sign} {right[:WIDTH]}")


def _fact(fact: dict[str, str] | None) -> str:
    return "" if fact is None else line(f"{fact['attribute']}: {fact['value']}")


def _neighbour(each: dict[str, Any] | None) -> str:
    if each is None:
        return ""
    return line(f"{'<- ' if each['inverse'] else ''}{each['relation']}: {each['name']}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
