from dataclasses import replace

import numpy as np
import pytest
from small import twins

import mmkg
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError, UsageError


def labelled(links):
    return [(f"left/{i}", f"right/{j}") for i, j in links.tolist()]


def test_a_run_is_judged_by_labels_without_what_it_has_learnt_from(small_result, tmp_path):
    links = small_result.links
    gold = [*labelled(links.train[:4]), *labelled(links.test), ("left/0", "right/none")]
    found = small_result.gold(gold)
    assert found.links.tolist() == links.test.tolist()
    assert (found.learnt, found.unknown, found.repeated) == (4, [("left/0", "right/none")], 0)
    assert "4 left out because the run has learnt from them" in found.text()
    assert "first left/0 = right/none" in found.text()
    (tmp_path / "gold.csv").write_text("\n".join(map(",".join, [("left", "right"), *gold])) + "\n")
    expected = small_result.evaluate(candidates="all")
    for given in (gold, np.array(gold), dict(gold[:-1]), tmp_path / "gold.csv", str(tmp_path / "gold.csv")):
        assert small_result.evaluate(links=given, candidates="all") == expected
        assert small_result.tested_on(small_result.gold(given).links).evaluated().metrics == expected
    with pytest.raises(UsageError, match="links must be pairs of labels"):
        small_result.evaluate(links=7)
    with pytest.raises(InputError, match="the run has learnt from all of the 4 links given"):
        small_result.gold(gold[:4])


def test_a_run_that_learnt_from_all_links_is_judged_by_others_only():
    task = twins(60)
    known = task.links.all()
    links = LinkSplit(known[:40], known[:0], known[:0])
    result = mmkg.align(replace(task, links=links), "propagation", settings={"search.hits": [2]})
    assert result.protocol.judged == "out-of-fold" and result.protocol.num_ranked == 40
    assert set(result.metrics["left_to_right"]) == {"hits@1", "hits@2", "mrr", "mr"}
    gold = labelled(known)
    judged = result.tested_on(result.gold(gold).links).evaluated()
    assert judged.protocol.num_ranked == len(known) - 40 and judged.metrics == result.evaluate(links=gold)
    search = replace(result.experiment.search, hits=(3,))
    for again in (
        lambda: result.evaluated(candidates="test"),
        lambda: result.evaluated(csls_k=0),
        lambda: replace(result, experiment=replace(result.experiment, search=search)).evaluated(),
    ):
        with pytest.raises(UsageError, match=r"cannot be ranked again; give other links, links=FILE"):
            again()
    assert result.evaluated() is result


def test_hits_at_any_k_are_shares_of_the_ranks(small_result):
    found = small_result.evaluate(hits=(3, 20))["left_to_right"]
    assert list(found) == ["hits@1", "hits@3", "hits@20", "mrr", "mr"]
    usual = small_result.evaluate()["left_to_right"]
    assert list(usual) == ["hits@1", "hits@5", "hits@10", "mrr", "mr"]
    assert usual["hits@1"] == found["hits@1"] <= found["hits@3"] <= usual["hits@5"] <= found["hits@20"]
    rows = small_result.links.test
    scores = small_result.evaluate(links=rows, hits=(len(rows),))["left_to_right"]
    assert scores[f"hits@{len(rows)}"] == 1  # all candidates
    with pytest.raises(UsageError, match="hits"):
        small_result.evaluate(hits=(0,))


def test_an_entity_of_the_other_graph_is_said_to_be_there(small_result):
    with pytest.raises(
        UsageError, match=r"no entity of the left graph has .* 'chats', one of the right .*side='right'"
    ):
        small_result.search("chats")
    with pytest.raises(UsageError) as error:
        small_result.find("left/3", side="right")
    assert error.value.on_command_line().endswith("pass --side left")
    assert small_result.find("chats", side="right") == [int(np.asarray(small_result.links.test)[0, 1])]
