"""Frozen linear layers by oneDNN: values and gradients of torch's own, whatever the layout."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from latentcast.layers import frozen_linear
from latentcast.layers.frozen_linear import FrozenLinear, has_product

WEIGHT, BIAS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))[0], torch.arange(6.0)


def layer(*, transposed: bool = False, bias: bool = True, packed: bool = False) -> FrozenLinear:
    weight = WEIGHT.T.contiguous() if transposed else WEIGHT
    made = (nn.Parameter(one.clone(), requires_grad=False) for one in (weight, BIAS))
    weight, own = made
    return FrozenLinear(weight, own if bias else None, transposed=transposed, packed=packed)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 8), (0, 8)])
def test_values_and_gradients_are_those_of_torch(
    transposed: bool, bias: bool, packed: bool, shape: tuple[int, ...]
) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    found = layer(transposed=transposed, bias=bias, packed=packed)(x)
    wanted = F.linear(x, WEIGHT, BIAS if bias else None)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    ask = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    for loss in (lambda y: (y * ask).sum(), lambda y: y.sum()):  # the gradient of a sum is one number, expanded
        mine, theirs = (torch.autograd.grad(loss(y), x, retain_graph=True)[0] for y in (found, wanted))
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_views_are_read_as_they_lie() -> None:
    x = torch.randn(4, 6, 8).transpose(0, 1)[::2]
    torch.testing.assert_close(layer()(x), F.linear(x, WEIGHT, BIAS), atol=1e-5, rtol=1e-5)


def test_other_precisions_are_left_to_torch() -> None:
    half = copy.deepcopy(layer()).to(torch.bfloat16)
    x = torch.randn(3, 8).to(torch.bfloat16)
    assert torch.equal(half(x), F.linear(x, half.weight, half.bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer()(x.float()).dtype == torch.bfloat16


@pytest.mark.parametrize("transposed", [False, True])
def test_packed_weights_serve_bf16_and_follow_a_change_of_type(transposed: bool) -> None:
    made = layer(transposed=transposed, packed=True)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        made(x)
    made(x.clone().requires_grad_()).sum().backward()  # blocks of inference serve training
    half = copy.deepcopy(made).to(torch.bfloat16)
    given = x.to(torch.bfloat16).requires_grad_()
    found = half(given)
    torch.testing.assert_close(found, F.linear(given, WEIGHT.bfloat16(), BIAS.bfloat16()), atol=0.05, rtol=0.02)
    (mine,) = torch.autograd.grad(found.sum(), given)
    torch.testing.assert_close(mine, WEIGHT.bfloat16().float().sum(0).expand(3, 8).bfloat16(), atol=0.05, rtol=0.02)


def test_a_product_that_is_missing_or_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_linear, "PRODUCT", "no_such_product")
    assert not has_product()
    monkeypatch.setattr(frozen_linear, "_product", lambda x, weight, bias: F.linear(x, weight))
    assert not has_product()


def test_a_language_model_has_them_and_its_operations_are_counted() -> None:
    from latentcast.models.backbones.language_model import Loading, load
    from latentcast.models.inspection import OPERATIONS_OF_CPUS
    from llms import folder

    def loaded(family: str, **over: Any) -> nn.Module:
        how = {"revision": None, "layers": 2, "dtype": "fp32", "quantise": "none", "random": False, "seed": 0, **over}
        model: nn.Module = load(folder(family), Loading(**{"lora": 0, "checkpointing": False, **how})).model
        return model

    ids = torch.arange(12).view(2, 6)
    for family, linear in (("gpt2", 8), ("llama", 14)):
        model = loaded(family)
        assert sum(isinstance(part, FrozenLinear) for part in model.modules()) == linear
        assert not any(isinstance(part, FrozenLinear) for part in loaded(family, dtype="bf16").modules())
        packed = loaded(family, packed=True)
        torch.testing.assert_close(packed(ids)[0], model(ids)[0], atol=1e-5, rtol=1e-5)
        with FlopCounterMode(display=False, custom_mapping=OPERATIONS_OF_CPUS) as counter, torch.no_grad():
            model(ids)
        products = sum(part.weight.numel() for part in model.modules() if isinstance(part, FrozenLinear))
        attention = 2 * 2 * 2 * 2 * 4 * 6 * 6 * 12  # layers · two products · two operations · series · heads · 6² · 12
        assert counter.get_total_flops() == 2 * 12 * products + attention
