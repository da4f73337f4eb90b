"""Links of one's own: all are learnt from, and links held out in folds judge, choose and calibrate."""

from dataclasses import replace

import numpy as np
import pytest
from reader_cases import put
from small import SETTINGS

import mmkg
from mmkg.crossfit import ENOUGH_JUDGED, folds_of
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError
from mmkg.learners.pivots import joined, pivot_links

NONE = np.empty((0, 2), np.int64)


@pytest.fixture(scope="module")
def own():
    """Twins whose 60 known links are all training links, and the 20 other true links."""
    task = mmkg.twin_graphs(80, noise=0.1, overlap=1.0, missing={}, seed=5)
    links = task.links.all()
    return replace(task, links=LinkSplit(links[:60], NONE, NONE), candidates="all"), links[60:]


@pytest.fixture(scope="module")
def fitted(own):
    return mmkg.align(own[0], "propagation", device="cpu")


def pairs(rows):
    return set(map(tuple, rows.tolist()))


@pytest.mark.parametrize("number, folds, judged", [(2, 2, 2), (4, 4, 4), (20, 5, 20), (100, 5, 100), (240, 3, 144)])
def test_few_links_are_all_held_out_once_and_of_many_about_a_hundred(number, folds, judged):
    links = np.stack([np.arange(number), np.arange(number)[::-1]], axis=1)
    found = folds_of(links, seed=0)
    rows = np.concatenate(found)
    assert len(found) == folds and len(rows) == judged == len(set(rows.tolist()))
    assert judged == number or judged >= ENOUGH_JUDGED


def test_a_fold_has_at_most_a_thousand_links():
    links = np.stack([np.arange(12_000), np.arange(12_000)], axis=1)
    assert [len(fold) for fold in folds_of(links, seed=1)] == [1000]


def test_links_that_share_an_entity_are_held_out_together():
    links = np.array([[0, 0], [0, 1], [2, 1], [3, 3], [4, 4], [5, 5]])  # the first three are one group
    together = [fold for fold in folds_of(links, seed=3) if {0, 1, 2} & set(fold.tolist())]
    assert len(together) == 1 and {0, 1, 2} <= set(together[0].tolist())
    assert folds_of(links[:3], seed=3) == [] == folds_of(links[:0], seed=3)


def test_all_links_of_ones_own_are_learnt_from(own, fitted):
    assert pairs(fitted.links.train) == pairs(own[0].links.train)
    assert len(fitted.links.valid) == len(fitted.links.test) == 0
    whole = mmkg.align(own[0], "propagation", device="cpu", settings={"data.valid_ratio": 0})  # nothing is held out
    assert np.array_equal(whole.left, fitted.left) and np.array_equal(whole.right, fitted.right)
    assert whole.metrics == {} and whole.protocol.judged == "test"


def test_the_figures_are_those_of_fits_without_the_links_they_are_about(own, fitted):
    """By hand: learn without each fold, rank its links among all entities by cosine and CSLS, and average."""
    task, links = own[0], own[0].links.train
    found = []
    for fold in folds_of(links, seed=0):
        rest = np.delete(links, fold, axis=0)
        part = mmkg.align(
            replace(task, links=LinkSplit(rest, NONE, links[fold])), "propagation", device="cpu", settings={}
        )
        assert part.protocol.judged == "test" and part.protocol.candidates == "all"
        found += [part.metrics["left_to_right"]["mrr"]] * len(fold)
    assert len(found) == 60
    assert fitted.metrics["left_to_right"]["mrr"] == pytest.approx(np.mean(found), abs=1e-6)


def test_the_protocol_says_what_was_judged_and_how(fitted):
    protocol = fitted.protocol
    assert (protocol.judged, protocol.num_judged, protocol.folds, protocol.num_train) == ("out-of-fold", 60, 5, 60)
    text = "judged on 60 of the known links, each held out in turn (5 folds); learnt from all; candidates: all entities"
    assert protocol.describe().startswith(text)


def test_confidences_come_from_the_held_out_links_and_survive_saving(fitted, own, tmp_path):
    assert int(fitted.counterparts.sample.present.sum()) == 60
    loaded = mmkg.AlignmentResult.load(fitted.save(tmp_path / "run"))
    assert loaded.metrics == fitted.metrics == loaded.evaluated().metrics
    assert np.array_equal(loaded.held_out.margins, fitted.held_out.margins)
    # 20 left entities are in no known link; in each of five folds they answer by its embeddings
    assert np.array_equal(loaded.held_out.others, fitted.held_out.others) and len(fitted.held_out.others) == 100
    low, high = loaded.counterparts.interval
    assert low <= loaded.counterparts.share == fitted.counterparts.share <= high
    np.testing.assert_allclose(loaded.matching.confidence, fitted.matching.confidence, atol=1e-6)
    believed = pairs(fitted.believed().pairs)
    assert len(pairs(own[1]) & believed) >= 15  # of 20 links that the run does not know
    assert loaded.restrict("structure").held_out is None


def test_a_refinement_is_taken_only_where_the_folds_gain_by_it(own):
    settings = {"refinement": {"rounds": 3}}
    result = mmkg.align(own[0], "propagation", device="cpu", modalities="structure", settings=settings)
    chosen = result.record.protocol["cross_fit"]
    assert chosen["folds"] == 5 and 0 <= chosen["refinement_rounds"] <= 3
    assert result.protocol.selection == "out-of-fold" and result.protocol.refined == chosen["refinement_rounds"]
    perfect = replace(
        own[0], right=own[0].left, links=LinkSplit(np.repeat(np.arange(60)[:, None], 2, axis=1), NONE, NONE)
    )
    same = mmkg.align(perfect, "propagation", device="cpu", settings=settings)  # nothing is left to gain
    assert same.record.protocol["cross_fit"]["refinement_rounds"] == 0
    assert same.metrics["left_to_right"]["hits@1"] == 1


def test_a_trained_model_holds_some_links_out_to_stop_at(own):
    result = mmkg.align(own[0], "meaformer", device="cpu", settings=SETTINGS)
    assert (len(result.links.train), len(result.links.valid)) == (48, 12)
    assert pairs(result.links.train) | pairs(result.links.valid) == pairs(own[0].links.train)
    assert (result.protocol.judged, result.protocol.num_judged, result.protocol.candidates) == ("validation", 12, "all")
    assert result.metrics == result.evaluate(links=result.links.valid, candidates="all")


def test_a_link_file_of_ones_own_has_no_test_part_unless_that_is_asked_for(tmp_path):
    chain = "".join(f"{{0}}{k}\tr\t{{0}}{k + 1}\n" for k in range(12))
    files = {"a.tsv": chain.format("a"), "b.tsv": chain.format("b")}
    put(tmp_path, files | {"links.tsv": "".join(f"a{k}\tb{k}\n" for k in range(10))})
    graphs, links = (tmp_path / "a.tsv", tmp_path / "b.tsv"), str(tmp_path / "links.tsv")
    task = mmkg.load(graphs, links=links)
    assert [len(getattr(task.links, part)) for part in ("train", "valid", "test")] == [10, 0, 0]
    assert task.candidates == "all"
    split = mmkg.load(graphs, links=links, train_ratio=0.5).links
    assert [len(getattr(split, part)) for part in ("train", "valid", "test")] == [5, 0, 5]


def test_given_links_and_links_found_by_names_are_learnt_from_together(own):
    task = replace(own[0], links=LinkSplit(own[0].links.train[:6], NONE, NONE))
    result = mmkg.align(task, "propagation", device="cpu", settings={"data.seeds_from": ["name"]})
    known, learnt = pairs(task.links.train), pairs(result.links.train)
    assert known < learnt and result.protocol.num_seeds == len(learnt) - 6
    assert result.protocol.num_judged == 6 and "of the training links derived from name" in result.protocol.describe()
    assert pairs(result.known) == known and pairs(result.known) <= pairs(result.linked().pairs)
    ends = [{end for end, _ in known}, {end for _, end in known}]
    assert not any(left in ends[0] or right in ends[1] for left, right in learnt - known)


def test_a_found_link_that_contradicts_a_given_one_is_left_out():
    def links(*rows):
        return np.array(rows, np.int64).reshape(-1, 2)

    given = LinkSplit(links((0, 0)), links((1, 1)), NONE)
    seeds = LinkSplit(links((0, 5), (7, 1), (2, 2)), links((3, 3)), NONE)
    both = joined(given, seeds)
    assert both.train.tolist() == [[0, 0], [2, 2], [3, 3]] and both.valid.tolist() == [[1, 1]]
    alone = joined(LinkSplit(NONE, NONE, links((0, 0))), seeds)
    assert alone.train.tolist() == seeds.train.tolist() and alone.valid.tolist() == [[3, 3]]


def test_a_benchmark_learns_from_names_alone_unless_a_share_of_its_links_is_asked_for():
    task = mmkg.load("emoji-fr-en", train_ratio=0.05)
    found = pivot_links(task, ["name"])
    settings = {"data.seeds_from": ["name"]}
    run = {"device": "cpu", "modalities": "name", "ranks_only": True}
    alone = mmkg.align(task, "propagation", settings=settings, **run)
    # found links are no gold: none is held out to judge
    assert alone.protocol.num_train == len(found.train) + len(found.valid) and alone.protocol.num_test == len(
        task.links.all()
    )
    both = mmkg.align(task, "propagation", settings={**settings, "data.train_ratio": 0.05}, **run)
    assert both.protocol.num_train > len(task.links.train) and both.protocol.num_test == len(task.links.test)


def test_two_graphs_without_links_name_the_way_out(own):
    task = replace(own[0], links=LinkSplit(NONE, NONE, NONE))
    with pytest.raises(
        InputError, match="at least one link, got none; give known links, links=FILE, or .*seeds_from='name'"
    ):
        mmkg.align(task, "propagation", device="cpu")
