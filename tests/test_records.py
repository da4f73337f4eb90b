import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from small import SETTINGS

import mmkg
from mmkg.data.kg import AttributeTriples, ImageTable
from mmkg.errors import brief
from mmkg.matching import Matching
from mmkg.records import Record, same


def graph(**changes):
    parts = {
        "entities": ("a", "b", "c"),
        "relations": ("r",),
        "triples": np.array([[0, 0, 1]]),
        "attributes": AttributeTriples(np.array([2]), np.array([0]), ("p",), ("5",)),
        "names": ("Ada", None, "Bob"),
        "images": ImageTable(np.array([1]), np.ones((1, 4), np.float32)),
    }
    return mmkg.KnowledgeGraph(**parts | changes)


def pair(**changes):
    none = np.empty((0, 2), np.int64)
    links = mmkg.LinkSplit(np.array([[0, 0], [1, 1]]), none, np.array([[2, 2]]))
    return mmkg.AlignmentTask(**{"left": graph(), "right": graph(), "links": links, "name": "toy"} | changes)


@pytest.fixture(scope="module")
def every_object(small_task, small_result):
    """One object of each kind that a user of the library receives, by its name."""
    aligner = mmkg.Aligner(settings=SETTINGS)
    aligner.result_ = small_result
    widths = tuple(small_result.widths.values())
    indexes = {
        kind: mmkg.build_index(small_result.left, kind=kind, device="cpu", **({"parts": widths} if parts else {}))
        for kind, parts in (("exact", False), ("flat", False), ("ivf", False), ("hnsw", False), ("parts", True))
    }
    return {
        "graph": small_task.left,
        "attributes": small_task.left.attributes,
        "images": small_task.left.images,
        "links": small_task.links,
        "task": small_task,
        "result": small_result,
        "embeddings": small_result.embeddings,
        "entities": small_result.entities[0],
        "matching": small_result.matching,
        "neighbors": small_result.neighbors(3)[0],
        "counterparts": small_result.counterparts,
        "record": small_result.record,
        "hits": small_result.hits,
        "hit": small_result.search(0)[0],
        "calibration": small_result.calibration,
        "searcher": small_result.searcher,
        "judge": small_result.judge,
        "protocol": small_result.protocol,
        "experiment": small_result.experiment,
        "aligner": aligner,
        "prediction": aligner.predict()[0],
        "merged": mmkg.merge_graphs(small_task.left, small_task.right, small_result.matching.pairs),
        **indexes,
    }


KINDS = """graph attributes images links task result embeddings entities matching neighbors counterparts record hits hit
calibration searcher judge protocol experiment aligner prediction merged exact flat ivf hnsw parts""".split()
WHOLE = ("experiment", "protocol", "hit", "prediction")  # settings and answers are shown as they are
BY_IDENTITY = ("result", "embeddings", "hits", "aligner", "exact", "flat", "ivf", "hnsw", "parts")
BY_IDENTITY += ("calibration", "searcher", "judge")  # these hold the embeddings


def test_the_list_of_kinds_is_complete(every_object):
    assert list(every_object) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_shown_in_one_short_line(every_object, kind):
    text = repr(every_object[kind])
    assert "\n" not in text and "array(" not in text and " at 0x" not in text
    assert len(text) < 450 or kind in WHOLE
    if kind not in WHOLE:
        table = every_object[kind]._repr_html_()
        limits = (8, 20_000) if kind == "result" else (2, 3000)  # a result shows some of its links
        assert "<table" in table and table.count("<tr>") >= limits[0] and len(table) < limits[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_compared_hashed_copied_and_pickled(every_object, kind):
    each = every_object[kind]
    twin, read = copy.deepcopy(each), pickle.loads(pickle.dumps(each))
    assert each == each and each != 3 and each is not None and {each: 1}[each] == 1
    for other in (twin, read):
        assert repr(other) == repr(each)
        assert (other == each) == (kind not in BY_IDENTITY)
        if kind not in BY_IDENTITY:
            assert hash(other) == hash(each) and len({each, other}) == 1


def test_a_task_is_shown_with_its_name_and_counts():
    assert repr(pair()) == (
        "AlignmentTask(name='toy', 3 left entities, 3 right entities, 2 train links, 0 valid links, 1 test links)"
    )
    assert repr(graph()) == ("KnowledgeGraph(3 entities, 1 relations, 1 triples, 1 attribute facts, 2 names, 1 images)")
    assert repr(graph(names=None, images=None)).endswith("0 names, 0 images)")
    many = mmkg.KnowledgeGraph(tuple(map(str, range(12_345))), (), np.empty((0, 3), np.int64))
    assert repr(many).startswith("KnowledgeGraph(12,345 entities, 0 relations")


def test_a_table_is_escaped_and_a_long_name_is_cut():
    task = pair(name="<script>alert('&')</script>\u202e\x1b[31m")
    assert "<script>" not in task._repr_html_() and "&lt;script&gt;" in task._repr_html_()
    assert "\x1b" not in task._repr_html_() + repr(task) and "\u202e" not in task._repr_html_() + repr(task)
    assert len(repr(pair(name="x" * 10_000))) < 300 and len(pair(name="x" * 10_000)._repr_html_()) < 1500
    assert "<td>entities</td><td>3</td><td>3</td>" in pair()._repr_html_()


def test_a_result_is_shown_with_its_figures(small_result):
    hits = small_result.metrics["left_to_right"]["hits@1"]
    text = repr(small_result)
    assert text.startswith("AlignmentResult(model='meaformer', 90 left entities, 90 right entities, 80 columns, ")
    assert f"Hits@1 left to right='{round(hits * 41)} of 41 (" in text and "41 test links" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"entities": ("a", "b", "x")},
        {"relations": ("s",)},
        {"triples": np.array([[0, 0, 2]])},
        {"triples": np.empty((0, 3), np.int64)},
        {"names": ("Ada", "", "Bob")},  # not the same as no name
        {"names": None},
        {"display": ("A", "B", "C")},
        {"source_ids": np.array([7, 8, 9])},
        {"pictures": ("a.png", None, None)},
        {"images": ImageTable(np.array([1]), np.full((1, 4), 2, np.float32))},
        {"images": None},
        {"attributes": AttributeTriples(np.array([2]), np.array([0]), ("p",), ("5",), ("xsd:int",))},
    ],
)
def test_graphs_with_other_data_are_not_equal(changes):
    assert graph() == graph() and hash(graph()) == hash(graph())
    assert graph() != graph(**changes) and pair() != pair(left=graph(**changes), right=graph())
    assert graph(**changes) == graph(**changes) and hash(graph(**changes)) == hash(graph(**changes))


def test_tasks_with_other_links_settings_or_notes_are_not_equal():
    none = np.empty((0, 2), np.int64)
    links = mmkg.LinkSplit(np.array([[0, 0]]), none, np.array([[2, 2]]))
    others = [pair(links=links), pair(name="x"), pair(candidates="all"), pair(notes={"a": 1}), pair(one_to_one=False)]
    assert all(pair() != other for other in others) and len({pair(), *others, pair()}) == 6
    assert pair(notes={"a": 1, "b": 2}) == pair(notes={"b": 2, "a": 1})


def test_a_matching_equals_one_with_the_same_pairs_scores_and_confidences():
    rows, score = np.arange(2), np.array([0.5, 0.25], np.float32)
    first = Matching(rows, rows, score)
    assert (
        first == Matching(rows.copy(), rows.copy(), score.copy()) and repr(first) == "Matching(2 pairs, 0 confidences)"
    )
    assert first != first.with_confidence(score) and first != Matching(rows, rows[::-1].copy(), score)
    assert first.with_confidence(score) == first.with_confidence(score)


def test_what_a_record_computes_later_does_not_count(small_result):
    table = small_result.entities[0]
    other = copy.deepcopy(table)
    table.find(table.labels[0])  # keeps a dictionary
    assert table == other and hash(table) == hash(other) and repr(table) == repr(other)


@dataclass(frozen=True, eq=False, repr=False)
class Toy(Record):
    value: object


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), True),
        (np.array([0.0]), np.array([-0.0]), True),
        (np.array([1, 2]), np.array([[1, 2]]), False),
        (np.array([1, 2]), [1, 2], False),
        (np.array(["a"]), np.array(["a"]), True),
        ({"a": np.ones(2)}, {"a": np.ones(2)}, True),
        ({"a": np.ones(2)}, {"a": np.zeros(2)}, False),
        ({"a": 1}, {"b": 1}, False),
        ((1, [2]), (1, [2]), True),
        (["long"] * 9, ["long"] * 9, True),
        (None, np.ones(1), False),
    ],
)
def test_values_of_records_are_compared_as_a_whole(first, second, equal):
    assert same(first, second) is same(second, first) is equal
    assert (Toy(first) == Toy(second)) is equal and (Toy(first) != Toy(second)) is not equal
    if equal:
        assert hash(Toy(first)) == hash(Toy(second))


def test_records_of_different_classes_are_not_equal():
    class Other(Toy):
        pass

    assert Toy(1) != Other(1) and Toy(1) != 1 and Toy(1) == Toy(1)


@pytest.mark.parametrize(
    "value", ["x" * 1_000_000, list(range(1_000_000)), {n: n for n in range(1000)}, np.ones((100, 100)), b"y" * 10_000]
)
def test_a_value_in_a_message_is_short(value):
    assert len(brief(value)) < 150 and "\n" not in brief(value)


def test_short_values_are_shown_whole():
    assert [brief(each) for each in ("abc", [1, 2], {"a": 1}, None, 3)] == ["'abc'", "[1, 2]", "{'a': 1}", "None", "3"]


def test_the_emoji_pair_is_shown_in_one_line():
    task, again = mmkg.load("emoji-fr-en"), mmkg.load("emoji-fr-en")
    assert (
        task == again
        and hash(task) == hash(again)
        and len(repr(task)) < 200
        and repr(task).startswith("AlignmentTask(name='emoji-fr-en', ")
    )
