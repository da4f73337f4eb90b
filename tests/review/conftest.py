"""A run small enough that every count can be worked out by hand, and one with every modality."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.kg import AttributeTriples
from mmkg.review import RunView

LEFT = [("Curie", "born in", "Warsaw"), ("Curie", "married", "Pierre"), ("Warsaw", "in", "Poland")]
RIGHT = [("M. Curie", "birthplace", "Warszawa"), ("P. Curie", "spouse", "M. Curie"), ("Warszawa", "part of", "Polska")]
SETTINGS = {"data.train_ratio": 1.0, "search.store": "float32"}


@pytest.fixture(scope="session")
def curies():
    """Two links are known; no confidences, no test links."""
    links = [("Warsaw", "Warszawa"), ("Pierre", "P. Curie")]
    return RunView(mmkg.align(LEFT, RIGHT, links, model="propagation", settings=SETTINGS))


@pytest.fixture(scope="session")
def view(small_result):
    """The view of a run with confidences and test links."""
    return RunView(small_result)


def facts(labels, rows):
    """Attribute facts (entity, attribute, value)."""
    names = tuple(dict.fromkeys(name for _, name, _ in rows))
    entity = np.array([labels.index(each) for each, _, _ in rows])
    return AttributeTriples(
        entity, np.array([names.index(name) for _, name, _ in rows]), names, [value for _, _, value in rows]
    )


@pytest.fixture(scope="session")
def people():
    """Thirty people with a type, a year of birth and colours; of one the years differ, of one the types."""
    names = [f"p{number}" for number in range(30)]
    graphs = []
    for side in ("a", "b"):
        own = [f"{side}:{name}" for name in names]
        kinds = ["Person"] * 18 + ["Place"] * 12
        if side == "b":
            kinds[4] = "Place"
        triples = [(mine, "knows", other) for mine, other in zip(own, own[1:] + own[:1], strict=True)]
        graph = mmkg.as_graph(triples)
        rows = [(each, "type", kind) for each, kind in zip(own, kinds, strict=True)]
        rows += [
            (each, "born", "1900" if (side, place) == ("b", 3) else str(1850 + place)) for place, each in enumerate(own)
        ]
        rows += [
            (each, "colour", colour) for each in own for colour in (("red", "blue") if side == "a" else ("green",))
        ]
        graphs.append(replace(graph, attributes=facts(list(graph.entities), rows)))
    links = [(f"a:{name}", f"b:{name}") for name in names]
    return RunView(mmkg.align(*graphs, links, model="propagation", settings={"data.train_ratio": 1.0}))
