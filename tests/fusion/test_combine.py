import torch

from mmkg.fusion.combine import joint_scale, modality_shares, weighted_concat

NAMES = ("structure", "image", "name")
WIDTHS = (4, 2, 3)


def joined(seed):
    generator = torch.Generator().manual_seed(seed)
    pooled = {name: torch.randn(5, width, generator=generator) for name, width in zip(NAMES, WIDTHS, strict=True)}
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0]], dtype=torch.bool)
    scale = joint_scale(torch.rand(5, 3, generator=generator), present)
    return pooled, present, scale, weighted_concat(pooled, scale, NAMES)


def test_scale_keeps_the_proportions_and_has_length_one():
    weights = torch.tensor([[0.3, 0.4, 0.3], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]])
    present = torch.tensor([[True, True, False], [False, False, False], [False, False, True]])
    assert torch.allclose(joint_scale(weights, present), torch.tensor([[0.6, 0.8, 0], [0, 0, 0], [0, 0, 1]]))


def test_joint_rows_have_length_one_where_there_is_anything():
    _, present, _, joint = joined(0)
    assert torch.allclose(joint.norm(dim=1), present.any(dim=1).float(), atol=1e-6)


def test_inner_product_of_joints_is_the_weighted_sum_of_cosines():
    (left, _, left_scale, left_joint), (right, _, right_scale, right_joint) = joined(0), joined(1)
    for i in range(5):
        for j in range(5):
            expected = 0.0
            for m, name in enumerate(NAMES):
                cosine = torch.cosine_similarity(left[name][i], right[name][j], dim=0)
                expected += float(left_scale[i, m] * right_scale[j, m] * cosine)
            assert abs(float(left_joint[i] @ right_joint[j]) - expected) < 1e-6


def test_shares_are_the_summands_and_add_up_to_the_score():
    (left, _, left_scale, left_joint), (right, _, right_scale, right_joint) = joined(0), joined(1)
    shares = modality_shares(left_joint, right_joint, WIDTHS)
    assert torch.allclose(shares.sum(dim=1), (left_joint * right_joint).sum(dim=1), atol=1e-6)
    for m, name in enumerate(NAMES):
        expected = left_scale[:, m] * right_scale[:, m] * torch.cosine_similarity(left[name], right[name], dim=1)
        assert torch.allclose(shares[:, m], expected, atol=1e-6)
    assert shares[2, 0] == shares[2, 1] == 0  # absent


def test_order_of_modalities_moves_the_parts_and_keeps_the_products():
    pooled, _, scale, joint = joined(0)
    order = [2, 0, 1]
    moved = weighted_concat(pooled, scale[:, order], [NAMES[m] for m in order])
    assert torch.equal(moved[:, :3], joint[:, -3:])
    assert torch.allclose(moved @ moved.t(), joint @ joint.t(), atol=1e-6)


def test_length_of_an_embedding_does_not_matter():
    pooled, _, scale, joint = joined(0)
    longer = {name: 7 * value for name, value in pooled.items()}
    assert torch.allclose(weighted_concat(longer, scale, NAMES), joint, atol=1e-6)
