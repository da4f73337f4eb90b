"""The embedded pairs: emoji with descriptions in two languages and pictures by two vendors (datasets/README.md)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..compute.seeding import numpy_generator
from ..data.kg import AttributeTriples, KnowledgeGraph
from ..data.links.checked import LabelLinks
from ..data.links.pairs import PairData, make_task
from ..data.split import SplitConfig
from ..data.task import AlignmentTask
from ..errors import UsageError, nearest
from ..typing import IntArray
from .embedded import EmbeddedFiles, embedded_folder, kept_images

EMOJI_PAIRS = ("fr-en", "zh-en", "ja-en")
_RESERVED = {ord(character): f"%{ord(character):02X}" for character in '<>"{}|^`\\%#?'} | {ord(" "): "_"}

Node = tuple[str, str]  # (kind, code)


def load_emoji(
    pair: str = "fr-en",
    *,
    neutral: bool = True,
    image_ratio: float = 1.0,
    train_ratio: float = 0.3,
    valid_ratio: float = 0.1,
    seed: int = 0,
    folder: str | Path | None = None,
) -> AlignmentTask:
    """Load an embedded pair of graphs: 1,914 emoji with one-to-one links, and the entities connected to them.

    Left: keywords in French, Chinese or Japanese, facts of emojibase-data, Twemoji pictures. Right: keywords
    in English, facts of emoji-datasource, Noto pictures. Labels, names and values hold no code point; only
    ``display`` holds the emoji. Rows of the right graph are shuffled (always the same way), so that the order
    carries no information.

    Args:
        pair: ``fr-en``, ``zh-en`` (names hardly help) or ``ja-en``.
        neutral: keep the facts that are the same in every language (subgroup, group, parts of joined emoji);
            without them the task is harder, closest to DBP15K.
        image_ratio: share of pictures kept on each side, in [0, 1], drawn with ``seed``.
        train_ratio, valid_ratio: see ``SplitConfig``.
        seed: random seed of the split and of the choice of pictures; the graphs do not depend on it.
        folder: folder of the data; by default the place they are shipped in.

    Returns:
        A task named ``emoji-<pair>``; image features are float32 ``[1906, 128]`` per side at ``image_ratio=1``.

    Raises:
        UsageError: the pair is unknown or a ratio is out of range.
        InputError: the data are missing or damaged.

    Source:
        emojibase-data 17.0.0, emoji-datasource 16.0.0, CLDR 48; licences in datasets/emoji/NOTICE.
    """
    data = read_emoji(pair, neutral=neutral, image_ratio=image_ratio, seed=seed, folder=folder)
    return make_task(data, SplitConfig(train_ratio=train_ratio, valid_ratio=valid_ratio, seed=seed))


def read_emoji(
    pair: str, *, neutral: bool = True, image_ratio: float = 1.0, seed: int = 0, folder: str | Path | None = None
) -> PairData:
    """Graphs and links of an embedded pair, see ``load_emoji``; ``seed`` chooses the pictures."""
    if pair not in EMOJI_PAIRS:
        raise UsageError(f"unknown emoji pair {pair!r}; {nearest(pair, EMOJI_PAIRS)}")
    if not 0 <= image_ratio <= 1:
        raise UsageError(f"image_ratio must be in [0, 1], got {image_ratio}")
    files = EmbeddedFiles(embedded_folder("emoji") if folder is None else Path(folder))
    generator = numpy_generator(seed, "images")
    sides = (
        _Side(pair.split("-")[0], "emojibase", "twitter", "currency", shuffled=False),
        _Side(pair.split("-")[1], "datasource", "google", "language", shuffled=True),
    )
    left, right = (_read_graph(files, side, neutral, image_ratio, generator) for side in sides)
    first, second = ([side.graph.entities[row] for row in side.emoji_rows.tolist()] for side in (left, right))
    links = LabelLinks(files.folder / "emoji.tsv", first, second, np.arange(len(first)) + 2)
    return PairData(
        left.graph,
        right.graph,
        [links],
        name=f"emoji-{pair}",
        notes={
            "left entities without triple": int((~left.graph.has_triple).sum()),
            "right entities without triple": int((~right.graph.has_triple).sum()),
        },
    )


@dataclass(frozen=True)
class _Side:
    """One graph of a pair: its language, the source of its attributes, its pictures, its own relation of flags."""

    language: str
    source: str
    vendor: str
    own_relation: str
    shuffled: bool


class _Read(NamedTuple):
    graph: KnowledgeGraph
    emoji_rows: IntArray  # row of each emoji, in the order of emoji.tsv


def _read_graph(
    files: EmbeddedFiles, side: _Side, neutral: bool, image_ratio: float, generator: np.random.Generator
) -> _Read:
    emoji = files.table("emoji.tsv")
    labels, facts = _read_facts(files, side, emoji, neutral)
    order = _shuffle(labels, side.language) if side.shuffled else list(labels)
    row_of = {node: row for row, node in enumerate(order)}
    emoji_rows = np.array([row_of["emoji", str(number)] for number in range(len(emoji))], dtype=np.int64)
    relations = {relation: position for position, relation in enumerate(dict.fromkeys(fact[1] for fact in facts))}
    triples = [(row_of[head], relations[relation], row_of[tail]) for head, relation, tail in facts]
    names = tuple(labels[node] for node in order)
    display = list(names)
    for row, item in zip(emoji_rows, emoji, strict=True):
        display[row] = f"{item['emoji']} {names[row]}"
    pictures = files.arrays(f"image_{side.vendor}.npz")
    graph = KnowledgeGraph(
        entities=_unique_uris(order, names, side.language),
        relations=tuple(relations),
        triples=np.unique(np.array(triples, dtype=np.int64), axis=0),
        attributes=_attributes(files.table(f"attributes_{side.source}.tsv"), emoji_rows),
        names=names,
        images=kept_images(emoji_rows[pictures["rows"]], pictures["codes"], pictures["scale"], image_ratio, generator),
        display=tuple(display),
    )
    return _Read(graph, emoji_rows)


def _read_facts(
    files: EmbeddedFiles, side: _Side, emoji: Sequence[Mapping[str, str]], neutral: bool
) -> tuple[dict[Node, str], list[tuple[Node, str, Node]]]:
    """Label of every entity, kind by kind, and every fact; the same fact may occur twice."""
    text = files.table(f"text_{side.language}.tsv")
    kinds: tuple[str, ...] = ("region", side.own_relation)
    labels: dict[Node, str] = {("emoji", str(number)): item["label"] for number, item in enumerate(text)}
    facts: list[tuple[Node, str, Node]] = []
    for number, texts in enumerate(text):
        for word in _split(texts["keywords"], "|"):
            labels["keyword", word] = word
            facts.append((("emoji", str(number)), "hasKeyword", ("keyword", word)))
    if neutral:
        kinds = ("subgroup", "group", *kinds)
        for number, item in enumerate(emoji):
            node = ("emoji", str(number))
            facts.append((node, "inSubgroup", ("subgroup", item["subgroup"])))
            facts.append((("subgroup", item["subgroup"]), "inGroup", ("group", item["group"])))
            facts += [(node, "zwjComponent", ("emoji", part)) for part in _split(item["parts"], ",")]
    facts += _flag_facts(files, side, emoji)
    named = files.table(f"labels_{side.language}.tsv")
    labels |= {(item["kind"], item["code"]): item["label"] for kind in kinds for item in named if item["kind"] == kind}
    return labels, facts


def _flag_facts(
    files: EmbeddedFiles, side: _Side, emoji: Sequence[Mapping[str, str]]
) -> Iterator[tuple[Node, str, Node]]:
    """Regions of flags and of regions; currencies or languages of flags."""
    flags = {item["territory"]: str(number) for number, item in enumerate(emoji) if item["territory"]}
    places = files.table("territories.tsv")
    regions = {region for place in places for region in _split(place["region"], ",")}
    for place in places:
        code = place["territory"]
        heads: list[Node] = [("emoji", flags[code])] if code in flags else []
        for value in _split(place[side.own_relation], ","):
            yield heads[0], side.own_relation, (side.own_relation, value)
        if code in regions:  # the European Union is a flag and a region
            heads.append(("region", code))
        for region in _split(place["region"], ","):
            yield from ((head, "region", ("region", region)) for head in heads)


def _split(cell: str, separator: str) -> list[str]:
    return cell.split(separator) if cell else []


def _shuffle(labels: Mapping[Node, str], language: str) -> list[Node]:
    """The entities, kind by kind, in a random order that is always the same."""
    generator = numpy_generator(0, f"emoji rows {language}")
    order: list[Node] = []
    for kind in dict.fromkeys(kind for kind, _ in labels):
        nodes = [node for node in labels if node[0] == kind]
        order += [nodes[i] for i in generator.permutation(len(nodes))]
    return order


def _unique_uris(order: Sequence[Node], names: Sequence[str], language: str) -> tuple[str, ...]:
    """``emoji:<language>/<kind>/<label>``, as in DBpedia; equal ones get ``_(2)``, ``_(3)``, ..."""
    seen: Counter[str] = Counter()
    uris = []
    for (kind, _), name in zip(order, names, strict=True):
        uri = f"emoji:{language}/{kind}/{name.translate(_RESERVED)}"
        seen[uri] += 1
        uris.append(uri if seen[uri] == 1 else f"{uri}_({seen[uri]})")
    return tuple(uris)


def _attributes(table: Sequence[Mapping[str, str]], emoji_rows: IntArray) -> AttributeTriples:
    """An attribute triple per value of each cell that is not empty, by entity row."""
    names = tuple(table[0])
    facts = sorted(
        (row, attribute, value)
        for row, item in zip(emoji_rows.tolist(), table, strict=True)
        for attribute, name in enumerate(names)
        for value in _split(item[name], " ")
    )
    entity, attribute, values = zip(*facts, strict=True)
    return AttributeTriples(np.array(entity, np.int64), np.array(attribute, np.int64), names, values)
