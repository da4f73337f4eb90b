"""Figures of a run on its test links."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..compute.host import isolated_class
from ..config.search import SearchConfig
from ..data.split import sample_links
from ..evaluation import all_metrics, known_pairs, listed_ranks, other_answers
from ..evaluation.protocol import LEFT_TO_RIGHT, RIGHT_TO_LEFT
from ..records import Shown
from ..search.index import LARGEST_FLAT
from ..typing import IntArray
from .embeddings import SIDES, Embeddings
from .searcher import EmbeddingSearch

Metrics = dict[str, dict[str, float]]


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class Judge(Shown):
    """Ranks links by the embeddings of a run.

    Args:
        searcher: search of the run's embeddings; its CSLS means are used where they fit.
        search: settings of the run.
        seed: random seed of the run.
        known: all known links of the run, int64 ``[K, 2]``: a link is ranked without the other right answers to its
            query.
    """

    searcher: EmbeddingSearch
    search: SearchConfig
    seed: int
    known: IntArray

    def ranks(self, links: IntArray, *, candidates: str, csls_k: int, device: str | None = None) -> Metrics:
        """Hits@k for each k of ``search.hits``, MRR and MR in both directions. Empty without links.

        Of more links than ``search.test_queries`` a sample is ranked, among the candidates of all links. Of so many
        candidates that not all pairs are scored, a link has the rank that the search answers with: the place of the
        right answer on the list of its query, and where the list lacks it, a place behind the list.

        Args:
            links: int64 ``[L, 2]``.
            candidates: ``test`` = the entities of the links, ``all`` = all entities but context.
            csls_k: neighbourhood size of CSLS, 0 = off.
            device: where scores are computed; ``None`` = as the searcher.
        """
        if len(links) == 0:
            return {}
        hits = self.search.hits
        device = device or self.searcher.device
        if candidates == "test" and len(links) > LARGEST_FLAT:
            ends = [np.unique(links[:, side]) for side in (0, 1)]
            among = self._among(ends, csls_k, device)
            if among.searcher.approximates:
                return among.ranks(positions(links, ends), candidates="all", csls_k=csls_k, device=device)
        left, right = self.searcher.embeddings.left, self.searcher.embeddings.right
        known = self.known
        same = candidates == "all" and csls_k == self.searcher.csls_k
        inner = self.searcher.without_context
        own = same and device == self.searcher.device and (inner.scores_all_pairs or inner.approximates)
        lists = self.searcher.lists() if own else None
        means = self.searcher.means() if same and csls_k else None
        if candidates == "all" and (pools := self._pools(links)) is not None:
            left, right = left[pools[0]], right[pools[1]]
            if lists is not None and list(map(len, lists)) != list(map(len, pools)):
                lists = None  # some of the links are not among the matched rows
            means = None if means is None else (means[0][pools[0]], means[1][pools[1]])
            links, known = positions(links, pools), positions(known, pools)
        queries = sample_links(links, self.search.ranked(len(links)), seed=self.seed, label="ranked test links")
        if len(queries) == len(links) and means is None and lists is None:
            from ..evaluation import evaluate

            return evaluate(
                left, right, links, candidates=candidates, csls_k=csls_k, device=device, known=known, hits=hits
            )
        from ..evaluation import evaluate_sample

        return evaluate_sample(
            left,
            right,
            links,
            queries,
            candidates=candidates,
            csls_k=csls_k,
            means=means,
            lists=lists,
            complete=inner.scores_all_pairs,
            device=device,
            known=known,
            hits=hits,
        )

    def _among(self, pools: Sequence[IntArray], csls_k: int, device: str) -> "Judge":
        """A judge of links among some rows of either side."""
        whole = self.searcher.embeddings
        some = Embeddings(whole.left[pools[0]], whole.right[pools[1]], whole.widths)
        searcher = replace(self.searcher, embeddings=some, csls_k=csls_k, device=device)
        return replace(self, searcher=searcher, known=positions(self.known, pools))

    def _pools(self, links: IntArray) -> list[IntArray] | None:
        """All candidates of either side: all rows but context that is in no link; ``None`` = all rows."""
        embeddings = self.searcher.embeddings
        if embeddings.without_context is embeddings:
            return None
        return [np.union1d(embeddings.rows(side), links[:, place]) for place, side in enumerate(SIDES)]

    def assignment_ranks(self, links: IntArray, *, candidates: str, device: str | None = None) -> Metrics:
        """Metrics of an assignment: candidates are ranked by Sinkhorn's transport of the scores of all queries.

        The queries compete for the candidates. With candidates ``test`` the ranking also uses that every query has its
        answer among them and that no two queries share an answer, which no user knows: report these figures apart from
        those of ``ranks``. The settings are ``search.sinkhorn``.

        Args:
            links: int64 ``[L, 2]``.
            candidates: ``test`` = the entities of the links, ``all`` = all entities.
            device: where scores are computed; ``None`` = as the searcher.
        """
        if len(links) == 0:
            return {}
        from ..matching.sinkhorn import transported_pairs

        sides = (self.searcher.embeddings.left, self.searcher.embeddings.right)
        pools = [
            np.unique(links[:, side])
            if candidates == "test"
            else np.union1d(self.searcher.embeddings.rows(SIDES[side]), links[:, side])
            for side in (0, 1)
        ]
        gold = positions(links, pools)
        rows, cols, weights = transported_pairs(
            sides[0][pools[0]],
            sides[1][pools[1]],
            self.search.matcher_settings("sinkhorn"),
            csls_k=self.searcher.csls_k,
            device=device or self.searcher.device,
        )
        pairs = known_pairs(links, self.known)
        there = other_answers(links[:, 0], links[:, 1], pairs, pool=pools[1])
        back = other_answers(links[:, 1], links[:, 0], pairs[:, ::-1], pool=pools[0])
        sizes = len(pools[0]), len(pools[1])
        right = listed_ranks(rows, cols, weights, gold, num_rows=sizes[0], num_candidates=sizes[1], others=there)
        left = listed_ranks(cols, rows, weights, gold[:, ::-1], num_rows=sizes[1], num_candidates=sizes[0], others=back)
        return {LEFT_TO_RIGHT: all_metrics(right, self.search.hits), RIGHT_TO_LEFT: all_metrics(left, self.search.hits)}


def positions(links: IntArray, pools: Sequence[IntArray]) -> IntArray:
    """The links between rows of the pools, as positions in the pools."""
    inside = np.isin(links[:, 0], pools[0]) & np.isin(links[:, 1], pools[1])
    return np.stack([np.searchsorted(pools[side], links[inside, side]) for side in (0, 1)], axis=1)
