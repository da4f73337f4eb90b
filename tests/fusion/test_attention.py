import math

import pytest
import torch

from mmkg.fusion.attention import CrossModalBlock, stack_tokens

TOKENS = torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(0))
PRESENT = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [False, False, False]])


def block_of(num_heads=2, feedforward_dim=5, dropout=0.1):
    torch.manual_seed(0)
    block = CrossModalBlock(6, num_heads, feedforward_dim, dropout)
    for norm in [module for module in block.modules() if isinstance(module, torch.nn.LayerNorm)]:
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.5, 0.5)
    return block.eval()


def layer_norm(x, norm):
    x = x - x.mean()
    return x / (x.pow(2).mean() + 1e-12).sqrt() * norm.weight + norm.bias


@torch.no_grad()
def naive_block(block, tokens, present):
    """One item, one query, one head at a time, over the modalities the item has."""
    refined, attention = torch.zeros_like(tokens), torch.zeros(len(tokens), block.num_heads, 3, 3)
    width = tokens.shape[-1]
    head_width = width // block.num_heads
    (wq, wk, wv), (bq, bk, bv) = block.project.weight.split(width), block.project.bias.split(width)
    for b in range(len(tokens)):
        there = present[b].nonzero().flatten().tolist()
        for query in there:
            context = []
            for head in range(block.num_heads):
                part = slice(head * head_width, (head + 1) * head_width)
                q = (wq @ tokens[b, query] + bq)[part]
                scores = [math.exp(float(q @ (wk @ tokens[b, key] + bk)[part]) / head_width**0.5) for key in there]
                for key, score in zip(there, scores, strict=True):
                    attention[b, head, query, key] = score / sum(scores)
                values = [(wv @ tokens[b, key] + bv)[part] for key in there]
                context.append(sum(attention[b, head, query, key] * v for key, v in zip(there, values, strict=True)))
            hidden = layer_norm(
                tokens[b, query] + block.output.weight @ torch.cat(context) + block.output.bias, block.norm
            )
            if block.feedforward is not None:
                first, last = block.feedforward[0], block.feedforward[2]
                inner = first.weight @ hidden + first.bias
                inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))  # GELU
                hidden = layer_norm(hidden + last.weight @ inner + last.bias, block.feedforward_norm)
            refined[b, query] = hidden
    return refined, attention


@pytest.mark.parametrize("num_heads", [1, 2, 3])
@pytest.mark.parametrize("feedforward_dim", [0, 5])
def test_block_is_the_loop_off_the_equations(num_heads, feedforward_dim):
    block = block_of(num_heads, feedforward_dim)
    refined, attention = block(TOKENS, PRESENT)
    expected, expected_attention = naive_block(block, TOKENS, PRESENT)
    assert torch.allclose(refined, expected, atol=1e-5)
    shown = PRESENT[:, None, :, None].expand_as(attention)  # rows of absent queries mean nothing
    assert torch.allclose(attention[shown], expected_attention[shown], atol=1e-6)


def test_absent_keys_get_no_attention_and_rows_sum_to_one():
    _, attention = block_of()(TOKENS, PRESENT)
    some = PRESENT.any(dim=1)
    keys = PRESENT[some][:, None, None, :].expand_as(attention[some])
    assert not attention[some][~keys].any()
    assert torch.allclose(attention[some].sum(dim=-1), torch.ones(3, 2, 3))


def test_other_items_of_the_batch_do_not_matter():
    block = block_of()
    together, _ = block(TOKENS, PRESENT)
    for b in range(4):
        alone, _ = block(TOKENS[b : b + 1], PRESENT[b : b + 1])
        assert torch.allclose(together[b], alone[0], atol=1e-6)


def test_garbage_in_absent_tokens_changes_neither_output_nor_gradient():
    results = []
    for garbage in (0.0, float("nan"), float("inf")):
        block = block_of()
        tokens = torch.where(PRESENT[..., None], TOKENS, garbage).requires_grad_()
        refined, attention = block(tokens, PRESENT)
        (refined.sin().sum() + attention.square().sum()).backward()
        results.append([refined, attention, tokens.grad, *(p.grad for p in block.parameters())])
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert all(value.isfinite().all() for value in results[0])
    assert not results[0][2][~PRESENT].any()


def test_modalities_in_another_order_give_the_same_tokens_in_that_order():
    block, order = block_of(), [2, 0, 1]
    refined, attention = block(TOKENS, PRESENT)
    moved, moved_attention = block(TOKENS[:, order], PRESENT[:, order])
    assert torch.allclose(moved, refined[:, order], atol=1e-6)
    shown = PRESENT[:, order][:, None, :, None].expand_as(attention)
    assert torch.allclose(moved_attention[shown], attention[:, :, order][..., order][shown], atol=1e-6)


def test_dropout_acts_in_training_only():
    block = block_of(dropout=0.5)
    assert torch.equal(block(TOKENS, PRESENT)[0], block(TOKENS, PRESENT)[0])
    block.train()
    assert not torch.equal(block(TOKENS, PRESENT)[0], block(TOKENS, PRESENT)[0])


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="got 4 and 6"):
        CrossModalBlock(6, 4)


def test_stacked_modalities_must_have_one_width():
    with pytest.raises(ValueError, match="'name': 3"):
        stack_tokens({"image": torch.zeros(1, 2), "name": torch.zeros(1, 3)}, ("image", "name"))
