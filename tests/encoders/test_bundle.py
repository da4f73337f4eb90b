import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.encoders.bundle import EncoderBundle
from mmkg.encoders.linear import LinearEncoder


def bundle_and_batch(garbage):
    """Steps that are padding or not observed hold ``garbage``."""
    torch.manual_seed(0)
    bundle = EncoderBundle({"image": LinearEncoder(3, 2), "name": LinearEncoder(4, 2)})
    valid = {"image": torch.tensor([[True, True], [True, False]]), "name": torch.ones(2, 2, dtype=torch.bool)}
    observed = {"image": torch.tensor([[True, False], [True, True]]), "name": torch.tensor([[False] * 2, [True] * 2])}
    values = {"image": torch.randn(2, 2, 3), "name": torch.randn(2, 2, 4)}
    for name in values:
        values[name][~(valid[name] & observed[name])] = garbage
    return bundle, ModalityBatch(values, valid, observed)


def test_garbage_under_the_mask_changes_neither_tokens_nor_gradients():
    results = []
    for garbage in (0.0, 1e30, float("inf"), float("nan")):
        bundle, batch = bundle_and_batch(garbage)
        out = bundle(batch)
        sum((tokens**2).sum() for tokens in out.values.values()).backward()
        results.append([*out.values.values(), *(parameter.grad for parameter in bundle.parameters())])
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert all(grad.isfinite().all() and grad.any() for grad in results[0])


def test_what_is_not_there_becomes_zero_and_the_rest_is_encoded():
    bundle, batch = bundle_and_batch(7.0)
    out = bundle(batch)
    assert out.values["image"][0, 0].tolist() == bundle["image"](batch.values["image"][0, 0]).tolist()
    assert not out.values["image"][0, 1].any() and not out.values["image"][1, 1].any()
    assert not out.values["name"][0].any() and out.values["name"][1].all()
    assert out.present.tolist() == batch.present.tolist()


def test_bias_does_not_reach_an_unobserved_sparse_row():
    bundle = EncoderBundle({"relation": LinearEncoder(3, 2)})
    mask = {"relation": torch.tensor([[True], [False]])}
    out = bundle(ModalityBatch({"relation": torch.tensor([[1.0, 0, 0], [0, 0, 0]]).to_sparse_csr()}, mask, mask))
    assert out.values["relation"][0].any() and not out.values["relation"][1].any()


def test_garbage_in_an_unobserved_sparse_row_reaches_no_gradient():
    mask, results = {"relation": torch.tensor([[True], [False], [True]])}, []
    for garbage in (1.0, float("nan"), float("inf")):
        torch.manual_seed(0)
        bundle = EncoderBundle({"relation": LinearEncoder(3, 2)})
        values = torch.tensor([[1.0, 0, 2], [garbage, 1, 0], [0, 3, 0]]).to_sparse_csr()
        tokens = bundle(ModalityBatch({"relation": values}, mask, mask)).values["relation"]
        tokens.sum().backward()
        results.append([tokens, *(parameter.grad for parameter in bundle.parameters())])
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert results[0][1].tolist() == [[1.0, 1.0], [3.0, 3.0], [2.0, 2.0]]


def test_modalities_the_bundle_does_not_know_are_left_out():
    bundle, batch = bundle_and_batch(0.0)
    del bundle["name"]
    assert bundle(batch).names == ("image",)
    assert bundle.dims == {"image": 2}
