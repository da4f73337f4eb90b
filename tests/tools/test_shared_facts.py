"""The study of what the ends of test links have in common, on two graphs worked out by hand."""

import json

import numpy as np
import pytest
from small import twins, write_dbp15k

import mmkg
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit


@pytest.fixture
def shared_facts(load_tool):
    return load_tool("shared_facts")


@pytest.fixture
def folder(tmp_path):
    return write_dbp15k(twins(120), tmp_path / "pair")


def graph(triples, values):
    """Six entities; ``values`` by entity."""
    entity = np.array(list(values), np.int64)
    facts = AttributeTriples(entity, np.zeros(len(entity), np.int64), ("says",), tuple(values.values()))
    return KnowledgeGraph(tuple("abcdef"), ("r",), np.array(triples, np.int64).reshape(-1, 3), facts)


def test_a_link_is_in_the_first_group_that_it_belongs_to(shared_facts):
    # entity i of one graph is entity i of the other; 0 - 0 is learnt from, the others are test links
    left = graph([(1, 0, 0), (2, 0, 1), (3, 0, 2)], {1: "same", 4: "1.5", 5: "mine"})
    right = graph([(0, 0, 1), (1, 0, 2), (4, 0, 3)], {1: "same", 4: "1.50", 5: "yours"})
    links = np.stack([np.arange(6)] * 2, axis=1)
    task = AlignmentTask(left, right, LinkSplit(links[:1], links[:0], links[1:]), "six")
    names = [shared_facts.GROUPS[each] for each in shared_facts.groups(task)]
    # 1: next to 0 in both. 2: next to 1 in both. 3: next to 2 here, to 4 there. 4: the same number. 5: not the same
    assert names == ["neighbour, learnt", "neighbour, other", "nothing", "value", "nothing"]


def test_groups_add_up_to_all_and_hits_are_those_of_the_run(shared_facts, folder, capsys):
    shared_facts.main([str(folder), "--ratios", "0.3", "--json"])
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    *rows, whole = table["rows"]
    assert [row["group"] for row in rows] == list(shared_facts.GROUPS)
    assert sum(row["links"] for row in rows) == whole["links"]
    assert sum(row["links"] * row["hits@1"] for row in rows) == pytest.approx(whole["links"] * whole["hits@1"])
    result = mmkg.align(mmkg.load(folder), "propagation", ranks_only=True, progress=False)
    assert whole["hits@1"] == pytest.approx(result.metrics["left_to_right"]["hits@1"])


def test_a_table_has_a_line_for_each_group(shared_facts, folder, capsys):
    shared_facts.main([str(folder), "--modalities", "structure,relation"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 and lines[2].startswith("| neighbour, learnt | propagation | 30% |")
