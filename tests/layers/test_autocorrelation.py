"""Auto-correlation and decomposition against their definitions, step by step."""

import pytest
import torch
from torch import nn

from latentcast.layers import autocorrelation, decomposition
from latentcast.layers.autocorrelation import AutoCorrelation, correlations, delayed
from latentcast.layers.decomposition import Decomposition


def padded(x: torch.Tensor, length: int) -> torch.Tensor:
    return torch.cat([x, x.new_zeros(len(x), length - x.shape[1], x.shape[2])], dim=1)


def brute_correlations(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    length = q.shape[1]
    k = padded(k, length)
    rows = [sum((q[:, (t + delay) % length] * k[:, t]).mean(-1) for t in range(length)) for delay in range(length)]
    return torch.stack(rows, dim=1)


def brute_delayed(v: torch.Tensor, delays: torch.Tensor, weights: torch.Tensor, length: int) -> torch.Tensor:
    v = padded(v, length)
    each = [
        sum(w * v[row].roll(-int(d), dims=0) for d, w in zip(delays[row], weights[row], strict=True))
        for row in range(len(v))
    ]
    return torch.stack(each)


@pytest.fixture(params=[256, 0], ids=["product", "transform"])
def _form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autocorrelation, "BY_PRODUCT", request.param)
    monkeypatch.setattr(decomposition, "BY_PRODUCT", request.param)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize(("length", "known"), [(11, 11), (12, 7), (9, 1)])
def test_correlations_are_their_definition_forward_and_backward(length: int, known: int) -> None:
    q = torch.randn(3, length, 5, requires_grad=True)
    k = torch.randn(3, known, 5, requires_grad=True)
    ours, brute = correlations(q, k), brute_correlations(q, k)
    torch.testing.assert_close(ours, brute)
    weight = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), (q, k)),
        torch.autograd.grad((brute * weight).sum(), (q, k)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("length", "known"), [(11, 11), (12, 7)])
def test_delayed_values_are_rolled_and_summed_forward_and_backward(length: int, known: int) -> None:
    v = torch.randn(3, known, 5, requires_grad=True)
    delays = torch.stack([torch.randperm(length)[:4] for _ in range(3)])
    weights = torch.rand(3, 4, requires_grad=True)
    ours, brute = delayed(v, delays, weights, length), brute_delayed(v, delays, weights, length)
    torch.testing.assert_close(ours, brute)
    weight = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), (v, weights)),
        torch.autograd.grad((brute * weight).sum(), (v, weights)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_the_best_delays_are_those_of_the_batch_in_training_and_of_each_series_after() -> None:
    torch.manual_seed(0)
    layer = AutoCorrelation(8, factor=1.2)
    r = torch.randn(4, 30)
    shared, weights = layer.train().chosen(r)
    assert shared.shape == (4, 4)  # ⌊1.2 · ln 30⌋
    assert (shared == shared[:1]).all()
    assert shared[0].tolist() == r.mean(0).topk(4).indices.tolist()
    torch.testing.assert_close(weights, r.gather(1, shared).softmax(1))
    own, _ = layer.eval().chosen(r)
    assert own.tolist() == r.topk(4, dim=1).indices.tolist()


@pytest.mark.parametrize("known", [11, 7, 14])
def test_the_folded_maps_are_the_published_ones_forward_and_backward(known: int) -> None:
    layer = AutoCorrelation(6, factor=1.0).double().train()
    x, context = torch.randn(3, 11, 6, dtype=torch.float64), torch.randn(3, known, 6, dtype=torch.float64)
    key, value = (part[:, :11] for part in layer.key_value(context).chunk(2, dim=-1))
    delays, weights = layer.chosen(brute_correlations(layer.query(x), key))
    published = layer.out(brute_delayed(value, delays, weights, 11))
    ours = layer(x, context)
    torch.testing.assert_close(ours, published)
    weight, parameters = torch.randn_like(ours), list(layer.parameters())
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), parameters),
        torch.autograd.grad((published * weight).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_a_cycle_is_found_and_a_season_of_whole_cycles_kept() -> None:
    """With the maps left out, what is mixed are steps of the same phase."""
    layer = AutoCorrelation(2, factor=0.7).eval()
    with torch.no_grad():
        layer.query.weight.copy_(torch.eye(2))
        layer.key_value.weight.copy_(torch.cat([torch.eye(2), torch.eye(2)]))
        layer.key_value.bias.zero_()
        layer.out.weight.copy_(torch.eye(2))
        layer.out.bias.zero_()
    t = torch.arange(48) * 2 * torch.pi / 12
    x = torch.stack([t.sin(), t.cos()], dim=-1)[None]
    delays, _ = layer.chosen(correlations(x, x))
    assert (delays % 12 == 0).all()
    torch.testing.assert_close(layer(x, x), x, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize(("kernel", "length"), [(5, 20), (25, 20), (1, 6)])
def test_decomposition_is_pooling_with_the_ends_repeated(kernel: int, length: int) -> None:
    x = torch.randn(3, length, 4)
    seasonal, trend = Decomposition(kernel, length)(x)
    half = kernel // 2
    wide = torch.cat([x[:, :1].expand(-1, half, -1), x, x[:, -1:].expand(-1, half, -1)], dim=1)
    pooled = nn.AvgPool1d(kernel, stride=1)(wide.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(trend, pooled, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seasonal + trend, x)
