import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.sentiment.policy import MissingPolicy
from mmkg.settings import parse, plain

NAMES = ("text", "audio", "vision")


def whole(number=3000, steps=4):
    return {name: np.ones((number, steps), dtype=bool) for name in NAMES}


def share_missing(policy, valid, **options):
    seen = policy.observed(valid, **{"split": "train", **options})
    return 1 - np.mean([seen[name].any(axis=1) for name in NAMES])


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.6])
def test_a_share_of_all_modalities_is_missing_and_one_is_kept(rate):
    policy, valid = MissingPolicy("modality", rate), whole()
    seen = policy.observed(valid, split="test")
    assert share_missing(policy, valid, split="test") == pytest.approx(rate, abs=0.015)
    assert np.any([here.any(axis=1) for here in seen.values()], axis=0).all()
    for name in NAMES:  # each of them as often
        assert 1 - seen[name].any(axis=1).mean() == pytest.approx(rate, abs=0.03)


def test_more_than_two_thirds_of_three_cannot_be_missing_while_one_is_kept():
    assert share_missing(MissingPolicy("modality", 0.9), whole()) == pytest.approx(2 / 3, abs=1e-9)
    assert share_missing(MissingPolicy("modality", 0.9, keep_one=False), whole()) == pytest.approx(0.9, abs=0.01)


def test_frames_go_at_their_rate_and_only_valid_ones_are_left():
    valid = whole(400, 50)
    valid["text"][:, 30:] = False
    seen = MissingPolicy("frame", 0.3, keep_ends=("text",)).observed(valid, split="valid")
    assert not seen["text"][:, 30:].any() and seen["text"][:, 0].all() and seen["text"][:, 29].all()
    assert seen["text"][:, 1:29].mean() == pytest.approx(0.7, abs=0.01)
    assert seen["audio"].mean() == pytest.approx(0.7, abs=0.01)


def test_mixed_rates_of_frames_leave_a_half_whole_and_are_uniform_else():
    seen = MissingPolicy.parse("frame:mixed").observed(whole(4000, 200), split="train")
    gone = np.stack([1 - seen[name].mean(axis=1) for name in NAMES], axis=1)
    untouched = gone == 0
    assert untouched.mean(axis=0) == pytest.approx([0.5] * 3, abs=0.03)  # 0.0025 of draws near 0 lose no frame
    assert (untouched[:, 0] & untouched[:, 1]).mean() == pytest.approx(0.25, abs=0.03)
    shares = np.sort(gone[:, 2][~untouched[:, 2]])
    assert shares == pytest.approx(np.linspace(0, 1, len(shares)), abs=0.05)


def test_mixed_rates_of_modalities_are_of_samples():
    policy, valid = MissingPolicy.parse("modality:mixed"), whole(9000)
    # a half keeps all; else the rate r is uniform, above 2/3 taken as that: (2/9 + 2/9) / 2
    assert share_missing(policy, valid) == pytest.approx(2 / 9, abs=0.01)
    assert policy.describe() == "modality mixed"
    seen = policy.observed(valid, split="test")
    assert np.any([here.any(axis=1) for here in seen.values()], axis=0).all()


def test_draws_differ_by_modality_split_epoch_and_seed_and_by_nothing_else():
    valid = whole(50, 50)
    policy = MissingPolicy("frame", 0.5)
    first = policy.observed(valid, split="train", epoch=0)
    assert not np.array_equal(first["audio"], first["vision"])
    for other in (
        policy.observed(valid, split="valid"),
        policy.observed(valid, split="train", epoch=1),
        policy.with_seed(1).observed(valid, split="train", epoch=0),
    ):
        assert not np.array_equal(first["audio"], other["audio"])
    assert np.array_equal(first["audio"], policy.observed(valid, split="train", epoch=0)["audio"])
    still = MissingPolicy("frame", 0.5, renew=False)
    epochs = [still.observed(valid, split="train", epoch=epoch)["audio"] for epoch in (0, 1)]
    assert np.array_equal(*epochs)
    tests = [policy.observed(valid, split="test", epoch=epoch)["audio"] for epoch in (0, 1)]
    assert np.array_equal(*tests)


def test_blocks_touch_the_same_number_in_every_hundred_and_never_take_all():
    policy = MissingPolicy("block", 0.3)
    seen = policy.observed(whole(400), split="test")
    present = np.stack([seen[name].any(axis=1) for name in NAMES], axis=1)
    assert (~present.all(axis=1)).reshape(4, 100).sum(axis=1).tolist() == [30] * 4
    assert present.any(axis=1).all()
    assert len({tuple(row) for row in present.tolist()}) == 7  # complete, and six patterns


def test_patterns_are_the_only_ones_drawn():
    policy = MissingPolicy("modality", 0.5, patterns=(("text",), ("audio", "vision")))
    seen = policy.observed(whole(), split="test")
    rows = {tuple(row) for row in np.stack([seen[name].any(axis=1) for name in NAMES], axis=1).tolist()}
    assert rows == {(True, True, True), (False, True, True), (True, False, False)}


def test_what_is_the_only_one_left_stays_and_what_is_absent_is_not_counted():
    valid = whole(200)
    valid["audio"][:], valid["vision"][:] = False, False
    for policy in (MissingPolicy("modality", 0.9), MissingPolicy("modality", rates={"text": 1.0})):
        assert policy.observed(valid, split="test")["text"].all()
    gone = MissingPolicy("modality", rates={"text": 1.0}, keep_one=False).observed(valid, split="test")
    assert not gone["text"].any()


def test_single_modalities_have_rates_of_their_own():
    seen = MissingPolicy.parse("modality:text=1,audio=0.2").observed(whole(), split="test")
    assert not seen["text"].any() and seen["vision"].all()
    assert seen["audio"].any(axis=1).mean() == pytest.approx(0.8, abs=0.03)


def test_policies_are_written_and_read():
    policy = MissingPolicy("frame", 0.3, {"text": 0.1}, keep_ends=("text",), seed=3)
    from dataclasses import asdict

    assert parse(MissingPolicy(), plain(asdict(policy)), "missing") == policy
    assert MissingPolicy.parse("frame:0.3") == MissingPolicy("frame", 0.3)
    assert [each.rate for each in MissingPolicy.parse_sweep("modality:0.0..0.3")] == [0.0, 0.1, 0.2, 0.3]
    assert [each.rate for each in MissingPolicy.parse_sweep("frame:0,0.5")] == [0.0, 0.5]


@pytest.mark.parametrize(
    "text",
    ["frame", "frames:0.3", "none:0.3", "modality:1.5", "frame:x", "modality:text=", "block:text=0.5", "block:mixed"],
)
def test_another_form_is_refused(text):
    with pytest.raises(UsageError):
        MissingPolicy.parse(text)


@pytest.mark.parametrize("text", ["frame", "frame:0.5,0.3", "frame:", "none:0..0.3", "modality:0.5..0.3"])
def test_another_form_of_a_sweep_is_refused(text):
    with pytest.raises(UsageError):
        MissingPolicy.parse_sweep(text)


def test_a_name_nobody_has_is_an_error():
    with pytest.raises(UsageError, match="vison"):
        MissingPolicy("modality", rates={"vison": 0.5}).observed(whole(5), split="test")


@pytest.mark.parametrize("unit", ["frame", "modality", "block"])
def test_spared_samples_stay_whole_in_training_alone(unit):
    valid = {name: np.ones((4000, 3), bool) for name in ("text", "audio", "vision")}
    policy = MissingPolicy(unit=unit, rate=0.6, spared=0.25)
    plain = MissingPolicy(unit=unit, rate=0.6)
    for epoch in (0, 1):
        found, without = (each.observed(valid, split="train", epoch=epoch) for each in (policy, plain))
        changed = np.any([(found[name] != without[name]).any(axis=1) for name in valid], axis=0)
        assert all(found[name][changed].all() for name in valid)
        whole = np.all([found[name].all(axis=1) for name in valid], axis=0).mean()
        before = np.all([without[name].all(axis=1) for name in valid], axis=0).mean()
        assert whole == pytest.approx(0.25 + 0.75 * before, abs=0.03)
    found, without = (each.observed(valid, split="test") for each in (policy, plain))
    assert all(np.array_equal(found[name], without[name]) for name in valid)
    assert policy.describe() == f"{unit} 0.6, 0.25 spared in training"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"spared": 1.5}, "spared: input should be less than or equal to 1, got 1.5"),
        ({"rate": -0.1}, "rate: input should be greater than or equal to 0, got -0.1"),
        ({"rates": {"text": 2.0}}, "rates.text: input should be less than or equal to 1, got 2.0"),
        ({"unit": "frames"}, "unit: input should be 'none', 'frame', 'modality' or 'block', got 'frames'"),
        ({"unit": "block", "rates": {"text": 1.0}}, "the unit block takes a single rate, got rates by modality"),
    ],
)
def test_a_policy_out_of_range_is_refused_by_name(values, message):
    with pytest.raises(UsageError) as error:
        MissingPolicy(**values)
    assert str(error.value) == message
