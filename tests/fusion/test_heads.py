import pytest
import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.fusion.attention import CrossModalBlock
from mmkg.fusion.combine import joint_scale, modality_shares, weighted_concat
from mmkg.fusion.heads import GlobalFusion, MetaModalityFusion
from mmkg.fusion.weights import meta_modality_weights

NAMES = ("structure", "image", "name")
PRESENT = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=torch.bool)


def batch_of(garbage=0.0, steps=1, requires_grad=False):
    generator = torch.Generator().manual_seed(0)
    values, observed = {}, {}
    for m, name in enumerate(NAMES):
        tokens = torch.randn(5, steps, 4, generator=generator)
        observed[name] = PRESENT[:, m, None].expand(5, steps).clone()
        tokens[~observed[name]] = garbage
        values[name] = tokens.requires_grad_(requires_grad)
    return ModalityBatch(values, {name: torch.ones_like(mask) for name, mask in observed.items()}, observed)


def global_fusion(names=NAMES):
    head = GlobalFusion(names)
    start = {"structure": 0.5, "image": 2.0, "name": -1.0}
    head.weights.logits.data = torch.tensor([start[name] for name in names])
    return head


def meta_fusion(names=NAMES):
    torch.manual_seed(0)
    return MetaModalityFusion(names, CrossModalBlock(4, 2, 5)).eval()


HEADS = pytest.mark.parametrize("make", [global_fusion, meta_fusion])


def test_global_head_joins_unit_tokens_by_the_softmax_of_its_logits():
    output = global_fusion()(batch_of())
    logits = torch.tensor([0.5, 2.0, -1.0]).exp()
    weights = torch.where(PRESENT, logits, 0.0)
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
    assert torch.allclose(output.weights, weights, atol=1e-6)
    expected = weighted_concat(output.pooled, joint_scale(weights, PRESENT), NAMES)
    assert torch.allclose(output.joint, expected, atol=1e-6)
    assert torch.equal(output.present, PRESENT)


def test_meta_head_joins_the_tokens_before_attention_by_the_attention_they_receive():
    head, batch = meta_fusion(), batch_of()
    output = head(batch)
    stacked = torch.stack([batch.values[name][:, 0] for name in NAMES], dim=1)
    refined, attention = head.block(stacked, PRESENT)
    weights = meta_modality_weights(attention, PRESENT)
    assert torch.allclose(output.weights, weights)
    expected = weighted_concat({name: batch.values[name][:, 0] for name in NAMES}, joint_scale(weights, PRESENT), NAMES)
    assert torch.allclose(output.joint, expected)
    for m, name in enumerate(NAMES):
        assert torch.equal(output.tokens[name], refined[:, m, None])


@HEADS
def test_order_of_modalities_changes_no_score(make):
    expected = make()(batch_of()).joint
    for names in (("name", "structure", "image"), ("image", "name", "structure")):
        output = make(names)(batch_of())
        assert output.names == names
        assert torch.allclose(output.joint @ output.joint.t(), expected @ expected.t(), atol=1e-5)


@HEADS
def test_every_item_is_a_unit_row_unless_it_has_nothing(make):
    joint = make()(batch_of()).joint
    assert torch.allclose(joint.norm(dim=1), torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]), atol=1e-6)


@HEADS
@pytest.mark.parametrize("steps", [1, 3])
def test_garbage_under_the_mask_changes_neither_output_nor_gradient(make, steps):
    results = []
    for garbage in (0.0, float("nan"), float("inf")):
        head, batch = make(), batch_of(garbage, steps, requires_grad=True)
        output = head(batch)
        (output.joint.sin().sum() + output.weights.square().sum()).backward()
        grads = [p.grad for p in head.parameters() if p.grad is not None]
        results.append([output.joint, output.weights, *(batch.values[name].grad for name in NAMES), *grads])
    for other in results[1:]:
        assert len(other) == len(results[0])
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert all(value.isfinite().all() for value in results[0])


@HEADS
def test_other_items_of_the_batch_do_not_matter(make):
    head, batch = make(), batch_of()
    together = head(batch).joint
    for b in range(5):
        part = slice(b, b + 1)
        alone = ModalityBatch(
            *({name: column[name][part] for name in NAMES} for column in (batch.values, batch.valid, batch.observed))
        )
        assert torch.allclose(head(alone).joint[0], together[b], atol=1e-6)


@HEADS
def test_shares_of_a_pair_add_up_to_its_score(make):
    joint = make()(batch_of()).joint
    left, right = joint[:2], joint[2:4]
    shares = modality_shares(left, right, [4, 4, 4])
    assert torch.allclose(shares.sum(dim=1), (left * right).sum(dim=1), atol=1e-6)
    both = PRESENT[:2] & PRESENT[2:4]
    assert not shares[~both].any() and shares[both].all()


@HEADS
def test_head_takes_the_modalities_it_knows_and_names_those_that_are_missing(make):
    extra = batch_of()
    head = make(("name", "structure"))
    assert head(extra).joint.shape == (5, 8)
    with pytest.raises(ValueError, match="image"):
        make()(extra.select(["name", "structure"]))
