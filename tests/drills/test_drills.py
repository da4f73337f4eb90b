"""The drills, small: in this process, a few tries of each kind; all of them under --slow, as ``make drills`` does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from damage import damage, damaged_bytes, seal
from outcomes import BAD, CRASH, OTHER, REFUSED, SAME, TRACEBACK, WRONG, Counts, Done, called, outcome_of

DRILLS = Path(__file__).with_name("drills.py")


@pytest.mark.parametrize(
    ("done", "sealed", "outcome"),
    [
        (Done(0, '{"a": 1}', ""), False, SAME),
        (Done(0, '{"a": 1, "seconds": 3}', ""), True, SAME),
        (Done(0, '{"a": 2}', ""), False, OTHER),
        (Done(0, '{"a": 2}', ""), True, WRONG),
        (Done(0, '{"a": NaN}', ""), False, WRONG),
        (Done(0, '{"a": 1', ""), False, WRONG),
        (Done(1, "", "mmkg: x is damaged\n"), True, REFUSED),
        (Done(1, "", "mmkg: unexpected error: KeyError: 1; run again\n"), False, TRACEBACK),
        (Done(1, "", "Traceback (most recent call last):\n"), False, TRACEBACK),
        (Done(1, "", ""), False, TRACEBACK),
        (Done(-11, "", ""), False, CRASH),
    ],
)
def test_outcomes_are_told_apart(done, sealed, outcome):
    assert outcome_of(done, {"a": 1}, sealed=sealed) == outcome


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_dies_or_hangs_is_a_crash():
    assert outcome_of(called(lambda: os.kill(os.getpid(), 9))) == CRASH
    assert outcome_of(called(lambda: __import__("time").sleep(60), timeout=0.1)) == CRASH
    assert outcome_of(called(lambda: {}["x"])) == TRACEBACK
    assert called(lambda: print("x")) == Done(0, "x\n", "")


def test_damage_is_seeded_and_fits_the_kind_of_file(small_run):
    for path in small_run.iterdir():
        data = path.read_bytes()
        first, again = ([damage(path.name, data, np.random.default_rng(seed)) for seed in range(20)] for _ in range(2))
        assert first == again and sum(each != data for each in first) > 10
    assert damaged_bytes(b"", np.random.default_rng(0)) != b""


def test_a_run_that_is_sealed_anew_is_read(small_run, tmp_path):
    import shutil

    import mmkg

    copy = shutil.copytree(small_run, tmp_path / "copy")
    seal(copy)
    assert mmkg.Aligner.from_pretrained(copy).result_.metrics


def clean(rows):
    texts = [text for counts in rows for text in counts.bad]
    assert not texts, "\n".join(texts)
    assert not any(counts.found[column] for counts in rows for column in BAD)


@pytest.mark.parametrize(("sealed", "number"), [(False, 1), (True, 3)])
def test_no_damage_to_a_run_is_a_traceback_or_wrong(small_run, tmp_path, sealed, number):
    import runs

    counts, expected = Counts("run"), runs.expected_of(small_run, False)

    def judged(copy):
        return runs.outcome(copy, expected, sealed=not sealed, fork=False)

    runs._each(counts, small_run, tmp_path, number, 5, judged, sealed=sealed)
    clean([counts])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("drill", "number"),
    [
        ("kill", 3),
        ("overwrite", 6),
        ("full disk", 6),
        ("damaged run", 4),
        ("forged run", 10),
        ("forged index", 25),
        ("damaged sentiment run", 6),
        ("damaged input", 4),
        ("hostile input", 1),
    ],
)
def test_drills_end_without_traceback_wrong_result_crash_or_loss(drill, number):
    command = [sys.executable, DRILLS, drill, "-n", str(number), "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
