"""The entities of a run as rows of a store."""

import hashlib
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np

from ..matching import Matching
from ..result.embeddings import SIDES
from ..result.result import AlignmentResult
from ..typing import FloatArray, IntArray
from .store import NO_SCORE, Entities, key_of

BLOCK = 2000  # entities that are written at a time


def entities_of(result: AlignmentResult, links: Matching, side: str) -> Iterator[Entities]:
    """All entities of one graph of a run, a block at a time.

    Args:
        result: the run.
        links: its links.
        side: the graph.
    """
    place = SIDES.index(side)
    rows, table = result.embeddings.sides(side)[0], result.entities[place]
    means = result.csls_means[place] if result.protocol.csls_k else None
    matched = np.zeros(len(rows), bool)
    matched[result.embeddings.rows(side)] = True
    equal, partner, confidence = (np.full(len(rows), fill, kind) for fill, kind in ((-1, int), (-1, int), (0, "f4")))
    equal[result.embeddings.exact[:, place]] = result.embeddings.exact[:, 1 - place]
    linked = np.zeros(len(rows), bool)
    linked[result.links.all()[:, place]] = True
    partner[links.pairs[:, place]] = links.pairs[:, 1 - place]
    if links.confidence is not None:
        confidence[links.pairs[:, place]] = links.confidence
    never = _never(result.never[:, [place, 1 - place]], len(rows))
    for start in range(0, len(rows), BLOCK):
        some = np.arange(start, min(start + BLOCK, len(rows)))
        found = result.nearest(some, 2, side)
        ids = np.where(found.present, found.ids, -1)
        scores = np.where(found.present, found.scores, NO_SCORE).astype(np.float32)
        scores = np.pad(scores, ((0, 0), (0, 2 - scores.shape[1])), constant_values=NO_SCORE)  # one candidate only
        mean = np.zeros(len(some), np.float32) if means is None else means[some].astype(np.float32)
        vector = rows[some].astype(np.float32)
        if means is not None:
            vector = np.concatenate([vector, -mean[:, None]], axis=1)
        labels, names = (list(texts[start : start + BLOCK]) for texts in (table.labels, table.names))
        block = Entities(
            row=some,
            label=labels,
            display=list(table.display[start : start + BLOCK]),
            label_key=list(map(key_of, labels)),
            name_key=list(map(key_of, names)),
            folded_key=[key_of(name.casefold()) for name in names],
            best=ids[:, 0],
            best_score=scores[:, 0],
            second_score=scores[:, 1],
            mean=mean,
            partner=partner[some],
            confidence=confidence[some],
            linked=linked[some],
            matched=matched[some],
            equal=equal[some],
            never=[never.get(row, "") for row in some.tolist()],
            state=[""] * len(some),
            vector=vector,
        )
        yield replace(block, state=_states(block))


def _never(pairs: IntArray, size: int) -> dict[int, str]:
    """Rows of the other graph that are known to be wrong for some entities, comma-separated."""
    found: dict[int, list[int]] = {}
    for mine, other in pairs.tolist():
        if mine < size:
            found.setdefault(mine, []).append(other)
    return {mine: ",".join(map(str, others)) for mine, others in found.items()}


def _states(block: Entities) -> list[str]:
    """A digest of all columns of each entity."""
    columns = [getattr(block, field.name) for field in fields(block) if field.name != "state"]
    numbers = [np.ascontiguousarray(column) for column in columns if isinstance(column, np.ndarray)]
    texts = [column for column in columns if not isinstance(column, np.ndarray)]
    states = []
    for place in range(len(block)):
        digest = hashlib.sha256()
        for column in numbers:
            digest.update(column[place].tobytes())
        for text in texts:
            digest.update(text[place].encode("utf-8", "surrogatepass") + b"\0")
        states.append(digest.hexdigest()[:32])
    return states


def digest_of(result: AlignmentResult) -> str:
    """Identifies the space of a run: its configuration, modalities, and the entities that it learnt from.

    It stays the same when the run is extended.
    """
    digest = hashlib.sha256(repr((result.protocol.csls_k, result.widths, result.record.seed)).encode())
    graphs = result.run_graphs
    sizes = [len(result.left), len(result.right)] if graphs is None else [each.entities for each in graphs.fitted]
    for rows, table, size in zip((result.left, result.right), result.entities, sizes, strict=True):
        digest.update(str(size).encode())
        for start in range(0, size, BLOCK):
            block: FloatArray = np.ascontiguousarray(rows[start : min(start + BLOCK, size)])
            digest.update(block.tobytes())
            texts = "\0".join(table.labels[start : min(start + BLOCK, size)])
            digest.update(texts.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
