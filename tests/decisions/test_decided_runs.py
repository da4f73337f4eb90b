"""Decisions applied: to the links of a pair, to a finished run, to a merge, to the duplicates of a graph."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small import FLAGS, twins, write_dbp15k

import mmkg
from mmkg.data.parsing.columns import Faults
from mmkg.decisions.decision import Decision
from mmkg.decisions.sssom import write_decisions
from mmkg.duplicates.find import dedupe
from mmkg.errors import InputError
from mmkg.matching import MATCHERS, Counterparts
from mmkg.matching.held_out import HeldOut
from mmkg.result.decide import judged_sample

FAST = {"features": {"top_ngrams": 200}}
LEFT = [("u:a", "r", "u:b"), ("u:b", "r", "u:c"), ("u:c", "r", "u:d")]
RIGHT = [("v:a", "r", "v:b"), ("v:b", "r", "v:c"), ("v:c", "r", "v:d")]


def accept(left, right):
    return Decision(left, right, "accept", "Ada")


def reject(left, right):
    return Decision(left, right, "reject", "Ada")


def alone(left=None, right=None):
    return Decision(left, right, "no_counterpart", "Ada")


def file_of(folder, *decisions):
    write_decisions(folder / "decisions.sssom.tsv", decisions)
    return folder / "decisions.sssom.tsv"


def pairs_of(matching):
    return set(zip(matching.left.tolist(), matching.right.tolist(), strict=True))


# --- links of a pair


def test_decisions_become_links_rejected_pairs_and_entities_alone(tmp_path):
    path = file_of(tmp_path, accept("u:a", "v:a"), reject("u:b", "v:c"), alone("u:c"), alone(right="v:d"))
    task = mmkg.load((LEFT, RIGHT), links=[("u:d", "v:b")], decisions=str(path))
    assert task.links.train.tolist() == [[0, 0], [3, 1]] and task.never.tolist() == [[1, 2]]
    assert task.accepted.tolist() == [[0, 0]] and task.alone.tolist() == [[0, 2], [1, 3]]
    assert task.notes["decisions.sssom.tsv: accepted pairs that are new training links"] == 1


@pytest.mark.parametrize(
    ("decision", "kept"),
    [
        (accept("u:a", "v:a"), [[0, 0], [1, 1]]),  # known already
        (accept("u:a", "v:c"), [[0, 2], [1, 1]]),
        (accept("u:d", "v:b"), [[3, 1], [0, 0]]),
        (reject("u:a", "v:a"), [[1, 1]]),
        (alone("u:b"), [[0, 0]]),
        (alone(right="v:a"), [[1, 1]]),
    ],
)
def test_a_decision_counts_more_than_a_known_link(tmp_path, decision, kept):
    path = file_of(tmp_path, decision)
    task = mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a"), ("u:b", "v:b")], decisions=str(path))
    assert sorted(task.links.train.tolist()) == sorted(kept)
    out = 1 if len(kept) == 1 or kept[0] not in ([0, 0], [1, 1]) else 0
    assert task.notes.get("decisions.sssom.tsv: known links that contradict a decision, left out", 0) == out


def test_an_accepted_test_link_is_learnt_from_and_tests_no_more(tmp_path):
    plain = twins()
    pair = write_dbp15k(plain, tmp_path / "pair")
    before = mmkg.load(str(pair))
    row = before.links.test[3].tolist()
    labels = before.left.entities[row[0]], before.right.entities[row[1]]
    task = mmkg.load(str(pair), decisions=str(file_of(tmp_path, accept(*labels))))
    assert task.links.train[0].tolist() == row and len(task.links.test) == len(before.links.test) - 1
    assert row not in task.links.test.tolist()


def test_decisions_of_another_run_are_one_sentence_and_some_unknown_ones_a_count(tmp_path):
    with pytest.raises(InputError, match="got 2 about others, first 'x'; they belong to another run"):
        mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")], decisions=str(file_of(tmp_path, accept("x", "y"), alone("z"))))
    path = file_of(tmp_path, accept("x", "y"), reject("u:a", "v:b"))
    task = mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")], decisions=str(path))
    assert task.notes["decisions.sssom.tsv: decisions about unknown entities, left out"] == 1
    assert task.never.tolist() == [[0, 1]]


def test_a_task_refuses_a_link_of_an_entity_alone():
    task = mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")])
    with pytest.raises(InputError, match="'u:a' has a link, and no counterpart"):
        replace(task, alone=np.array([[0, 0]]))
    assert replace(task, alone=np.array([[0, 1]])).fingerprint() != task.fingerprint()


# --- runs that learn from decisions


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_dbp15k(twins(), tmp_path_factory.mktemp("decided") / "pair")


@pytest.fixture(scope="module")
def plain(pair):
    return mmkg.align(mmkg.load(str(pair)), "propagation", settings=FAST)


@pytest.fixture(scope="module")
def free(plain):
    """Matches outside the links that the run has learnt from, as pairs of labels; the least sure first."""
    matching, known = plain.matching, plain.known
    rows = matching.pairs[~np.isin(matching.left, known[:, 0])]
    order = np.argsort(matching.confidence[~np.isin(matching.left, known[:, 0])])
    return [(plain.entities[0].labels[i], plain.entities[1].labels[j]) for i, j in rows[order].tolist()]


@pytest.fixture(scope="module")
def decisions(free):
    return [accept(*free[0]), reject(*free[1]), alone(free[2][0]), alone(right=free[3][1])]


def rows_of(result, pair):
    return result.entities[0].labels.index(pair[0]), result.entities[1].labels.index(pair[1])


def holds(result, matching, free):
    """Whether the decisions of the fixture hold in a matching."""
    found = pairs_of(matching)
    first, second, third, fourth = (rows_of(result, pair) for pair in free[:4])
    assert first in found and second not in found
    assert third[0] not in matching.left and fourth[1] not in matching.right
    return True


@pytest.mark.parametrize("method", MATCHERS)
def test_a_run_that_learns_from_decisions_matches_by_them(pair, decisions, free, tmp_path, method):
    task = mmkg.load(str(pair), decisions=str(file_of(tmp_path, *decisions)))
    settings = {**FAST, "refinement": {"rounds": 1}, "bootstrap": {"rounds": 1}}
    result = mmkg.align(task, "propagation", settings=settings, out=tmp_path / "run")
    assert holds(result, result.match(method), free)
    loaded = mmkg.AlignmentResult.load(tmp_path / "run")
    assert np.array_equal(loaded.alone, result.alone) and loaded.matching == result.matching
    assert rows_of(result, free[0]) in set(map(tuple, loaded.known.tolist()))


def test_decisions_count_where_seed_links_are_found(pair, decisions, free, tmp_path):
    task = mmkg.load(str(pair), decisions=str(file_of(tmp_path, *decisions)), seeds_from="name")
    result = mmkg.align(task, "propagation", settings={**FAST, "data": {"seeds_from": "name"}})
    assert holds(result, result.matching, free)
    first = rows_of(result, free[0])
    assert first in set(map(tuple, result.links.train.tolist())) and list(first) not in result.links.test.tolist()


# --- finished runs


@pytest.mark.parametrize("method", MATCHERS)
def test_a_finished_run_matches_by_decisions(plain, decisions, free, method):
    faults = Faults()
    result = plain.decided(decisions, faults)
    assert holds(result, result.match(method), free) and holds(result, result.linked(), free)
    first = rows_of(plain, free[0])
    assert first in set(map(tuple, result.known.tolist())) and pairs_of(plain.matching) >= {rows_of(plain, free[1])}
    linked = result.linked()
    assert linked.confidence[linked.left == first[0]].tolist() == [1.0]
    without = [each.summary(threshold=0) for each in (plain, result)]
    assert without[1].left_without >= 1 and without[1].known == without[0].known + 1


def test_decided_twice_gives_the_last_word(plain, free):
    once = plain.decided([alone(free[0][0])])
    twice = once.decided([accept(*free[0])])
    row = rows_of(plain, free[0])
    assert row not in pairs_of(once.matching) and row in pairs_of(twice.matching) and not len(twice.alone)


def test_derived_links_stay_derived(pair, free):
    task = mmkg.load(str(pair), seeds_from="name")
    run = mmkg.align(task, "propagation", settings={**FAST, "data": {"seeds_from": "name"}})
    assert len(run.known) == 0
    accepted = run.decided([accept(*free[0])])
    assert accepted.known.tolist() == [list(rows_of(run, free[0]))]
    derived = run.links.train[-1]
    labels = run.entities[0].labels[derived[0]], run.entities[1].labels[derived[1]]
    changed = run.decided([reject(*labels), accept(*free[0])])
    assert changed.known.tolist() == [list(rows_of(run, free[0]))]


def test_a_saved_run_keeps_decisions(plain, decisions, free, tmp_path):
    result = plain.decided(decisions)
    loaded = mmkg.AlignmentResult.load(result.save(tmp_path / "run"))
    assert holds(loaded, loaded.matching, free)
    assert loaded.calibration.text() == result.calibration.text() and "corrected by" in loaded.calibration.text()


# --- confidences


def test_the_judged_sample_is_what_people_said_of_best_candidates():
    from mmkg.data.links.decided import Decided
    from mmkg.data.task import LinkSplit
    from mmkg.search import Neighbors

    scores = np.array(
        [[0.9, 0.1, 0.2, 0.0], [0.1, 0.5, 0.4, 0.0], [0.3, 0.1, 0.8, 0.0], [0.2, 0.6, 0.1, 0.0], [0.9, 0, 0, 0]]
    )
    none = np.empty((0, 2), np.int64)

    def nearest(rows, k, side):
        table = (scores if side == "left" else scores.T)[rows]
        ids = np.argsort(-table, axis=1, kind="stable")[:, :k]
        return Neighbors(ids, np.take_along_axis(table, ids, axis=1).astype(np.float32))

    decided = Decided(
        accepted=np.array([[0, 0], [1, 2]]),  # the best candidate; another one than the best
        rejected=np.array([[3, 1], [2, 0]]),  # the best one; not the best, which says nothing of the best
        alone=np.array([[0, 4], [1, 3]]),
    )
    links = LinkSplit(none, none, none)
    found = judged_sample(decided, links, lambda pairs: np.zeros(len(pairs), bool), nearest)
    # margins: 0 -> .9 against .9 of row 4; 1 -> .5 - max(.4, .6); 3 -> .6 - max(.2, .5); 4 -> .9 - .9
    assert found.margins == pytest.approx([0.0, -0.1, 0.1, 0.0], abs=1e-6)
    assert found.right.tolist() == [True, False, False, False]
    learnt = LinkSplit(np.array([[1, 1]]), np.array([[3, 3]]), none)
    assert len(judged_sample(decided, learnt, lambda pairs: np.zeros(len(pairs), bool), nearest).right) == 2


def test_judged_candidates_move_the_curve_and_promise_nothing():
    rng = np.random.default_rng(0)
    margins = np.concatenate([rng.normal(0.1, 0.05, 30), rng.normal(-0.1, 0.05, 30)]).astype(np.float32)
    right = np.repeat([True, False], 30)
    sample = HeldOut(margins, right, right)
    wrong = HeldOut(np.full(40, 0.1, np.float32), np.zeros(40, bool), np.zeros(40, bool))
    before, after = (Counterparts(sample, 0.5, False, judged=each) for each in (None, wrong))
    at = np.array([0.1], np.float32)
    assert after.calibration.predict(at)[0] < before.calibration.predict(at)[0] - 0.1
    assert after.as_dict()["right"] == before.as_dict()["right"]
    assert Counterparts.from_dict(after.as_dict()) == after and "judged" not in before.as_dict()
    assert after.text() == f"{before.text()}; corrected by 40 decisions"


# --- duplicates and the command line


def test_duplicates_follow_decisions():
    people = [(f"p{n}", "knows", f"p{(n + 7) % 40}") for n in range(40)]
    graph = mmkg.as_graph(people)
    found = dedupe(graph, decisions=[accept("p1", "p2"), reject("p3", "p4"), alone("p5")])
    cluster = dict(zip(graph.entities, found.cluster.tolist(), strict=True))
    assert cluster["p1"] == cluster["p2"] >= 0
    assert cluster["p3"] != cluster["p4"] or cluster["p3"] < 0
    assert list(cluster.values()).count(cluster["p5"]) == 1 or cluster["p5"] < 0


def test_commands_take_decisions(run, plain, pair, decisions, free, tmp_path):
    folder = plain.save(tmp_path / "run")
    path = file_of(tmp_path, *decisions, accept("nobody", "nothing"))
    done = run("match", folder, "--threshold", "0", "--decisions", path, "--json")
    links = {(each["left"], each["right"]): each["confidence"] for each in json.loads(done.out)["links"]}
    assert links[free[0]] == 1 and free[1] not in links and free[2][0] not in {left for left, _ in links}
    assert "read: decisions.sssom.tsv: decisions about unknown entities, left out: 1" in done.err
    merged = [
        json.loads(run("merge", folder, pair, "--threshold", "0", "--out", tmp_path / "m.nt", "--json", *more).out)
        for more in ((), ("--decisions", path))
    ]
    assert merged[1]["unified"] < merged[0]["unified"]
    done = run("align", pair, "--decisions", path, "--out", tmp_path / "new", *FLAGS)
    assert done.code == 0 and "accepted pairs that are new training links: 1" in done.err
    assert holds(plain, mmkg.AlignmentResult.load(tmp_path / "new").linked(threshold=0), free)


def test_more_than_two_graphs_take_no_decisions(run, pair, tmp_path):
    done = run("align", pair, pair, pair, "--decisions", tmp_path / "d.tsv")
    assert done.code == 2 and "--decisions is for two graphs" in done.err
