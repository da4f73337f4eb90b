import pickle
from dataclasses import replace

import numpy as np
import pytest
from small import newer_zip

from mmkg.errors import InputError, UsageError
from mmkg.sentiment import SentimentDataConfig, load, read_mmsa, synthetic, write_mmsa
from mmkg.sentiment.data import SPLITS, feature_statistics
from mmkg.sentiment.readers.folders import read_utterances, read_words
from mmkg.sentiment.readers.mmsa import from_arrays


def mmsa(number=4, seed=0):
    """Dictionaries as MMSA pickles them: unaligned, lengths of audio and vision, token masks of text."""
    generator = np.random.default_rng(seed)
    splits = {}
    for split in SPLITS:
        bert = np.zeros((number, 3, 6), np.float32)
        bert[:, 1, :5] = 1
        splits[split] = {
            "text": generator.normal(size=(number, 6, 8)).astype(np.float32),
            "text_bert": bert,
            "audio": generator.normal(size=(number, 7, 5)).astype(np.float32),
            "vision": generator.normal(size=(number, 9, 4)).astype(np.float32),
            "audio_lengths": [7, 3, 4, 1],
            "vision_lengths": [9, 2, 2, 5],
            "regression_labels": np.array([-3.0, 0.0, 1.4, 3.0]),
            "id": [f"{split}$_${row}" for row in range(number)],
            "raw_text": np.array(["a", "bb", "c", "d"]),
        }
    return splits


def write(splits, path):
    path.write_bytes(pickle.dumps(splits, 4))
    return path


def test_an_unaligned_file_is_read_with_the_lengths_of_its_arrays(tmp_path):
    splits = mmsa()
    data = read_mmsa(write(splits, tmp_path / "mosi.pkl"))
    assert data.names == ("text", "audio", "vision")
    assert data.dims == {"text": 8, "audio": 5, "vision": 4}
    assert data.lengths == {"text": 6, "audio": 7, "vision": 9}
    assert data.train.valid["audio"].sum(axis=1).tolist() == [7, 3, 4, 1]
    assert data.train.valid["text"].sum(axis=1).tolist() == [5] * 4
    np.testing.assert_array_equal(data.test.values["audio"][1, :3], splits["test"]["audio"][1, :3])
    assert not data.test.values["audio"][1, 3:].any()
    assert data.valid.ids[2] == "valid$_$2" and data.label_range == (-3, 3)


def test_an_aligned_file_has_the_lengths_of_its_tokens(tmp_path):
    splits = mmsa()
    for part in splits.values():
        part["audio"], part["vision"] = part["audio"][:, :6], part["vision"][:, :6]
        del part["audio_lengths"], part["vision_lengths"]
    data = read_mmsa(write(splits, tmp_path / "aligned.pkl"))
    assert [data.train.valid[name].sum() for name in data.names] == [20, 20, 20]
    for part in splits.values():  # and without them up to the last step that is not zero
        del part["text_bert"]
        part["vision"][0, 2:] = 0
    data = read_mmsa(write(splits, tmp_path / "plain.pkl"))
    assert data.train.valid["vision"].sum(axis=1).tolist() == [2, 6, 6, 6]


def test_token_ids_are_no_text_and_that_is_said():
    splits = mmsa()
    for part in splits.values():
        del part["text"]
    data = from_arrays(splits, "x")
    assert data.names == ("audio", "vision")
    notes = [note for note in data.notes if "token ids only" in note]
    assert [note.partition(":")[0] for note in notes] == ["train", "valid", "test"]
    assert [data.notes[note] for note in notes] == [len(data.train), len(data.valid), len(data.test)]


def test_silence_in_audio_becomes_the_mean_and_is_counted():
    splits = mmsa()
    splits["train"]["audio"][0, 0, 2] = -np.inf
    splits["test"]["audio"][1, 1, 2] = np.nan
    splits["test"]["audio"][1, 6] = np.nan  # beyond its length
    data = from_arrays(splits, "x")
    kept = data.train.valid["audio"].copy()
    kept[0, 0] = False
    mean = splits["train"]["audio"][..., 2][kept].mean()
    assert data.test.values["audio"][1, 1, 2] == pytest.approx(mean, rel=1e-5)
    assert data.notes["train: audio features that were -inf or NaN"] == 1
    assert data.notes["test: audio features that were -inf or NaN"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["train"].update(audio_lengths=[8, 3, 4, 1]), "train audio_lengths, sample 0.*in 0..7.*got 8"),
        (lambda s: s["train"].update(audio_lengths=[7, 3]), "expected 4 lengths, got 2"),
        (lambda s: s["test"]["regression_labels"].__setitem__(1, 3.4), r"test sample 'test\$_\$1'.*\[-3, 3\], got 3.4"),
        (lambda s: s["valid"]["regression_labels"].__setitem__(1, np.nan), "got nan"),
        (lambda s: s["train"]["text"].__setitem__((2, 1, 0), np.nan), "train text, sample .*, step 1: expected finite"),
        (lambda s: s["train"]["vision"].__setitem__((0, 0, 0), np.inf), "train vision, .* expected finite"),
        (lambda s: s.pop("valid"), "valid missing"),
        (lambda s: s["test"].update(audio=s["test"]["audio"][..., :3]), "test audio has 3 features, train has 5"),
        (lambda s: s["test"].update(audio=s["test"]["audio"][:2]), "expected 4 samples, as labels, got 2"),
        (lambda s: s["test"].pop("regression_labels"), "expected regression_labels"),
        (lambda s: s["test"].update(audio=s["test"]["audio"][:, 0]), "expected an array .N, T, d."),
        (lambda s: [s[split].pop(m) for split in s for m in ("text", "audio", "vision")], "found none"),
    ],
)
def test_a_file_that_breaks_the_format_says_where(tmp_path, change, message):
    splits = mmsa()
    change(splits)
    with pytest.raises(InputError, match=message):
        read_mmsa(write(splits, tmp_path / "bad.pkl"))


def test_a_hostile_pickle_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    with pytest.raises(InputError, match="which no such file needs; if you trust the file, convert it to .npz"):
        read_mmsa(write({"train": Evil()}, tmp_path / "evil.pkl"))
    assert not (tmp_path / "made").exists()


def test_a_modality_that_a_split_lacks_is_absent_there():
    splits = mmsa()
    del splits["train"]["text"]
    data = from_arrays(splits, "x")
    assert not data.train.valid["text"].any() and data.test.valid["text"].any()
    assert data.notes["train: samples without text"] == 4
    assert data.learnable().names == ("audio", "vision")


def test_labels_within_one_are_of_sims():
    splits = mmsa()
    for part in splits.values():
        part["regression_labels"] = part["regression_labels"] / 3
    assert from_arrays(splits, "x").sims
    assert not from_arrays(splits, "x", label_range=(-3, 3)).sims


def test_npz_and_safetensors_hold_the_same(tmp_path):
    data = synthetic(sizes=(6, 3, 3))
    write_mmsa(data, tmp_path / "data.npz")
    back = read_mmsa(tmp_path / "data.npz")
    for name in data.names:
        np.testing.assert_array_equal(back.test.values[name], data.test.values[name])
        np.testing.assert_array_equal(back.test.valid[name], data.test.valid[name])
    assert back.train.ids == data.train.ids
    from safetensors.numpy import save_file

    arrays = {f"{s}/{n}": v for s in SPLITS for n, v in data.split(s).values.items()}
    save_file(arrays | {f"{s}/regression_labels": data.split(s).labels for s in SPLITS}, tmp_path / "data.safetensors")
    assert read_mmsa(tmp_path / "data.safetensors").dims == data.dims


@pytest.mark.parametrize("suffix", ["pkl", "npz", "safetensors"])
def test_garbage_is_an_error(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    for content in (b"garbage", newer_zip()):
        path.write_bytes(content)
        with pytest.raises(InputError):
            read_mmsa(path)


def test_statistics_are_of_valid_steps_alone():
    data = synthetic(sizes=(700, 3, 3))
    steps = data.train.values["audio"][data.train.valid["audio"]]
    mean, std = feature_statistics(data.train)["audio"]
    np.testing.assert_allclose(mean, steps.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(std, steps.std(axis=0), rtol=1e-4)
    constant = replace(data.train, values=data.train.values | {"audio": np.ones_like(data.train.values["audio"])})
    assert feature_statistics(constant)["audio"][1].tolist() == [1.0] * 8


def test_the_planted_label_is_the_weighted_sum_of_what_the_modalities_carry():
    data = synthetic(sizes=(4000, 3, 3), noise=0.2, strengths={"text": 1.0, "audio": 0.6, "vision": 0.0})
    part, found = data.train, {}
    for name in data.names:
        pooled = part.values[name].sum(axis=1) / part.valid[name].sum(axis=1, keepdims=True)
        found[name] = max(abs(np.corrcoef(pooled @ axis, part.labels)[0, 1]) for axis in np.linalg.svd(pooled)[2][:1])
    assert found["text"] > found["audio"] > 0.6
    assert found["vision"] < 0.1


def utterances(folder):
    """Two training videos and one test video, in the layout of the csv release."""
    folder.mkdir()
    clips = ["a_1", "a_10", "a_2", "b_1", "b_2", "c_2", "c_1"]
    labels = [0.5, -1.0, 2.0, -0.2, 0.0, 1.0, -2.0]
    pairs = list(zip(clips, labels, strict=True))
    (folder / "transcripts.csv").write_text("".join(f'"{c}","x","1","{int(y >= 0)}"\n' for c, y in pairs))
    (folder / "continuous_labels.tsv").write_text("".join(f"{c}\ttrain\t{y}\n" for c, y in pairs))
    for split, rows in (("train", [4, 1, 0, 2, 3]), ("test", [5, 6])):
        text = "".join(f'"{row}","{row}.5","0"\n' for row in rows)
        (folder / f"text_{split}.csv").write_text(text)
        for name in ("audio", "video"):
            lines = (f'"{10 * row}","{int(labels[row] >= 0)}"\n' for row in rows)
            (folder / f"{name}_{split}0.csv").write_text("".join(lines))
    return folder


def test_utterances_stand_among_their_neighbours_in_order(tmp_path):
    data = read_utterances(utterances(tmp_path / "mosi"), context=1, valid_ratio=0.5)
    assert {each.rsplit("_", 1)[0] for each in data.train.ids}.isdisjoint(e.rsplit("_", 1)[0] for e in data.valid.ids)
    part = data.train if "a_1" in data.train.ids else data.valid
    assert part.ids == ("a_1", "a_2", "a_10")
    assert part.labels.tolist() == [0.5, 2.0, -1.0]
    assert part.values["audio"][:, :, 0].tolist() == [[0, 0, 20], [0, 20, 10], [20, 10, 0]]
    assert part.valid["audio"].tolist() == [[False, True, True], [True, True, True], [True, True, False]]
    assert part.values["text"][1, :, 2].tolist() == [0, 1, 0]  # which one the label is of
    assert data.test.ids == ("c_1", "c_2") and data.dims == {"text": 3, "audio": 2, "vision": 2}


def test_files_of_utterances_that_disagree_are_refused(tmp_path):
    folder = utterances(tmp_path / "mosi")
    path = folder / "audio_test0.csv"
    good = path.read_text()
    path.write_text(good.replace('"50","1"', '"50","0"'))
    with pytest.raises(InputError, match=r"audio_test0.csv:1: binary label 0 contradicts the label 1"):
        read_utterances(folder)
    path.write_text(good.splitlines()[0] + "\n")
    with pytest.raises(InputError, match="expected 2 rows, as the text has, got 1"):
        read_utterances(folder)
    path.write_text(good.replace("60", "x"))
    with pytest.raises(InputError, match=r"audio_test0.csv:2: expected numbers"):
        read_utterances(folder)
    path.unlink()
    with pytest.raises(InputError, match="no such file; the layout needs it"):
        read_utterances(folder)


def test_words_come_with_labels_about_zero_and_missing_files_as_absent(tmp_path):
    h5py = pytest.importorskip("h5py")
    for split, number in zip(SPLITS, (3, 2, 2), strict=True):
        with h5py.File(tmp_path / f"y_{split}.h5", "w") as file:
            file["d1"] = np.array([1.0, 5.0, 3.5][:number])
        for name in ("audio", "video", "text"):
            if (name, split) != ("text", "train"):
                values = np.ones((number, 4, 2))
                values[0, :3] = 0  # padded in front
                with h5py.File(tmp_path / f"{name}_{split}{'_emb' * (name == 'text')}.h5", "w") as file:
                    file["d1"] = values
    data = read_words(tmp_path)
    assert data.train.labels.tolist() == [-2.0, 2.0, 0.5] and data.label_range == (-2.0, 2.0)
    assert data.train.valid["audio"][0].tolist() == [False, False, False, True]
    assert not data.train.valid["text"].any() and data.valid.valid["text"].any()
    assert data.notes == {"train: samples without text": 3}


def test_sources_are_told_apart(tmp_path):
    assert load("synthetic").name == "synthetic"
    assert load(utterances(tmp_path / "mosi"), SentimentDataConfig(context=2, valid_ratio=0.5)).lengths["text"] == 5
    with pytest.raises(UsageError, match="neither a file, a folder nor the word 'synthetic'"):
        load("synthetik")
    with pytest.raises(InputError, match="a folder with transcripts.csv"):
        load(tmp_path)


def test_the_real_utterances(mmkg_data):
    data = load(mmkg_data / "MOSI")
    sizes = [len(data.split(split)) for split in SPLITS]
    assert sizes[0] + sizes[1] == 1447 and sizes[2] == 752
    assert data.dims == {"text": 101, "audio": 74, "vision": 101}


def test_the_real_words(mmkg_data):
    pytest.importorskip("h5py")
    data = load(mmkg_data / "MMMO")
    assert [len(data.split(split)) for split in SPLITS] == [220, 40, 80]
    assert data.learnable().names == ("audio", "vision")
