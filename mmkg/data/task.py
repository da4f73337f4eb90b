"""A pair of graphs with known links, on which an aligner is trained and evaluated."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..errors import MANY, Advice, InputError, UsageError
from ..records import Record
from ..typing import IntArray
from .kg import KnowledgeGraph

Candidates = Literal["test", "all"]
READERS: dict[str, Callable[..., "AlignmentTask"]] = {}  # "of": what ``AlignmentTask.of`` calls, from ``mmkg.loading``


@dataclass(frozen=True, eq=False, repr=False)
class LinkSplit(Record):
    """Known links, split into parts; each part is int64 ``[L, 2]`` of (left row, right row).

    ``valid`` is taken from the training links, so that nothing is ever selected on ``test``.
    """

    train: IntArray
    valid: IntArray
    test: IntArray

    @cached_property
    def learnt_digest(self) -> str:
        """SHA-256 of the training and validation links; computed once."""
        return hashlib.sha256(b"".join(part.tobytes() + b"|" for part in (self.train, self.valid))).hexdigest()

    def all(self) -> IntArray:
        """Train, valid and test links, in this order."""
        return np.concatenate([self.train, self.valid, self.test])


@dataclass(frozen=True, eq=False, repr=False)
class AlignmentTask(Record):
    """Two graphs and the links between them.

    Args:
        left: the graph of the query entities.
        right: the graph of the candidate entities.
        links: known links; a part may be empty.
        name: name in messages and records.
        candidates: right entities a test entity is ranked among: those of the test links (``test``, as published) or
            all (``all``).
        notes: counts of the reader: skipped lines, duplicates, ...; shown by ``describe``.
        one_to_one: whether each entity has at most one counterpart; with False it may have several in one part.
        never: pairs that are known not to be the same, int64 ``[W, 2]``; no search and no matcher returns them.
        accepted: pairs that people decided to be the same, int64 ``[A, 2]``; they are among the links.
        alone: entities that people decided to have no counterpart, int64 ``[N, 2]`` of (side, row), side 0 = left,
            1 = right; nothing is matched with them.

    Raises:
        InputError: a link names a row that does not exist, occurs twice, or contradicts another; test
            and train links overlap; a pair that is never the same is a link; an entity without a counterpart has one.
    """

    left: KnowledgeGraph
    right: KnowledgeGraph
    links: LinkSplit
    name: str = "task"
    candidates: Candidates = "test"
    notes: Mapping[str, int] = field(default_factory=dict)
    one_to_one: bool = True
    never: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    accepted: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    alone: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))

    @staticmethod
    def of(left: Any, right: Any = None, links: Any = None, **options: Any) -> "AlignmentTask":
        """A task from two graphs of any kind and the links between them.

        Args:
            left, right: a file or folder, or what ``mmkg.as_graph`` takes: a ``KnowledgeGraph``, a networkx graph, PyG
                data, DataFrames or a list of triples. A PyG ``Data`` that holds both graphs (``DBP15K``) is ``left``
                alone, with its links.
            links: pairs of labels ``[("a", "x"), ...]``, a mapping, a DataFrame with the columns left and right, or a
                file; ``None`` = the ``owl:sameAs`` statements of the graphs, if they have any.
            options: settings of the section ``data`` by name, and ``seed`` and ``device``, see ``mmkg.load``.

        Raises:
            UsageError: an object of another kind, or a setting that has no effect on these graphs.
            InputError: a graph or the links break their format, or a link names an unknown entity.
            MissingPackageError: a format needs a package that is not installed.
        """
        if "of" not in READERS:
            raise UsageError("AlignmentTask.of reads graphs with mmkg.loading; import it, or use mmkg.AlignmentTask")
        return READERS["of"](left, right, links, **options)

    def __post_init__(self) -> None:
        parts = [(name, getattr(self.links, name)) for name in ("train", "valid", "test")]
        for part, links in [*parts, ("never", self.never)]:
            if links.ndim != 2 or links.shape[1] != 2 or links.dtype != np.int64:
                raise InputError(f"expected int64 {part} links [L, 2], got {links.dtype} {links.shape}")
            for side, graph in ((0, self.left), (1, self.right)):
                column = links[:, side]
                if column.size and (column.min() < 0 or column.max() >= graph.num_entities):
                    raise InputError(
                        f"{part} links must name {'left' if side == 0 else 'right'} rows in "
                        f"0..{graph.num_entities - 1}, got {int(column.min())}..{int(column.max())}"
                    )
        self._check_unique()
        known = set(map(tuple, self.links.all().tolist())) if len(self.never) else set()
        if both := known & set(map(tuple, self.never.tolist())):
            left, right = min(both)
            raise InputError(
                f"{self.left.entities[left]!r} = {self.right.entities[right]!r} is a link, and a pair that is never "
                "the same; remove one"
            )
        for side, row in self.alone.tolist():
            graph = (self.left, self.right)[side]
            if not 0 <= row < graph.num_entities:
                raise InputError(f"an entity without a counterpart must be in 0..{graph.num_entities - 1}, got {row}")
            if (self.links.all()[:, side] == row).any():
                raise InputError(f"{graph.entities[row]!r} has a link, and no counterpart; remove one")

    def _facts(self) -> dict[str, Any]:
        sides = {f"{side}_entities": getattr(self, side).num_entities for side in ("left", "right")}
        links = {f"{part}_links": len(getattr(self.links, part)) for part in ("train", "valid", "test")}
        return {"name": self.name, **sides, **links}

    def _table_rows(self) -> Iterable[tuple[Any, ...]]:
        left, right = self.left._facts(), self.right._facts()
        yield (self.name, "left", "right")
        yield from ((name.replace("_", " "), left[name], right[name]) for name in left)
        yield from ((f"{part} links", len(getattr(self.links, part)), "") for part in ("train", "valid", "test"))

    def _check_unique(self) -> None:
        links = self.links.all()
        if len(links) == 0 or all(int(np.bincount(links[:, side]).max()) == 1 for side in (0, 1)):
            return
        part = np.repeat(np.arange(3), [len(self.links.train), len(self.links.valid), len(self.links.test)])
        pairs, counts = np.unique(links, axis=0, return_counts=True)
        if (counts > 1).any():
            pair = pairs[int((counts > 1).argmax())]
            raise InputError(
                f"link {self.left.entities[pair[0]]!r} = {self.right.entities[pair[1]]!r} occurs more than once "
                f"(in {_parts(part[(links == pair).all(axis=1)])}); links of different parts must not overlap"
            )
        for side, graph in ((0, self.left), (1, self.right)):
            column = links[:, side]
            counts = np.bincount(column, minlength=graph.num_entities)
            first, last = np.full(len(counts), 3), np.full(len(counts), -1)
            np.minimum.at(first, column, part)
            np.maximum.at(last, column, part)
            refused = np.flatnonzero((counts > 1) if self.one_to_one else (counts > 1) & (first != last))
            if len(refused):
                row = int(refused[0])
                raise InputError(
                    f"entity {graph.entities[row]!r} is linked to {int(counts[row])} entities "
                    f"(in {_parts(part[column == row])}; {int(counts[counts > 1].sum())} such links in total)",
                    advice=Advice("remove the extra links, or pass {} for links inside one part", MANY),
                )

    # --- samples, for scikit-learn: the training and validation links

    __iter__ = None  # the samples are no elements of a task

    @property
    def shape(self) -> tuple[int]:
        """The number of samples: of training and validation links."""
        return (len(self.links.train) + len(self.links.valid),)

    def __getitem__(self, rows: Any) -> "AlignmentTask":
        """The same graphs with some of the training and validation links, and without test links.

        ``GridSearchCV`` and other tools of scikit-learn use this to cross-validate on the training links; test links
        stay unseen. Validation links are spread evenly among the training links, so that every part has its share.

        Args:
            rows: positions, a slice or a mask, of ``shape[0]`` links.
        """
        rows = rows[0] if isinstance(rows, tuple) else rows
        train, valid = self.links.train, self.links.valid
        spread = np.concatenate([(np.arange(len(part)) + 0.5) / max(len(part), 1) for part in (train, valid)])
        chosen = np.argsort(spread, kind="stable")[np.atleast_1d(rows) if not isinstance(rows, slice) else rows]
        is_train = chosen < len(train)
        known = self.links.all()
        return replace(self, links=LinkSplit(known[chosen[is_train]], known[chosen[~is_train]], known[:0]))

    # --- identity of the data

    def graph_fingerprints(self) -> tuple[str, str]:
        """SHA-256 of the left and of the right graph."""
        return self.left.fingerprint(), self.right.fingerprint()

    def fingerprint(self, graphs: tuple[str, str] | None = None) -> str:
        """SHA-256 of both graphs, the split, the pairs that are never the same, and entities without a counterpart.

        Args:
            graphs: the ``graph_fingerprints``, if they are known already.
        """
        digest = hashlib.sha256("".join(graphs or self.graph_fingerprints()).encode())
        for part in (self.links.train, self.links.valid, self.links.test):
            digest.update(np.ascontiguousarray(part).tobytes() + b"|")
        if len(self.never):  # else as before there were such pairs
            digest.update(np.ascontiguousarray(self.never).tobytes())
        if len(self.alone):
            digest.update(b"alone" + np.ascontiguousarray(self.alone).tobytes())
        return digest.hexdigest()


def _parts(numbers: IntArray) -> str:
    """Names of the parts of a split, for a message."""
    return ", ".join(sorted({("train", "valid", "test")[number] for number in numbers.tolist()}))
