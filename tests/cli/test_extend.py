import json

import numpy as np
import pytest
from commands import example, one_line

from mmkg.result.result import AlignmentResult

TWIN = "http://example.org/new"


@pytest.fixture
def twin(small_result, tmp_path):
    """A new left entity with the name and the neighbours of one that has a link, and its label."""
    graph = small_result.graphs[0]
    row = int(small_result.linked().left[0])
    lines = []
    for head, kind, tail in graph.triples.tolist():
        if row in (head, tail) and head != tail:
            ends = [TWIN if end == row else graph.entities[end] for end in (head, tail)]
            lines.append("\t".join([ends[0], graph.relations[kind], ends[1]]))
    path = tmp_path / "new.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path, graph.entities[row]


def test_the_example_of_extend_adds_a_new_entity(run, small_run, twin, small_result, tmp_path):
    places = {"RUN": small_run, "NEW.nt": twin[0], "GROWN": tmp_path / "grown"}
    done = run(*[str(places.get(word, word)) for word in example("extend")])
    assert done.code == 0 and done.err == "", done.err
    earlier = len(small_result.linked())
    assert "1 new left and 0 new right entities" in done.out and f"{earlier} kept, 0 replaced" in done.out
    grown = AlignmentResult.load(tmp_path / "grown")
    assert grown.entities[0].labels == (*small_result.entities[0].labels, TWIN)
    assert np.array_equal(grown.left[:-1], small_result.left)
    assert {tuple(pair) for pair in small_result.linked().pairs.tolist()} <= {
        tuple(pair) for pair in grown.linked().pairs.tolist()
    }
    assert one_line(run("extend", small_run, "--left", twin[0], "--out", tmp_path / "grown"), 2)


def test_a_run_is_extended_in_place_with_links(run, small_run, twin, small_result, tmp_path):
    folder = small_result.save(tmp_path / "run")
    row = int(np.setdiff1d(np.arange(len(small_result.right)), small_result.linked().right)[0])
    answer = small_result.entities[1].labels[row]
    (tmp_path / "links.tsv").write_text(f"{TWIN}\t{answer}\n", encoding="utf-8")
    done = run("extend", folder, "--left", twin[0], "--links", tmp_path / "links.tsv", "--json")
    values = json.loads(done.out)
    (found,) = values["links_found"]
    assert (found["left"], found["right"], found["confidence"]) == (TWIN, answer, 1)
    assert values["new_left"] == 1 and values["links_replaced"] == 0 and values["unknown"] == []
    lines = (folder / "alignment.tsv").read_text(encoding="utf-8").splitlines()
    assert any(TWIN in line and answer in line for line in lines)


def test_search_takes_a_graph_with_new_entities(run, small_run, twin, small_result):
    values = json.loads(run("search", small_run, "--graph", twin[0], "--entity", TWIN, "--json").out)
    assert values["query"] == {"label": TWIN, "display": TWIN, "side": "left"}
    assert len(values["answers"]) == 5
    for each in values["answers"]:
        assert not each["parts"]["name"] and each["parts"]["relation"]  # it has triples, and nothing else
    assert one_line(run("search", small_run, "--entity", TWIN), 2)


def test_what_shares_nothing_with_the_run_is_an_error(run, small_run, tmp_path):
    path = tmp_path / "other.tsv"
    path.write_text("nobody\tknows-not\tanybody\n", encoding="utf-8")
    assert "left: the new graph shares no entity" in one_line(run("extend", small_run, "--left", path), 1)
    assert "give what is new" in one_line(run("extend", small_run), 2)
    assert one_line(run("extend", tmp_path / "no", "--left", path), 1)
    assert one_line(run("search", small_run, "--graph", tmp_path / "no.tsv", "--entity", "x"), 1)
