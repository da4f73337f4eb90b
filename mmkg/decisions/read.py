"""Decisions of a file: what holds of them, as links, rejected pairs and entities without a counterpart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.links.checked import LabelLinks
from ..data.links.decided import DecidedLabels
from ..data.parsing.columns import Faults
from ..errors import InputError, UsageError, brief
from .decision import ACCEPT, REJECT, Decision
from .settled import settled
from .sssom import read_sssom_decisions
from .store import FILE, is_store, read_store


def read_decisions(path: str | Path, faults: Faults | None = None) -> list[tuple[int, Decision]]:
    """The decisions of a file, each with its line (its number in a store).

    Args:
        path: SSSOM; the file ``decisions.sqlite`` of a run; or the run folder that has one.
        faults: policy for bad lines.

    Raises:
        InputError: the file is missing, breaks its format, or holds no decision.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE
        if not path.is_file():
            raise InputError("this folder has no decisions; mmkg review RUN makes them", path.parent)
    if is_store(path):
        return [(each.id, each) for each in read_store(path)]
    return read_sssom_decisions(path, faults or Faults())


def decided_labels(decisions: Any, *, one_to_one: bool = True, faults: Faults | None = None) -> DecidedLabels:
    """What holds of some decisions, between labels; what people dispute is counted, with the first dispute.

    Args:
        decisions: a file, see ``read_decisions``; or ``Decision`` objects.
        one_to_one: whether an entity has one counterpart at most.
        faults: policy for bad lines, and where counts go.

    Raises:
        InputError: as ``read_decisions``.
        UsageError: something else than decisions.
    """
    faults = faults or Faults()
    if isinstance(decisions, str | Path):
        path = Path(decisions)
        read = read_decisions(path, faults)
    elif isinstance(decisions, Sequence) and all(isinstance(each, Decision) for each in decisions):
        path, read = Path("decisions"), list(enumerate(decisions, start=1))
    else:
        raise UsageError(f"expected a file of decisions, or a list of Decision, got {brief(decisions)}")
    lines = {id(each): line for line, each in read}
    found = settled([each for _, each in read], one_to_one=one_to_one)
    for sentence in found.disputes():
        faults.count(f"{path.name}: {sentence}", 1)
    by_verdict: dict[str, list[Decision]] = {ACCEPT: [], REJECT: []}
    alone: list[Decision] = []
    for each in found.decisions:
        by_verdict.get(each.verdict, alone).append(each)
    accepted, rejected = (
        LabelLinks(
            path,
            [str(each.left) for each in some],
            [str(each.right) for each in some],
            np.array([lines[id(each)] for each in some], np.int64),
        )
        for some in by_verdict.values()
    )
    ends = [
        (0 if each.left is not None else 1, str(each.left if each.left is not None else each.right)) for each in alone
    ]
    return DecidedLabels(path, accepted, rejected, ends)
