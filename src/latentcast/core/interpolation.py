"""What stands where nothing was observed, for models that cannot leave a place empty: from the window alone."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

Values = Float[Tensor, "batch time channel"]
Seen = Bool[Tensor, "batch time channel"]


def interpolated(x: Values, known: Seen) -> Values:
    """Linear between the known neighbours, constant beyond the first and the last, 0 where a channel has none."""
    time = x.shape[1]
    steps = torch.arange(time, device=x.device)[None, :, None].expand_as(x)
    before = torch.where(known, steps, -1).cummax(1).values
    after = torch.where(known, steps, time).flip(1).cummin(1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(max=time - 1)
    right = torch.where(after == time, before, after).clamp(min=0)
    weight = (steps - left) / (right - left).clamp(min=1)
    start = x.gather(1, left)
    return (start + weight * (x.gather(1, right) - start)) * known.any(1, keepdim=True)


def seasonally(x: Values, known: Seen, season: int) -> Values:
    """The same around what is usual at this place of the season, where the window has two seasons or more.

    Usual is the mean of the known values at that place, less that of all, drawn towards nothing where few are known.
    Known values stay as they are.
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
