import json
import re

import pytest
from small import twins

import mmkg


@pytest.fixture
def twin_folder(tmp_path):
    return mmkg.write_pair(twins(), tmp_path / "twins", "csv")


def test_compared_attributes_and_linked_entities_are_shown(run, twin_folder):
    done = run("inspect", twin_folder, "--links-shown", "2")
    assert done.code == 0 and done.out.count("  =  ") == 2 and "compared by value" not in done.out
    done = run("inspect", "emoji-fr-en", "--links-shown", "0", "--attributes", "1")
    lines = done.out.partition("compared by value")[2].splitlines()
    assert len(lines) == 2 and re.fullmatch(r"  \w+ = \w+ \([0-9]+ links.*\): [0-9. ]+", lines[1])


def test_the_seed_draws_the_links(run, twin_folder):
    task = mmkg.load(twin_folder)
    counterpart = dict(task.links.all().tolist())
    shown = []
    for seed in (1, 2, 1):
        values = json.loads(run("inspect", twin_folder, "--links-shown", "3", "--seed", seed, "--json").out)
        pairs = [(each["left"]["uri"], each["right"]["uri"]) for each in values["links"]]
        rows = [(task.left.entities.index(left), task.right.entities.index(right)) for left, right in pairs]
        assert len(rows) == 3 and all(counterpart[left] == right for left, right in rows)
        shown.append(pairs)
    assert shown[0] == shown[2] != shown[1]


def test_facts_of_an_entity_are_limited_and_counted(run, tmp_path):
    (tmp_path / "l.tsv").write_text("".join(f"a\tr\tb{k}\n" for k in range(5)))
    (tmp_path / "r.tsv").write_text("x\ts\ty\n")
    (tmp_path / "links").write_text("a\tx\n")
    words = (tmp_path / "l.tsv", tmp_path / "r.tsv", "--links", tmp_path / "links", "--facts", "2", "--json")
    (pair,) = json.loads(run("inspect", *words).out)["links"]
    assert pair["left"] == {"uri": "a", "label": "a", "facts": ["a -- r -> b0", "a -- r -> b1", "and 3 more"]}
    assert pair["right"] == {"uri": "x", "label": "x", "facts": ["x -- s -> y"]}
