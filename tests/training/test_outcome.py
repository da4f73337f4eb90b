from mmkg.training import TrainingConfig
from mmkg.training.outcome import outcome
from mmkg.training.state import FitResult


def trained(valid, epochs=None, best=None):
    """A training of which epochs 2, 4, ... were validated."""
    rows = [{"epoch": 2 * n + 1, "loss": 1.0, "valid": score} for n, score in enumerate(valid)]
    place = max(range(len(valid)), key=valid.__getitem__)
    return FitResult(epochs or 2 * len(valid), 2 * place + 1, valid[place], rows)


CONFIG = TrainingConfig(epochs=12, eval_every=2, patience=3)


def test_an_early_stop_names_the_epoch_and_the_score_that_nothing_has_beaten():
    assert outcome(trained([0.2, 0.5, 0.4, 0.5, 0.3]), CONFIG) == (
        "stopped after epoch 10 of 12: 3 validations in a row gave no better validation MRR than 0.500 of epoch 4, "
        "which is kept"
    )


def test_a_training_to_the_end_says_whether_it_was_still_rising():
    assert outcome(trained([0.1, 0.2, 0.3, 0.4, 0.6, 0.5]), CONFIG, figure="score") == (
        "ran all 12 epochs; epoch 10 is kept, with the best score, 0.600"
    )
    rising = outcome(trained([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), CONFIG)
    assert rising.endswith("0.600; it was still rising, so that more epochs may help")


def test_without_validation_the_last_epoch_is_kept():
    result = FitResult(12, 11, history=[{"epoch": epoch, "loss": 1.0} for epoch in range(12)])
    assert outcome(result, CONFIG) == "ran all 12 epochs; the last is kept, as no held-out links choose one"


def test_a_number_of_epochs_that_was_chosen_before_is_named():
    assert outcome(FitResult(7, 6), CONFIG, until=7) == "ended after epoch 7, which was chosen before"
