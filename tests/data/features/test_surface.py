"""Names that enter by values of attributes are reported wherever they enter."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.registry import surface_values
from mmkg.data.features.surface import is_label, label_values
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit

FOAF, LABEL = "http://xmlns.com/foaf/0.1/name", "<http://www.w3.org/2000/01/rdf-schema#label>"
TRIPLES = np.array([[row, 0, (row + 1) % 12] for row in range(12)])
LINKS = np.stack([np.arange(12)] * 2, axis=1)


@pytest.mark.parametrize(
    "attribute",
    [FOAF, LABEL, "foaf:name", "skos:prefLabel", "http://schema.org/name", "http://schema.org/alternateName", "title"]
    + ["http://dbpedia.org/property/nativeName", "full_name", "<http://www.w3.org/2004/02/skos/core#altLabel>", "alias"]
    + ["http://dbpedia.org/ontology/originalTitle", "surname", "names", "dbp:synonyms"],
)
def test_an_attribute_that_names_its_entity_is_one(attribute):
    assert is_label(attribute)


@pytest.mark.parametrize(
    "attribute",
    [
        "http://dbpedia.org/ontology/birthDate",
        "population",
        "http://name.org/area",
        "recordLabel",
        "nameless",
        "name/id",
    ]
    + ["http://www.w3.org/2000/01/rdf-schema#comment", "subtitles_count", "nickel"],
)
def test_another_attribute_is_none(attribute):
    assert not is_label(attribute)


def graph(attributes, values):
    """Twelve entities in a ring; each has the attributes, whose values a function gives."""
    rows = np.repeat(np.arange(12), len(attributes))
    places = np.tile(np.arange(len(attributes)), 12)
    texts = tuple(values(int(row), attributes[place]) for row, place in zip(rows, places, strict=True))
    return KnowledgeGraph(
        tuple(f"e{row}" for row in range(12)),
        ("next",),
        TRIPLES,
        attributes=AttributeTriples(rows, places, attributes, texts),
    )


def own(row, attribute):
    return f"City {row}" if is_label(attribute) else str(100 + row)


def task_of(left, right):
    return AlignmentTask(left, right, LinkSplit(LINKS[:6], LINKS[6:8], LINKS[8:]))


def test_names_are_values_only_where_both_graphs_have_them():
    left, right = graph((FOAF, "area"), own), graph((LABEL, "area"), own)
    assert label_values(left, right) == tuple(sorted((FOAF, LABEL)))
    assert label_values(left, graph(("area",), own)) == ()
    assert label_values(left, graph((FOAF,), lambda row, _: str(row))) == ()  # numbers are no names
    assert label_values(left, graph((FOAF,), lambda row, _: None)) == ()


def test_modalities_report_the_names_that_they_read():
    config, everything = FeatureConfig(), ("structure", "attribute", "value")
    single = task_of(graph((FOAF, "area"), own), graph((FOAF, "area"), own))
    assert surface_values(single, config, everything) == {"value": (FOAF,)}  # no name is that of two entities
    assert surface_values(single, config, ("structure", "attribute")) == {}
    pairs = [graph((FOAF, "area"), lambda row, name: own(row // 2, name))] * 2
    assert surface_values(task_of(*pairs), config, everything) == {"attribute": (FOAF,), "value": (FOAF,)}
    without = replace(config, attribute_values=False)
    assert surface_values(task_of(*pairs), without, everything) == {"value": (FOAF,)}


def test_the_protocol_of_a_run_says_so(tmp_path):
    task = task_of(graph((FOAF, "area"), own), graph((LABEL, "area"), own))
    result = mmkg.align(task, "propagation", modalities=("structure", "value"), device="cpu")
    assert result.protocol.surface_names and result.protocol.surface_values == {"value": tuple(sorted((FOAF, LABEL)))}
    assert f"with names, by values of {', '.join(sorted((FOAF, LABEL)))};" in result.protocol.describe()
    again = mmkg.AlignmentResult.load(result.save(tmp_path / "run"))
    assert again.protocol == result.protocol
    assert "without names" in again.restrict(["structure"]).protocol.describe()
    assert again.restrict(["value"]).protocol.surface_names
    structure = mmkg.align(task, "propagation", modalities=("structure",), device="cpu")
    assert not structure.protocol.surface_names and "without names" in structure.protocol.describe()
