"""Layers of a frozen language model, replaced by others with the same weights: quicker, or coarser."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from latentcast.layers.frozen_linear import FrozenLinear, has_product
from latentcast.layers.rounded_linear import RoundedLinear


def fuse_gelu(model: nn.Module) -> None:
    """Replace GPT-2's activation, eight products that each keep a tensor for backward, by torch's fused one."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child).__name__ in ("NewGELUActivation", "FastGELUActivation"):
                setattr(module, name, nn.GELU(approximate="tanh"))


def quick_products(model: nn.Module, *, packed: bool = False) -> None:
    """Give frozen linear layers oneDNN's products, where torch has them."""
    if has_product():
        _replace_linear(model, partial(_frozen, packed=packed))


def _frozen(child: nn.Module, turned: bool, *, packed: bool) -> nn.Module:
    bias: Any = child.bias
    return FrozenLinear(child.get_parameter("weight"), bias, transposed=turned, packed=packed)


def in_bf16(model: nn.Module) -> nn.Module:
    """Return a copy in bf16."""
    return copy.deepcopy(model).to(torch.bfloat16)


def in_8_bits(model: nn.Module) -> nn.Module:
    """Return a copy with linear layers in 8 bits; the other weights are shared."""
    shared: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    made = copy.deepcopy(model, shared)
    _replace_linear(made, _rounded)
    return made


def _rounded(child: nn.Module, turned: bool) -> nn.Module:
    weight, bias = child.get_parameter("weight"), child.bias
    return RoundedLinear(weight.T if turned else weight, bias)  # type: ignore[arg-type]


def _replace_linear(model: nn.Module, made: Callable[[nn.Module, bool], nn.Module]) -> None:
    """Put `made(layer, transposed)` in the place of each linear layer."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            turned = type(child).__name__ == "Conv1D"  # GPT-2's
            if type(child) in (nn.Linear, FrozenLinear) or turned:
                setattr(module, name, made(child, bool(getattr(child, "transposed", turned))))


__all__ = ["fuse_gelu", "in_8_bits", "in_bf16", "quick_products"]
