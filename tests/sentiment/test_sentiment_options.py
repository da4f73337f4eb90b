"""Every hyper-parameter of a sentiment model has an effect: another value gives other scores."""

import pytest

from mmkg import sentiment

DATA = sentiment.synthetic(sizes=(60, 30, 30), seed=0)
QUICK = {"training": {"epochs": 2}, "pretraining": {"epochs": 1}}


@pytest.mark.parametrize(
    ("model", "change"),
    [
        ("tate", {"kl_weight": 5.0}),
        ("tate", {"tag_weight": 5.0}),
        ("tate", {"from_teacher": False}),
        ("tfr-net", {"pool_layers": 2}),
        ("tfr-net", {"head_dropout": 0.9}),
        ("tfr-net", {"reconstruction_layers": 2}),
    ],
    ids=lambda value: str(value),
)
def test_another_value_gives_other_scores(model, change):
    base = QUICK if model == "tate" else {"training": QUICK["training"]}
    found = [
        sentiment.fit(DATA, model, seed=0, missing="modality:0.3", device="cpu", settings={**base, "options": options})
        for options in ({}, change)
    ]
    assert found[0].metrics != found[1].metrics
