import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.fusion.fill import FILLS, LearnedToken, NoFill, TokenGenerator


def gappy_batch(garbage=0.0):
    valid = {"image": torch.tensor([[True, True], [True, False]]), "name": torch.ones(2, 1, dtype=torch.bool)}
    observed = {"image": torch.tensor([[True, False], [True, False]]), "name": torch.tensor([[False], [True]])}
    values = {"image": torch.arange(12.0).view(2, 2, 3), "name": torch.arange(4.0).view(2, 1, 2)}
    for name in values:
        values[name][~observed[name]] = garbage
    return ModalityBatch(values, valid, observed)


def test_learned_token_fills_the_gaps_and_nothing_else():
    batch, fill = gappy_batch(float("nan")), LearnedToken({"image": 3, "name": 2})
    filled = fill(batch)
    assert torch.equal(filled.values["image"][:, 0], batch.values["image"][:, 0])
    assert torch.equal(filled.values["image"][0, 1], fill.tokens["image"])
    assert torch.equal(filled.values["name"][0, 0], fill.tokens["name"])
    assert torch.equal(filled.values["name"][1], batch.values["name"][1])


def test_filled_items_count_as_present_but_padding_stays_padding():
    filled = LearnedToken({"image": 3, "name": 2})(gappy_batch())
    assert filled.present.all()
    assert filled.valid["image"].tolist() == [[True, True], [True, False]]


def test_gradient_reaches_a_token_once_per_gap_and_no_hidden_value():
    batch, fill = gappy_batch(float("nan")), LearnedToken({"image": 3, "name": 2})
    values = {name: value.clone().requires_grad_() for name, value in batch.values.items()}
    filled = fill(ModalityBatch(values, batch.valid, batch.observed))
    filled.values["image"].sum().backward()
    assert fill.tokens["image"].grad.tolist() == [2.0] * 3
    assert torch.equal(values["image"].grad, batch.observed["image"][..., None].expand(2, 2, 3).float())


def test_no_fill_hands_the_batch_on():
    batch = gappy_batch()
    assert NoFill({})(batch) is batch
    assert set(FILLS) == {"none", "token", "generator"}


def test_a_generator_fills_no_item_that_has_nothing():
    batch, fill = gappy_batch(), TokenGenerator({"image": 3, "name": 2}, hidden_dim=4)
    bare = {name: torch.stack([rows[0], torch.zeros_like(rows[1])]) for name, rows in batch.observed.items()}
    filled = fill(ModalityBatch(batch.values, batch.valid, bare))
    assert filled.observed["image"].tolist() == [[True, False], [False, False]]  # item 0 has an image: no gap
    assert filled.observed["name"].tolist() == [
        [True],
        [False],
    ]  # made of the image; item 1 has nothing
    assert torch.equal(filled.values["name"][1], batch.values["name"][1])
