"""Linear layers in 8 bits: steps worked by hand, rows that do not depend on each other."""

import pytest
import torch

from latentcast.layers.rounded_linear import RoundedLinear, rounded


def test_rows_are_rounded_to_steps_of_their_own() -> None:
    steps, scale = rounded(torch.tensor([[127.0, -63.4, 0.6], [0.0, 0.0, 0.0], [1.0, -0.5, 0.25]]))
    assert steps.tolist() == [[127, -63, 1], [0, 0, 0], [127, -64, 32]]
    torch.testing.assert_close(scale[[0, 2], 0], torch.tensor([1.0, 1 / 127]))


def test_values_are_those_of_the_rounded_rows_and_near_the_exact_ones() -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=draw) for shape in ((2, 5, 64), (32, 64), (32,)))
    layer = RoundedLinear(weight, bias)
    found = layer(x)
    (a, sa), (b, sb) = rounded(x.view(-1, 64)), rounded(weight)
    by_hand = (a.double() @ b.double().T * sa * sb[:, 0]).view(2, 5, 32) + bias
    torch.testing.assert_close(found, by_hand.float(), rtol=1e-5, atol=1e-5)
    exact = x @ weight.T + bias
    assert 1e-4 < float((found - exact).norm() / exact.norm()) < 2e-2
    torch.testing.assert_close(layer(x[:, 2:3]), found[:, 2:3])  # no row depends on another
    assert layer(x[:, :0]).shape == (2, 0, 32)


def test_there_is_no_gradient() -> None:
    with pytest.raises(RuntimeError, match="no gradient"):
        RoundedLinear(torch.ones(2, 3), None)(torch.ones(1, 3, requires_grad=True))
