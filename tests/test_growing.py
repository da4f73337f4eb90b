"""New entities of a finished run: embedded without training, matched, added."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg import AlignmentResult, AlignmentTask, KnowledgeGraph
from mmkg.aligner import Aligner
from mmkg.data.features.incidence import build_incidence
from mmkg.data.growth import extent_of, former, grown
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError, UsageError
from mmkg.models import Propagation

SETTINGS = {
    "propagation": {},
    "refined": {"refinement.rounds": 2},
    "compared": {"refinement.compare": True},
    "both": {"refinement.rounds": 2, "refinement.compare": True},
    "narrow": {"search.width": 150},
    "meaformer": {"training.epochs": 60},
    "dual-amn": {"training.epochs": 20},
    "combined": {"training.epochs": 60},
}
MANY = 180


def part(graph, rows):
    """The graph of some rows, in their order."""
    place = np.full(graph.num_entities, -1)
    place[rows] = np.arange(len(rows))
    head, kind, tail = place[graph.triples[:, 0]], graph.triples[:, 1], place[graph.triples[:, 2]]
    inside = (head >= 0) & (tail >= 0)
    facts = graph.attributes
    kept = place[facts.entity] >= 0
    attributes = replace(
        facts,
        entity=place[facts.entity[kept]],
        attribute=facts.attribute[kept],
        values=tuple(value for value, keep in zip(facts.values, kept, strict=True) if keep),
    )
    images = graph.images
    if images is not None:
        order = np.argsort(place[images.rows])
        order = order[place[images.rows][order] >= 0]
        images = replace(images, rows=place[images.rows][order], features=images.features[order])
    return KnowledgeGraph(
        tuple(graph.entities[row] for row in rows),
        graph.relations,
        np.stack([head, kind, tail], axis=1)[inside],
        attributes,
        names=None if graph.names is None else tuple(graph.names[row] for row in rows),
        images=images,
    )


@pytest.fixture(scope="module")
def world():
    """A pair without its last 36 linked pairs, the whole graphs, and the pairs of labels that were held back."""
    whole = mmkg.twin_graphs(MANY, seed=5)
    links = whole.links.all()
    kept, gone = links[:-36], links[-36:]
    left, right = (part(graph, np.sort(kept[:, side])) for side, graph in enumerate((whole.left, whole.right)))
    rows = np.stack([np.searchsorted(np.sort(kept[:, side]), kept[:, side]) for side in (0, 1)], axis=1)
    task = AlignmentTask(left, right, LinkSplit(rows[:40], rows[40:60], rows[60:]))
    held = [(whole.left.entities[a], whole.right.entities[b]) for a, b in gone.tolist()]
    return task, whole, held


@pytest.fixture(scope="module")
def runs(world):
    found = {}

    def run(name):
        if name not in found:
            model = "propagation" if name in ("refined", "compared", "both", "narrow") else name
            found[name] = mmkg.align(world[0], model, settings=SETTINGS[name], device="cpu")
        return found[name]

    return run


def labels_of(result, pairs):
    left, right = result.entities
    return {(left.labels[a], right.labels[b]) for a, b in pairs.tolist()}


SLOW = ("meaformer", "dual-amn", "combined")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in SETTINGS]
)
def test_new_entities_find_their_counterparts(world, runs, name):
    _, whole, held = world
    result = runs(name)
    extended = result.extend(whole.left, whole.right)
    right = labels_of(extended, extended.matching.pairs) & set(held)
    old = result.evaluate(candidates="all")["left_to_right"]["hits@1"]
    assert len(right) / len(held) > old - 0.15
    assert extended.left.shape == (MANY, result.left.shape[1])
    assert np.array_equal(extended.left[: len(result.left)], result.left)
    np.testing.assert_allclose(np.linalg.norm(extended.right.astype(float), axis=1), 1, atol=1e-3)


@pytest.mark.parametrize(
    "name",
    ["propagation", "refined", "compared", "both", "narrow", pytest.param("meaformer", marks=pytest.mark.slow)],
)
def test_known_entities_come_out_as_they_were(world, runs, name):
    """The grown graph adds a single triple, so that nearly nothing changes for the others."""
    task, _, _ = world
    result = runs(name)
    one = mmkg.as_graph([(task.left.entities[0], task.left.relations[0], "new")])
    assert result.transform(one).shape == (2, result.left.shape[1])
    assert np.array_equal(result.transform(one)[0], result.left[0])


def test_rows_of_narrow_parts_get_the_widths_that_the_run_had(world, monkeypatch):
    """Parts are narrow because of the size of the pair before; it grows past the next limit."""
    task, whole, held = world
    number = task.left.num_entities + task.right.num_entities
    assert number < whole.left.num_entities + whole.right.num_entities
    width = sum(Propagation().widths(build_incidence(task)).values())
    monkeypatch.setattr("mmkg.models.propagation.MOST_VALUES", number * width // 2 + 4 * number)
    monkeypatch.setattr("mmkg.models.refinement.MOST_VALUES", number * 1024)
    settings = SETTINGS["refined"] | {"search.width": 0}  # all columns are kept
    result = mmkg.align(task, "propagation", settings=settings, device="cpu")
    assert result.widths["structure"] == 512 + 256  # of 1,024, halved twice
    extended = result.extend(whole.left, whole.right)
    assert extended.left.shape == (MANY, result.left.shape[1])
    assert len(labels_of(extended, extended.matching.pairs) & set(held)) > len(held) / 2


def test_two_steps_give_what_one_step_gives(world, runs, tmp_path):
    task, whole, _ = world
    result = runs("propagation")
    fresh = [row for row, label in enumerate(whole.left.entities) if label not in set(task.left.entities)]
    some = [row for row in range(MANY) if row not in fresh[18:]]
    first = part(whole.left, np.array(some))
    twice = result.extend(first)
    twice.save(tmp_path / "run")
    twice = AlignmentResult.load(tmp_path / "run").extend(whole.left, whole.right)
    once = result.extend(grown(first, whole.left)[0], whole.right)
    assert twice.entities == once.entities
    np.testing.assert_allclose(twice.left, once.left, atol=1e-3)  # images are stored in float16
    np.testing.assert_allclose(twice.right, once.right, atol=1e-3)
    earlier = labels_of(result, result.linked().pairs)
    assert earlier <= labels_of(twice, twice.linked().pairs)


def test_a_narrow_run_embeds_new_entities_as_its_folder_does(world, runs, tmp_path):
    _, whole, _ = world
    result = runs("narrow")
    assert result.left.shape[1] == 150 and set(result.projection) == set(result.widths)
    loaded = AlignmentResult.load(result.save(tmp_path / "run"))
    new = [run.transform(whole.left) for run in (loaded, result)]  # the folder has images as float16
    np.testing.assert_allclose(*new, atol=2e-3)
    assert loaded.extend(whole.left).save(tmp_path / "more").joinpath("projection.safetensors").is_file()
    pairs = np.array([[0, 0], [5, 9], [20, 3]])
    cosines = (result.left[pairs[:, 0]].astype(float) * result.right[pairs[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(sum(result.shares(pairs).values()), cosines, atol=1e-5)
    only = result.restrict(["name"], evaluate=False)
    assert only.left.shape[1] == result.widths["name"] == only.projection["name"].shape[1]
    assert AlignmentResult.load(only.save(tmp_path / "name")).widths == only.widths


def test_earlier_links_and_rows_stay(world, runs, tmp_path):
    _, whole, _ = world
    result = runs("propagation")
    links = set(map(tuple, result.linked().pairs.tolist()))
    extended = result.extend(whole.left, whole.right)
    assert links <= set(map(tuple, extended.linked().pairs.tolist()))
    assert extended.entities[0].labels[: len(result.left)] == result.entities[0].labels
    folder = extended.save(tmp_path / "run")
    again = AlignmentResult.load(folder)
    assert np.array_equal(again.linked().pairs, extended.linked().pairs)
    assert again.index().size == MANY
    assert again.search(extended.entities[0].labels[-1])[0].label in extended.entities[1].labels
    assert links <= set(map(tuple, again.linked(threshold=0).pairs.tolist()))


def test_given_links_replace_those_that_contradict_them(world, runs):
    task, _, _ = world
    result = runs("propagation")
    known = {label for pair in labels_of(result, result.links.train) for label in pair}
    a, b = sorted(pair for pair in labels_of(result, result.linked().pairs) if not known & set(pair))[:2]
    extended = result.extend(links=[(a[0], b[1])])
    found = labels_of(extended, extended.linked().pairs)
    assert (a[0], b[1]) in found
    assert a not in found and b not in found
    left, right = sorted(labels_of(result, result.links.train))[0]
    with pytest.raises(InputError, match=f"the left entity {left!r} has several counterparts"):
        result.extend(links=[(left, b[1])])
    with pytest.raises(InputError, match="1 links name unknown entities, first 'nobody' = "):
        result.extend(links=[("nobody", right), (a[0], b[1])])
    assert task.left.entities == result.entities[0].labels


def test_an_entity_of_which_nothing_is_known_is_not_matched(world, runs):
    result = runs("propagation")
    label = result.entities[0].labels[0]
    new = KnowledgeGraph((label, "alone"), ("r",), np.empty((0, 3), np.int64), names=("x", None))
    assert not result.transform(new)[1].any()
    extended = result.extend(new)
    assert "alone" not in {pair[0] for pair in labels_of(extended, extended.matching.pairs)}


def test_what_cannot_be_embedded_is_an_error(world, runs):
    task, _, _ = world
    result = runs("propagation")
    other = mmkg.as_graph([("p", "q", "r")])
    with pytest.raises(InputError, match=r"^left: the new graph shares no entity, relation or attribute"):
        result.extend(other)
    with pytest.raises(UsageError, match="unknown side 'up'"):
        result.transform(other, "up")
    with pytest.raises(UsageError, match="give what is new"):
        result.extend()
    with pytest.raises(UsageError, match="all modalities"):
        result.restrict("structure", evaluate=False).transform(task.left)
    with pytest.raises(UsageError, match="older version"):
        replace(result, graphs=None).transform(task.left)


def test_the_aligner_embeds_a_new_graph(world, runs):
    task, whole, _ = world
    aligner = Aligner("propagation")
    aligner.result_ = runs("propagation")
    rows = aligner.transform(whole.left, "left")
    assert rows.shape == (MANY, aligner.result_.left.shape[1])
    place = [task.left.entities.index(label) if label in task.left.entities else -1 for label in whole.left.entities]
    for row, known in enumerate(place):
        if known >= 0:
            assert np.array_equal(rows[row], aligner.result_.left[known])
    with pytest.raises(UsageError, match="the side that it belongs to"):
        aligner.transform(whole.left)


def test_a_graph_is_again_what_it_was_before_it_grew(world):
    task, whole, _ = world
    whole_graph, rows = grown(task.left, whole.left)
    assert former(whole_graph, extent_of(task.left)) == task.left
    assert [whole_graph.entities[row] for row in rows] == list(whole.left.entities)
    order = np.argsort(rows)

    def statements(graph):
        return {(graph.entities[a], graph.relations[r], graph.entities[b]) for a, r, b in graph.triples.tolist()}

    assert statements(whole_graph) == statements(whole.left)
    assert [whole_graph.names[row] for row in rows[order]] == [whole.left.names[row] for row in order]
    same, _ = grown(whole_graph, whole.left)
    assert same == whole_graph


def test_blank_nodes_of_a_new_graph_are_new():
    graph = mmkg.as_graph([("_:b0", "knows", "a")])
    whole, rows = grown(graph, graph)
    assert whole.entities == ("_:b0", "a", "_:b0.new")
    assert rows.tolist() == [2, 1]
    assert whole.triples.tolist() == [[0, 0, 1], [2, 0, 1]]
