"""From the links of files to the parts of a task."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from reader_cases import pairs

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.links.checked import LabelLinks
from mmkg.data.links.pairs import PairData, make_task
from mmkg.data.split import SplitConfig, SplitSettings
from mmkg.errors import InputError, UsageError


def graph(prefix, size):
    return KnowledgeGraph(tuple(f"{prefix}{row}" for row in range(size)), ("r",), np.array([[0, 0, 1]]))


def links_of(rows, name="links.tsv", parts=None):
    lefts, rights = ([f"{side}{row[k]}" for row in rows] for k, side in enumerate("ab"))
    return LabelLinks(Path(name), lefts, rights, np.arange(1, len(rows) + 1), parts)


def task_of(*links, notes=None, **split):
    return make_task(PairData(graph("a", 40), graph("b", 40), links, "name", notes or {}), SplitConfig(**split))


def shuffled(rows, seed):
    """As the published code does it."""
    rows = [list(row) for row in rows]
    np.random.RandomState(seed).shuffle(rows)
    return rows


ROWS = [(row, 39 - row) for row in range(40)]


def test_links_without_parts_are_shuffled_and_cut_as_the_published_code_does():
    task = task_of(links_of(ROWS), train_ratio=0.5, valid_ratio=0.25, seed=42, candidates="all")
    expected = shuffled(ROWS, 42)
    found = [getattr(task.links, part).tolist() for part in ("train", "valid", "test")]
    assert found == [expected[:15], expected[15:20], expected[20:]]
    assert (task.name, task.candidates, task.one_to_one, dict(task.notes)) == ("name", "all", True, {})


def test_parts_of_a_file_are_kept_in_its_order_whatever_the_ratios():
    parts = ["test", "train", "valid", "train"]
    task = task_of(links_of(ROWS[:4], parts=parts), train_ratio=1.0, valid_ratio=0.5)
    assert task.links.train.tolist() == [[1, 38], [3, 36]]
    assert task.links.valid.tolist() == [[2, 37]] and task.links.test.tolist() == [[0, 39]]


def test_seeds_are_divided_into_train_and_valid_alone():
    seeds, test = links_of(ROWS[:10], "sup", ["seeds"] * 10), links_of(ROWS[10:], "ref", ["test"] * 30)
    task = task_of(seeds, test, train_ratio=0.1, valid_ratio=0.3, seed=7)
    expected = shuffled(ROWS[:10], 7)
    assert task.links.train.tolist() == expected[:7] and task.links.valid.tolist() == expected[7:]
    assert task.links.test.tolist() == [list(row) for row in ROWS[10:]]


def test_links_that_share_an_entity_are_in_the_part_of_the_first_one_and_those_moved_are_counted():
    rows = [*ROWS[:20], *((row, 38 - row) for row in range(0, 19, 2))]
    task = task_of(links_of(rows), one_to_one=False, train_ratio=0.5, seed=1)
    part_of = {tuple(row): part for part in ("train", "valid", "test") for row in getattr(task.links, part).tolist()}
    assert len(part_of) == len(rows)
    for row in range(0, 19, 2):
        assert part_of[row, 38 - row] == part_of[row, 39 - row] == part_of[row + 1, 38 - row]
    (note,) = task.notes
    assert note == "links.tsv: links moved to the part of a link they share an entity with" and task.notes[note] > 0


def test_bad_links_are_refused_with_their_line_or_skipped_and_counted_beside_the_notes_of_the_reader():
    rows = [(0, 0), (1, 1), (0, 2), (50, 3), (1, 1)]
    with pytest.raises(InputError, match=r"^links\.tsv:3: 'a0' is linked to 'b2' here and to 'b0' in line 1"):
        task_of(links_of(rows))
    task = task_of(links_of(rows), on_error="skip", notes={"triples: skipped lines": 2})
    assert sorted(pairs(task)) == [("a0", "b0"), ("a1", "b1")]
    assert dict(task.notes) == {"triples: skipped lines": 2, "links.tsv: skipped lines": 3}


def test_a_pair_without_links_is_a_task_without_links():
    assert pairs(task_of()) == []


def test_keywords_of_the_readers_are_the_fields_of_the_configuration():
    fields = {field.name: field.type for field in dataclasses.fields(SplitConfig)}
    assert list(SplitSettings.__annotations__) == list(fields)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train_ratio": 0}, "train_ratio: input should be greater than 0, got 0"),
        ({"valid_ratio": 1}, "valid_ratio: input should be less than 1, got 1"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0, got -1"),
        ({"candidates": "al"}, "candidates: input should be 'test' or 'all', got 'al'"),
        ({"on_error": "ignore"}, "on_error: input should be 'raise' or 'skip', got 'ignore'"),
        ({"trian_ratio": 0.2}, "unknown setting 'trian_ratio'; did you mean 'train_ratio'"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(values, message):
    with pytest.raises(UsageError) as caught:
        SplitConfig(**values)
    assert str(caught.value).startswith(message)
