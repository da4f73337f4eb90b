"""What surrounds Ray Train: the place of checkpoints, its errors as one line, and who trains at all."""

import pytest

from mmkg.cluster.connect import ClusterError
from mmkg.cluster.training import FAILURES, _explained, _is_trained, _remove, _storage
from mmkg.config.experiment import Experiment
from mmkg.errors import UsageError


class Failed(Exception):
    """As an error of Ray Train: the failure of each worker by its rank."""

    def __init__(self, text, failures):
        super().__init__(text)
        self.worker_failures = failures


def test_the_error_of_a_worker_is_one_line():
    error = _explained(Failed("Training failed", {1: RuntimeError("Traceback:\n  File x\nOSError: no space")}), "out")
    assert isinstance(error, ClusterError)
    assert str(error) == (
        f"training on the cluster failed after {FAILURES} new starts: 'OSError: no space'; "
        "start the same command again, it continues from its last checkpoint"
    )


def test_a_place_that_a_machine_does_not_see():
    error = _explained(Failed("Unable to set up cluster storage with the following settings:\n...", {}), "/mine/run")
    assert isinstance(error, UsageError)
    assert str(error).startswith("not every machine of the cluster sees /mine/run; give --out in shared")


def test_checkpoints_are_removed_by_path_and_by_address(tmp_path):
    folder = tmp_path / "run.training"
    for place in (str(folder), f"file://{folder}"):
        (folder / "inner").mkdir(parents=True)
        _remove(place)
        assert not folder.exists()
        _remove(place)  # nothing there


def test_the_place_of_checkpoints_at_an_address():
    pytest.importorskip("pyarrow")
    found = _storage("memory://runs/a.training")
    assert found["storage_path"] == "/runs/a.training" and found["storage_filesystem"].type_name == "py::fsspec+memory"


@pytest.mark.parametrize(("model", "trained"), [("mclea", True), ("combined", True), ("propagation", False)])
def test_only_models_that_are_trained_are_shared(small_task, model, trained):
    assert _is_trained(small_task, Experiment.of({"model": model}), "cpu") is trained


def test_the_model_that_would_be_chosen_counts(small_task):
    assert not _is_trained(small_task, Experiment.of({"model": "auto"}), "cpu")
