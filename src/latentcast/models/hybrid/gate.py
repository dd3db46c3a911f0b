"""A gate over several forecasts: weights by series, step ahead and traits of the look-back.

Weights are a softmax over the members, equal before learning. Traits are strengths of trend and season (Wang, Smith
and Hyndman 2006) from a moving average and seasonal means, a cheap version of STL; Montero-Manso et al. (2020) show
that such traits predict which method is best. Nothing here reads the targets.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentcast.core.interpolation import interpolated
from latentcast.layers.decomposition import moving_average

TRAITS = ("noise", "trend", "season", "end", "length")
MOST = 3.0  # standard deviations at which traits are clipped
SMOOTH = 7  # least steps of the average that a trend is


def gate_features(
    past: Float[Tensor, "batch time channel"], observed: Bool[Tensor, "batch time channel"] | None, season: int
) -> Float[Tensor, "batch channel trait"]:
    """Traits of each look-back, without units; for a constant one all but the last are 0.

    noise   standard deviation of the steps over that of the values      trend, season   their strengths, 0 to 1
    end     how far the newest value lies from the mean, in standard deviations      length   logarithm of the steps
            observed
    """
    time = past.shape[1]
    past, seen = shown(past, observed)
    flat = _variance(past, seen)
    scale = torch.where(flat > 1e-12, flat, torch.inf)
    step = _variance(past[:, 1:] - past[:, :-1], seen[:, 1:] * seen[:, :-1])
    kernel = min(max(season, SMOOTH), time)
    kernel -= 1 - kernel % 2
    rows = past.transpose(1, 2).flatten(0, 1)
    trend = moving_average(rows, kernel).unflatten(0, (past.shape[0], -1)).transpose(1, 2)
    rest = past - trend
    usual = by_season(rest, seen, season)
    left = _variance(rest - usual, seen)
    mean = _mean(past, seen)[:, None]
    newest = past.gather(1, (seen * torch.arange(1, time + 1, device=past.device)[:, None]).argmax(1, keepdim=True))
    found = (
        (step / scale).sqrt(),
        _strength(left, _variance(past - usual, seen), scale),
        _strength(left, _variance(rest, seen), scale),
        ((newest - mean) / scale.sqrt()[:, None])[:, 0].abs(),
        seen.sum(1).clamp(min=1).log(),
    )
    return torch.stack(found, dim=-1)


def shown(past: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return interpolated values and the mask of observed ones."""
    if observed is None:
        return past, torch.ones_like(past)
    return interpolated(past, observed), observed.to(past.dtype)


def _mean(x: Tensor, seen: Tensor) -> Tensor:
    return (x * seen).sum(1) / seen.sum(1).clamp(min=1)


def _variance(x: Tensor, seen: Tensor) -> Tensor:
    return _mean((x - _mean(x, seen)[:, None]).square(), seen)


def _strength(left: Tensor, whole: Tensor, scale: Tensor) -> Tensor:
    """Return the explained share of a variance; 0 where the variance is negligible."""
    there = whole > 1e-6 * scale
    return torch.where(there, 1 - left / torch.where(there, whole, 1), 0).clamp(0, 1)


def by_season(x: Tensor, seen: Tensor, season: int) -> Tensor:
    """The mean at each place of the season, at every step; 0 without a season, or with fewer than two of it."""
    time = x.shape[1]
    if not 1 < season <= time // 2:
        return torch.zeros_like(x)

    def folded(values: Tensor) -> Tensor:
        return nn.functional.pad(values, (0, 0, -time % season, 0)).unflatten(1, (-1, season)).sum(1)

    usual = folded(x * seen) / folded(seen).clamp(min=1)
    return usual.repeat(1, -(-time // season), 1)[:, -time:]


def distance(
    values: Float[Tensor, "batch horizon channel member"],
    there: Bool[Tensor, "batch channel member"],
    past: Float[Tensor, "batch time channel"],
    observed: Bool[Tensor, "batch time channel"] | None = None,
) -> Float[Tensor, "batch channel member"]:
    """Return the distance of each forecast from the mean of all, in standard deviations of the look-back, as log(1 +
    x)."""
    counts = there[:, None].to(values.dtype)
    values = torch.where(there[:, None], values, 0)
    mean = (values * counts).sum(-1, keepdim=True) / counts.sum(-1, keepdim=True).clamp(min=1)
    apart = ((values - mean).abs() * counts).mean(1)
    deviation = _variance(*shown(past, observed)).sqrt()[..., None]
    return torch.where(deviation > 1e-6, apart / deviation.clamp(min=1e-6), 0).log1p()


class Gate(nn.Module):
    """Weights of members as buffers: they are learned from held-out windows (`hybrid/stacking.py`), not by gradient.

    step    [horizon, member]           logits at each step ahead
    series  [item, channel, member]     added for series of the fit; 0 for others
    sharpness, trust                    weights of `step` and `series`
    lean, tilt  [trait + 1, member]     effect of traits at every step, and its change from first to last step; the
    last row is the intercept
    outlier                             penalty for a forecast's distance from the others
    centre, spread  [trait]             of the traits of held-out windows
    """

    step: Tensor
    series: Tensor
    sharpness: Tensor
    trust: Tensor
    lean: Tensor
    tilt: Tensor
    outlier: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(self, members: int, horizon: int, items: int, channels: int) -> None:
        super().__init__()
        count = len(TRAITS)
        for name, shape, value in (
            ("step", (horizon, members), 0.0),
            ("series", (items, channels, members), 0.0),
            ("sharpness", (), 1.0),
            ("trust", (), 1.0),
            ("lean", (count + 1, members), 0.0),
            ("tilt", (count + 1, members), 0.0),
            ("outlier", (), 0.0),
            ("centre", (count,), 0.0),
            ("spread", (count,), 1.0),
        ):
            self.register_buffer(name, torch.full(shape, value))

    def forward(
        self,
        gate_features: Float[Tensor, "batch channel trait"],
        distance: Float[Tensor, "batch channel member"],
        there: Bool[Tensor, "batch channel member"],
        item: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch horizon channel member"]:
        """Return weights that sum to 1 over the members that are `there`, or zeros without any."""
        gate_features, distance = (
            gate_features.to(self.lean),
            distance.to(self.lean),
        )  # forecasts may have another precision
        given = standardised(gate_features, self.centre, self.spread)
        own = self._of_series(item, gate_features.shape[1])
        fixed = self.trust * own + given @ self.lean - self.outlier * distance
        ahead = positions(len(self.step), self.step)
        slope = given @ self.tilt
        logits = self.sharpness * self.step[:, None] + fixed[:, None] + ahead[:, None, None] * slope[:, None]
        return masked_softmax(logits, there[:, None].expand_as(logits))

    def table(self) -> Float[Tensor, "item channel horizon member"]:
        """Return the weights of each series of the fit at the mean traits; one row without any."""
        own = self.series if len(self.series) else self.series.new_zeros(1, *self.series.shape[1:])
        fixed = self.trust * own + self.lean[-1]
        ahead = positions(len(self.step), self.step)[:, None]
        return (self.sharpness * self.step + fixed[:, :, None] + ahead * self.tilt[-1]).softmax(-1)

    def _of_series(self, item: Tensor | None, channels: int) -> Tensor:
        """Return the learned logits of each series, [batch or 1, channel, member]."""
        if item is None or not len(self.series) or channels != self.series.shape[1]:
            return self.series.new_zeros(1, channels, self.series.shape[2])
        return self.series[item.clamp(min=0)] * (item >= 0)[:, None, None]


def standardised(x: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
    """Standardise traits [..., trait] by held-out windows, bound them, and append a 1: [..., trait + 1]."""
    return nn.functional.pad(((x - centre) / spread).clamp(-MOST, MOST), (0, 1), value=1.0)


def positions(horizon: int, like: Tensor) -> Float[Tensor, "horizon"]:
    """-1 at the first step ahead, 1 at the last."""
    return torch.linspace(-1, 1, horizon, dtype=like.dtype, device=like.device) if horizon > 1 else like.new_zeros(1)


def masked_softmax(logits: Tensor, there: Tensor) -> Tensor:
    """Softmax over the unmasked entries of the last dimension; zeros where all are masked."""
    weights = logits.masked_fill(~there, -torch.inf).softmax(-1)
    return torch.where(there.any(-1, keepdim=True), weights, 0)
