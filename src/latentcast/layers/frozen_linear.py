"""Linear layers whose weights never learn, by oneDNN's products on a CPU.

torch multiplies float32 matrices by MKL, whose rate on processors of other makers is a tenth to a fifth below that of
oneDNN, which torch has too and uses for bf16. The weights stay where they are: both directions read them as views.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PRODUCT = "_linear_pointwise"  # of torch.ops.mkldnn; not public, so that its results are compared before it is used
CLOSE = 1e-5


class FrozenLinear(nn.Module):
    """A linear layer with the frozen `weight` of another: [out, in], or [in, out] where it is `transposed`.

    Elsewhere than in float32 on a CPU it is torch's own layer.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, *, transposed: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.transposed = weight, bias, transposed

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.T if self.transposed else self.weight
        plain = x.dtype == weight.dtype == torch.float32 and x.is_cpu and weight.is_cpu
        if not plain or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
            return F.linear(x, weight, self.bias)
        made: Tensor = _Product.apply(x, weight, self.bias)  # type: ignore[no-untyped-call]
        return made


class _Product(torch.autograd.Function):
    """x · weightᵀ + bias; the gradient is that of x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        found: Tensor = _Product.apply(grads[0], weight.T, None)  # type: ignore[no-untyped-call]
        return found, None, None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = getattr(torch.ops.mkldnn, PRODUCT)(x, weight, bias, "none", [], "")
    return found


def has_product() -> bool:
    """Whether oneDNN's product is there and right, for weights as they lie and for views of them."""
    if not torch.backends.mkldnn.is_available():
        return False
    x, weight, bias = (torch.linspace(-1, 1, size) for size in (24, 48, 6))
    x, weight = x.view(3, 8), weight.view(6, 8)
    try:
        found = [_product(x, view, bias) for view in (weight, weight.T.contiguous().T)]
    except (AttributeError, RuntimeError):
        return False
    return all((one - F.linear(x, weight, bias)).abs().max() < CLOSE for one in found)


__all__ = ["FrozenLinear", "has_product"]
