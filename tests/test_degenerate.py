"""Pairs with next to nothing in them: every model gives finite answers or one clear line."""

import json
from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.features.image import image_table
from mmkg.data.kg import AttributeTriples, ImageTable
from mmkg.data.tensors.tables import row_lengths
from mmkg.errors import InputError, MmkgError, UsageError

NONE = np.empty((0, 2), np.int64)
WHAT = {"triples": np.empty((0, 3), np.int64), "attributes": AttributeTriples.empty(), "names": None, "images": None}
TWINS = mmkg.twin_graphs(16, noise=0.1, overlap=1.0, train_ratio=0.5, valid_ratio=0.4, seed=3)
ALL = TWINS.links.all()


def links(train=NONE, valid=NONE, test=NONE):
    return replace(TWINS, links=mmkg.LinkSplit(*(np.asarray(each, np.int64) for each in (train, valid, test))))


def sides(left=lambda graph: graph, right=None):
    return replace(TWINS, left=left(TWINS.left), right=(right or left)(TWINS.right))


def without(*names):
    return lambda graph: replace(graph, **{name: WHAT[name] for name in names})


def only(name):
    return without(*(each for each in WHAT if each != name))


def same(graph):
    return graph


def named(text):
    return lambda graph: replace(graph, names=(text,) * graph.num_entities)


def looped(graph):
    rows = np.arange(graph.num_entities)
    return replace(only("triples")(graph), triples=np.stack([rows, 0 * rows, rows], axis=1))


def pictured(value):
    return lambda graph: replace(graph, images=ImageTable(graph.images.rows, graph.images.features * 0 + value))


def valueless(graph):
    return replace(graph, attributes=replace(graph.attributes, values=(None,) * len(graph.attributes)))


def tiny(label, size=1, triples=((0, 0, 0),)):
    entities = tuple(f"{label}{row}" for row in range(size))
    return mmkg.KnowledgeGraph(entities, ("r",), np.array(triples, np.int64).reshape(-1, 3), names=entities)


def small(left, right, train=NONE, valid=NONE, test=NONE):
    parts = (np.asarray(each, np.int64).reshape(-1, 2) for each in (train, valid, test))
    return mmkg.AlignmentTask(left, right, mmkg.LinkSplit(*parts))


def bare(label):
    return replace(tiny(label, 2, ()), names=None)


ANSWERED = {
    "every entity in a training link": links(ALL),
    "every left entity in a training link": small(tiny("a"), TWINS.right, train=[(0, 0)]),
    "no validation links": links(TWINS.links.train, test=TWINS.links.test),
    "no test links": links(TWINS.links.train, TWINS.links.valid),
    "one training link": links(ALL[:1], test=ALL[1:]),
    "one link in each part": links(ALL[:1], ALL[1:2], ALL[2:3]),
    "only triples": sides(only("triples")),
    "only attributes": sides(only("attributes")),
    "only names": sides(only("names")),
    "only images": sides(only("images")),
    **{f"no {name} on the left": sides(without(name), same) for name in WHAT},
    **{f"no {name} on the right": sides(same, without(name)) for name in WHAT},
    "nothing on the right": sides(same, without(*WHAT)),
    "names against triples": sides(only("names"), only("triples")),
    "equal names": sides(named("x")),
    "empty names": sides(named(""), named("  ")),
    "no names but a column": sides(named(None)),
    "only self loops": sides(looped),
    "images of zeros": sides(pictured(0)),
    "equal images": sides(pictured(1)),
    "huge images": sides(pictured(1e30), pictured(3e38)),
    "attributes without values": sides(valueless),
    "two entities a side": small(tiny("a", 2, [(0, 0, 1)]), tiny("b", 2, [(0, 0, 1)]), [(0, 0)], test=[(1, 1)]),
    "two entities, one held out": small(tiny("a", 2), tiny("b", 2), train=[(0, 0)], valid=[(1, 1)]),
    "one against two": small(tiny("a"), tiny("b", 2), train=[(0, 1)]),
}
REFUSED = {
    "no training links": (links(valid=ALL[:4], test=ALL[4:]), "at least one"),
    "no links at all": (links(), "at least one"),
    "nothing on either side": (sides(without(*WHAT)), "has nothing to learn from: no triple between two entities"),
    "two bare entities": (small(bare("a"), bare("b"), train=[(0, 0)]), "has nothing to learn from"),
}
TRAINING = {"training": {"epochs": 2, "eval_every": 1}, "features": {"top_ngrams": 50}}
RUNS = {
    "meaformer": {**TRAINING, "options": {"hidden_dim": 16, "feedforward_dim": 16}},
    "mclea": {**TRAINING, "options": {"structure_dim": 16, "hidden_dim": 8}},
    "dual-amn": {**TRAINING, "options": {"structure_dim": 8, "hidden_dim": 8, "num_proxies": 4}},
    "eva": {**TRAINING, "options": {"structure_dims": [16, 16, 8], "hidden_dim": 8, "image_dim": 12}},
    "propagation": {"features": {"top_ngrams": 50}},
    "combined": TRAINING,
    "eva, refined": {**TRAINING, "options": {"hidden_dim": 8}, "refinement": {"rounds": 2}},
    "propagation, refined": {"refinement": {"rounds": 2}},
    "propagation, in rounds": {"bootstrap": {"rounds": 2}},
}


def align(task, run):
    return mmkg.align(task, run.partition(",")[0], device="cpu", settings=RUNS[run])


def check_finite(task, result):
    """All that a result answers is finite, and a missing answer is none."""
    lengths = [np.linalg.norm(rows.astype(np.float32), axis=1) for rows in (result.left, result.right)]
    for length in lengths:  # a row of zeros = no modality at all; rows are kept in float16
        assert np.isclose(length, 1, atol=1e-3).sum() + (length == 0).sum() == len(length)
    figures = {"metrics": result.metrics, "figures": result.figures(), "assignment": result.evaluate_assignment()}
    for candidates in ("test", "all"):
        figures[candidates] = [result.evaluate(candidates=candidates, csls_k=k) for k in (0, 1, 1000)]
    json.dumps(figures, allow_nan=False)
    assert bool(result.metrics) == (len(task.links.test) > 0 or result.protocol.judged != "test")
    for matching in (result.matching, result.believed(), result.match("hungarian"), result.match("mutual")):
        assert np.isfinite(matching.score).all()
        assert matching.confidence is None or np.isfinite(matching.confidence).all()
    for side, answering in (("left", result.right), ("right", result.left)):
        found, confidence = result.neighbors(1000, side=side)
        assert (found.ids >= 0).sum(axis=1).tolist() == [len(answering)] * len(found)
        assert np.isfinite(found.scores[found.ids >= 0]).all()
        assert confidence is None or np.isfinite(confidence[found.ids >= 0]).all()
        hits = result.search(0, k=1000, side=side)
        assert len(hits) == len(answering) and np.isfinite([hit.score for hit in hits]).all()
        assert np.isfinite([share for hit in hits for share in hit.shares.values()]).all()
    assert np.isfinite(result.threshold())
    result.record.to_json()  # refuses NaN
    result.report()  # refuses NaN, too


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ANSWERED)
def test_a_pair_with_little_in_it_is_aligned(name, run):
    task = ANSWERED[name]
    check_finite(task, align(task, run))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_pair_with_nothing_to_learn_from_is_refused_in_one_line(name, run):
    task, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        align(task, run)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("run", RUNS)
def test_one_entity_a_side_is_aligned_or_refused_in_one_line(run):
    task = small(tiny("a"), tiny("b"), train=[(0, 0)])
    if run == "dual-amn":
        with pytest.raises(UsageError, match="three entities of both graphs together") as caught:
            align(task, run)
        assert "\n" not in str(caught.value)
    else:
        check_finite(task, result := align(task, run))
        assert result.matching.pairs.tolist() == [[0, 0]]


def test_the_matches_of_equal_names_are_found_by_the_other_modalities():
    """Names that are all equal hold nothing: a link to be found stays with its right end by its images."""
    task = ANSWERED["equal names"]
    left, right = (graph.images.features for graph in (task.left, task.right))
    assert len(left) and len(right)
    assert align(task, "propagation").metrics["left_to_right"]["hits@1"] > 1 / len(task.links.test)


def test_refinement_without_free_entities_keeps_the_training_links_nearest():
    settings = {"refinement": {"rounds": 2}, "data": {"valid_ratio": 0}}  # no link is held out
    result = mmkg.align(ANSWERED["every entity in a training link"], "propagation", device="cpu", settings=settings)
    found, _ = result.neighbors(1)
    gold = dict(ALL.tolist())
    assert np.mean([found.ids[row, 0] == gold[row] for row in gold]) > 0.9
    assert result.record.protocol["refined_by"]["round"] == 2


@pytest.mark.parametrize("index", ["exact", "flat", "ivf", "hnsw", "parts"])
@pytest.mark.parametrize("name", ["two entities a side", "one against two", "only self loops", "equal names"])
def test_every_index_kind_answers_on_a_tiny_graph(name, index):
    task = ANSWERED[name]
    result = mmkg.align(task, "propagation", device="cpu", settings={"search": {"index": index}})
    aligner = mmkg.Aligner("propagation")
    aligner.result_ = result
    for k in (1, 2, 40, 1_000_000):
        predictions = aligner.predict(k=k)
        assert all(np.isfinite(each.score) for each in predictions)
        assert len({(each.left, each.right) for each in predictions}) == len(predictions)
        assert len(predictions) <= len(result.left) * min(k, len(result.right))


@pytest.mark.parametrize("csls_k", [0, 1, 500])
@pytest.mark.parametrize("name", ["one against two", "one link in each part", "nothing on the right"])
def test_a_neighbourhood_larger_than_the_graph_is_the_graph(name, csls_k):
    task = ANSWERED[name]
    check_finite(task, mmkg.align(task, "propagation", device="cpu", settings={"search": {"csls_k": csls_k}}))


@pytest.mark.parametrize("missing", ["name", "image"])
def test_seed_links_from_a_modality_that_one_side_lacks_are_refused(missing):
    task = sides(same, without(f"{missing}s"))
    with pytest.raises(InputError, match=f"no entity of one graph has {missing}; give seed links"):
        mmkg.align(task, "propagation", device="cpu", settings={"data": {"seeds_from": [missing]}})


@pytest.mark.parametrize("modality", ["structure", "name", "image", "attribute"])
def test_a_modality_that_no_entity_has_is_refused_with_those_that_there_are(modality):
    task = sides(only("triples" if modality != "structure" else "names"))
    with pytest.raises(UsageError, match=rf"has no {modality}; it has (structure, relation|name)$"):
        mmkg.align(task, "propagation", device="cpu", modalities=[modality])


def test_every_run_without_links_is_refused_before_it_writes(tmp_path):
    for task, _ in REFUSED.values():
        with pytest.raises(MmkgError):
            mmkg.align(task, "propagation", device="cpu", out=tmp_path / "run")
    assert not list(tmp_path.glob("run/*.safetensors"))


def test_lengths_of_huge_vectors_are_exact_and_finite():
    rows = np.array([[3e30, 4e30], [3, 4], [0, 0], [3e38, 3e38], [2e19, 0]], np.float32)
    expected = [5e30, 5, 0, float(np.finfo(np.float32).max), 2e19]  # the fourth is 4.2e38
    np.testing.assert_allclose(row_lengths(rows), expected, rtol=1e-6)


def test_huge_images_are_filled_with_finite_noise_of_the_same_size():
    def table(scale):
        graphs = []
        for graph in (TWINS.left, TWINS.right):
            kept = graph.images.rows[::2]
            graphs.append(replace(graph, images=ImageTable(kept, graph.images.features[::2] * np.float32(scale))))
        import torch

        rows = torch.arange(sum(graph.num_entities for graph in graphs))
        return image_table(replace(TWINS, left=graphs[0], right=graphs[1]), fill="gaussian", seed=1).take(rows)

    np.testing.assert_allclose(table(1e30), table(1), atol=1e-4)
