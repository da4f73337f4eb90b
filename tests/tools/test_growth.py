import numpy as np
import pytest

import mmkg


@pytest.fixture
def growth(load_tool):
    return load_tool("growth")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def test_a_folder_of_contea_grows_by_its_batch(growth, tmp_path, capsys):
    task = mmkg.twin_graphs(60, seed=1)
    links = task.links.all() + [0, 1000]
    new = links[50:]
    for side, graph in ((1, task.left), (2, task.right)):
        triples = graph.triples + (side - 1) * np.array([1000, 0, 1000])
        later = np.isin(triples[:, ::2], new[:, side - 1]).any(axis=1)
        write(tmp_path / "base" / f"triples_{side}", triples[~later].tolist())
        write(tmp_path / "batch1" / f"new_triples_{side}", triples[later].tolist())
    for part, rows in (("train", links[:20]), ("valid", links[20:30]), ("test", links[30:50])):
        write(tmp_path / "base" / f"{part}_links", rows.tolist())
    write(tmp_path / "batch1" / "new_test_links", new.tolist())
    growing = growth.contea(tmp_path)
    assert growing.before.left.entities == growing.left.entities[: growing.before.left.num_entities]
    assert not {left for left, _ in growing.new} & set(growing.before.left.entities)
    assert growing.new == [(str(a), str(b)) for a, b in new.tolist()]
    growth.main([str(tmp_path)])
    out = capsys.readouterr().out
    assert out.startswith("10 new and 20 old test links, propagation")
    assert [line.split(" | ")[0] for line in out.splitlines()[4:]] == [
        "| no update",
        "| transform",
        "| extend",
        "| refit",
    ]


def test_both_ends_of_a_share_of_the_test_links_are_held_back(growth):
    task = mmkg.twin_graphs(60, seed=1)
    growing = growth.held_back(task, 0.25, seed=0)
    number = round(0.25 * len(task.links.test))
    assert len(growing.new) == number and len(growing.old) == len(task.links.test) - number
    assert growing.before.left.num_entities == growing.before.right.num_entities == 60 - number
    assert not {label for pair in growing.new for label in pair} & {
        *growing.before.left.entities,
        *growing.before.right.entities,
    }
    known = {(growing.before.left.entities[a], growing.before.right.entities[b]) for a, b in growing.before.links.test}
    assert known == set(growing.old)
