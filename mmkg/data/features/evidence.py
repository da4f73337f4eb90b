"""What the values of entities say about who is the same: numbers, dates and texts, attribute by attribute."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...typing import BoolArray, IntArray
from ..task import AlignmentTask
from ..tensors.tables import SparseTable
from .values import Values, read_values

RESOLUTIONS = (4, 16, 64, 256, 1024)  # bins of equal frequency that numbers fall into
SAME_DIGITS = 9  # numbers that agree in so many are the same, whatever a change of units made of them
DIGITS = 5  # numbers that agree in so many are equal
FACTS_PER_ENTITY = 64  # of an entity, at most, that are held against those of its counterpart
LEAST_AGREEING = 3  # training links that must agree before two attributes of different names are compared
LEAST_DEVIATIONS = 3.0  # above chance
NEAR = 0.05  # quantiles of one attribute each, so near, agree
LEAST_CHANCE = 0.02  # that two texts are equal
COUNTERPARTS = 3  # of an attribute, at most, under other names
UNIT = float(np.log(1.5))  # numbers that differ by a smaller factor have one unit
BELIEF = 2.0  # links' worth of it: that attributes of one name agree in a half of the cases, others by chance alone

Numbers = NDArray[np.float64]


class Comparison(NamedTuple):
    """Two attributes whose values are held against each other.

    Args:
        left, right: names of the attributes.
        numeric: whether as numbers, else as texts.
        factor: turns right numbers into left ones, 1 where the unit is the same.
        links: how many training links have both.
        agreement: share of the links that agree beyond chance, in [0, 1]: for numbers in each of ``RESOLUTIONS`` that
            is used, on two grids, and at last in ``DIGITS`` digits; for texts in the whole text.
        gain: mean weight of a value in nats, times these shares; the larger, the more the comparison says.
    """

    left: str
    right: str
    numeric: bool
    factor: float
    links: int
    agreement: tuple[float, ...]
    gain: float


class Evidence(NamedTuple):
    """Entities described by name=value evidence.

    Args:
        matrix: float32 CSR ``[N, columns]``, >= 0, rows of unit length or zero: the inner product of two rows is large
            if the values agree. Left entities stand before right ones.
        comparisons: what is compared, the most telling first.
    """

    matrix: sparse.csr_matrix
    comparisons: tuple[Comparison, ...]


def value_evidence(task: AlignmentTask, *, top: int = 20_000) -> Evidence:
    """Describe entities by the values of those attributes that both graphs share.

    Attributes are compared if they have the same name, or if the values of training links agree far more often than
    chance has it (``LEAST_DEVIATIONS`` standard deviations); test and validation links are not looked at. Dates are
    numbers of years. If the numbers of two attributes differ by a factor, as square metres and square kilometres do,
    its median over the training links is the unit.

    The numbers of a comparison, of both graphs together, fall into bins of equal frequency, from 4 to 1,024 of them,
    each on two grids half a bin apart, and into those that are equal in 5 digits; texts are equal or not. A bin is a
    column. The square of its weight at an entity is r (log 1/f - log 1/f'): what being in it says beyond being in the
    coarser bin, f and f' being their frequencies, times the share r of training links that agree there beyond chance.
    So the inner product of two entities is the sum over their attributes of the evidence that they agree, as in
    record linkage, and a resolution that the graphs do not agree at weighs nothing.

    Args:
        task: the pair.
        top: largest number of columns; those with the least weight in all go first.

    Source:
        Fellegi and Sunter, JASA 1969: agreement on a rare value weighs more, log(m / u).
    """
    facts = _Facts.of(task)
    pairs = _Pairs.of(facts, task.links.train + np.array([0, task.left.num_entities]))
    names = (*task.left.attributes.names, *task.right.attributes.names)
    found = sorted(_compared(facts, pairs, names), key=lambda each: -each[0].gain)
    others: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    kept, entries, width = [], [], 0
    for comparison, columns in found:
        if comparison.left != comparison.right:
            if others[0][comparison.left] >= COUNTERPARTS or others[1][comparison.right] >= COUNTERPARTS:
                continue
            others[0][comparison.left] += 1
            others[1][comparison.right] += 1
        kept.append(comparison)
        for rows, bins, squares in columns:
            entries.append((rows, bins + width, squares))
            width += int(bins.max()) + 1
    size = task.left.num_entities + task.right.num_entities
    return Evidence(_rows(entries, size, width, task.left.num_entities, top), tuple(kept))


@dataclass(frozen=True)
class _Facts:
    """Facts with values of both graphs, sorted by entity; ``[F]`` each.

    Args:
        entity, attribute: those of the right graph count on after those of the left.
        values: what is said.
        starts: first fact of each entity, ``[N + 1]``.
        place: of the facts of an attribute ``a`` as numbers, ``place[bounds[2a + 1]:bounds[2a + 2]]``, and as texts,
            ``place[bounds[2a]:bounds[2a + 1]]``.
    """

    entity: IntArray
    attribute: IntArray
    values: Values
    numeric: BoolArray
    starts: IntArray
    place: IntArray
    bounds: IntArray
    num_left: int

    @staticmethod
    def of(task: AlignmentTask) -> "_Facts":
        left, right = task.left.attributes, task.right.attributes
        entity = np.concatenate([left.entity, right.entity + task.left.num_entities])
        attribute = np.concatenate([left.attribute, right.attribute + len(left.names)])
        values = read_values((*left.values, *right.values))
        order = np.argsort(entity, kind="stable")
        order = order[values.kind[order] >= 0]
        size = task.left.num_entities + task.right.num_entities
        starts = np.concatenate([[0], np.bincount(entity[order], minlength=size).cumsum()])
        entity, attribute = entity[order], attribute[order]
        values = Values(values.kind[order], values.number[order], values.text[order], values.texts)
        numeric = ~np.isnan(values.number)
        group = 2 * attribute + numeric
        counts = np.bincount(group, minlength=2 * (len(left.names) + len(right.names)))
        bounds = np.concatenate([[0], counts.cumsum()])
        place = np.argsort(group, kind="stable")
        return _Facts(entity, attribute, values, numeric, starts, place, bounds, len(left.names))

    def about(self, attribute: int, numeric: bool) -> IntArray:
        """Facts of an attribute, as numbers or as texts."""
        group = 2 * attribute + numeric
        return self.place[self.bounds[group] : self.bounds[group + 1]]

    def quantiles(self) -> Numbers:
        """Where each number stands among those of its attribute, in (0, 1), equal ones at their mean; NaN for texts."""
        order = np.lexsort((self.values.number, self.attribute))
        order = order[self.numeric[order]]
        fresh = np.diff(self.attribute[order], prepend=-1) != 0
        runs = fresh | (np.diff(self.values.number[order], prepend=np.nan) != 0)
        starts, firsts = np.flatnonzero(runs), np.flatnonzero(fresh)
        run, kind = runs.cumsum() - 1, fresh.cumsum() - 1
        sizes, lengths = np.diff(starts, append=len(order)), np.diff(firsts, append=len(order))
        found = np.full(len(self.entity), np.nan)
        found[order] = (starts[run] + sizes[run] / 2 - firsts[kind]) / lengths[kind]
        return found


@dataclass(frozen=True)
class _Pairs:
    """Facts of linked entities, each with each of its kind, sorted by pair of attributes and kind, then by link.

    Args:
        left, right: facts, ``[P]``.
        key: pair of attributes and kind, ``[P]``.
        link: number of the link, ``[P]``.
    """

    left: IntArray
    right: IntArray
    key: IntArray
    link: IntArray

    @staticmethod
    def of(facts: _Facts, ends: IntArray) -> "_Pairs":
        counts = np.minimum(facts.starts[ends + 1] - facts.starts[ends], FACTS_PER_ENTITY)
        total = counts.prod(axis=1)
        link = np.repeat(np.arange(len(ends)), total)
        row, column = np.divmod(np.arange(len(link)) - np.repeat(total.cumsum() - total, total), counts[link, 1])
        left, right = facts.starts[ends[link, 0]] + row, facts.starts[ends[link, 1]] + column
        same = facts.numeric[left] == facts.numeric[right]
        link, left, right = link[same], left[same], right[same]
        key = _key(facts, facts.attribute[left], facts.attribute[right], facts.numeric[left])
        order = np.lexsort((link, key))
        return _Pairs(left[order], right[order], key[order], link[order])

    def under(self, key: int) -> slice:
        """Where the pairs of a key stand."""
        first, last = np.searchsorted(self.key, [key, key + 1]).tolist()
        return slice(first, last)


def _key(facts: _Facts, left: IntArray | int, right: IntArray | int, numeric: BoolArray | bool) -> IntArray:
    width = len(facts.bounds) // 2
    return np.asarray((left * width + right) * 2 + numeric)


def _agreeing(facts: _Facts, pairs: _Pairs) -> IntArray:
    """Keys of attributes whose values agree on training links far more often than with right ends changed about."""
    if not len(pairs.key):
        return pairs.key
    quantiles = facts.quantiles()
    starts = np.flatnonzero(np.diff(pairs.key, prepend=-1) != 0)
    sizes = np.diff(starts, append=len(pairs.key))
    own = np.repeat(np.arange(len(starts)), sizes)
    elsewhere = starts[own] + (np.arange(len(own)) - starts[own] + np.maximum(sizes // 2, 1)[own]) % sizes[own]
    numeric = facts.numeric[pairs.left]
    links = np.flatnonzero((np.diff(pairs.key, prepend=-1) != 0) | (np.diff(pairs.link, prepend=-1) != 0))
    keys, group = np.unique(pairs.key[links], return_inverse=True)
    hits = []
    for right in (pairs.right, pairs.right[elsewhere]):
        near = np.abs(quantiles[pairs.left] - quantiles[right]) <= NEAR
        equal = np.where(numeric, near, facts.values.text[pairs.left] == facts.values.text[right])
        hits.append(np.bincount(group, np.logical_or.reduceat(equal, links)))
    count = np.bincount(group)
    chance = np.maximum(hits[1] / count, np.where(keys % 2, 2 * NEAR, LEAST_CHANCE))
    beyond = hits[0] - count * chance
    sure = beyond >= LEAST_DEVIATIONS * np.sqrt(count * chance * (1 - chance))
    return keys[(hits[0] >= LEAST_AGREEING) & sure & (beyond > 0)]


Columns = list[tuple[IntArray, IntArray, Numbers]]  # entity rows, bins, squares of weights


def _compared(facts: _Facts, pairs: _Pairs, names: Sequence[str]) -> Iterator[tuple[Comparison, Columns]]:
    """Every comparison of which training links, or equal names, say that it tells anything; and its columns."""
    width = len(facts.bounds) // 2
    place = {name: facts.num_left + number for number, name in enumerate(names[facts.num_left :])}
    candidates = dict.fromkeys(
        (left, place[name], numeric)
        for left, name in enumerate(names[: facts.num_left])
        for numeric in (False, True)
        if name in place
    )
    for key in _agreeing(facts, pairs).tolist():
        candidates[(key // 2 // width, key // 2 % width, bool(key % 2))] = None
    position = np.full(len(facts.entity), -1)
    for left, right, numeric in candidates:
        sides = facts.about(left, numeric), facts.about(right, numeric)
        if not min(map(len, sides)):
            continue
        here = pairs.under(int(_key(facts, left, right, numeric)))
        ends = pairs.left[here], pairs.right[here]
        starts = np.flatnonzero(np.diff(pairs.link[here], prepend=-1))
        both = np.concatenate(sides)
        position[both] = np.arange(len(both))
        factor = _factor(*(facts.values.number[end] for end in ends)) if numeric else 1.0
        if numeric:
            scales = _scales(np.concatenate([facts.values.number[sides[0]], factor * facts.values.number[sides[1]]]))
        else:
            scales = [(np.unique(facts.values.text[both], return_inverse=True)[1], 1.0, None)]
        belief = 0.5 if names[left] == names[right] else None
        columns, shares, gain = [], [], 0.0
        surprisals: list[Numbers] = []
        for bins, part, coarser in scales:
            equal = bins[position[ends[0]]] == bins[position[ends[1]]]
            hits = int(np.logical_or.reduceat(equal, starts).sum()) if len(starts) else 0
            share = _beyond_chance(bins, len(sides[0]), hits, len(starts), belief)
            frequency = np.bincount(bins) / len(bins)
            surprisals.append(-np.log(frequency[bins]))
            known = 0.0 if coarser is None else np.max([surprisals[each] for each in coarser], axis=0)
            squares = part * share * np.maximum(surprisals[-1] - known, 0.0)
            shares.append(share)
            gain += float(squares.mean()) * share
            columns.append((facts.entity[both], bins, squares))
        if gain > 0:
            comparison = Comparison(names[left], names[right], numeric, factor, len(starts), tuple(shares), gain)
            yield comparison, columns


def _factor(left: Numbers, right: Numbers) -> float:
    """What turns right numbers into left ones: the median ratio, 1 if it is near to that."""
    signs = left * right > 0
    if signs.sum() < LEAST_AGREEING:
        return 1.0
    ratio = float(np.median(np.log(np.abs(left[signs])) - np.log(np.abs(right[signs]))))
    return 1.0 if abs(ratio) < UNIT else float(np.exp(ratio))


def _scales(numbers: Numbers) -> list[tuple[IntArray, float, tuple[int, ...] | None]]:
    """Bins of numbers at each resolution, their part of the weight, and which earlier bins are the coarser ones."""
    _, where, counts = np.unique(_rounded(numbers, SAME_DIGITS), return_inverse=True, return_counts=True)
    middle = ((counts.cumsum() - counts / 2) / len(numbers))[where]
    scales: list[tuple[IntArray, float, tuple[int, ...] | None]] = []
    for number, bins in enumerate(count for count in RESOLUTIONS if count <= 2 * len(counts)):
        for grid, shift in enumerate((0.0, 0.5)):
            found = np.floor(middle * bins + shift).astype(np.int64)
            scales.append((found, 0.5, (2 * (number - 1) + grid,) if number else None))
    equal = np.unique(_rounded(numbers, DIGITS), return_inverse=True)[1]
    scales.append((equal, 1.0, (len(scales) - 2, len(scales) - 1) if scales else None))
    return scales


def _rounded(numbers: Numbers, digits: int) -> Numbers:
    """To so many significant digits."""
    size = np.floor(np.log10(np.abs(numbers), out=np.zeros_like(numbers), where=numbers != 0))
    step = 10.0 ** np.clip(digits - 1 - size, -300, 300)
    return np.round(numbers * step) / step


def _beyond_chance(bins: IntArray, num_left: int, hits: int, links: int, belief: float | None) -> float:
    """Share of the links whose ends fall into one bin, less what chance brings, in [0, 1]."""
    size = int(bins.max()) + 1
    shares = [np.bincount(side, minlength=size) / len(side) for side in (bins[:num_left], bins[num_left:])]
    chance = float(shares[0] @ shares[1])
    if chance >= 1:
        return 0.0
    share = (hits + BELIEF * (chance if belief is None else belief)) / (links + BELIEF)
    return max(0.0, (share - chance) / (1 - chance))


def _rows(entries: Columns, size: int, width: int, num_left: int, top: int) -> sparse.csr_matrix:
    """Unit rows of the ``top`` weightiest columns that both graphs have; of a repeated entry the largest counts."""
    if not entries:
        return sparse.csr_matrix((size, 1), dtype=np.float32)
    rows, columns, squares = (np.concatenate(part) for part in zip(*entries, strict=True))
    order = np.lexsort((-squares, columns, rows))
    order = order[squares[order] > 0]
    rows, columns, squares = rows[order], columns[order], squares[order]
    first = (np.diff(rows, prepend=-1) != 0) | (np.diff(columns, prepend=-1) != 0)
    rows, columns, squares = rows[first], columns[first], squares[first]
    weight = [
        np.bincount(columns[side], squares[side], minlength=width) for side in (rows < num_left, rows >= num_left)
    ]
    total = np.where((weight[0] > 0) & (weight[1] > 0), weight[0] + weight[1], 0.0)
    chosen = np.argsort(-total, kind="stable")[:top]
    chosen = chosen[total[chosen] > 0]
    place = np.full(width, -1)
    place[chosen] = np.arange(len(chosen))
    kept = place[columns] >= 0
    rows, columns, squares = rows[kept], place[columns[kept]], squares[kept]
    lengths = np.sqrt(np.bincount(rows, squares, minlength=size))
    values = (np.sqrt(squares) / lengths[rows]).astype(np.float32)
    return sparse.csr_matrix((values, (rows, columns)), shape=(size, max(len(chosen), 1)))


def value_table(task: AlignmentTask, *, top: int = 20_000) -> SparseTable:
    """Values of both graphs as evidence, see ``value_evidence``: the closer the numbers, the larger the product."""
    return SparseTable(value_evidence(task, top=top).matrix)
