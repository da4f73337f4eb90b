import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.sentiment import MissingPolicy, SentimentExperiment, SentimentResult, evaluate, fit, sweep, synthetic
from mmkg.sentiment.recalibration import recalibrated


def additive(parts, present):
    """A model whose score is the sum of what its modalities say, ``[N, M]``; and how it is asked again."""
    scores = (parts * present).sum(axis=1)
    return scores.astype(np.float32), lambda rows, kept: (parts[rows] * (present[rows] & kept)).sum(axis=1)


def test_a_modality_that_the_others_do_not_bear_out_is_shrunk_to_the_share_of_its_own():
    # whole: (2, 1), (2, -1), (-2, 1), (-2, -1); what the second says is independent of the first
    parts = np.array([[2, 1], [2, -1], [-2, 1], [-2, -1], [0, 5], [3, 0.0]])
    present = np.array([[1, 1]] * 4 + [[0, 1], [1, 0]], dtype=bool)
    found = recalibrated(*additive(parts, present)[:1], present, additive(parts, present)[1], minimum=4)
    assert found.tolist() == pytest.approx([3, 1, -1, -3, 5, 3])  # an additive score is its own best line
    parts[:4, 0] = [2, 2, -2, -2]
    parts[:4, 1] = [1, -1, -1, 1]
    doubled = parts * [1, 2]  # the model alone with the second says twice what it adds to the whole

    def mask(rows, kept):
        return (doubled if kept.sum() == 1 else parts)[rows] @ kept

    scores = np.array([3, 1, -3, -1, 10, 3], dtype=np.float32)
    assert recalibrated(scores, present, mask, minimum=4).tolist() == pytest.approx([3, 1, -3, -1, 5, 3])
    assert scores.tolist() == [3, 1, -3, -1, 10, 3]
    assert recalibrated(scores, present, mask, minimum=5).tolist() == scores.tolist()


def test_lines_are_those_of_least_squares_and_larger_sets_go_first():
    generator = np.random.default_rng(0)
    raw = {kept: generator.normal(size=80) for kept in ((1, 1, 1), (1, 1, 0), (1, 0, 0))}
    raw = {kept: values + 0.5 * raw[1, 1, 1] for kept, values in raw.items()}
    sets = np.array([[1, 1, 1]] * 40 + [[1, 1, 0]] * 30 + [[1, 0, 0]] * 10, dtype=bool)
    scores = np.array([raw[tuple(map(int, row))][place] for place, row in enumerate(sets)])
    found = recalibrated(scores, sets, lambda rows, kept: raw[tuple(map(int, kept))][rows])
    second = np.polyval(np.polyfit(raw[1, 1, 0][:40], scores[:40], 1), scores[40:70])
    target = np.concatenate([scores[:40], second])
    third = np.polyval(np.polyfit(raw[1, 0, 0][:70], target, 1), scores[70:])
    np.testing.assert_allclose(found, np.concatenate([target, third]), rtol=1e-4, atol=1e-5)


def test_scores_that_do_not_move_become_the_mean_of_those_with_more():
    present = np.array([[1, 1]] * 2 + [[1, 0]], dtype=bool)
    found = recalibrated(np.array([1.0, 2, 7]), present, lambda rows, kept: np.full(len(rows), 7.0), minimum=2)
    assert found.tolist() == [1, 2, 1.5]


QUICK = {"options": {"dim": 8, "num_heads": 2}, "training": {"epochs": 2, "batch_size": 20}}
DATA = synthetic(sizes=(60, 30, 90), lengths={"text": 3, "audio": 4, "vision": 3})


def test_a_result_recalibrates_without_labels_and_says_so():
    run = fit(DATA, "tfr-net", missing="modality:0.3", progress=False, settings=QUICK)
    plain, told = (run.answers(DATA, recalibrate=each) for each in (False, True))
    whole = plain.present.all(axis=1)
    np.testing.assert_array_equal(told.scores[whole], plain.scores[whole])
    here = (plain.present == [True, True, False]).all(axis=1)  # vision is missing: those who have all tell of it
    masks = {name: valid & (name != "vision") for name, valid in DATA.test.valid.items()}
    less = run.model(DATA.test.batch(masks)).scores.detach().numpy()
    line = np.polyfit(less[whole], plain.scores[whole], 1)
    np.testing.assert_allclose(told.scores[here], np.polyval(line, plain.scores[here]), rtol=1e-3, atol=1e-4)
    DATA.test.labels[:], labels = 0, DATA.test.labels.copy()
    np.testing.assert_array_equal(run.answers(DATA, recalibrate=True).scores, told.scores)
    DATA.test.labels[:] = labels
    figures, protocol = evaluate(run, DATA, recalibrate=True)
    assert figures == told.figures() != run.metrics and "transductive" in protocol.describe()
    assert "transductive" not in run.protocol.describe()


def test_classes_are_not_recalibrated():
    settings = QUICK | {"options": QUICK["options"] | {"head": "classes"}}
    run = fit(DATA, "tfr-net", missing="modality:0.3", progress=False, settings=settings)
    with pytest.raises(UsageError, match="options.head=regression"):
        run.evaluate(DATA, recalibrate=True)


def test_a_sweep_shows_every_way_with_and_without(tmp_path):
    experiment = SentimentExperiment.of({"model": "tfr-net", **QUICK})
    options = {"experiment": experiment, "seeds": (0,), "ways": ("each", "complete"), "progress": False}
    found = sweep(DATA, MissingPolicy.parse_sweep("modality:0,0.4"), recalibrate=True, out=tmp_path, **options)
    kinds = [("each", False), ("each", True), ("complete", False), ("complete", True)]
    assert [(row.way, row.recalibrated) for row in found.rows] == [kind for kind in kinds for _ in range(2)]
    assert [row.rate for row in found.rows] == 4 * [0, 0.4]
    rows = {(row.curve, row.missing): row.runs[0] for row in found.rows}
    assert rows["each", "0"] == rows["each, recalibrated", "0"]
    for way, folder in (("each", "modality-0.4-seed0"), ("complete", "complete-seed0")):
        run = SentimentResult.load(tmp_path / folder)
        for kind, words in ((False, ""), (True, ", recalibrated")):
            told = run.evaluate(DATA, "modality:0.4", recalibrate=kind)
            assert rows[way + words, "0.4"] == pytest.approx(told, rel=1e-4, abs=1e-6)
        assert rows[way, "0.4"] != rows[f"{way}, recalibrated", "0.4"]
    assert ["transductive" in line for line in found.protocols.values()] == [False, True, False, True]
    assert "trained on complete data, recalibrated" in found.table()


def test_what_is_recalibrated_in_a_sweep_is_scored_once(monkeypatch):
    from mmkg.sentiment import result

    asked, score = [], result.scores_of
    monkeypatch.setattr(
        result, "scores_of", lambda model, part, seen: asked.append(len(part)) or score(model, part, seen)
    )
    settings = {"model": "tfr-net", **QUICK, "training": {"epochs": 1}}
    options = {"experiment": SentimentExperiment.of(settings), "seeds": (0,), "progress": False}
    plain = sweep(DATA, MissingPolicy.parse_sweep("modality:0.4"), **options)
    before = asked.count(90)  # the whole test split
    both = sweep(DATA, MissingPolicy.parse_sweep("modality:0.4"), recalibrate=True, **options)
    assert asked.count(90) == 2 * before > 0
    assert both.rows[0].runs == plain.rows[0].runs


def test_a_planted_leak_is_in_train_and_validation_and_not_in_test():
    plain, leaky = (synthetic(sizes=(50, 20, 20), leaks=leaks) for leaks in ({}, {"vision": 2.0}))
    for split in ("train", "valid", "test"):
        before, after = plain.split(split), leaky.split(split)
        np.testing.assert_array_equal(before.labels, after.labels)
        np.testing.assert_array_equal(before.values["text"], after.values["text"])
        moved = np.linalg.norm(after.values["vision"] - before.values["vision"], axis=2)  # direction of length 1
        leak = 0 if split == "test" else 2
        np.testing.assert_allclose(moved, leak * np.abs(after.labels)[:, None] * after.valid["vision"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tfr-net", "tate"])
def test_recalibration_mends_what_a_leak_spoils(model):
    leaks = {"strengths": {"text": 1.0, "audio": 0.4, "vision": 0.0}, "leaks": {"vision": 1.0}}
    data = synthetic(sizes=(300, 80, 500), **leaks)
    settings = {"training": {"epochs": 12}, "pretraining": {"epochs": 6}, "missing": {"spared": 0.5}}
    run = fit(data, model, missing=MissingPolicy("modality", 0.5, spared=0.5), progress=False, settings=settings)
    plain, mended = (run.evaluate(data, recalibrate=each) for each in (False, True))
    assert mended["mae"] < plain["mae"] and mended["corr"] > plain["corr"]
