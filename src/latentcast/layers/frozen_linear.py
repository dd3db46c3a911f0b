"""Linear layers whose weights never learn, by oneDNN's products on a CPU.

torch multiplies float32 matrices by MKL, whose rate on processors of other makers is a tenth to a fifth below that of
oneDNN, which torch has too and uses for bf16. The weights stay where they are: both directions read them as views,
or, where they are `packed`, as copies in the blocks that oneDNN multiplies.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PRODUCT = "_linear_pointwise"  # of torch.ops.mkldnn; not public, so that its results are compared before it is used
PACK = "_reorder_linear_weight"
CLOSE = 1e-5
Both = tuple[Tensor, Tensor]


class FrozenLinear(nn.Module):
    """A linear layer with the frozen `weight` of another: [out, in], or [in, out] where it is `transposed`.

    Elsewhere than on a CPU, in float32 (`packed`: or bf16), it is torch's own layer. `packed` keeps the weights twice
    more, for forward and backward.
    """

    def __init__(
        self, weight: nn.Parameter, bias: nn.Parameter | None, *, transposed: bool = False, packed: bool = False
    ) -> None:
        super().__init__()
        self.weight, self.bias, self.transposed, self.packed = weight, bias, transposed, packed
        self._blocks: Both | None = None  # made when needed, neither copied nor saved

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_blocks": None}

    def _apply(self, fn: Any, recurse: bool = True) -> "FrozenLinear":
        self._blocks = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.T if self.transposed else self.weight
        here = x.dtype == weight.dtype and x.is_cpu and weight.is_cpu
        taken = x.dtype == torch.float32 or (self.packed and x.dtype == torch.bfloat16)
        if not (here and taken) or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
            return F.linear(x, weight, self.bias)
        made: Tensor = _Product.apply(x, self._both(weight, x), self.bias)  # type: ignore[no-untyped-call]
        return made

    def _both(self, weight: Tensor, x: Tensor) -> Both:
        """The weights for forward and for backward."""
        if not self.packed:
            return weight, weight.T
        if self._blocks is None:
            with torch.inference_mode(False), torch.no_grad():
                rows = max(1, x.numel() // max(1, x.shape[-1]))
                self._blocks = _packed(weight, rows), _packed(weight.T, rows)
        return self._blocks


class _Product(torch.autograd.Function):
    """x · weightᵀ + bias; the gradient is that of x alone. `both` are weight and weightᵀ."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, both: Both, bias: Tensor | None) -> Tensor:
        ctx.both = both  # frozen: never changed in place
        return _product(x, both[0], bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        found: Tensor = _Product.apply(grads[0], ctx.both[::-1], None)  # type: ignore[no-untyped-call]
        return found, None, None


def _packed(weight: Tensor, rows: int) -> Tensor:
    found: Tensor = getattr(torch.ops.mkldnn, PACK)(weight.contiguous(), rows)
    return found


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
        found = [_product(x, view, bias) for view in (weight, weight.T.contiguous().T, _packed(weight, 3))]
    except (AttributeError, RuntimeError):
        return False
    return all((one - F.linear(x, weight, bias)).abs().max() < CLOSE for one in found)


__all__ = ["FrozenLinear", "has_product"]
