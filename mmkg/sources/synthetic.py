"""Synthetic pairs of graphs, generated from one graph, so that all links are known."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..compute.seeding import derive_seed, numpy_generator
from ..data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..data.split import split_links
from ..data.task import AlignmentTask
from ..data.texts.packed import Texts
from ..errors import UsageError
from ..modalities import IMAGE
from ..typing import FloatArray, IntArray
from .hide import hide

SOME_IMAGES_MISSING: Mapping[str, float] = MappingProxyType({"image": 0.3})
LIKE_DBP15K: Mapping[str, Any] = MappingProxyType(
    {
        "num_relations": 1500,
        "mean_degree": 8.5,
        "habit": 0.9,
        "attribute_names": 7500,
        "mean_attributes": 20,
        "missing": MappingProxyType({"image": 0.3, "attribute": 0.23}),
    }
)
"""Options of ``twin_graphs`` that resemble DBP15K zh_en; `tools/studies/twin_facts.py` prints both side by side."""
_CONSONANTS, _VOWELS = "bdfghklmnprstvz", "aeiou"
SIGMA = 0.75
_SCRAMBLE = 1_000_000_007
_SYLLABLES = np.array([c + v for c in _CONSONANTS for v in _VOWELS])


def twin_graphs(
    num_entities: int,
    *,
    overlap: float = 1.0,
    num_relations: int = 20,
    mean_degree: float = 6,
    habit: float = 0.0,
    noise: float = 0.0,
    image_dim: int = 32,
    attribute_names: int = 50,
    mean_attributes: float | None = None,
    names: bool = True,
    missing: Mapping[str, float] = SOME_IMAGES_MISSING,
    train_ratio: float = 0.3,
    valid_ratio: float = 0.1,
    seed: int = 0,
) -> AlignmentTask:
    """Generate two noisy, shuffled copies of one base graph.

    The base graph has power-law degrees (weight rank^-1/2) and relations and attributes that follow
    Zipf's law. Each side keeps the base triples whose head and tail it has. Row numbers and entity labels carry no
    information about the links; relations and attributes have the same labels on both sides.

    Args:
        num_entities: number of entities of each side.
        overlap: share of the entities of a side that are also on the other side, in (0, 1].
        num_relations: number of relations.
        mean_degree: mean number of triples of an entity of the base graph.
        habit: share of triples, in [0, 1], whose relation is the usual one of their tail, so that an entity has fewer
            relations than triples.
        noise: in [0, 1]. Each side replaces this share of its triples, attribute facts and names by
            random ones, and adds normal noise with this standard deviation to image features of unit
            variance.
        image_dim: width of the image features; 0 for no images.
        attribute_names: number of attributes; 0 for no attributes.
        mean_attributes: mean number of facts drawn for an entity, log-normal with sigma 0.75 (the same fact
            drawn twice counts once); ``None`` = one to five each.
        names: whether entities have names.
        missing: share of entities without a modality, by the modality's name, see ``hide``.
        train_ratio, valid_ratio: see ``SplitConfig``.
        seed: random seed of the graphs and of the split.

    Returns:
        The pair; each entity on both sides is a link.

    Raises:
        UsageError: a number is out of range.
    """
    if num_entities < 2 or num_relations < 1 or mean_degree < 0 or image_dim < 0 or attribute_names < 0:
        raise UsageError(
            "expected num_entities >= 2, num_relations >= 1 and mean_degree, image_dim, attribute_names >= 0, got "
            f"{num_entities}, {num_relations}, {mean_degree}, {image_dim}, {attribute_names}"
        )
    if not 0 < overlap <= 1 or not 0 <= noise <= 1 or not 0 <= habit <= 1:
        raise UsageError(f"expected overlap in (0, 1], noise and habit in [0, 1], got {overlap}, {noise} and {habit}")
    if mean_attributes is not None and mean_attributes <= 0:
        raise UsageError(f"mean_attributes must be > 0, got {mean_attributes}")
    shared = max(1, round(overlap * num_entities))
    base_size = 2 * num_entities - shared
    rng = numpy_generator(seed, "twin base")
    triples = _triples(rng, base_size, num_relations, round(base_size * mean_degree / 2), habit)
    facts = _facts(rng, base_size, attribute_names, mean_attributes)
    images = rng.standard_normal((base_size, image_dim), dtype=np.float32) if image_dim else None
    graphs, row_of = [], []
    for side in ("left", "right"):
        rng = numpy_generator(seed, f"twin {side}")
        own = np.arange(shared, num_entities) if side == "left" else np.arange(num_entities, base_size)
        base = rng.permutation(np.concatenate([np.arange(shared), own]))
        rows = np.full(base_size, -1, np.int64)
        rows[base] = np.arange(num_entities)
        row_of.append(rows)
        graphs.append(
            KnowledgeGraph(
                entities=[f"{side}/{row}" for row in range(num_entities)],
                relations=tuple(f"relation {number}" for number in range(num_relations)),
                triples=_noisy(rng, _inside(triples, rows), noise, (num_entities, num_relations, num_entities)),
                attributes=_attributes(rng, facts, rows, noise, num_entities, attribute_names),
                names=_names(rng, base, base_size, noise) if names else None,
                images=None if images is None else _images(rng, images[base], noise),
            )
        )
    links = np.stack([row_of[0][:shared], row_of[1][:shared]], axis=1)
    split = split_links(links, train_ratio=train_ratio, valid_ratio=valid_ratio, seed=seed)
    task = AlignmentTask(graphs[0], graphs[1], split, name=f"twins-{num_entities}")
    for modality, ratio in missing.items():
        if ratio and not (modality == IMAGE and image_dim == 0):
            task = hide(task, modality, ratio, seed=derive_seed(seed, "twin missing"))
    return task


def _zipf(rng: np.random.Generator, size: int, number: int, exponent: float = 1.0) -> IntArray:
    """``number`` samples of 0..size-1 with probability proportional to 1 / rank^exponent."""
    total = np.cumsum(np.arange(1, size + 1) ** -exponent)
    ranks = np.searchsorted(total, rng.random(number) * total[-1], side="right")
    drawn: IntArray = np.minimum(ranks, size - 1).astype(np.int64)
    return drawn


def _triples(rng: np.random.Generator, size: int, num_relations: int, number: int, habit: float) -> IntArray:
    place = rng.permutation(size)
    head, tail = (place[_zipf(rng, size, number, 0.5)] for _ in range(2))
    tail = np.where(head == tail, (tail + 1) % size, tail)
    relation = _zipf(rng, num_relations, number)
    if habit > 0:
        usual = _zipf(rng, num_relations, size)
        relation = np.where(rng.random(number) < habit, usual[tail], relation)
    return np.stack([head, relation, tail], axis=1)


def _facts(rng: np.random.Generator, size: int, attribute_names: int, mean: float | None) -> IntArray:
    """(base entity, attribute), without repetitions, ``[A, 2]``."""
    if attribute_names == 0:
        return np.empty((0, 2), np.int64)
    number = rng.integers(1, 6, size)
    if mean is not None:
        number = np.rint(rng.lognormal(np.log(mean) - SIGMA**2 / 2, SIGMA, size)).astype(np.int64)
    entity = np.repeat(np.arange(size, dtype=np.int64), number)
    key = np.unique(entity * attribute_names + _zipf(rng, attribute_names, len(entity)))
    return np.stack([key // attribute_names, key % attribute_names], axis=1)


def _inside(triples: IntArray, rows: IntArray) -> IntArray:
    head, tail = rows[triples[:, 0]], rows[triples[:, 2]]
    inside = (head >= 0) & (tail >= 0)
    return np.stack([head, triples[:, 1], tail], axis=1)[inside]


def _noisy(rng: np.random.Generator, facts: IntArray, noise: float, sizes: tuple[int, ...]) -> IntArray:
    """Replace a share of the lines by uniformly random ones, and shuffle all."""
    facts = rng.permutation(facts)
    number = round(noise * len(facts))
    for column, size in enumerate(sizes):
        facts[:number, column] = rng.integers(0, size, number)
    return rng.permutation(facts) if number else facts


def _attributes(
    rng: np.random.Generator, facts: IntArray, rows: IntArray, noise: float, num_entities: int, attribute_names: int
) -> AttributeTriples:
    own = np.stack([rows[facts[:, 0]], facts[:, 1]], axis=1)[rows[facts[:, 0]] >= 0]
    own = _noisy(rng, own, noise, (num_entities, max(attribute_names, 1)))
    labels = tuple(f"attribute {number}" for number in range(attribute_names))
    return AttributeTriples(own[:, 0].copy(), own[:, 1].copy(), labels, Texts.nothing(len(own)))


def _images(rng: np.random.Generator, features: FloatArray, noise: float) -> ImageTable:
    if noise:
        features = features + np.float32(noise) * rng.standard_normal(features.shape, dtype=np.float32)
    return ImageTable(np.arange(len(features), dtype=np.int64), features)


def _names(rng: np.random.Generator, base: IntArray, base_size: int, noise: float) -> list[str]:
    """One word per base entity: its number, scrambled and spelled in syllables. A wrong name is a random word."""
    count, length = len(_SYLLABLES), 3
    while count**length < 4 * base_size:
        length += 1
    numbers = base.copy()
    wrong = rng.permutation(len(base))[: round(noise * len(base))]
    numbers[wrong] = rng.integers(base_size, count**length, len(wrong))
    numbers = numbers * _SCRAMBLE % count**length  # no two numbers get the same word: _SCRAMBLE is prime
    words = _SYLLABLES[numbers % count]
    for _ in range(length - 1):
        numbers //= count
        words = np.strings.add(words, _SYLLABLES[numbers % count])
    found: list[str] = words.tolist()
    return found
