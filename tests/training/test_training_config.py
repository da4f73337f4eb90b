from dataclasses import replace

import pytest

from mmkg.errors import UsageError
from mmkg.training import BootstrapConfig, TrainingConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": -1}, "epochs: input should be greater than or equal to 0, got -1"),
        ({"eval_every": 0}, "eval_every: input should be greater than or equal to 1, got 0"),
        ({"warmup": 1.5}, "warmup: input should be less than or equal to 1, got 1.5"),
        ({"learning_rate": float("nan")}, "learning_rate: "),
        ({"learning_rate": 1001.0}, "learning_rate: input should be less than or equal to 1000, got 1001.0"),
        ({"fanout": (3, 0)}, "fanout.1: input should be greater than or equal to 1, got 0"),
        ({"precision": "float16"}, "precision: input should be 'float32' or 'bfloat16', got 'float16'"),
    ],
)
def test_a_value_out_of_its_range_is_refused_also_in_python(values, message):
    for build in (lambda: TrainingConfig(**values), lambda: replace(TrainingConfig(), **values)):
        with pytest.raises(UsageError) as error:
            build()
        assert str(error.value).startswith(message)


def test_the_ends_of_the_ranges_are_allowed():
    config = TrainingConfig(epochs=0, batch_size=0, learning_rate=0.0, warmup=1.0, clip_norm=float("inf"))
    assert (config.epochs, config.warmup, config.fanout) == (0, 1.0, ())
    assert BootstrapConfig(min_score=float("-inf"), precision=1.0).min_score == float("-inf")
