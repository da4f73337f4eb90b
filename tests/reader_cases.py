"""What the tests of all readers share: files of bytes or text, refused ones, and graphs as plain values."""

import gzip

import numpy as np
import pytest
from hypothesis import strategies as st

from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import InputError

FLOAT = "http://www.w3.org/2001/XMLSchema#float"

LABEL = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
TEXT = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)
KINDS = st.sampled_from([None, "@en", FLOAT])


def put(folder, files):
    """Write files; ``None`` leaves one out, bytes stay as they are."""
    for name, content in files.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def refused(read, path, line, message):
    """The error of a reader: its place comes first, then what was expected; it is short."""
    with pytest.raises(InputError) as caught:
        read()
    text = str(caught.value)
    place = str(path) + (": " if line is None else f":{line}: ")
    assert text.startswith(place), text
    assert message in text, text
    assert len(text) < len(place) + 400
    assert caught.value.line == line and caught.value.path == path
    return text


def names_of(cases):
    return [f"{number}-{case[0]}" for number, case in enumerate(cases)]


def triples(graph):
    return [(graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.triples.tolist()]


def facts(graph):
    found = graph.attributes
    types = found.types or [None] * len(found)
    columns = zip(found.entity.tolist(), found.attribute.tolist(), found.values, types, strict=True)
    return [(graph.entities[e], found.names[a], value, kind) for e, a, value, kind in columns]


def pairs(task):
    return [(task.left.entities[i], task.right.entities[j]) for i, j in task.links.all().tolist()]


def plain(graph, *, empty=True):
    """Everything a format may carry, as one value; without ``empty`` an empty value counts as missing."""
    images = None
    if graph.images is not None:
        images = dict(zip(graph.images.rows.tolist(), graph.images.features.tolist(), strict=True))
    found = [(e, a, value if empty else value or None, kind) for e, a, value, kind in facts(graph)]
    return graph.entities, triples(graph), found, graph.names, graph.pictures, images


def squeezed(text, damage=None):
    """Gzip; ``damage`` cuts it there, or replaces its first bytes."""
    data = gzip.compress(text.encode())
    return data[:damage] if isinstance(damage, int) else data if damage is None else damage + data[len(damage) :]


@st.composite
def graphs(draw, label=LABEL, text=TEXT, kinds=KINDS):
    """A graph in which every entity has a triple, numbered in order of appearance."""
    labels = draw(st.lists(label, min_size=2, max_size=6, unique=True))
    relations = draw(st.lists(label, min_size=1, max_size=3, unique=True))
    names = draw(st.lists(label, min_size=1, max_size=3, unique=True))
    n = len(labels)
    order = [[row, draw(st.integers(0, len(relations) - 1)), draw(st.integers(0, row))] for row in range(n)]
    rows = sorted(draw(st.lists(st.integers(0, n - 1), max_size=6)))
    used = sorted({kind for _, kind, _ in order}, key=[kind for _, kind, _ in order].index)
    kind_of = {kind: number for number, kind in enumerate(used)}
    columns = [
        draw(st.lists(each, min_size=len(rows), max_size=len(rows)))
        for each in (st.integers(0, len(names) - 1), text, kinds)
    ]
    seen = list(dict.fromkeys(columns[0]))
    attributes = AttributeTriples(
        np.array(rows, np.int64),
        np.array([seen.index(name) for name in columns[0]], np.int64),
        tuple(names[name] for name in seen),
        tuple(columns[1]),
        tuple(columns[2]) if any(columns[2]) else None,
    )
    found = [[head, kind_of[kind], tail] for head, kind, tail in order]
    return KnowledgeGraph(tuple(labels), tuple(relations[kind] for kind in used), np.array(found, np.int64), attributes)


def task_of(left, right):
    links = np.arange(min(left.num_entities, right.num_entities))[:, None].repeat(2, axis=1)
    return AlignmentTask(left, right, LinkSplit(links[:1], links[1:1], links[1:]))
