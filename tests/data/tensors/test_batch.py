import pytest
import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.data.tensors.sparse import sparse_entries


def batch(**values):
    ones = {name: torch.ones(value.shape[:2], dtype=torch.bool) for name, value in values.items()}
    return ModalityBatch(values, ones, {name: mask.clone() for name, mask in ones.items()})


def test_present_needs_one_step_that_is_both_valid_and_observed():
    valid = torch.tensor([[True, True], [True, False], [False, False], [True, True]])
    observed = torch.tensor([[False, True], [False, True], [True, True], [False, False]])
    made = ModalityBatch({"image": torch.zeros(4, 2, 3)}, {"image": valid}, {"image": observed})
    assert made.present.tolist() == [[True], [False], [False], [False]]


def test_present_has_one_column_per_name_in_their_order():
    made = batch(image=torch.zeros(2, 1, 3), name=torch.zeros(2, 1, 4))
    made.observed["name"][1] = False
    assert made.names == ("image", "name")
    assert made.present.tolist() == [[True, True], [True, False]]
    assert made.select(["name", "image"]).present.tolist() == [[True, True], [False, True]]


def test_select_takes_the_named_values_and_says_what_is_missing():
    made = batch(image=torch.zeros(2, 1, 3), name=torch.ones(2, 1, 4))
    chosen = made.select(["name"])
    assert chosen.names == ("name",) and chosen.values["name"] is made.values["name"]
    with pytest.raises(ValueError, match="attribute.*image"):
        made.select(["attribute"])


def test_one_more_modality_leaves_the_batch_as_it_was():
    made, observed = batch(image=torch.zeros(2, 1, 3)), torch.tensor([[True], [False]])
    more = made.extended("structure", torch.ones(2, 1, 4), observed)
    assert made.names == ("image",) and more.names == ("image", "structure")
    assert more.values["image"] is made.values["image"] and more.valid["structure"].all()
    assert more.present.tolist() == [[True, True], [True, False]]
    with pytest.raises(ValueError, match="structure"):
        made.extended("structure", torch.ones(3, 1, 4), observed)


@pytest.mark.parametrize("which", ["valid", "observed"])
def test_a_mask_that_does_not_fit_is_refused(which):
    values = {"image": torch.zeros(2, 1, 3)}
    masks = {"valid": {"image": torch.ones(2, 1, dtype=torch.bool)}, "observed": {}}
    masks["observed"] = dict(masks["valid"])
    masks[which] = {"image": torch.ones(3, 1, dtype=torch.bool)}
    with pytest.raises(ValueError, match=rf"{which}\['image'\].*\(2, 1\).*\(3, 1\)"):
        ModalityBatch(values, **masks)
    masks[which] = {}
    with pytest.raises(ValueError, match="got none"):
        ModalityBatch(values, **masks)


def test_entries_in_any_order_become_rows_and_those_of_a_row_keep_their_order():
    rows, columns = torch.tensor([2, 0, 2, 0]), torch.tensor([1, 0, 0, 3])
    made = sparse_entries(rows, columns, torch.tensor([1.0, 2.0, 3.0, 4.0]), (4, 5))
    assert made.crow_indices().tolist() == [0, 2, 2, 4, 4] and made.shape == (4, 5)
    assert made.col_indices().tolist() == [0, 3, 1, 0] and made.values().tolist() == [2, 4, 1, 3]


def test_sparse_rows_count_as_one_step():
    values = {"relation": torch.eye(3).to_sparse_csr()}
    mask = {"relation": torch.tensor([[True], [False], [True]])}
    made = ModalityBatch(values, mask, mask)
    assert made.present.flatten().tolist() == [True, False, True]
