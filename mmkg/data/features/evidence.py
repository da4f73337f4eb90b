"""Evidence from attribute values: numbers, dates and texts are compared attribute by attribute."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ...typing import IntArray
from ..task import AlignmentTask
from .facts import LinkedFacts, Numbers, ValueFacts, comparison_key
from .guests import Guests

RESOLUTIONS = (4, 16, 64, 256, 1024)  # numbers of bins of equal frequency
SAME_DIGITS = 9  # significant digits in which equal numbers agree after a conversion of units
DIGITS = 5  # significant digits in which two numbers must agree to count as equal
LEAST_AGREEING = 3  # training links that must agree before attributes with different names are compared
LEAST_DEVIATIONS = 3.0  # standard deviations above chance that their agreement must reach
NEAR = 0.05  # largest difference between the quantiles of two numbers that agree
LEAST_CHANCE = 0.02  # lower bound of the probability that two texts are equal by chance
COUNTERPARTS = 3  # largest number of attributes with other names that an attribute is compared with
UNIT = float(np.log(1.5))  # log of the factor below which two attributes have the same unit
PRIOR_LINKS = 2.0  # weight of the prior, in links: equal names agree in half of the cases, others by chance


class Comparison(NamedTuple):
    """Two attributes whose values are compared.

    Args:
        left, right: names of the attributes.
        numeric: whether the values are numbers or dates, not texts.
        factor: factor that converts numbers of the right attribute to the unit of the left one; 1 = same unit.
        links: number of training links that have both.
        agreement: shares of the links that agree beyond chance, in [0, 1]: for numbers one share per resolution and
            grid, then one for ``DIGITS`` digits; for texts one share for the whole text.
        gain: mean weight of a value in nats, times these shares; the larger, the more informative the comparison.
    """

    left: str
    right: str
    numeric: bool
    factor: float
    links: int
    agreement: tuple[float, ...]
    gain: float


class Evidence(NamedTuple):
    """Entities as vectors of name=value evidence.

    Args:
        matrix: float32 CSR ``[N, columns]``, >= 0; the inner product of two rows is large if the values agree. Left
            entities come first. The squared length of a row, at most 1, is the share of log n nats that its values
            have together: so much evidence singles out one of the n entities of the larger graph.
        comparisons: the compared attributes, the most informative first.
    """

    matrix: sparse.csr_matrix
    comparisons: tuple[Comparison, ...]


def value_evidence(task: AlignmentTask, *, top: int = 20_000, later: AlignmentTask | None = None) -> Evidence:
    """Describe entities by the values of attributes that both graphs have.

    Two attributes are compared if they have the same name, or if their values agree on training links far more often
    than by chance (``LEAST_DEVIATIONS`` standard deviations); test and validation links are not read. A date is
    compared as a number of years. If the numbers of two attributes differ by a factor, as with square metres and square
    kilometres, the median ratio over the training links converts the unit.

    The numbers of a comparison, of both graphs together, are put into bins of equal frequency, from 4 to 1,024 bins,
    each on two grids that are shifted by half a bin, and finally into bins of numbers with the same 5 digits. Texts are
    equal or not. Each bin is a column. The squared weight of a column at an entity is r (log 1/f - log 1/f'): the
    information of the bin beyond that of the coarser bin, where f and f' are their frequencies, times the share r of
    training links that agree in the bin beyond chance. The inner product of two entities is therefore the sum, over
    their attributes, of the evidence that they agree, as in record linkage; a resolution at which the graphs do not
    agree has weight 0.

    Args:
        task: the pair.
        top: largest number of columns; columns with the smallest total weight are dropped first.
        later: the pair after it has grown; rows of its new left, then of its new right entities follow the others.
            Their values change nothing: a number falls into the bins of the nearest known number.

    Source:
        Fellegi and Sunter, JASA 1969: agreement on a rare value weighs more, log(m / u).
    """
    facts = ValueFacts.of(task)
    pairs = LinkedFacts.of(facts, task.links.train + np.array([0, task.left.num_entities]))
    names = (*task.left.attributes.names, *task.right.attributes.names)
    guests = None if later is None else Guests.of(later, task, facts)
    found = sorted(_compared(facts, pairs, names, guests), key=lambda each: -each[0].gain)
    others: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    kept, entries, added, width = [], [], [], 0
    for comparison, columns, more in found:
        if comparison.left != comparison.right:
            if others[0][comparison.left] >= COUNTERPARTS or others[1][comparison.right] >= COUNTERPARTS:
                continue
            others[0][comparison.left] += 1
            others[1][comparison.right] += 1
        kept.append(comparison)
        for number, (rows, bins, squares) in enumerate(columns):
            entries.append((rows, bins + width, squares))
            added += [(new, new_bins + width, new_squares) for at, new, new_bins, new_squares in more if at == number]
            width += int(bins.max()) + 1
    size = task.left.num_entities + task.right.num_entities
    count = 0 if later is None else later.left.num_entities + later.right.num_entities - size
    return Evidence(_rows(entries, added, (size, count), width, task.left.num_entities, top), tuple(kept))


def _agreeing(facts: ValueFacts, pairs: LinkedFacts) -> IntArray:
    """Keys of attributes whose values agree on training links far more often than after a permutation of right ends."""
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
    agreeing: IntArray = keys[(hits[0] >= LEAST_AGREEING) & sure & (beyond > 0)]
    return agreeing


Columns = list[tuple[IntArray, IntArray, Numbers]]  # entity rows, bins, squares of weights


def _compared(
    facts: ValueFacts, pairs: LinkedFacts, names: Sequence[str], guests: Guests | None
) -> Iterator[tuple[Comparison, Columns, list[tuple[int, IntArray, IntArray, Numbers]]]]:
    """Informative comparisons of attributes with equal names or with agreement on training links; and their columns.

    The columns of guests come with the number of the columns that they belong to.
    """
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
        positions = pairs.under(int(comparison_key(facts, left, right, numeric)))
        ends = pairs.left[positions], pairs.right[positions]
        starts = np.flatnonzero(np.diff(pairs.link[positions], prepend=-1))
        both = np.concatenate(sides)
        position[both] = np.arange(len(both))
        factor = _factor(*(facts.values.number[end] for end in ends)) if numeric else 1.0
        if numeric:
            scales = _scales(np.concatenate([facts.values.number[sides[0]], factor * facts.values.number[sides[1]]]))
        else:
            scales = [(np.unique(facts.values.text[both], return_inverse=True)[1], 1.0, None)]
        prior = 0.5 if names[left] == names[right] else None
        columns, shares, gain = [], [], 0.0
        surprisals: list[Numbers] = []
        for bins, part, coarser in scales:
            equal = bins[position[ends[0]]] == bins[position[ends[1]]]
            hits = int(np.logical_or.reduceat(equal, starts).sum()) if len(starts) else 0
            share = _beyond_chance(bins, len(sides[0]), hits, len(starts), prior)
            frequency = np.bincount(bins) / len(bins)
            surprisals.append(-np.log(frequency[bins]))
            known = 0.0 if coarser is None else np.max([surprisals[each] for each in coarser], axis=0)
            squares = part * share * np.maximum(surprisals[-1] - known, 0.0)
            shares.append(share)
            gain += float(squares.mean()) * share
            columns.append((facts.entity[both], bins, squares))
        if gain > 0:
            comparison = Comparison(names[left], names[right], numeric, factor, len(starts), tuple(shares), gain)
            more = []
            if guests is not None:
                units = np.where(np.arange(len(both)) < len(sides[0]), 1.0, factor)
                known, groups = units * facts.values.number[both], (2 * left + numeric, 2 * right + numeric)
                for entity, fact, number in guests.like(groups, factor, known, facts.values.text[both]):
                    same = np.ones(len(fact), bool)
                    for at, (_, bins, squares) in enumerate(columns):
                        if numeric and at == len(columns) - 1:  # equal in 5 digits, or not
                            same = _rounded(number, DIGITS) == _rounded(known[fact], DIGITS)
                        more.append((at, entity[same], bins[fact[same]], squares[fact[same]]))
            yield comparison, columns, more


def _factor(left: Numbers, right: Numbers) -> float:
    """Factor from right to left numbers: the median ratio, or 1 if the ratio is close to 1."""
    signs = left * right > 0
    if signs.sum() < LEAST_AGREEING:
        return 1.0
    ratio = float(np.median(np.log(np.abs(left[signs])) - np.log(np.abs(right[signs]))))
    return 1.0 if abs(ratio) < UNIT else float(np.exp(ratio))


def _scales(numbers: Numbers) -> list[tuple[IntArray, float, tuple[int, ...] | None]]:
    """Bins of numbers at each resolution, their share of the weight, and the positions of the next coarser bins."""
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
    """Numbers rounded to a number of significant digits."""
    size = np.floor(np.log10(np.abs(numbers), out=np.zeros_like(numbers), where=numbers != 0))
    step = 10.0 ** np.clip(digits - 1 - size, -300, 300)
    rounded: Numbers = np.round(numbers * step) / step
    return rounded


def _beyond_chance(bins: IntArray, num_left: int, hits: int, links: int, prior: float | None) -> float:
    """Share of the links whose ends are in the same bin, corrected for chance, in [0, 1]."""
    size = int(bins.max()) + 1
    shares = [np.bincount(side, minlength=size) / len(side) for side in (bins[:num_left], bins[num_left:])]
    chance = float(shares[0] @ shares[1])
    if chance >= 1:
        return 0.0
    share = (hits + PRIOR_LINKS * (chance if prior is None else prior)) / (links + PRIOR_LINKS)
    return max(0.0, (share - chance) / (1 - chance))


def _rows(
    entries: Columns, added: Columns, sizes: tuple[int, int], width: int, num_left: int, top: int
) -> sparse.csr_matrix:
    """Rows of the ``top`` columns with the largest total weight that both graphs have.

    ``squares`` are nats; rows with log n of them or more have length 1, see ``Evidence``. The largest of repeated
    entries counts. Rows of the ``added`` entries follow; they choose no column.
    """
    if not entries:
        return sparse.csr_matrix((sum(sizes), 1), dtype=np.float32)
    rows, columns, squares = _distinct(entries)
    weight = [
        np.bincount(columns[side], squares[side], minlength=width) for side in (rows < num_left, rows >= num_left)
    ]
    total = np.where((weight[0] > 0) & (weight[1] > 0), weight[0] + weight[1], 0.0)
    chosen = np.argsort(-total, kind="stable")[:top]
    chosen = chosen[total[chosen] > 0]
    place = np.full(width, -1)
    place[chosen] = np.arange(len(chosen))
    if added:
        later = _distinct(added)
        rows = np.concatenate([rows, later[0] + sizes[0]])
        columns, squares = np.concatenate([columns, later[1]]), np.concatenate([squares, later[2]])
    kept = place[columns] >= 0
    rows, columns, squares = rows[kept], place[columns[kept]], squares[kept]
    nats = np.bincount(rows, squares, minlength=sum(sizes))
    enough = np.log(max(num_left, sizes[0] - num_left, 2))
    values = np.sqrt(squares / np.maximum(nats, enough)[rows]).astype(np.float32)
    return sparse.csr_matrix((values, (rows, columns)), shape=(sum(sizes), max(len(chosen), 1)))


def _distinct(entries: Columns) -> tuple[IntArray, IntArray, Numbers]:
    """Rows, columns and squares of the entries, the largest of repeated ones, sorted by row and column."""
    rows, columns, squares = (np.concatenate(part) for part in zip(*entries, strict=True))
    order = np.lexsort((-squares, columns, rows))
    order = order[squares[order] > 0]
    rows, columns, squares = rows[order], columns[order], squares[order]
    first = (np.diff(rows, prepend=-1) != 0) | (np.diff(columns, prepend=-1) != 0)
    return rows[first], columns[first], squares[first]
