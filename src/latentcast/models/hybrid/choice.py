"""Which members suit a look-back, by the traits that classical models are made for.

A stationary look-back is for ARIMA, one that wanders or rises for exponential smoothing and theta, one with a strong
season for the seasonal forms. Other models suit every look-back. Nothing here reads the targets.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentcast.models.hybrid.gate import by_season, shown

STRONG = 0.64  # strength of a season that is strong (Hyndman and Athanasopoulos 2021, section 4.3)
SUITS = {  # kind of a member → (stationary without a strong season, a strong season, neither)
    "auto-arima": (True, False, False),
    "auto-ets": (False, True, True),
    "theta": (False, False, True),
    "naive": (False, False, True),
    "seasonal-naive": (False, True, False),
}


def suited(
    past: Float[Tensor, "batch time channel"],
    observed: Bool[Tensor, "batch time channel"] | None,
    season: int,
    strength: Float[Tensor, "batch channel"],
    kinds: Sequence[str],
) -> Bool[Tensor, "batch channel member"]:
    """Whether each member suits each look-back; `strength` is that of the season. All do where none would."""
    values, seen = shown(past, observed)
    stationary = has_no_unit_root(values - by_season(values, seen, season))
    strong = strength > STRONG
    state = torch.where(strong, 1, torch.where(stationary, 0, 2))
    table = torch.tensor([SUITS.get(kind, (True, True, True)) for kind in kinds], device=past.device)
    found = table.T[state]
    return found | ~found.any(-1, keepdim=True)


def has_no_unit_root(x: Float[Tensor, "batch time channel"]) -> Bool[Tensor, "batch channel"]:
    """The augmented Dickey-Fuller test with a constant and one lag, at 5 % (critical values: MacKinnon 2010)."""
    rows = x.transpose(1, 2).double()
    steps = rows.diff(dim=-1)
    count = steps.shape[-1] - 1
    if count < 8:  # too short to test
        return torch.zeros(rows.shape[:2], dtype=torch.bool, device=x.device)
    return unit_root_statistic(rows) < -2.86154 - 2.8903 / count - 4.234 / count**2


def unit_root_statistic(rows: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch channel"]:
    """The t statistic of the level before each step, in a regression of the step on it, the step before and 1."""
    steps = rows.diff(dim=-1)
    level, before, step = rows[..., 1:-1], steps[..., :-1], steps[..., 1:]
    level, before, step = (one - one.mean(-1, keepdim=True) for one in (level, before, step))
    a, b, c = level.square().sum(-1), (level * before).sum(-1), before.square().sum(-1)
    p, q = (level * step).sum(-1), (before * step).sum(-1)
    det = (a * c - b * b).clamp(min=1e-300)
    slope, other = (c * p - b * q) / det, (a * q - b * p) / det
    left = (step - slope[..., None] * level - other[..., None] * before).square().sum(-1)
    error = (left / (step.shape[-1] - 3) * c / det).sqrt()
    return slope / error.clamp(min=1e-300)


__all__ = ["has_no_unit_root", "suited", "unit_root_statistic"]
