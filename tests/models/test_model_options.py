"""Every hyper-parameter has an effect: another value gives another embedding."""

import numpy as np
import pytest
from small import SETTINGS

import mmkg

EPOCHS = {"training": {"epochs": 2, "eval_every": 1}}
CHANGES = [
    ("propagation", {}, "options", {"attribute_weight": 0.1}),
    ("propagation", {}, "options", {"image_weight": 0.1}),
    ("propagation", {}, "options", {"neighbor_weight": 0.1}),
    ("propagation", {"refinement": {"rounds": 1, "weigh": "validation"}}, "refinement", {"attribute_weight": 3.0}),
    ("dual-amn", EPOCHS, "options", {"negatives": 20}),
    ("eva", EPOCHS, "options", {"structure_alpha": 1.0}),
    ("mclea", EPOCHS | {"options": {"fill": "generator"}}, "options", {"fill_weight": 9.0}),
    ("meaformer", EPOCHS | {"options": {"fill": "generator"}}, "options", {"fill_weight": 9.0}),
    ("mclea", EPOCHS, "features", {"top_relations": 2}),
]


@pytest.mark.parametrize(("model", "settings", "section", "change"), CHANGES, ids=lambda value: str(value)[:30])
def test_another_value_gives_another_embedding(small_task, model, settings, section, change):
    base = {**SETTINGS, "options": {}} | settings
    other = {**base, section: {**base.get(section, {}), **change}}
    if model == "propagation":  # without validation links the start weights are used as they are
        small_task = mmkg.twin_graphs(60, noise=0.2, valid_ratio=0.0, seed=5)
    first, second = (mmkg.align(small_task, model, seed=0, settings=each, ranks_only=True) for each in (base, other))
    assert first.left.shape != second.left.shape or not np.array_equal(first.left, second.left)


def test_hnsw_is_built_with_the_width_it_was_given():
    rows = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    index = mmkg.build_index(rows, kind="hnsw", ef_construction=7)
    assert index._index.hnsw.efConstruction == 7
