"""Curves of a training."""

from dataclasses import replace

from mmkg.review import RunView


def with_history(view, history, **course):
    record = replace(view.result.record, protocol=dict(view.result.record.protocol) | course)
    return RunView(replace(view.result, history=history, record=record)).training()["curves"]


def test_loss_and_mrr_with_the_epoch_that_was_kept(view):
    history = [
        {"epoch": 0, "loss": 2.0},
        {"epoch": 1, "loss": None, "valid": 0.5},
        {"epoch": 2, "loss": 1.0, "valid": 0.4},
    ]
    loss, mrr = with_history(view, history, best_epoch=2, epochs=3)
    assert (loss["name"], loss["x"], loss["y"], loss["unit"], loss["chosen"]) == ("loss", [1, 3], [2.0, 1.0], "loss", 2)
    assert (mrr["name"], mrr["x"], mrr["y"], mrr["unit"], mrr["chosen"]) == (
        "MRR on validation links",
        [2, 3],
        [0.5, 0.4],
        "mrr",
        2,
    )


def test_rounds_have_curves_of_their_own(view):
    history = [
        {"epoch": 0, "loss": 2.0},
        {"epoch": 0, "loss": 1.0, "round": 1},
        {"step": 0, "pseudo_links": 0, "valid": 0.5},
        {"step": 1, "pseudo_links": 9, "valid": 0.6},
    ]
    course = {"best_epoch": 1, "best_round": 1, "refined_by": {"round": 1, "valid": [0.6, 0.7]}}
    found = with_history(view, history, **course)
    assert [(each["axis"], each["x"], each["chosen"]) for each in found] == [
        ("epoch", [1, 2], None),
        ("round of pseudo-links", [0, 1], 1),
        ("round of refinement", [0, 1], 1),
    ]


def test_a_run_without_training_has_no_curves(view):
    assert with_history(view, [], refined_by={}) == []
