"""Summary of a task: counts, coverage of the modalities, links, and missing data."""

from typing import Any

import numpy as np

from ..compute.host import isolated
from ..typing import BoolArray, IntArray
from .entities import EntityTable
from .features.registry import FEATURES
from .features.values import KINDS, read_values
from .kg import KnowledgeGraph
from .literals import pool_of
from .task import AlignmentTask

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


@isolated
def describe(task: AlignmentTask) -> dict[str, Any]:
    """Count entities, facts, modalities and links of a task; the result can be written as JSON.

    Returns:
        ``name``, ``candidates``, ``one_to_one``; ``left`` and ``right``, each with the numbers of
        ``entities``, ``context`` (blank nodes and terms of vocabularies, which are not matched), ``literals`` (nodes
        that are years, numbers or dates, which are matched with equal ones only), ``triples``, ``relations``,
        ``self_loops``, ``entities_without_triple``, ``attribute_names``, ``attribute_facts``,
        ``attribute_values``, ``value_kinds`` (the numbers of values that are a ``number``, a ``date``, a ``text``),
        ``image_dim`` (or None), ``degree``
        (quantiles and mean of the number of triples per entity, self loops excluded) and ``modalities`` (per
        name: the number of ``entities`` that have it, their ``share``, and the ``linked_share`` among entities
        with a known link, None without links); ``links`` (``train``, ``valid``, ``test``, ``total``);
        ``shared`` (``relations`` and ``attributes`` with the same label on both sides, and
        ``equal_names``: share of all links whose two names are the same text, None unless both sides
        have names); ``notes`` of the reader; ``missing``: hints on data that could be added.
    """
    links = task.links.all()
    literals = pool_of(EntityTable.of(task.left), EntityTable.of(task.right), links).literals
    parts = {name: len(getattr(task.links, name)) for name in ("train", "valid", "test")}
    left, right = task.left, task.right
    return {
        "name": task.name,
        "candidates": task.candidates,
        "one_to_one": task.one_to_one,
        "left": _describe_graph(left, links[:, 0], literals[0]),
        "right": _describe_graph(right, links[:, 1], literals[1]),
        "links": {**parts, "total": len(links)},
        "shared": {
            "relations": len(set(left.relations) & set(right.relations)),
            "attributes": len(set(left.attributes.names) & set(right.attributes.names)),
            "equal_names": _equal_names(left, right, links),
        },
        "notes": dict(task.notes),
        "missing": _missing(task),
    }


def describe_text(task: AlignmentTask) -> str:
    """The summary of ``describe`` as plain text."""
    facts = describe(task)
    sides = [facts["left"], facts["right"]]
    rows: list[tuple[str, ...]] = [("", "left", "right")]
    for key in ("entities", "triples", "relations", "attribute_names", "attribute_facts", "attribute_values"):
        rows.append((key.replace("_", " "), *(f"{side[key]:,}" for side in sides)))
        if key == "entities" and any(side["context"] for side in sides):
            rows.append(("  blank nodes, vocabulary", *(f"{side['context']:,}" for side in sides)))
        if key == "entities" and any(literals := [side["literals"] for side in sides]):
            rows.append(("  literal nodes", *(f"{number:,}" for number in literals)))
    kinds = [side["value_kinds"] for side in sides]
    rows.append(("  numbers, dates, texts", *(", ".join(f"{each[kind]:,}" for kind in KINDS) for each in kinds)))
    rows.append(("image features", *(_or_none(side["image_dim"], " numbers") for side in sides)))
    rows.append(("entities without a triple", *(f"{side['entities_without_triple']:,}" for side in sides)))
    rows.append(("self loops", *(f"{side['self_loops']:,}" for side in sides)))
    rows.append(("degree: median, mean, max", *(_degree_text(side["degree"]) for side in sides)))
    rows.append(("entities that have (of linked ones)", "", ""))
    for name in sides[0]["modalities"]:
        rows.append((f"  {name}", *(_coverage_text(side["modalities"][name]) for side in sides)))
    links, shared = facts["links"], facts["shared"]
    lines = [f"{facts['name']}", "", *_aligned(rows), ""]
    lines.append(
        f"links: {links['total']:,} (train {links['train']:,}, valid {links['valid']:,}, test {links['test']:,}); "
        f"a test entity is ranked among {'the test' if facts['candidates'] == 'test' else 'all'} entities"
    )
    lines.append(f"same label on both sides: {shared['relations']:,} relations, {shared['attributes']:,} attributes")
    if shared["equal_names"] is not None:
        lines.append(f"links whose two names are equal: {shared['equal_names']:.1%}")
    for title, items in (("noted", [f"{k}: {v:,}" for k, v in facts["notes"].items()]), ("missing", facts["missing"])):
        lines += [f"{title}:", *(f"  {item}" for item in items)] if items else []
    return "\n".join(lines) + "\n"


def _describe_graph(graph: KnowledgeGraph, linked: IntArray, literals: int) -> dict[str, Any]:
    loops = graph.triples[:, 0] == graph.triples[:, 2]
    ends = graph.triples[~loops][:, ::2].ravel()
    degree = np.bincount(ends, minlength=graph.num_entities)
    quantiles = np.quantile(degree, _QUANTILES, method="inverted_cdf")
    linked = np.unique(linked)
    kinds = read_values(graph.attributes.values).kind
    return {
        "entities": graph.num_entities,
        "context": int(graph.context.sum()),
        "literals": literals,
        "triples": len(graph.triples),
        "relations": len(graph.relations),
        "self_loops": int(loops.sum()),
        "entities_without_triple": int((~graph.has_triple).sum()),
        "attribute_names": len(graph.attributes.names),
        "attribute_facts": len(graph.attributes),
        "attribute_values": len(graph.attributes) - graph.attributes.values.count(None),
        "value_kinds": {kind: int((kinds == number).sum()) for number, kind in enumerate(KINDS)},
        "image_dim": None if graph.images is None else int(graph.images.features.shape[1]),
        "degree": {
            **{f"{share:.0%}": int(value) for share, value in zip(_QUANTILES, quantiles, strict=True)},
            "mean": float(degree.mean()),
        },
        "modalities": {
            name: _coverage(modality.present(graph), linked)
            for name, modality in FEATURES.items()
            if modality.is_enabled(None)
        },
    }


def _coverage(present: BoolArray, linked: IntArray) -> dict[str, Any]:
    return {
        "entities": int(present.sum()),
        "share": float(present.mean()),
        "linked_share": float(present[linked].mean()) if len(linked) else None,
    }


def _equal_names(left: KnowledgeGraph, right: KnowledgeGraph, links: IntArray) -> float | None:
    if left.names is None or right.names is None or len(links) == 0:
        return None
    pairs = [(left.names[i], right.names[j]) for i, j in links.tolist()]
    return float(sum(a is not None and a == b for a, b in pairs) / len(pairs))


def _missing(task: AlignmentTask) -> list[str]:
    graphs = (task.left, task.right)
    hints = []
    for name, modality in FEATURES.items():
        if modality.hint:
            without = [k for k, graph in enumerate(graphs, start=1) if not modality.present(graph).any()]
            hints += _hint(f"no {name}", without, modality.hint)
    facts = [graph.attributes for graph in graphs]
    without = [k for k, some in enumerate(facts, start=1) if len(some) and some.values.count(None) == len(some)]
    hints += _hint("attributes without values", without, "add attr_triples_{k} (URI, attribute, value)")
    links = task.links
    if len(links.all()) == 0:
        hints.append("no links: give a file of them (data.links), or learn from similar names (data.seeds_from)")
    elif len(links.test):  # without test links all are learnt from, and some are held out by ``align``
        for part in ("train", "valid"):
            if len(getattr(links, part)) == 0:
                hints.append(f"no {part} links: give more links or another train_ratio or valid_ratio")
    return hints


def _hint(what: str, sides: list[int], how: str) -> list[str]:
    if not sides:
        return []
    where = "either side" if len(sides) == 2 else ("the left", "the right")[sides[0] - 1]
    return [f"{what} on {where}: {how.format(k='k' if len(sides) == 2 else sides[0])}"]


def _degree_text(degree: dict[str, Any]) -> str:
    return f"{degree['50%']:,}, {degree['mean']:.1f}, {degree['100%']:,}"


def _coverage_text(facts: dict[str, Any]) -> str:
    linked = "" if facts["linked_share"] is None else f" ({facts['linked_share']:.1%})"
    return f"{facts['share']:.1%}{linked}"


def _or_none(number: int | None, unit: str) -> str:
    return "none" if number is None else f"{number:,}{unit}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
