"""Graphs that are in memory: aligned in one call, and the results as tables."""

import networkx
import pandas
import pytest

import mmkg
from mmkg.errors import InputError, UsageError
from mmkg.result.hits import HitList

LEFT = [
    ("Marie Curie", "born in", "Warsaw"),
    ("Marie Curie", "married", "Pierre Curie"),
    ("Marie Curie", "won", "Nobel Prize in Physics"),
    ("Pierre Curie", "won", "Nobel Prize in Physics"),
    ("Pierre Curie", "born in", "Paris"),
    ("Warsaw", "capital of", "Poland"),
    ("Paris", "capital of", "France"),
]
RIGHT = [
    ("CURIE, MARIE", "birthplace", "Warszawa"),
    ("CURIE, PIERRE", "spouse", "CURIE, MARIE"),
    ("CURIE, MARIE", "award", "Physics Nobel"),
    ("CURIE, PIERRE", "award", "Physics Nobel"),
    ("CURIE, PIERRE", "birthplace", "Paris (city)"),
    ("Warszawa", "in", "Polish Republic"),
    ("Paris (city)", "in", "French Republic"),
]
LINKS = [("Marie Curie", "CURIE, MARIE"), ("Paris", "Paris (city)")]
TRUTH = dict(LINKS) | {
    "Pierre Curie": "CURIE, PIERRE",
    "Warsaw": "Warszawa",
    "Nobel Prize in Physics": "Physics Nobel",
    "Poland": "Polish Republic",
    "France": "French Republic",
}


def matches(result):
    return {link.left: link.right for link in result.export()}


def multigraph(rows):
    made = networkx.MultiDiGraph()
    for head, relation, tail in rows:
        made.add_edge(head, tail, relation=relation)
    return made


def entities(rows):
    labels = list(dict.fromkeys(label for head, _, tail in rows for label in (head, tail)))
    return pandas.DataFrame({"id": labels})


def frame(rows):
    return pandas.DataFrame(rows, columns=["head", "relation", "tail"])


def test_two_graphs_of_facts_from_text_take_five_lines():
    import mmkg

    result = mmkg.align(LEFT, RIGHT, links=LINKS, seeds_from="name", model="propagation")
    table = result.to_frame()
    print(result.explain(("Pierre Curie", "CURIE, PIERRE")))

    assert dict(zip(table["left"], table["right"], strict=True)) == TRUTH


def test_links_alone_and_names_alone_are_enough_for_them():
    for seeds in ({"links": LINKS}, {"seeds_from": "name"}):
        assert matches(mmkg.align(LEFT, RIGHT, model="propagation", **seeds)) == TRUTH


@pytest.mark.parametrize(
    "make",
    [
        multigraph,
        frame,
        lambda rows: (entities(rows), frame(rows)),
        mmkg.as_graph,
        lambda rows: mmkg.to_pyg(mmkg.as_graph(rows)),
    ],
)
def test_every_kind_of_graph_gives_the_same_alignment(make):
    plain = mmkg.align(LEFT, RIGHT, LINKS, model="propagation")
    other = mmkg.align(make(LEFT), make(RIGHT), pandas.DataFrame(LINKS), model="propagation")
    assert matches(other) == matches(plain) == TRUTH


def test_a_file_and_an_object_go_together(tmp_path):
    path = tmp_path / "right.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in RIGHT))
    links = tmp_path / "links.tsv"
    links.write_text("".join("\t".join(row) + "\n" for row in LINKS))
    task = mmkg.AlignmentTask.of(LEFT, path, links)
    assert task.left.entities == mmkg.as_graph(LEFT).entities and task.right.entities == mmkg.read_graph(path).entities
    result = mmkg.align(multigraph(LEFT), str(path), str(links), model="propagation")
    assert matches(result) == TRUTH
    assert result.experiment.data.links == str(links)  # the run knows where its links came from


def test_a_task_takes_the_model_as_second_argument_as_before(small_task):
    by_place = mmkg.align(small_task, "propagation")
    by_name = mmkg.align(small_task, model="propagation")
    assert matches(by_place) == matches(by_name)


def test_links_may_be_found_by_names():
    left, right = (multigraph(rows) for rows in (LEFT, RIGHT))
    for node in left:
        left.nodes[node]["name"] = node
    for node, name in {**{b: a for a, b in TRUTH.items()}}.items():
        right.nodes[node]["name"] = name
    result = mmkg.align(left, right, seeds_from="name", model="propagation", settings={"data.pivot_share": 1.0})
    assert result.experiment.data.seeds_from == ("name",)
    assert matches(result) == TRUTH


def test_results_are_tables(small_result):
    table = small_result.to_arrow()
    assert table.column_names == ["left", "right", "left_name", "right_name", "score", "confidence"]
    links = list(small_result.export())
    assert table["left"].to_pylist() == [link.left for link in links]
    assert table["confidence"].to_pylist() == pytest.approx([link.confidence for link in links])
    sure = small_result.to_frame(small_result.believed())
    assert len(sure) == len(small_result.believed()) and sure["right_name"].notna().all()


def test_hits_are_a_table_with_a_column_for_each_modality(small_result):
    hits = small_result.search("Chat", k=3)
    assert isinstance(hits, HitList) and hits == list(hits)
    frame = hits.to_frame()
    assert list(frame.columns) == ["rank", "label", "display", "score", "confidence", *small_result.widths]
    assert frame["rank"].tolist() == [1, 2, 3] and frame["label"].tolist() == [hit.label for hit in hits]
    assert frame["name"].tolist() == pytest.approx([hit.parts["name"] for hit in hits])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda task: mmkg.align(task, LEFT), "right has no effect on a task"),
        (lambda task: mmkg.align(task, links=LINKS), "links has no effect on a task"),
        (lambda task: mmkg.align(task, "eva", model="mclea"), "expected one model, got 'eva' and 'mclea'"),
        (lambda task: mmkg.align(task, "evva"), "unknown model 'evva'; did you mean 'eva'"),
        (lambda task: mmkg.align(LEFT), "align takes two graphs, or a pair that is loaded, got"),
        (lambda task: mmkg.align(LEFT, 3), "expected right graph as a file or folder, a KnowledgeGraph"),
        (lambda task: mmkg.AlignmentTask.of(LEFT, RIGHT, LINKS, header=True), "data.header has no effect on the two"),
        (lambda task: mmkg.AlignmentTask.of(LEFT, RIGHT, LINKS, format="tsv"), "data.format has no effect on the two"),
        (
            lambda task: mmkg.align(LEFT, RIGHT, LINKS, settings={"data.links": "l.tsv"}),
            "expected links once, got data",
        ),
        (lambda task: mmkg.load("emoji-fr-en", links=LINKS), "data.links has no effect on emoji-fr-en"),
    ],
)
def test_a_wrong_call_gets_a_sentence(small_task, call, message):
    with pytest.raises(UsageError, match=message):
        call(small_task)


def test_an_unknown_label_in_links_is_named_with_its_place():
    with pytest.raises(InputError, match="links:2: expected an entity of the right graph, got the unknown 'Warschau'"):
        mmkg.AlignmentTask.of(LEFT, RIGHT, [*LINKS[:1], ("Warsaw", "Warschau")])


def test_a_task_alone_reads_no_graphs(monkeypatch):
    """The records of tasks know no readers: these come with ``mmkg.loading``."""
    from mmkg.data.task import READERS

    monkeypatch.delitem(READERS, "of")
    with pytest.raises(UsageError, match="reads graphs with mmkg.loading; import it, or use mmkg.AlignmentTask"):
        mmkg.AlignmentTask.of(LEFT, RIGHT)
