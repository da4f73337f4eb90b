"""``mmkg inspect``: the compared attributes of a pair, and some linked entities with their facts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..printing import line, show
from .options import SeedOptions, Source, expanded, load_pair
from .shown import print_json

if TYPE_CHECKING:
    from ..data.kg import KnowledgeGraph
    from ..data.task import AlignmentTask


@expanded
def inspect(
    *,
    source: Source,
    links_shown: Annotated[int, typer.Option(min=0, help="Number of links shown.")] = 5,
    facts: Annotated[int, typer.Option(min=0, help="Triples and attributes shown of each entity.")] = 6,
    attributes: Annotated[int, typer.Option(min=0, help="Number of compared attributes shown.")] = 20,
    options: SeedOptions,
) -> None:
    """Show compared attributes and some linked entities of a pair.

    Links are drawn at random from all known links, with --seed. Attributes are compared by value; the numbers are the
    share of training links whose values agree, in excess of chance, at each resolution.
    """
    from ..data.describe import describe, describe_text
    from ..data.features.evidence import value_evidence

    task, experiment = load_pair(source, options, ("data", "seed"), "inspect")
    compared = list(value_evidence(task).comparisons[:attributes])
    links = [
        tuple(facts_of(graph, row, facts) for graph, row in ((task.left, i), (task.right, j)))
        for i, j in _drawn(task, links_shown, experiment.seed)
    ]
    if options.as_json:
        found = [
            {name: getattr(each, name) for name in ("left", "right", "links", "factor", "agreement")}
            for each in compared
        ]
        shown = [{"left": left.as_dict(), "right": right.as_dict()} for left, right in links]
        print_json({"pair": describe(task), "compared": found, "links": shown})
        return
    show(describe_text(task))
    if compared:
        show("attributes compared by value, best evidence first; share of training links that agree beyond chance:")
    for each in compared:
        unit = "" if each.factor == 1 else f", right x {each.factor:.4g}"
        shares = " ".join(f"{share:.2f}" for share in each.agreement)
        show(f"  {line(each.left)} = {line(each.right)} ({each.links} links{unit}): {shares}")
    for left, right in links:
        show(f"{line(left.label)}  =  {line(right.label)}")
        for side, entity in (("left", left), ("right", right)):
            show(f"  {side}: {line(entity.uri)}")
            for fact in entity.lines:
                show(f"    {line(fact)}")


@dataclass(frozen=True)
class EntityFacts:
    """One entity: its URI or string, its display label, and lines with names, pictures, triples and attributes."""

    uri: str
    label: str
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return {"uri": self.uri, "label": self.label, "facts": self.lines}


def facts_of(graph: "KnowledgeGraph", entity: int, most: int) -> EntityFacts:
    """Names, pictures, triples and attributes of one entity, at most ``most`` triples and ``most`` attributes."""
    import numpy as np

    lines = []
    for what, column in (("name", graph.names), ("picture", graph.pictures)):
        if column is not None and column[entity] and column[entity] != graph.entities[entity]:
            lines.append(f"{what}: {column[entity]}")
    if graph.images is not None and entity in graph.images.rows:
        lines.append(f"image features: {graph.images.features.shape[1]} numbers")
    rows = np.flatnonzero((graph.triples[:, ::2] == entity).any(axis=1))
    for head, kind, tail in graph.triples[rows[:most]].tolist():
        lines.append(f"{graph.label(head)} -- {graph.relations[kind]} -> {graph.label(tail)}")
    facts = graph.attributes
    own = np.flatnonzero(facts.entity == entity)
    lines += [f"{facts.names[facts.attribute[k]]}: {facts.values[k] or '(no value)'}" for k in own[:most].tolist()]
    more = max(0, len(rows) - most) + max(0, len(own) - most)
    return EntityFacts(graph.entities[entity], graph.label(entity), [*lines, f"and {more} more"] if more else lines)


def _drawn(task: "AlignmentTask", number: int, seed: int) -> list[tuple[int, int]]:
    """Some of all links, drawn at random."""
    import numpy as np

    links = task.links.all()
    chosen = np.random.default_rng(seed).permutation(len(links))[:number]
    return [(i, j) for i, j in links[chosen].tolist()]
