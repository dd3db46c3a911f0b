"""Fill unobserved places of a window from the window alone, for models that cannot mask them."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

Values = Float[Tensor, "batch time channel"]
Seen = Bool[Tensor, "batch time channel"]


def interpolated(x: Values, known: Seen) -> Values:
    """Interpolate linearly between observed neighbours; constant beyond the first and last, 0 in an empty channel."""
    time = x.shape[1]
    steps = torch.arange(time, device=x.device)[None, :, None].expand_as(x)
    before = _running_max(torch.where(known, steps, -1))
    after = -_running_max(-torch.where(known, steps, time).flip(1)).flip(1)
    left = torch.where(before < 0, after, before).clamp(max=time - 1)
    right = torch.where(after == time, before, after).clamp(min=0)
    weight = (steps - left) / (right - left).clamp(min=1)
    start = x.gather(1, left)
    return (start + weight * (x.gather(1, right) - start)) * known.any(1, keepdim=True)


def _running_max(x: Int[Tensor, "batch time channel"]) -> Int[Tensor, "batch time channel"]:
    """The largest value up to each step; `cummax` has no counterpart in ONNX, and two dilated poolings take its place.

    The first pooling looks back over `reach` steps, the second over as many results of the first, `reach` apart.
    """
    if not torch.compiler.is_exporting():
        return x.cummax(1).values
    reach = math.isqrt(x.shape[1] - 1) + 1
    pooled = x.transpose(1, 2).float()  # step numbers are exact in float32 up to 2^24
    for apart in (1, reach):
        padded = pad(pooled, ((reach - 1) * apart, 0), value=-1e9)
        pooled = max_pool1d(padded, reach, stride=1, dilation=apart)
    return pooled.transpose(1, 2).long()


def seasonally(x: Values, known: Seen, season: int) -> Values:
    """Interpolate around the seasonal profile, where the window has two seasons or more.

    The profile is the mean of the observed values at each seasonal position, minus the overall mean, shrunk towards 0
    where few are observed. Observed values are unchanged.
    """
    time = x.shape[1]
    if season < 2 or time < 2 * season:
        return interpolated(x, known)
    count = known.sum(1, keepdim=True)
    centre = (x * known).sum(1, keepdim=True) / count.clamp(min=1)
    apart = pad((x - centre) * known, (0, 0, -time % season, 0)).unflatten(1, (-1, season)).sum(1)
    times = pad(known.to(x.dtype), (0, 0, -time % season, 0)).unflatten(1, (-1, season)).sum(1)
    usual = (apart / (times + 1)).repeat(1, -(-time // season), 1)[:, -time:]
    filled = interpolated(x - usual, known) + usual * (count > 0)
    return torch.where(known, x, filled)
