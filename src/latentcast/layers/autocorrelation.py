"""Auto-correlation (Autoformer, Wu et al. 2021, section 3.2): steps are mixed by the delays at which series resemble
each other, not by pairs of steps.

The published form uses Fourier transforms of every feature, and rolls the values once for every delay. But only the
mean of the correlations over all features is used, and a weighted sum of rolled values is one product with a circulant
matrix of the weights. At usual lengths both are plain matrix products, several times faster on a CPU and exact enough
in half precision; beyond `BY_PRODUCT` steps the correlations use transforms. All heads share delays and weights, so
that their number changes nothing, and this layer has none. Without heads, the maps of queries and keys fold into one,
as do those of values and output: folded once a step, they halve the products over the data, with the same result
except for rounding.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

BY_PRODUCT = 256  # steps up to which a product of all pairs takes less time than Fourier transforms


class AutoCorrelation(nn.Module):
    """Auto-correlation layer that keeps `factor`·ln(length) delays. In training the batch shares the delays of its
    mean (the paper's "speedup version"); in inference each series has its own, so that series do not affect each
    other.

    Queries have no bias: it would shift all correlations equally and change nothing.
    """

    def __init__(self, width: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "series queries width"], context: Float[Tensor, "series tokens width"]
    ) -> Float[Tensor, "series queries width"]:
        """A context of another length is cut or zero-padded to the length of `x`."""
        key, value = F.linear(context[:, : x.shape[1]], *self.folded()).chunk(2, dim=-1)
        delays, weights = self.chosen(correlations(x, key))
        return delayed(value, delays, weights, x.shape[1]) + self.out.bias

    def folded(self) -> tuple[Float[Tensor, "both width"], Float[Tensor, "both"]]:
        """Fold the maps: keys to be correlated with `x` itself, and values that are already the output."""
        (key, value), (key_bias, value_bias) = self.key_value.weight.chunk(2), self.key_value.bias.chunk(2)
        back, out = self.query.weight.T, self.out.weight
        return torch.cat([back @ key, out @ value]), torch.cat([back @ key_bias, out @ value_bias])

    def chosen(
        self, r: Float[Tensor, "series queries"]
    ) -> tuple[Int[Tensor, "series delays"], Float[Tensor, "series delays"]]:
        """Return the most correlated delays and their weights, a softmax of the correlations."""
        length = r.shape[1]
        count = min(max(int(self.factor * math.log(length)), 1), length)
        ranked = r.mean(0, keepdim=True).expand_as(r) if self.training else r
        delays = ranked.topk(count, dim=1).indices
        return delays, r.gather(1, delays).softmax(dim=1)


def correlations(
    q: Float[Tensor, "series queries width"], k: Float[Tensor, "series tokens width"]
) -> Float[Tensor, "series queries"]:
    """r(τ) = Σ_t q[t + τ]·k[t], circular over the length of q, k continued by zeros; the mean over the features."""
    length, width = q.shape[1:]
    if length <= BY_PRODUCT or torch.compiler.is_exporting():  # transforms of other runtimes are less exact
        sums: Tensor = _Diagonals.apply(q @ k.transpose(1, 2))  # type: ignore[no-untyped-call]
        return sums / width
    q, k = (x.transpose(1, 2).contiguous().float() for x in (q, k))  # transforms are faster along contiguous memory
    spectrum = (torch.fft.rfft(q) * torch.fft.rfft(k, n=length).conj()).sum(1)
    return torch.fft.irfft(spectrum, n=length) / width


def delayed(
    values: Float[Tensor, "series tokens width"],
    delays: Int[Tensor, "series delays"],
    weights: Float[Tensor, "series delays"],
    length: int,
) -> Float[Tensor, "series queries width"]:
    """Σ_i weights[i]·roll(values, -delays[i]), the values continued by zeros to `length`."""
    every = weights.new_zeros(weights.shape[0], length).scatter(1, delays, weights)
    matrix: Tensor = _Circulant.apply(every, values.shape[1])  # type: ignore[no-untyped-call]
    return matrix.to(values.dtype) @ values


def _circulant(w: Tensor, columns: int) -> Tensor:
    """[series, length] → [series, length, columns] with w[(s - t) mod length] in row t, column s."""
    length = w.shape[1]
    rows = torch.cat([w, w], dim=1).unfold(1, length, 1)  # row j begins at w[j]
    return rows[:, 1:, :columns].flip(1)


def _diagonals(pairs: Tensor) -> Tensor:
    """[series, length, columns] → [series, length]: Σ_s pairs[(s + τ) mod length, s]; `_circulant`, transposed."""
    series, length, columns = pairs.shape
    twice = torch.cat([pairs, pairs], dim=1)
    return twice.as_strided((series, length, columns), (2 * length * columns, columns, columns + 1)).sum(2)


class _Diagonals(torch.autograd.Function):
    """The backward pass of autograd is slow here; the two functions are each other's backward pass."""

    @staticmethod
    def forward(ctx: Any, pairs: Tensor) -> Tensor:
        ctx.columns = pairs.shape[2]
        return _diagonals(pairs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # row t, column s of the gradient is that of the delay t - s: the circulant of the delays turned round
        return _circulant(_turned(grads[0]), ctx.columns)


class _Circulant(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, w: Tensor, columns: int) -> Tensor:
        return _circulant(w, columns)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _turned(_diagonals(grads[0])), None


def _turned(w: Tensor) -> Tensor:
    """w[-τ mod length]"""
    return w.flip(1).roll(1, dims=1)
