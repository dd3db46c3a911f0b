"""Which members suit a look-back, by the traits that classical models are made for.

A stationary look-back is for ARIMA, one that wanders or rises for exponential smoothing and theta, one with a strong
season for the seasonal forms. Other models suit every look-back. Nothing here reads the targets.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentcast.models.hybrid.gate import by_season, shown

STRONG = 0.64  # strength of a season that is strong (Hyndman and Athanasopoulos 2021, section 4.3)
KINDS = ("stationary", "a strong season", "neither stationary nor a strong season")
SUITS = {  # kind of a member → whether it suits each of KINDS
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
    state = kind_of(past, observed, season, strength)
    table = torch.tensor([SUITS.get(kind, (True, True, True)) for kind in kinds], device=past.device)
    found = table.T[state]
    return found | ~found.any(-1, keepdim=True)


def kind_of(
    past: Float[Tensor, "batch time channel"],
    observed: Bool[Tensor, "batch time channel"] | None,
    season: int,
    strength: Float[Tensor, "batch channel"],
) -> Int[Tensor, "batch channel"]:
    """Place of each look-back in `KINDS`."""
    values, seen = shown(past, observed)
    stationary = has_no_unit_root(values - by_season(values, seen, season))
    return torch.where(strength > STRONG, 1, torch.where(stationary, 0, 2))


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


__all__ = ["KINDS", "has_no_unit_root", "kind_of", "suited", "unit_root_statistic"]
