import io
import re
import sys
from contextlib import contextmanager

import pytest

from mmkg import progress
from mmkg.progress import TrainingProgress, duration, progress_bar, show_round, show_step, showing, step, tracked
from mmkg.report import Stopwatch


@contextmanager
def terminal(monkeypatch, clock=None):
    """stderr as a terminal, and a clock of the test's own; yields what is written."""
    written = io.StringIO()
    written.isatty = lambda: True
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        if clock is not None:
            patch.setattr("tqdm.std.time", lambda: clock[0])
        yield written


def last_drawn(written):
    """The last state of the last bar, without colours."""
    return re.sub(r"\x1b\[.", "", [each for each in written.getvalue().split("\r") if each.strip()][-1])


def test_without_a_terminal_a_line_per_validation_is_printed(capsys):
    with TrainingProgress(4, enabled=True, figure="validation score") as shown:
        shown.on_epoch({"epoch": 0, "loss": 2.0})
        shown.on_epoch({"epoch": 1, "loss": 1.5, "valid": 0.25})
        shown.on_epoch({"epoch": 3, "loss": None, "valid": 0.125})
        shown.explain("ran all 4 epochs")
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "training: epoch 2/4  loss 1.500  best validation score 0.250",
        "training: epoch 4/4  loss not finite  best validation score 0.250",
        "training ran all 4 epochs",
    ]


def test_progress_is_silent_without_a_terminal_unless_enabled(capsys):
    with TrainingProgress(4) as shown, progress_bar("texts", 3, enabled=True) as advance, step("search"):
        shown.on_epoch({"epoch": 1, "loss": 1.5, "valid": 0.25})
        shown.explain("ran all 4 epochs")
        show_step("learning")
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_inside_of_showing_false(capsys, monkeypatch):
    with terminal(monkeypatch) as written, showing(False), TrainingProgress(2) as shown, step("search"):
        shown.on_epoch({"epoch": 0, "loss": 1.0})
        show_step("learning")
        assert list(tracked([1, 2], "scoring")) == [1, 2]
    assert written.getvalue() == ""


def test_the_time_left_is_that_of_the_epochs_so_far_however_long_they_take(monkeypatch):
    clock = [1000.0]
    with terminal(monkeypatch, clock) as written, TrainingProgress(100, title="teacher") as shown:
        for epoch in range(40):
            clock[0] += 90  # more than rich or any bar keeps samples of
            shown.on_epoch({"epoch": epoch, "loss": 1.5, "valid": 0.25})
        text = last_drawn(written)
    assert text.startswith("teacher:  40%") and "40/100 [1:00:00<1:30:00" in text  # 60 epochs of 90 s
    assert "best validation MRR 0.250" in text


def test_epochs_of_a_checkpoint_do_not_count_as_fast_ones(monkeypatch):
    clock = [1000.0]
    with terminal(monkeypatch, clock) as written, TrainingProgress(100) as shown:
        for epoch in range(50):
            shown.on_epoch({"epoch": epoch, "loss": 1.5, "restored": True})
        clock[0] += 60
        shown.on_epoch({"epoch": 50, "loss": 1.5})
        assert "51/100 [01:00<49:00" in last_drawn(written)


def test_short_work_draws_no_bar_and_long_work_does(monkeypatch):
    clock = [1000.0]
    with terminal(monkeypatch, clock) as written:
        for _ in tracked(range(10), "scoring"):
            clock[0] += 0.05
        assert written.getvalue() == ""
        with progress_bar("scoring", 10) as advance:
            for _ in range(5):
                clock[0] += 4
                advance(1)
            assert "scoring:  50%" in last_drawn(written) and "[00:20<00:20]" in last_drawn(written)


def test_a_line_appears_above_the_bar_that_is_drawn(monkeypatch):
    with terminal(monkeypatch) as written, TrainingProgress(4) as shown:
        shown.on_epoch({"epoch": 0, "loss": 1.0})
        show_step("learning from all links")
        after = written.getvalue().partition("learning from all links\n")[2]
    assert "training:  25%" in after


def test_each_outer_step_is_one_line_with_its_time(capsys, monkeypatch):
    times = iter([0.0, 65.0, 70.0, 73.2])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    watch = Stopwatch()
    with showing(True):
        with watch.phase("refine"), watch.phase("weigh"):
            pass
        with watch.phase("search"):
            pass
    assert capsys.readouterr().err.splitlines() == ["refine: 1 min 5 s", "search: 3.2 s"]


def test_a_step_that_fails_is_not_said_to_be_done(capsys):
    with showing(True), pytest.raises(KeyError), step("search"):
        raise KeyError("x")
    with showing(True), step("match"):
        pass
    assert re.fullmatch(r"match: 0\.\d s\n", capsys.readouterr().err)


def test_long_work_without_a_bar_says_once_a_minute_how_far_it_is(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress_bar("scoring", 100, enabled=True) as advance:
        for _ in range(10):
            now[0] += 25
            advance(10)
    assert capsys.readouterr().err.splitlines() == [
        "scoring: 30%, 2 min 55 s left",  # 75 s for 30 %
        "scoring: 60%, 1 min 40 s left",
        "scoring: 90%, 25 s left",
    ]


def test_times_in_words():
    assert [duration(each) for each in (0.04, 9.94, 10.2, 59.4, 59.6, 3599.4, 3780)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 3 min"]  # fmt: skip


def test_a_round_is_one_line_with_the_figures_that_are_known(capsys):
    with showing(True):
        show_round({"step": 0, "pseudo_links": 0})
        show_round({"step": 1, "pseudo_links": 1200, "pseudo_precision": 0.875, "pseudo_judged": 1000, "valid": 0.5})
    assert capsys.readouterr().err.splitlines() == [
        "round 0: 0 pseudo-links",
        "round 1: 1,200 pseudo-links, 87.5% correct of 1,000 with a validation entity; validation MRR 0.500",
    ]
