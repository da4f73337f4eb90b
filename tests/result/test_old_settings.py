import pytest

from mmkg.errors import InputError
from mmkg.result.stored import read_experiment


def written(folder, neighbors):
    path = folder / "experiment.toml"
    path.write_text(f'model = "propagation"\n\n[refinement]\nrounds = 2\nneighbors = {neighbors}\n', encoding="utf-8")
    return path


def test_a_run_that_did_not_use_a_setting_that_is_gone_is_read(tmp_path):
    assert read_experiment(written(tmp_path, "false")).refinement.rounds == 2


def test_a_run_that_used_it_is_refused_with_its_file_and_key(tmp_path):
    with pytest.raises(InputError, match=r"not the configuration of a run: .*neighbors") as told:
        read_experiment(written(tmp_path, "true"))
    assert "experiment.toml" in str(told.value)
