"""Writes a run into a store, or what has changed since it was written there."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import Advice, InputError
from ..progress import progress_bar
from ..records import Record
from ..result.embeddings import SIDES
from ..result.result import AlignmentResult
from .rows import digest_of, entities_of
from .store import VERSION, Store

REPLACE = Advice(
    "publish under another name, as in milvus:FILE.db#NAME, or replace it with overwrite=True",
    command_line="publish under another name, as in milvus:FILE.db#NAME, or replace it with --overwrite",
)


@dataclass(frozen=True, eq=False, repr=False)
class Published(Record):
    """What was written into a store.

    Args:
        address: of the store.
        entities: number of entities of the left and of the right graph.
        written: how many of them were new or had changed.
    """

    address: str
    entities: tuple[int, int]
    written: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"address": self.address, "entities": list(self.entities), "written": list(self.written)}


def publish(
    result: AlignmentResult, store: Store, *, overwrite: bool = False, progress: bool | None = None
) -> Published:
    """Write the entities of a run into a store: labels, vectors, CSLS means, links and what confidences need.

    Only entities that are new or have changed are written, so that an extended run is published quickly, and an
    interrupted call goes on where it stopped. Until all is written, the store answers no searches.

    Args:
        result: the run.
        store: where to.
        overwrite: replace another run that is there under this name.
        progress: show a bar on stderr; ``None`` = if that is a terminal.

    Raises:
        InputError: another run is there under this name, or the store cannot be written to.
    """
    digest, before = digest_of(result), store.facts()
    if before is not None and (before.get("run") != digest or before.get("version") != VERSION):
        if not overwrite:
            raise InputError(f"{store.address}: another run is there under the name {store.name!r}", advice=REPLACE)
        store.drop()
        before = None
    facts = _facts(result, digest)
    if before is None:
        store.drop()  # perhaps tables without facts
        store.write_facts({**facts, "complete": False})
        store.create(facts["dim"])
    elif before.get("complete"):
        store.write_facts({**before, "complete": False})
    links, written = result.linked(), []
    shown = sys.stderr.isatty() if progress is None else progress
    with progress_bar("publish", sum(facts["sizes"]), enabled=shown) as done:
        for side in SIDES:
            states, number = store.states(side), 0
            for block in entities_of(result, links, side):
                changed = [states.get(row) != state for row, state in zip(block.row.tolist(), block.state, strict=True)]
                if any(changed):
                    store.upsert(side, block.some(np.flatnonzero(changed)))
                number += sum(changed)
                done(len(block))
            written.append(number)
    store.finish()
    store.write_facts({**facts, "complete": True})
    return Published(store.address, tuple(facts["sizes"]), (written[0], written[1]))


def _facts(result: AlignmentResult, digest: str) -> dict[str, Any]:
    """What a search needs to know of the run besides its entities."""
    learnt = result.counterparts
    curve = None if learnt is None else learnt.calibration
    return {
        "version": VERSION,
        "run": digest,
        "sizes": [len(result.left), len(result.right)],
        "widths": dict(result.widths),
        "dim": result.left.shape[1] + bool(result.protocol.csls_k),
        "csls_k": result.protocol.csls_k,
        "confidence": None if curve is None else {"slope": curve.slope, "intercept": curve.intercept},
    }
