import pytest
import torch

from mmkg.fusion import (
    AddedTag,
    ConcatenatedTag,
    GatedRecurrentPool,
    PairwiseAttention,
    PairwiseCommonSpace,
    Reconstructor,
    SequenceBlock,
    SequenceEncoder,
    SigmoidAttentionPool,
    attend,
    tag_bits,
)
from mmkg.fusion.attention import positions


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval()


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_attention_with_and_without_weights_is_the_same_and_that_of_the_formula():
    query, key, value = (draws(2, 3, steps, 4, seed=k) for k, steps in enumerate((5, 6, 6)))
    keys = torch.tensor([[True, True, False, True, False, False], [False] * 6])
    quick, none = attend(query, key, value, keys)
    slow, weights = attend(query, key, value, keys, with_weights=True)
    assert none is None
    torch.testing.assert_close(quick, slow)
    for head in range(3):
        scores = (query[0, head] @ key[0, head].T / 2)[:, keys[0]]
        torch.testing.assert_close(quick[0, head], scores.softmax(dim=1) @ value[0, head][keys[0]])
    assert torch.equal(quick[1], torch.zeros(3, 5, 4))
    assert torch.equal(weights[0][..., ~keys[0]], torch.zeros(3, 5, 3))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_what_is_not_heard_changes_nothing_but_itself(norm):
    block = seeded(lambda: SequenceBlock(8, 2, 16, norm=norm))
    x, keys = draws(2, 5, 8), torch.tensor([[True, True, False, True, False]] * 2)
    changed = torch.where(keys[..., None], x, 100.0)
    before, after = block(x, keys), block(changed, keys)
    torch.testing.assert_close(before[keys], after[keys])
    other = block(x.flip(0), keys).flip(0)  # another order of the batch
    torch.testing.assert_close(before, other)


def test_without_its_feed_forward_and_norms_a_block_is_one_attention():
    block = seeded(lambda: SequenceBlock(4, 1, 8))
    block.norms = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])
    torch.nn.init.zeros_(block.feedforward[3].weight), torch.nn.init.zeros_(block.feedforward[3].bias)
    x, source = draws(1, 2, 4), draws(1, 3, 4, seed=1)
    key, value = block.key_value(source).split(4, dim=-1)
    heard = ((block.query(x) @ key.transpose(1, 2)) / 2).softmax(dim=-1) @ value
    torch.testing.assert_close(block(x, torch.ones(1, 3, dtype=torch.bool), source), x + block.output(heard))


def test_a_pre_norm_block_hears_the_other_sequence_by_its_norm():
    block, x, source = seeded(lambda: SequenceBlock(8, 2, 16)), draws(2, 3, 8), draws(2, 4, 8, seed=1)
    keys = torch.ones(2, 4, dtype=torch.bool)
    # a norm takes scale and offset of each step away
    torch.testing.assert_close(block(x, keys, 5 * source + 2), block(x, keys, source), atol=1e-4, rtol=0)
    post = seeded(lambda: SequenceBlock(8, 2, 16, norm="post"))
    assert (post(x, keys, 5 * source + 2) - post(x, keys, source)).abs().max() > 0.1


def test_steps_are_scaled_by_the_root_of_their_width_before_positions_are_added():
    """2 (1, 0, -1, 0) and the position (0, 0, 1, 1) are (2, 0, -1, 1), of mean 1/2 and variance 5/4."""
    found = seeded(lambda: SequenceEncoder(4, 0, 1))(torch.tensor([[[1.0, 0, -1, 0]]]), torch.ones(1, 1) > 0)
    torch.testing.assert_close(found[0, 0], torch.tensor([1.5, -0.5, -1.5, 0.5]) / 1.25**0.5, atol=1e-4, rtol=0)


def test_positions_are_sines_and_cosines():
    found = positions(3, 5)
    assert found.shape == (3, 5)
    torch.testing.assert_close(found[:, 0], torch.tensor([0.0, 1.0, 2.0]).sin())
    torch.testing.assert_close(found[:, 3], torch.tensor([0.0, 1.0, 2.0]).cos())


def test_pairs_hear_each_other_in_parts_of_their_own():
    wiring = seeded(lambda: PairwiseAttention(("a", "b"), 8, num_heads=2, self_layers=1, cross_layers=1))
    tokens = {"a": draws(2, 3, 8), "b": draws(2, 4, 8, seed=1)}
    keys = {name: torch.ones(x.shape[:2], dtype=torch.bool) for name, x in tokens.items()}
    before = wiring(tokens, keys)
    assert {name: tuple(x.shape) for name, x in before.items()} == {"a": (2, 3, 16), "b": (2, 4, 16)}
    after = wiring(tokens | {"b": tokens["b"].flip(-1)}, keys)
    torch.testing.assert_close(before["a"][..., :8], after["a"][..., :8])  # by itself
    assert not torch.allclose(before["a"][..., 8:], after["a"][..., 8:])  # by b
    direct = wiring.encoders["a<b"](tokens["a"], keys["b"], tokens["b"])
    torch.testing.assert_close(before["a"][..., 8:], direct)


def test_an_encoder_tells_steps_apart_by_their_place():
    encoder = seeded(lambda: SequenceEncoder(8, 1, 2))
    x, keys = draws(1, 3, 8), torch.ones(1, 3, dtype=torch.bool)
    assert not torch.allclose(encoder(x.flip(1), keys).flip(1), encoder(x, keys), atol=1e-3)


def test_tags_of_all_patterns():
    present = torch.tensor([[True, True, True], [False, True, True], [True, False, False]])
    assert tag_bits(present).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]
    tag = ConcatenatedTag(3, 10, multiple=4)
    tagged = tag(torch.zeros(3, 2, 10), present)
    assert tagged.shape == (3, 2, 16) and tag.width == 6
    assert tagged[2, :, 10:].tolist() == [[0, 0, 1, 1, 0, 0]] * 2


def test_an_added_tag_is_the_row_of_its_pattern():
    tag = AddedTag({"a": 2, "b": 3})
    tokens = {"a": torch.ones(2, 1, 2), "b": torch.ones(2, 1, 3)}
    present = torch.tensor([[True, False], [True, True]])
    assert torch.equal(tag(tokens, present)["b"], tokens["b"])  # starts at nothing
    with torch.no_grad():
        tag.vectors["a"].weight.copy_(torch.arange(4.0)[:, None].expand(4, 2))
    assert tag(tokens, present)["a"][:, 0, 0].tolist() == [2.0, 4.0]
    tag(tokens, present)["a"].sum().backward()
    assert tag.vectors["a"].weight.grad[:, 0].tolist() == [0, 1, 0, 1]


def test_both_sides_of_a_pair_share_their_matrix():
    space = seeded(lambda: PairwiseCommonSpace(("a", "b", "c"), 6))
    x = draws(2, 3, 6)
    found = space({"a": x, "b": x, "c": 0 * x})
    torch.testing.assert_close(found["a"][..., :3], found["b"][..., :3])  # both by W_ab
    assert not torch.allclose(found["a"][..., 3:], found["b"][..., 3:])  # W_ac and W_bc
    assert len(list(space.parameters())) == 3
    alone = PairwiseCommonSpace(("a",), 6)
    assert alone({"a": x})["a"] is x
    with pytest.raises(ValueError, match="that 2 divides"):
        PairwiseCommonSpace(("a", "b", "c"), 5)


@pytest.mark.parametrize("steps", [7, 39, 55])
@pytest.mark.parametrize("axis", ["feature", "time"])
def test_any_length_is_reconstructed_within_its_own_sample(axis, steps):
    module = seeded(lambda: Reconstructor(steps, 6, 5, axis=axis, num_layers=1))
    x, here = draws(3, steps, 6), torch.ones(3, steps, dtype=torch.bool)
    here[:, -2:] = False
    before = module(x, here)
    assert before.shape == (3, steps, 5)
    changed = x.clone()
    changed[1:] += 1
    changed[:, -2:] = 99.0  # padding
    torch.testing.assert_close(module(changed, here)[0, :-2], before[0, :-2])


def test_feature_tokens_are_embedded_by_time():
    """With one column the attention has one token, as wide as there are steps."""
    module = seeded(lambda: Reconstructor(4, 1, 1, num_layers=1))
    assert module.blocks[0].query.in_features == 4
    with pytest.raises(ValueError, match="expected 4 steps, got 5"):
        module(torch.zeros(1, 5, 1), torch.ones(1, 5, dtype=torch.bool))


def test_sigmoid_attention_pools_what_is_there():
    pool = seeded(lambda: SigmoidAttentionPool(4))
    x, here = draws(2, 3, 4), torch.tensor([[True, False, True], [False] * 3])
    scores = [(pool.value(x[0, t]) * pool.gate(x[0, t]).sigmoid()) @ pool.score.weight[0] for t in (0, 2)]
    weights = torch.stack(scores).softmax(dim=0)
    found = pool(x, here)
    torch.testing.assert_close(found[0], weights[0] * x[0, 0] + weights[1] * x[0, 2])
    assert torch.equal(found[1], torch.zeros(4))


def test_the_recurrent_pool_sees_neither_padding_nor_where_it_lies():
    pool = seeded(lambda: GatedRecurrentPool(4, 3, num_layers=2))
    x = draws(1, 3, 4)
    alone = pool(x, torch.ones(1, 3, dtype=torch.bool))
    padded = torch.full((2, 6, 4), 50.0)
    here = torch.zeros(2, 6, dtype=torch.bool)
    for place, row in enumerate((1, 3, 4)):
        padded[0, row], here[0, row] = x[0, place], True
    found = pool(padded, here)
    torch.testing.assert_close(found[0], alone[0])
    assert torch.equal(found[1], torch.zeros(3))
    assert not torch.allclose(pool(x.flip(1), torch.ones(1, 3, dtype=torch.bool)), alone)  # order counts
