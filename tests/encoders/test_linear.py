import torch

from mmkg.encoders.linear import LinearEncoder


def test_sparse_rows_give_what_the_dense_ones_give():
    encoder = LinearEncoder(6, 3)
    dense = torch.randn(5, 6) * (torch.rand(5, 6) < 0.4)
    dense[2] = 0
    results = []
    for values in (dense[:, None, :], dense.to_sparse_csr()):
        encoder.zero_grad()
        out = encoder(values)
        (out**2).sum().backward()
        results.append((out.detach(), encoder.weight.grad.clone(), encoder.bias.grad.clone()))
    assert results[0][0].shape == (5, 1, 3)
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_tokens_are_x_w_plus_b_at_every_step():
    encoder = LinearEncoder(2, 2)
    encoder.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    encoder.bias.data = torch.tensor([10.0, 20.0])
    values = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert encoder(values).tolist() == [[[11.0, 22.0], [13.0, 24.0]]]


def test_parameters_start_within_the_published_bound():
    encoder = LinearEncoder(100, 40)
    assert 0.09 < encoder.weight.abs().max() <= 0.1
    assert encoder.bias.abs().max() <= 0.1
