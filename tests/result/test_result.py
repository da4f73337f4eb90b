import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SETTINGS, twins

import mmkg
import mmkg.result.run_folder
from mmkg.data.entities import EntityTable
from mmkg.data.features.build import build_inputs
from mmkg.errors import InputError, UsageError
from mmkg.models import EVA, EVAConfig
from mmkg.result.embeddings import Embeddings
from mmkg.result.result import AlignmentResult
from mmkg.result.searcher import EmbeddingSearch
from mmkg.search import IndexConfig, build_index, listed, shared_lists
from mmkg.search.shared_lists import neighbors_by_shared_lists

RUN_FILES = {
    "config.toml",
    "model.safetensors",
    "embeddings.safetensors",
    "entities.json",
    "graphs.json",
    "graphs.safetensors",
    "links.json",
    "metrics.jsonl",
    "neighbors.safetensors",
    "alignment.tsv",
    "relations.json",
    "record.json",
    "report.html",
    "manifest.json",
}


@pytest.fixture(scope="module")
def loaded(small_run):
    return AlignmentResult.load(small_run)


@pytest.fixture
def copy(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "copy")


def cosines(left, right):
    left, right = (side.astype(np.float64) for side in (left, right))
    lengths = [np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right)]
    return (left / np.where(lengths[0], lengths[0], 1)) @ (right / np.where(lengths[1], lengths[1], 1)).T


def csls_by_hand(left, right, k=3):
    """2 s - mean of the k largest of the row - mean of the k largest of the column."""
    s = cosines(left, right)
    rows, columns = -np.sort(-s, axis=1)[:, :k].mean(axis=1), -np.sort(-s, axis=0)[:k].mean(axis=0)
    return 2 * s - rows[:, None] - columns[None, :]


def hits_at_1(scores, links):
    among = scores[np.ix_(links[:, 0], links[:, 1])]
    return (among.argmax(axis=1) == np.arange(len(links))).mean()


def test_search_finds_the_twin_of_every_entity():
    task = twins(60, noise=0.0, overlap=1.0, missing={})
    links = task.links.all()
    for model, options in (("meaformer", SETTINGS["options"]), ("mclea", {"hidden_dim": 16, "structure_dim": 16})):
        result = mmkg.align(task, model, modalities=("attribute", "image"), settings={**SETTINGS, "options": options})
        assert [result.search(left, k=1)[0].row for left in links[:, 0].tolist()] == links[:, 1].tolist()
        assert [result.search(right, k=1, side="right")[0].row for right in links[:, 1]] == links[:, 0].tolist()


@pytest.mark.parametrize("side", ["left", "right"])
def test_search_gives_the_csls_of_the_embeddings_best_first(small_result, side):
    expected = csls_by_hand(small_result.left, small_result.right)
    expected = expected if side == "left" else expected.T
    for row in (0, 17, 44):
        hits = small_result.search(row, k=7, side=side)
        order = np.argsort(-expected[row], kind="stable")[:7]
        assert [hit.row for hit in hits] == order.tolist()
        np.testing.assert_allclose([hit.raw for hit in hits], expected[row, order], atol=1e-5)


def test_search_without_csls_gives_cosines(small_result):
    protocol = dataclasses.replace(small_result.protocol, csls_k=0)
    plain = dataclasses.replace(small_result, protocol=protocol)
    expected = cosines(small_result.left, small_result.right)[9]
    hits = plain.search(9, k=3)
    assert [hit.row for hit in hits] == np.argsort(-expected)[:3].tolist()
    np.testing.assert_allclose([hit.raw for hit in hits], -np.sort(-expected)[:3], atol=1e-6)


def test_an_entity_is_found_by_row_uri_and_name_in_any_letter_case(small_result, small_task):
    row = int(small_task.links.test[0, 0])
    by_row = small_result.search(row)
    for entity in (f"left/{row}", "Chat", "chat", "CHAT"):
        assert small_result.search(entity) == by_row
    gold = small_result.search("CHATS", side="right")
    assert gold == small_result.search(int(small_task.links.test[0, 1]), side="right")


def test_of_several_entities_of_one_name_the_linked_one_answers(small_result, small_task):
    left = small_result.entities[0]
    linked = set(small_task.links.all()[:, 0].tolist())
    free = next(row for row in range(len(left.labels)) if row not in linked)
    chat = int(small_task.links.test[0, 0])
    names = list(left.names)
    names[free] = "Chat"
    other = dataclasses.replace(
        small_result, entities=(dataclasses.replace(left, names=tuple(names)), small_result.entities[1])
    )
    assert other.find("Chat") == [chat, free]
    assert other.find("chat") == [chat, free]


def test_an_exact_name_goes_before_the_same_letters_in_another_case():
    table = EntityTable(("a", "b", "c"), ("Or", "or", "OR"), ("1", "2", "3"))
    assert table.find("or") == [1]
    assert table.find("oR") == [0, 1, 2]
    assert table.find("c") == [2]


def test_an_unknown_entity_is_refused_with_names_near_it(small_result):
    with pytest.raises(UsageError, match=r"no entity has the label or name 'Chatt'; near: 'Chat'"):
        small_result.search("Chatt")
    for row in (-1, 90):
        with pytest.raises(UsageError, match=rf"row must be in 0\.\.89, got {row}"):
            small_result.search(row)
    with pytest.raises(UsageError, match="unknown side 'lefft'; did you mean 'left'"):
        small_result.search("Chat", side="lefft")


def test_shares_sum_to_the_cosine_from_either_side(small_result):
    expected = cosines(small_result.left, small_result.right)
    for hit in small_result.search(5, k=4):
        assert sum(hit.shares.values()) == pytest.approx(expected[5, hit.row], abs=1e-5)
    for hit in small_result.search(8, k=4, side="right"):
        assert sum(hit.shares.values()) == pytest.approx(expected[hit.row, 8], abs=1e-5)
    assert tuple(hit.shares) == ("structure", "relation", "attribute", "image", "name")


def test_a_missing_image_has_no_share(small_result, small_task):
    without = np.setdiff1d(np.arange(90), small_task.left.images.rows)
    assert [hit.shares["image"] for hit in small_result.search(int(without[0]), k=3)] == [0.0, 0.0, 0.0]


def test_evaluate_agrees_with_a_csls_table_by_hand(small_result, small_task):
    links = small_task.links.test
    scores = csls_by_hand(small_result.left[links[:, 0]], small_result.right[links[:, 1]])
    here = np.arange(len(links))
    assert small_result.metrics["left_to_right"]["hits@1"] == pytest.approx((scores.argmax(axis=1) == here).mean())
    assert small_result.metrics["right_to_left"]["hits@1"] == pytest.approx((scores.argmax(axis=0) == here).mean())
    ranks = 1 + (scores > scores.diagonal()[:, None]).sum(axis=1)
    assert small_result.metrics["left_to_right"]["mrr"] == pytest.approx((1 / ranks).mean())


def test_more_candidates_are_no_easier(small_result):
    test, everyone = small_result.metrics, small_result.evaluate(candidates="all", csls_k=0)
    test = small_result.evaluate(csls_k=0)
    for direction in ("left_to_right", "right_to_left"):
        assert everyone[direction]["mrr"] <= test[direction]["mrr"]
        assert everyone[direction]["mr"] >= test[direction]["mr"]
    assert everyone != test


def test_a_restricted_run_is_the_run_of_those_columns(small_result, small_task):
    widths = dict(small_result.widths)
    starts = dict(zip(widths, np.cumsum([0, *widths.values()]), strict=False))
    columns = np.r_[*(slice(starts[name], starts[name] + widths[name]) for name in ("relation", "name"))]
    left, right = small_result.left[:, columns], small_result.right[:, columns]
    restricted = small_result.restrict(["name", "relation"])
    assert dict(restricted.widths) == {"relation": 16, "name": 16}
    assert restricted.metrics == mmkg.evaluate(left, right, small_task.links.test)
    assert restricted.protocol.modalities == ("relation", "name") and restricted.protocol.surface_names
    scores, cosine = csls_by_hand(left, right), cosines(left, right)
    for row in range(0, 90, 9):
        hits = restricted.search(row, k=3)
        np.testing.assert_allclose([hit.raw for hit in hits], -np.sort(-scores[row])[:3], atol=1e-5)
        np.testing.assert_allclose([scores[row, hit.row] for hit in hits], [hit.raw for hit in hits], atol=1e-5)
        for hit in hits:
            assert sum(hit.shares.values()) == pytest.approx(cosine[row, hit.row], abs=1e-5)
    assert not small_result.restrict(["image"]).protocol.surface_names


def test_restricting_to_all_modalities_changes_nothing(small_result):
    assert small_result.restrict(list(small_result.widths)).metrics == small_result.metrics


@pytest.mark.parametrize(
    ("names", "message"), [(["nam"], "no modality 'nam'; did you mean 'name'"), ([], "at least one")]
)
def test_restricting_to_no_modality_of_the_run_is_refused(small_result, names, message):
    with pytest.raises(UsageError, match=message):
        small_result.restrict(names)


def naive_margins(scores, pairs):
    """By how much each pair beats every other pair in its row and its column."""
    found = []
    for i, j in pairs:
        others = [scores[i, c] for c in range(scores.shape[1]) if c != j]
        others += [scores[r, j] for r in range(scores.shape[0]) if r != i]
        found.append(scores[i, j] - max(others))
    return np.array(found)


def test_confidence_is_a_probability_that_rises_with_the_margin(small_result):
    scores = csls_by_hand(small_result.left, small_result.right)
    found, confidence = small_result.neighbors(4)
    assert found.ids.shape == confidence.shape == (90, 4)
    assert confidence.min() >= 0 and confidence.max() <= 1 and confidence.max() - confidence.min() > 0.2
    for matching in (small_result.matching, small_result.match("hungarian")):
        margins = naive_margins(scores, matching.pairs.tolist())
        expected = small_result.counterparts.calibration.predict(margins)
        np.testing.assert_allclose(matching.confidence, expected, atol=1e-4)
    pairs = [(row, int(answer)) for row in (3, 60) for answer in found.ids[row]]
    expected = small_result.counterparts.calibration.predict(naive_margins(scores, pairs))
    np.testing.assert_allclose(confidence[[3, 60]].ravel(), expected, atol=1e-4)
    back, sure = small_result.neighbors(2, side="right")
    pairs = [(int(answer), 7) for answer in back.ids[7]]
    expected = small_result.counterparts.calibration.predict(naive_margins(scores, pairs))
    np.testing.assert_allclose(sure[7], expected, atol=1e-4)


def without_indexes(result):
    """The same run as if nothing had been computed from its embeddings."""
    return dataclasses.replace(result, embeddings=Embeddings(result.left, result.right, result.widths))


def test_without_an_index_few_entities_are_scored_with_all_others(small_result, monkeypatch):
    for module in ("mmkg.result.searcher", "mmkg.search.index"):
        monkeypatch.setattr(f"{module}.LARGEST_FLAT", 10)
    monkeypatch.setattr("mmkg.result.searcher.BLOCK_ROWS", 32)
    rows = np.array([4, 17, 88])
    for csls_k in (3, 0):
        protocol = dataclasses.replace(small_result.protocol, csls_k=csls_k)
        bare = dataclasses.replace(without_indexes(small_result), protocol=protocol)
        bare.searcher.keep_means(small_result.csls_means)
        found = bare.nearest(rows, 3, "right")
        assert not any(bare.searcher.has_index(side) for side in ("left", "right"))
        scores = (
            csls_by_hand(small_result.left, small_result.right) if csls_k else small_result.left @ small_result.right.T
        )
        for query, column in enumerate(rows.tolist()):
            expected = np.argsort(-scores[:, column])[:3]
            assert found.ids[query].tolist() == expected.tolist()
            np.testing.assert_allclose(found.scores[query], scores[expected, column], atol=1e-4)


def test_what_was_learnt_about_counterparts_is_saved_with_the_run(small_result, small_run):
    loaded = AlignmentResult.load(small_run)
    loaded.embeddings.kept(loaded.calibration.key, lambda: pytest.fail("calibrated again"))
    assert loaded.counterparts.as_dict() == small_result.counterparts.as_dict()
    assert loaded.threshold() == small_result.threshold()


def test_the_share_with_a_counterpart_may_be_told(small_result):
    search = dataclasses.replace(small_result.experiment.search, matchable=0.25)
    told = dataclasses.replace(
        small_result, experiment=dataclasses.replace(small_result.experiment, search=search)
    ).counterparts
    assert (told.share, told.estimated) == (0.25, False)
    assert small_result.counterparts.estimated and 0.01 <= small_result.counterparts.share <= 0.99
    with pytest.raises(UsageError, match=r"matchable: input should be less than or equal to 1, got 1\.5"):
        dataclasses.replace(search, matchable=1.5)


def test_only_matches_that_are_sure_enough_are_believed(small_result):
    least = small_result.threshold()
    matching = small_result.matching
    expected = [pair for pair, sure in zip(matching.pairs.tolist(), matching.confidence, strict=True) if sure >= least]
    assert small_result.believed().pairs.tolist() == expected and 0 < len(expected) < len(matching)
    assert small_result.believed(threshold=0.0) is matching


def test_without_confidences_all_is_believed_and_nothing_is_sure(small_result):
    other = dataclasses.replace(small_result.experiment, seed=77)  # its calibration is kept apart
    bare = dataclasses.replace(small_result, experiment=other)
    bare.calibration.keep(None)
    assert bare.threshold() == 0 and len(bare.believed()) == len(bare.matching)
    assert bare.matching.confidence is None and bare.same_as_threshold() == 1
    assert [hit.confidence for hit in bare.search(0, k=2)] == [None, None]
    assert [link.confidence for link in bare.export()][:2] == [None, None]
    for asked in (lambda: bare.believed(threshold=0.5), lambda: bare.threshold(0.9)):
        with pytest.raises(UsageError, match="fewer than 5 matches.*give about 50 known links, links=FILE"):
            asked()


def test_confidence_says_how_often_the_best_answer_is_right(small_result, small_task):
    """Over the linked entities the sum of the confidences is near the number of right answers."""
    rows = np.concatenate([small_task.links.test, small_task.links.valid])
    found, confidence = small_result.neighbors(1)
    right = (found.ids[rows[:, 0], 0] == rows[:, 1]).sum()
    assert confidence[rows[:, 0], 0].sum() == pytest.approx(right, abs=0.2 * len(rows))


def test_an_unknown_matcher_is_refused_with_the_nearest_one(small_result):
    with pytest.raises(UsageError, match="unknown matcher 'hungarain'; did you mean 'hungarian'"):
        small_result.match("hungarain")


def test_mutual_matches_are_each_others_best(small_result):
    scores = csls_by_hand(small_result.left, small_result.right)
    expected = {
        (i, int(scores[i].argmax())) for i in range(90) if int(scores[:, int(scores[i].argmax())].argmax()) == i
    }
    assert {tuple(pair) for pair in small_result.match("mutual").pairs.tolist()} == expected


def test_the_sample_shows_test_links_and_marks_wrong_answers(small_result, small_task):
    golds = {
        (small_task.left.label(left), small_task.right.label(right)) for left, right in small_task.links.test.tolist()
    }
    sample = small_result.sample(len(golds) + 5)
    assert {(row["left"], row["gold"]) for row in sample} == golds
    assert all((row["right"] == row["gold"]) == row["correct"] for row in sample)
    assert len(small_result.sample(12)) == 12
    for row in sample:
        assert sum(row["parts"].values()) == pytest.approx(row["score"]) and 0 <= row["score"] <= 100


def test_a_saved_run_has_every_file_and_nothing_else(small_run):
    assert {path.name for path in small_run.iterdir()} == RUN_FILES
    manifest = json.loads((small_run / "manifest.json").read_text())
    assert set(manifest["sha256"]) == RUN_FILES - {"manifest.json"}


def test_a_saved_run_tells_its_history_links_and_record(small_run, small_result):
    history = [json.loads(line) for line in (small_run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
    assert [("valid" in row) for row in history] == [False, True, False, True]
    lines = (small_run / "alignment.tsv").read_text().splitlines()
    assert len(lines) == 1 + len(small_result.linked())
    record = json.loads((small_run / "record.json").read_text())
    assert record["metrics"] == small_result.metrics and record["seed"] == 0
    assert set(record["seconds"]) == {"features", "train", "embed", "evaluate", "search", "match"}
    assert "left/" in lines[1] and "mmkg" in record["versions"]
    assert "<html" in (small_run / "report.html").read_text()


def test_a_loaded_run_answers_as_the_saved_one(loaded, small_result):
    assert np.array_equal(loaded.left, small_result.left) and np.array_equal(loaded.right, small_result.right)
    for side in ("left", "right"):
        assert loaded.search(11, k=4, side=side) == small_result.search(11, k=4, side=side)
    for method in ("mutual", "greedy", "hungarian"):
        ours, theirs = loaded.match(method), small_result.match(method)
        assert np.array_equal(ours.pairs, theirs.pairs) and np.array_equal(ours.score, theirs.score)
        assert np.array_equal(ours.confidence, theirs.confidence)
    assert loaded.metrics == small_result.metrics == loaded.evaluate()
    assert loaded.protocol == small_result.protocol and loaded.experiment == small_result.experiment
    assert loaded.entities == small_result.entities and list(loaded.history) == list(small_result.history)
    for name, tensor in small_result.weights.items():
        assert torch.equal(loaded.weights[name], tensor)


def test_a_loaded_run_saves_to_the_same_files(loaded, small_run, tmp_path):
    loaded.save(tmp_path / "again")
    assert {path.name for path in (tmp_path / "again").iterdir()} == RUN_FILES
    for name in sorted(RUN_FILES):
        assert (tmp_path / "again" / name).read_bytes() == (small_run / name).read_bytes(), name


@pytest.mark.parametrize("name", sorted(RUN_FILES))
def test_a_flipped_byte_in_any_file_is_refused_with_its_name(copy, name):
    data = bytearray((copy / name).read_bytes())
    for place in (len(data) // 2, len(data) - 3):
        flipped = data.copy()
        flipped[place] ^= 1
        (copy / name).write_bytes(flipped)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            AlignmentResult.load(copy)


def test_any_flipped_byte_of_the_manifest_is_refused(copy):
    data = (copy / "manifest.json").read_bytes()
    for place in range(0, len(data) - 1, max(1, len(data) // 40)):
        flipped = bytearray(data)
        flipped[place] ^= 1
        if same_content(flipped, data):  # the 17th digit of a number may not count
            continue
        (copy / "manifest.json").write_bytes(flipped)
        with pytest.raises(InputError):
            AlignmentResult.load(copy)


def same_content(one, other):
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize("name", sorted(RUN_FILES - {"manifest.json"}))
def test_a_file_that_is_gone_is_refused_with_its_name(copy, name):
    (copy / name).unlink()
    with pytest.raises(InputError, match=rf"{name} is missing"):
        AlignmentResult.load(copy)


def test_a_folder_without_a_finished_run_is_refused(tmp_path, copy):
    with pytest.raises(InputError, match="absent: .*no such folder"):
        AlignmentResult.load(tmp_path / "absent")
    with pytest.raises(InputError, match="found a folder without a run; give the folder of the run"):
        AlignmentResult.load(tmp_path)
    with pytest.raises(InputError, match="found a file; give the folder of the run"):
        AlignmentResult.load(copy / "manifest.json")
    (copy / "manifest.json").unlink()
    with pytest.raises(InputError, match="unfinished run"):
        AlignmentResult.load(copy)
    for text in ("[]", "{}", "5", "\xff", '{"sha256": 5}', '{"sha256": {}, "format": 1}'):
        (copy / "manifest.json").write_text(text, encoding="latin-1")
        with pytest.raises(InputError, match="manifest"):
            AlignmentResult.load(copy)


def test_a_run_of_another_format_is_refused(small_result, tmp_path, monkeypatch):
    monkeypatch.setattr(mmkg.result.run_folder, "FORMAT", 99)
    small_result.save(tmp_path / "new")
    monkeypatch.undo()
    with pytest.raises(InputError, match="expected run format 1, got 99"):
        AlignmentResult.load(tmp_path / "new")


def test_a_run_of_other_data_is_refused(small_run, small_task):
    assert AlignmentResult.load(small_run, fingerprint=small_task.fingerprint()).metrics
    other = twins(seed=4).fingerprint()
    with pytest.raises(InputError, match=f"other data: .* expected {other}"):
        AlignmentResult.load(small_run, fingerprint=other)


def with_index(result, kind):
    """The same run with an index of another kind."""
    search = dataclasses.replace(result.experiment.search, index=kind, options=IndexConfig())
    return dataclasses.replace(result, experiment=dataclasses.replace(result.experiment, search=search))


def test_an_index_of_another_run_is_refused(small_result, tmp_path, monkeypatch):
    record = dataclasses.replace(small_result.record, fingerprint="0" * 64)
    other = dataclasses.replace(with_index(small_result, "hnsw"), record=record).save(tmp_path / "other")
    real = mmkg.result.run_folder.save_index

    def save_other(index, path, **options):
        real(index, path, **options)
        for name in ("index.faiss", "index.faiss.json"):
            shutil.copy(other / name, path.parent / name)

    monkeypatch.setattr(mmkg.result.run_folder, "save_index", save_other)
    with_index(small_result, "hnsw").save(tmp_path / "mixed")
    with pytest.raises(InputError, match="index belongs to other data: fingerprint"):
        AlignmentResult.load(tmp_path / "mixed")


@pytest.mark.parametrize("kind", ["flat", "exact", "hnsw"])
def test_only_an_index_that_is_more_than_its_vectors_is_in_the_folder(small_result, tmp_path, kind):
    folder = with_index(small_result, kind).save(tmp_path / "run")
    names = {path.name for path in folder.iterdir()}
    assert names - RUN_FILES == ({"index.faiss", "index.faiss.json"} if kind == "hnsw" else set())
    loaded = AlignmentResult.load(folder)
    assert loaded.index().kind == kind
    assert [hit.row for hit in loaded.search(3)] == [hit.row for hit in small_result.search(3)]
    if kind == "hnsw":
        data = bytearray((folder / "index.faiss").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "index.faiss").write_bytes(data)
        with pytest.raises(InputError, match=r"index\.faiss is damaged"):
            AlignmentResult.load(folder)


def test_a_folder_of_an_older_version_with_a_flat_index_is_read(small_result, tmp_path, monkeypatch):
    monkeypatch.setattr(EmbeddingSearch, "stored_index", property(lambda searcher: searcher.index()))
    folder = with_index(small_result, "flat").save(tmp_path / "run")
    assert (folder / "index.faiss").is_file()
    loaded = AlignmentResult.load(folder)
    assert loaded.searcher.has_index("left")
    assert [hit.row for hit in loaded.search(3)] == [hit.row for hit in small_result.search(3)]


@pytest.mark.parametrize(
    "writer",
    [
        "run_folder.write_tsv",
        "run_folder.write_text",
        "run_folder.write_arrays",
    ],
)
def test_a_save_that_fails_leaves_the_old_run_whole_and_no_half_written_file(
    small_result, copy, tmp_path, monkeypatch, writer
):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    monkeypatch.setattr(f"mmkg.result.{writer}", full)
    with pytest.raises(OSError, match="No space"):
        small_result.save(copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert AlignmentResult.load(copy).metrics == small_result.metrics
    with pytest.raises(OSError, match="No space"):
        small_result.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    monkeypatch.undo()
    small_result.save(copy)
    assert AlignmentResult.load(copy).metrics == small_result.metrics


def test_files_of_others_in_the_folder_of_a_run_are_left_alone(small_result, copy):
    (copy / "notes.txt").write_text("mine")
    small_result.save(copy)
    assert (copy / "notes.txt").read_text() == "mine"
    (copy / "notes.txt").write_text("changed")
    assert AlignmentResult.load(copy).metrics == small_result.metrics


@pytest.mark.parametrize("name", ["config.toml", "manifest.json", "notes.txt", "src/main.py"])
def test_a_folder_that_is_neither_empty_nor_a_run_is_refused_and_stays_as_it_was(
    small_task, small_result, tmp_path, name
):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"name": "mine"}')
    first = name.partition("/")[0]
    for call in (
        lambda: small_result.save(tmp_path),
        lambda: mmkg.align(small_task, "propagation", out=tmp_path),
        lambda: mmkg.align(small_task, "propagation", out=tmp_path, overwrite=True),
    ):
        with pytest.raises(UsageError, match=rf"holds files but no run \({first}\); give a new or an empty folder"):
            call()
    assert (tmp_path / name).read_text() == '{"name": "mine"}'
    assert [path.name for path in tmp_path.iterdir()] == [first]


def test_saving_over_an_older_run_replaces_it(small_result, small_run, copy):
    dataclasses.replace(small_result, weights={}).save(copy)
    assert AlignmentResult.load(copy).weights == {}


def test_a_run_of_a_model_object_is_saved_and_loaded(small_task, tmp_path):
    inputs = build_inputs(small_task)
    torch.manual_seed(0)
    model = EVA.build(EVAConfig(structure_dims=(16, 16, 16), hidden_dim=16, image_dim=16), inputs.dims)
    result = mmkg.align(small_task, model, settings={"training": {"epochs": 2}})
    assert result.experiment.model == "custom:EVA"
    result.save(tmp_path / "custom")
    loaded = AlignmentResult.load(tmp_path / "custom")
    assert loaded.experiment == result.experiment
    assert loaded.search("Chat") == result.search("Chat")
    assert set(loaded.weights) == set(model.state_dict())


def test_a_run_without_test_links_has_matches_but_no_metrics(small_task, tmp_path):
    links = dataclasses.replace(small_task.links, test=np.empty((0, 2), np.int64))
    result = mmkg.align(dataclasses.replace(small_task, links=links), "meaformer", settings=SETTINGS)
    assert result.metrics == {} and len(result.matching.pairs) > 30
    loaded = AlignmentResult.load(result.save(tmp_path / "run"))
    assert loaded.metrics == {} and np.array_equal(loaded.matching.pairs, result.matching.pairs)
    assert len(loaded.sample(5)) == 5


def test_a_report_that_fails_leaves_the_run_of_before(small_result, copy, monkeypatch):
    def fails(*arguments):
        raise ValueError("no report")

    monkeypatch.setattr("mmkg.result.result.report_of", fails)
    with pytest.raises(ValueError, match="no report"):
        small_result.save(copy)
    assert AlignmentResult.load(copy).metrics == small_result.metrics


@pytest.mark.parametrize(
    "settings",
    [{"matcher": "greedy"}, {"test_queries": 5}, {"store": "float16"}, {"matchable": 0.4}, {"valid_queries": 11}],
)
def test_other_settings_keep_the_index_and_what_does_not_depend_on_them(small_run, settings, monkeypatch):
    loaded = AlignmentResult.load(small_run)
    index, means = loaded.index(), loaded.csls_means
    search = dataclasses.replace(loaded.experiment.search, **settings)
    other = dataclasses.replace(loaded, experiment=dataclasses.replace(loaded.experiment, search=search))
    with monkeypatch.context() as patch:
        patch.setattr("mmkg.result.searcher.build_index", None)  # would fail if it were called
        assert other.index() is index and other.csls_means is means
    kept = other.calibration.key == loaded.calibration.key
    assert kept == settings.keys().isdisjoint({"matchable", "valid_queries"})
    assert (other.matching is loaded.matching) == (kept and "matcher" not in settings)


@pytest.mark.parametrize("settings", [{"index": "exact"}, {"options": IndexConfig(hnsw_m=16)}])
def test_another_index_is_built_when_its_settings_change(small_run, settings):
    loaded = AlignmentResult.load(small_run)
    search = dataclasses.replace(loaded.experiment.search, **settings)
    other = dataclasses.replace(loaded, experiment=dataclasses.replace(loaded.experiment, search=search))
    assert other.index() is not loaded.index() and other.csls_means is loaded.csls_means


def test_without_known_links_confidences_are_rough_and_guesses_do_not_count(small_result):
    links = dataclasses.replace(small_result.links, valid=small_result.links.valid[:0])
    result = dataclasses.replace(small_result, links=links)
    assert result.counterparts.num_links == 0 and result.counterparts.rough
    assert (np.diff(result.matching.confidence[np.argsort(result.matching.score)]) != 0).any()
    assert "without known links" in result.calibration.text()
    guessed = dataclasses.replace(
        small_result, protocol=dataclasses.replace(small_result.protocol, seeds_from=("name",))
    )
    assert guessed.calibration.guessed and not small_result.calibration.guessed
    assert small_result.counterparts.num_links == len(small_result.links.valid)


def test_a_restricted_run_need_not_be_ranked(small_result, monkeypatch):
    expected = small_result.restrict(["name"])
    monkeypatch.setattr("mmkg.result.judge.Judge.ranks", None)  # would fail if it were called
    unranked = small_result.restrict(["name"], evaluate=False)
    assert unranked.metrics == {} and np.array_equal(unranked.left, expected.left)


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="needs /proc")
def test_a_loaded_run_maps_its_embeddings_and_leaves_the_file_alone(copy):
    before = (copy / "embeddings.safetensors").read_bytes()
    loaded = AlignmentResult.load(copy)
    assert str(copy / "embeddings.safetensors") in Path("/proc/self/maps").read_text()
    loaded.left[0] = 0
    assert (copy / "embeddings.safetensors").read_bytes() == before


def test_a_table_keeps_equal_columns_once():
    table = EntityTable(["a", "b"], ["a", "b"], ["a", "x"])
    assert table.labels is table.names
    assert (table.labels, table.names, table.display) == (("a", "b"), ("a", "b"), ("a", "x"))
    table = EntityTable(["a", "b"], ["a", "x"], ["a", "x"])
    assert table.names is table.display
    assert table.names == ("a", "x")


def test_an_ivf_run_chooses_its_lists_before_the_first_question(small_result):
    search = dataclasses.replace(small_result.experiment.search, index="ivf", options=IndexConfig(nlist=4))
    asked = dataclasses.replace(small_result, experiment=dataclasses.replace(small_result.experiment, search=search))
    assert asked.index().kind == "ivf" and asked.index().config.nprobe is not None
    found, expected = (result.neighbors(1)[0].ids[:, 0] for result in (asked, small_result))
    assert (found == expected).mean() >= 0.999  # what the choice of nprobe allows


def test_a_matcher_takes_the_number_of_candidates(small_result):
    size = max(len(small_result.left), len(small_result.right))
    everything, dense = small_result.match("hungarian", k=size), small_result.match("hungarian")
    assert everything.score.sum() == pytest.approx(dense.score.sum(), rel=1e-4)
    one = small_result.match("hungarian", k=1)
    best_right = small_result.neighbors(1)[0].ids[:, 0]
    best_left = small_result.neighbors(1, side="right")[0].ids[:, 0]
    for left, right in one.pairs.tolist():
        assert best_right[left] == right or best_left[right] == left


@pytest.mark.parametrize(("kind", "limit"), [("auto", "FLAT"), ("auto", "PAIRS"), ("ivf", "FLAT")])
def test_a_large_run_searches_once_for_all_that_it_tells(small_result, tmp_path, monkeypatch, kind, limit):
    """Means, neighbours, matches, margins, figures and links come from one search of each side."""
    exact_means, exact = small_result.csls_means, small_result.neighbors(1)[0].ids[:, 0]
    exact_pairs = {name: {*map(tuple, small_result.match(name).pairs.tolist())} for name in ("mutual", "greedy")}
    exact_hits = small_result.evaluate(candidates="all")["left_to_right"]["hits@1"]
    monkeypatch.setattr(f"mmkg.result.searcher.LARGEST_{limit}", 50)
    if limit == "FLAT":
        monkeypatch.setattr("mmkg.search.index.LARGEST_FLAT", 50)
    counts = {"shared": 0, "index": 0}

    def counted(name, plain):
        def run(*args, **options):
            counts[name] += 1
            return plain(*args, **options)

        return run

    monkeypatch.setattr(shared_lists, "neighbors_by_shared_lists", counted("shared", neighbors_by_shared_lists))
    monkeypatch.setattr(listed, "build_index", counted("index", build_index))
    monkeypatch.setattr("mmkg.result.searcher.build_index", counted("index", build_index))
    search = dataclasses.replace(small_result.experiment.search, index=kind, options=None)
    experiment = dataclasses.replace(small_result.experiment, search=search)
    large = dataclasses.replace(without_indexes(small_result), experiment=experiment)
    means, (found, _) = large.csls_means, large.neighbors(3)
    assert counts == ({"shared": 1, "index": 0} if kind == "auto" else {"shared": 0, "index": 2})
    for mean, expected in zip(means, exact_means, strict=True):
        np.testing.assert_allclose(mean, expected, atol=0.01)
    assert (found.ids[:, 0] == exact).mean() >= 0.99
    for name, expected in exact_pairs.items():
        assert len({*map(tuple, large.match(name).pairs.tolist())} & expected) >= 0.99 * len(expected)
    found_hits = large.evaluate(candidates="all")["left_to_right"]["hits@1"]
    assert found_hits == pytest.approx(exact_hits, abs=0.01)
    assert len(large.believed()) and len(list(large.export()))
    wrong = large.matching.pairs[:3]
    told = dataclasses.replace(large, embeddings=large.embeddings.excluding(wrong))
    assert not {*map(tuple, told.match("mutual").pairs.tolist())} & {*map(tuple, wrong.tolist())}
    assert counts == ({"shared": 1, "index": 0} if kind == "auto" else {"shared": 0, "index": 2})
    if kind == "auto":
        large.save(tmp_path / "run")
        assert not list((tmp_path / "run").glob("index*"))
        loaded = AlignmentResult.load(tmp_path / "run")
        assert (loaded.neighbors(3)[0].ids == found.ids).all() and counts["shared"] == 1


def test_many_test_entities_are_ranked_by_one_search_among_them(small_result, monkeypatch):
    exact = small_result.evaluate(candidates="test")
    for module in ("mmkg.result.judge", "mmkg.result.searcher", "mmkg.search.index"):
        monkeypatch.setattr(f"{module}.LARGEST_FLAT", 20)
    calls = []
    monkeypatch.setattr(
        shared_lists,
        "neighbors_by_shared_lists",
        lambda *sides, **options: calls.append(len(sides[0])) or neighbors_by_shared_lists(*sides, **options),
    )
    found = without_indexes(small_result).evaluate(candidates="test")
    assert calls == [len(small_result.links.test)]
    for direction, figures in exact.items():
        assert found[direction]["hits@1"] == pytest.approx(figures["hits@1"], abs=0.03)
        assert found[direction]["mrr"] == pytest.approx(figures["mrr"], abs=0.03)


def test_a_large_run_goes_through_lists_of_each_modality(small_result, tmp_path, monkeypatch):
    """The limit of flat search put below the size: with so few lists that all are read, the answers are exact."""
    for module in ("mmkg.result.searcher", "mmkg.search.index"):
        monkeypatch.setattr(f"{module}.LARGEST_FLAT", 50)
    large = without_indexes(small_result)
    for found, expected in zip(large.csls_means, small_result.csls_means, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert large.index().kind == large.index("right").kind == "parts"
    assert large.index().config.parts == tuple(small_result.widths.values())
    assert large.match("mutual").pairs.tolist() == small_result.match("mutual").pairs.tolist()
    assert (large.neighbors(3)[0].ids == small_result.neighbors(3)[0].ids).all()
    large.save(tmp_path / "run")
    loaded = AlignmentResult.load(tmp_path / "run")
    assert loaded.index().kind == "parts"
    assert [hit.row for hit in loaded.search(3)] == [hit.row for hit in small_result.search(3)]
