"""Fill unobserved places of a window from the window alone, for models that cannot mask them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

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
    """The largest value up to each step, in steps that double: `cummax` has no counterpart in ONNX."""
    reach = 1
    while reach < x.shape[1]:
        x = torch.cat([x[:, :reach], torch.maximum(x[:, reach:], x[:, :-reach])], dim=1)
        reach *= 2
    return x


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
