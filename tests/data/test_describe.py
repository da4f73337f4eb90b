import json

import numpy as np
import pytest

from mmkg.data.describe import describe, describe_text
from mmkg.data.formats.dbp15k import read_dbp15k
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit


def pair():
    left = KnowledgeGraph(
        ("a", "b", "c", "d"),
        ("r", "s"),
        np.array([[0, 0, 1], [0, 1, 1], [0, 0, 2], [3, 0, 3]]),
        AttributeTriples(np.array([0, 0, 1]), np.array([0, 1, 1]), ("p", "q"), ("1", None, None)),
        ("one", "two", None, "four"),
        ImageTable(np.array([1, 3]), np.zeros((2, 5), np.float32)),
    )
    right = KnowledgeGraph(("x", "y"), ("s", "t"), np.array([[0, 0, 1]]), names=("one", "deux"))
    links = LinkSplit(np.array([[0, 0]]), np.empty((0, 2), np.int64), np.array([[1, 1]]))
    return AlignmentTask(left, right, links, name="small", notes={"triples_1: skipped lines": 3})


def test_counts_of_a_small_pair_worked_out_by_hand():
    facts = describe(pair())
    left = facts["left"]
    assert {key: left[key] for key in left if key not in ("degree", "modalities")} == {
        "entities": 4,
        "context": 0,
        "literals": 0,
        "triples": 4,
        "relations": 2,
        "self_loops": 1,
        "entities_without_triple": 1,
        "attribute_names": 2,
        "attribute_facts": 3,
        "attribute_values": 1,
        "value_kinds": {"number": 1, "date": 0, "text": 0},
        "image_dim": 5,
    }
    # degrees without the self loop: 3, 2, 1, 0
    assert left["degree"] == {"0%": 0, "25%": 0, "50%": 1, "75%": 2, "95%": 3, "100%": 3, "mean": 1.5}
    assert left["modalities"] == {  # linked: a and b
        "structure": {"entities": 3, "share": 0.75, "linked_share": 1.0},
        "relation": {"entities": 4, "share": 1.0, "linked_share": 1.0},
        "attribute": {"entities": 2, "share": 0.5, "linked_share": 1.0},
        "value": {"entities": 1, "share": 0.25, "linked_share": 0.5},
        "image": {"entities": 2, "share": 0.5, "linked_share": 0.5},
        "name": {"entities": 3, "share": 0.75, "linked_share": 1.0},
    }
    assert facts["links"] == {"train": 1, "valid": 0, "test": 1, "total": 2}
    assert facts["shared"] == {"relations": 1, "attributes": 0, "equal_names": 0.5}
    assert facts["notes"] == {"triples_1: skipped lines": 3}
    assert facts["missing"] == [
        "no attribute on the right: add literals (RDF), more columns (tables) or a file attr_triples_2 "
        "(DBP15K, OpenEA)",
        "no image on the right: add a column image with paths (tables); data.images takes a folder or table of "
        "pictures, or features",
        "no valid links: give more links or another train_ratio or valid_ratio",
    ]


def test_the_description_is_json():
    facts = describe(pair())
    assert json.loads(json.dumps(facts)) == facts


def test_the_text_holds_the_same_facts_in_aligned_columns():
    lines = describe_text(pair()).split("\n")
    by_name = {line.split("  ")[0].strip() or line.strip().split("  ")[0]: line.split() for line in lines}
    assert by_name["entities"][-2:] == ["4", "2"] and by_name["triples"][-2:] == ["4", "1"]
    assert [line.split() for line in lines if line.startswith("  image")] == [
        ["image", "50.0%", "(50.0%)", "0.0%", "(0.0%)"]
    ]
    assert "links: 2 (train 1, valid 0, test 1); a test entity is ranked among the test entities" in lines
    assert "links whose two names are equal: 50.0%" in lines
    assert "  triples_1: skipped lines: 3" in lines
    table = lines[2 : lines.index("", 3)]
    assert len({len(line) for line in table if line.split()[-1] != "ones)"}) == 1


def test_a_pair_without_links_and_names_is_described():
    none = np.empty((0, 2), np.int64)
    graph = KnowledgeGraph(("a",), (), np.empty((0, 3), np.int64))
    facts = describe(AlignmentTask(graph, graph, LinkSplit(none, none, none), candidates="all"))
    assert facts["shared"]["equal_names"] is None
    assert facts["left"]["modalities"]["name"] == {"entities": 0, "share": 0.0, "linked_share": None}
    assert [hint.split(":")[0] for hint in facts["missing"]] == [
        "no attribute on either side",
        "no image on either side",
        "no name on either side",
        "no links",
    ]


def test_equal_names_of_dbp15k_are_as_others_counted(mmkg_data):
    names = mmkg_data / "DBP15K" / "translated_ent_name" / "dbp_zh_en.json"
    facts = describe(read_dbp15k(mmkg_data / "DBP15K" / "zh_en", names=names))
    assert facts["shared"]["equal_names"] == pytest.approx(0.384, abs=5e-4)
    assert facts["left"]["modalities"]["image"]["entities"] == 0
    assert facts["left"]["self_loops"] + facts["right"]["self_loops"] == 442
