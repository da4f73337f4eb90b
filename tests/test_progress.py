import sys

from mmkg.progress import TrainingProgress, progress_bar, show_round


def test_without_a_terminal_a_line_per_validation_is_printed(capsys):
    with TrainingProgress(4, enabled=True, figure="validation score") as shown:
        shown.on_epoch({"epoch": 0, "loss": 2.0})
        shown.on_epoch({"epoch": 1, "loss": 1.5, "valid": 0.25})
        shown.on_epoch({"epoch": 3, "loss": None, "valid": 0.125})
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "training: epoch 2/4  loss 1.500  best validation score 0.250",
        "training: epoch 4/4  loss not finite  best validation score 0.250",
    ]


def test_progress_is_silent_without_a_terminal_unless_enabled(capsys):
    with TrainingProgress(4) as shown, progress_bar("texts", 3, enabled=True) as advance:
        shown.on_epoch({"epoch": 1, "loss": 1.5, "valid": 0.25})
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_bars_are_drawn_on_the_stderr_of_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with TrainingProgress(4, title="teacher") as shown:
        shown.on_epoch({"epoch": 3, "loss": 1.5, "valid": 0.25})
    with progress_bar("texts", 2, enabled=True) as advance:
        advance(2)
    out, err = capsys.readouterr()
    assert out == "" and "teacher" in err and "4/4" in err and "best validation MRR 0.250" in err
    assert "texts" in err and "100%" in err


def test_a_round_is_one_line_with_the_figures_that_are_known(capsys):
    show_round({"step": 0, "pseudo_links": 0})
    show_round({"step": 1, "pseudo_links": 1200, "pseudo_precision": 0.875, "pseudo_judged": 1000, "valid": 0.5})
    assert capsys.readouterr().err.splitlines() == [
        "round 0: 0 pseudo-links",
        "round 1: 1,200 pseudo-links, 87.5% correct of 1,000 with a validation entity; validation MRR 0.500",
    ]
