"""Features of a pair that has grown, in the columns of the pair before."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmkg import twin_graphs
from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.growth import grown
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask


def with_copies(graph, rows):
    """A delta with a copy of some entities: their names, facts, images, and triples with the same known neighbours."""
    labels = [*graph.entities, *(f"copy of {graph.entities[row]}" for row in rows)]
    place = {row: len(graph.entities) + number for number, row in enumerate(rows)}
    triples = [(place[head], kind, tail) for head, kind, tail in graph.triples.tolist() if head in place]
    triples += [(head, kind, place[tail]) for head, kind, tail in graph.triples.tolist() if tail in place]
    facts = graph.attributes
    picked = [number for number, entity in enumerate(facts.entity.tolist()) if entity in place]
    copied = AttributeTriples(
        np.array([place[facts.entity[number]] for number in picked], np.int64),
        facts.attribute[picked],
        facts.names,
        tuple(facts.values[number] for number in picked),
    )
    images = graph.images
    if images is not None:
        shown = [number for number, row in enumerate(images.rows.tolist()) if row in place]
        images = ImageTable(np.array([place[row] for row in images.rows[shown]]), images.features[shown])
    names = None if graph.names is None else (*graph.names, *(graph.names[row] for row in rows))
    return KnowledgeGraph(
        tuple(labels),
        graph.relations,
        np.array(triples, np.int64).reshape(-1, 3),
        copied,
        names=names,
        images=images,
    )


def with_values(graph, keys):
    """A graph whose entities have a number and a text besides their attributes; keys are equal for counterparts."""
    facts = graph.attributes
    more = AttributeTriples(
        np.concatenate([facts.entity, np.repeat(np.arange(len(keys)), 2)]),
        np.concatenate([facts.attribute, np.tile([0, 1], len(keys)) + len(facts.names)]),
        (*facts.names, "area", "code"),
        (*facts.values, *(text for key in keys for text in (f"{1000 + 7.25 * key}", f"code {key % 50}"))),
    )
    return replace(graph, attributes=more)


@pytest.fixture(scope="module")
def pairs():
    before = twin_graphs(80, seed=3)
    keys = np.arange(80)
    keys[before.links.all()[:, 1]] = before.links.all()[:, 0]
    before = replace(before, left=with_values(before.left, range(80)), right=with_values(before.right, keys.tolist()))
    rows = ([2, 30, 71], [5, 44])
    left, right = (
        grown(graph, with_copies(graph, some))[0] for graph, some in zip((before.left, before.right), rows, strict=True)
    )
    later = AlignmentTask(left, right, before.links)
    copies = {80 + number: row for number, row in enumerate(rows[0])}
    copies |= {83 + 80 + number: 83 + row for number, row in enumerate(rows[1])}
    return before, later, copies


def whole(table):
    return table.take(torch.arange(len(table.observed))).to_dense().flatten(1)


NOT_COPIED = ("structure", "relation")  # these depend on the triples of neighbours


def test_known_entities_keep_their_features(pairs):
    before, later, _ = pairs
    old, new = build_inputs(before), build_inputs(later, before=before)
    known = torch.cat([torch.arange(80), 83 + torch.arange(80)])
    assert old.names == new.names
    assert {"value", "name", "attribute", "image", "relation"} <= set(old.tables)
    for name in set(old.tables) - {"relation"}:  # which counts the triples with new entities, too
        torch.testing.assert_close(whole(new.tables[name])[known], whole(old.tables[name]), rtol=0, atol=0, msg=name)
    assert new.tables["relation"].columns == old.tables["relation"].columns


def test_a_new_entity_like_a_known_one_has_its_features(pairs):
    before, later, copies = pairs
    tables = build_inputs(later, before=before).tables
    new, like = (torch.tensor(list(each)) for each in (copies, copies.values()))
    for name in tables:
        torch.testing.assert_close(whole(tables[name])[new], whole(tables[name])[like], msg=name)


def test_a_pair_that_has_not_grown_has_the_features_that_it_has(pairs):
    before, _, _ = pairs
    for build in (build_inputs, build_incidence):
        old, new = build(before), build(before, before=before)
        for name, table in old.tables.items():
            torch.testing.assert_close(whole(new.tables[name]), whole(table), rtol=0, atol=0, msg=name)
    assert torch.equal(old.attributes.to_dense(), new.attributes.to_dense())


def test_unknown_values_attributes_and_letters_of_new_entities_have_no_column(pairs):
    before, _, _ = pairs
    facts = AttributeTriples(np.array([1, 1]), np.array([0, 1]), ("never seen", "code"), ("x", "no such text"))
    new = KnowledgeGraph((before.left.entities[0], "n"), ("r",), np.array([[0, 0, 1]]), facts, names=(None, "Ω"))
    later = replace(before, left=grown(before.left, new)[0])
    tables = build_inputs(later, FeatureConfig(attribute_values=False), before=before).tables
    assert not whole(tables["name"])[80].any()
    assert not whole(tables["value"])[80].any()
    assert whole(tables["attribute"])[80].sum() == 1  # it has a code


def test_a_number_falls_into_the_bins_of_the_nearest_known_number(pairs):
    before, _, _ = pairs
    facts = AttributeTriples(np.array([1]), np.array([0]), ("area",), (f"{1000 + 7.25 * 40 + 1}",))
    new = KnowledgeGraph((before.left.entities[0], "n"), ("r",), np.array([[0, 0, 1]]), facts)
    table = build_inputs(replace(before, left=grown(before.left, new)[0]), before=before).tables["value"]
    row, rows = whole(table)[80], whole(table)[:80]
    without_code = (rows[40] > 0) & (row > 0)
    assert 2 < (row > 0).sum() == without_code.sum()  # all bins but that of equal numbers, which is not its own
    assert (rows @ row).argmax() == 40
