"""Nearest neighbours and CSLS means of all entities by the workers of a cluster, kept by the embeddings of a run."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import brief
from ..result.searcher import EmbeddingSearch
from ..search.both_ways import BothWays
from ..search.listed import best_by_csls, wanted_by_cosine
from ..search.neighbors import Neighbors
from ..typing import FloatArray
from .connect import ClusterError, Workers
from .shards import Means, Shard, blocks, cut, merged

AHEAD = 2  # blocks of queries on their way at a time
LEAST_CPUS = 0.001  # of an actor: it fits on any machine that computes, also in place of one that was lost


def search_on(searcher: EmbeddingSearch, workers: Workers) -> None:
    """Find the neighbours of all entities that matches, confidences and figures read, and keep them.

    They are those that one machine finds. A worker that dies with its machine is built again on another one.

    Args:
        searcher: of the run.
        workers: of the cluster.

    Raises:
        ClusterError: the workers cannot be started, or do not answer.
    """
    inner = searcher.without_context
    left, right = inner.embeddings.left, inner.embeddings.right
    if min(len(left), len(right)) == 0:
        return
    k, csls_k = inner.width, inner.csls_k
    found = (
        both_ways(left, right, k, csls_k, workers) if inner.scores_all_pairs else by_index(inner, k, csls_k, workers)
    )
    if found.means is not None:
        inner.keep_means(found.means)
    inner.keep_lists((found.left, found.right))


def both_ways(left: FloatArray, right: FloatArray, k: int, csls_k: int, workers: Workers) -> BothWays:
    """``search.both_ways.nearest_both_ways`` with the right rows in shards and the left rows in blocks.

    Args:
        left, right: unit rows, ``[n1, d]`` and ``[n2, d]``.
        k: number of neighbours.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        workers: of the cluster.
    """
    shards, parts = _started(right, workers, "", None), cut(len(right), workers.number)
    height = blocks(left)

    def one_pass(width: int, means: Means | None) -> tuple[Neighbors, Neighbors]:
        there: list[Neighbors] = []
        back: list[Neighbors | None] = [None] * len(parts)

        def request(block: slice) -> list[Any]:
            some = [None if means is None else (means[0][block], means[1][part]) for part in parts]
            return shards.ask("both_ways", left[block], width, some)

        for block, answers in _in_turn(height, request):
            there.append(merged([each.left for each in answers], [part.start for part in parts], width))
            for number, found in enumerate(each.right for each in answers):
                before = back[number]
                lists, starts = ([found], [block.start]) if before is None else ([before, found], [0, block.start])
                back[number] = merged(lists, starts, width)
        return _stacked(there), _stacked([each for each in back if each is not None])

    if not csls_k:
        return BothWays(*one_pass(k, None))
    means = tuple(_means(each, csls_k) for each in one_pass(csls_k, None))
    return BothWays(*one_pass(k, (means[0], means[1])), (means[0], means[1]))


def by_index(searcher: EmbeddingSearch, k: int, csls_k: int, workers: Workers) -> BothWays:
    """``search.listed.listed_by_index`` with the answering rows in shards, each searched once, by cosine.

    The shards of one side at a time are indexed, by the kind of the run.

    Args:
        searcher: without context.
        k, csls_k, workers: as for ``both_ways``.
    """
    kind, options = searcher.index_of_part()
    wide = wanted_by_cosine(k, csls_k)

    def nearest(side: str) -> Neighbors:
        querying, answering = searcher.embeddings.sides(side)
        shards, parts = _started(answering, workers, kind, options), cut(len(answering), workers.number)
        found = []

        def request(block: slice) -> list[Any]:
            return shards.ask("search", querying[block].astype(np.float32, copy=False), wide, [None] * len(parts))

        for _, answers in _in_turn(blocks(querying), request):
            found.append(merged(answers, [part.start for part in parts], wide))
        return _stacked(found)

    return best_by_csls(nearest("left"), nearest("right"), k, csls_k=csls_k)


def _means(found: Neighbors, csls_k: int) -> FloatArray:
    """Mean score of the nearest rows."""
    scores = torch.from_numpy(found.scores[:, :csls_k])
    means: FloatArray = scores.mean(dim=1).numpy()
    return means


def _stacked(parts: Sequence[Neighbors]) -> Neighbors:
    return Neighbors(np.concatenate([each.ids for each in parts]), np.concatenate([each.scores for each in parts]))


@dataclass(frozen=True)
class _Shards:
    """Actors that search a shard each, and the rows of each in the object store.

    Args:
        actors: one per shard.
        rows: a reference to the rows of each shard.
    """

    actors: Sequence[Any]
    rows: Sequence[Any]

    def ask(self, method: str, block: FloatArray, k: int, means: Sequence[Any]) -> list[Any]:
        """References to the answers of all shards to a block of queries; ``means`` has an element for each shard."""
        queries, pairs = _put(block), zip(self.actors, self.rows, means, strict=True)
        return [getattr(actor, method).remote(rows, queries, k, own) for actor, rows, own in pairs]


def _started(rows: FloatArray, workers: Workers, kind: str, options: Any) -> _Shards:
    """One actor per worker, each for a shard of the rows."""
    import ray

    actor = ray.remote(Shard).options(
        num_cpus=LEAST_CPUS, max_restarts=-1, max_task_retries=-1, scheduling_strategy="SPREAD"
    )
    parts = cut(len(rows), workers.number)
    started = [actor.remote(kind, options, max(1, int(workers.cpus))) for _ in parts]
    return _Shards(started, [_put(rows[part]) for part in parts])


def _put(rows: FloatArray) -> Any:
    import ray

    return ray.put(np.ascontiguousarray(rows))


def _in_turn(height: Sequence[slice], request: Callable[[slice], list[Any]]) -> Iterator[tuple[slice, list[Any]]]:
    """Each block with the answers of all shards to it; few blocks are on their way at a time."""
    waiting: deque[tuple[slice, list[Any]]] = deque()
    for block in [*height, *([None] * AHEAD)]:
        if block is not None:
            waiting.append((block, request(block)))
        if waiting and (block is None or len(waiting) > AHEAD):
            first, references = waiting.popleft()
            yield first, _received(references)


def _received(references: list[Any]) -> list[Any]:
    """The answers of the shards.

    Raises:
        ClusterError: a worker ended with an error, or cannot be started again.
    """
    import ray

    try:
        answers: list[Any] = ray.get(references)
    except ray.exceptions.RayError as error:
        text = brief(str(error).strip().splitlines()[-1], 200)
        raise ClusterError(f"search on the cluster failed: {text}; start the same command again") from error
    return answers
