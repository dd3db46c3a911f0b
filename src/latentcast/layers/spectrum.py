"""Slow and fast parts of a series, and properties of its spectrum."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)  # dtypes without a transform on some devices
QUIET = 1e-6  # relative to the size of a series: smaller movements are rounding noise


def line(x: Float[Tensor, "series time"]) -> Float[Tensor, "series time"]:
    """The straight line through each series (least squares)."""
    step = torch.arange(x.shape[1], device=x.device, dtype=x.dtype) - (x.shape[1] - 1) / 2
    slope = x @ step / step.square().sum().clamp(min=1)
    return x.mean(1, keepdim=True) + slope[:, None] * step


def slow(x: Float[Tensor, "series time"], cutoff: float, season: int = 1) -> Float[Tensor, "series time"]:
    """Return the part of each series below `cutoff` cycles per step, including its linear trend.

    A Fourier transform treats the window as periodic. So the linear trend is removed, and the remainder is extended
    beyond the newest step by at least one period of the cutoff: the repeated last season fades into the first one in
    its own phase. A season then does not leak into the slow part, neither inside nor at the ends.
    """
    time = x.shape[1]
    season = season if season <= time // 2 else 1
    apart = season * max(time // (2 * season), 1)  # whole seasons, which have no slope
    slope = (x[:, apart:].mean(1) - x[:, : time - apart].mean(1)) / apart
    step = torch.arange(time, device=x.device, dtype=x.dtype) - (time - 1) / 2
    course = x.mean(1, keepdim=True) + slope[:, None] * step
    rest = x - course
    rest = rest.float() if rest.dtype in HALF else rest
    least = max(math.ceil(1 / cutoff), 2 * season)
    more = least + -(time + least) % season
    at = torch.arange(more, device=x.device)
    share = (at + 1) / (more + 1)
    bridge = (1 - share) * rest[:, time - season + at % season] + share * rest[:, (time + at) % season]
    below = _below(torch.cat([rest, bridge], 1), cutoff)
    return course + below[:, :time].to(x.dtype)


def _below(x: Float[Tensor, "series time"], cutoff: float) -> Float[Tensor, "series time"]:
    """The frequencies below `cutoff`; as a matrix product in an exported graph, where transforms are less exact."""
    time = x.shape[1]
    if not torch.compiler.is_exporting():
        kept = torch.fft.rfftfreq(time, device=x.device) < cutoff
        return torch.fft.irfft(torch.fft.rfft(x) * kept, time)
    found_at = np.arange(time // 2 + 1, dtype=np.float32) * np.float32(1 / time)  # as rfftfreq rounds
    count = int((found_at < np.float32(cutoff)).sum())
    k, step = torch.arange(count, dtype=torch.float64), torch.arange(time, dtype=torch.float64)
    angle = torch.remainder(step[:, None] * k, time) * (2 * math.pi / time)
    twice = 2.0 - ((k == 0) | (2 * k == time)).double()
    found = torch.zeros_like(x)
    for wave in (angle.cos(), angle.sin()):
        found = found + x @ wave.to(x.dtype) @ (wave * twice / time).T.to(x.dtype)
    return found


def amplitudes(x: Float[Tensor, "series time"]) -> Float[Tensor, "series frequencies"]:
    """Return the amplitude of each frequency except the constant, after removing the linear trend; 0 for a constant
    series."""
    rest = x - line(x)
    rest = rest.float() if rest.dtype in HALF else rest
    moves = rest.abs().amax(1, keepdim=True) > QUIET * x.abs().amax(1, keepdim=True)
    return torch.fft.rfft(rest * moves).abs()[:, 1:]


def dominant_periods(x: Float[Tensor, "series time"], count: int = 5) -> Float[Tensor, "series count"]:
    """Return the periods (in steps) of the highest peaks of the amplitudes, highest first; padded with 0.

    Periods longer than half the window are left out: the window does not hold them twice, and any slow movement peaks
    there.
    """
    strength = amplitudes(x)
    around = torch.nn.functional.pad(strength, (1, 1))
    peak = (strength > around[:, :-2]) & (strength >= around[:, 2:])
    peak[:, :1] = False
    height = torch.where(peak, strength, 0.0)
    best, which = height.topk(min(count, height.shape[1]), dim=1)
    found = torch.where(best > 0, x.shape[1] / (which + 1.0), 0.0)
    return torch.nn.functional.pad(found, (0, count - found.shape[1]))


def seasonal_share(x: Float[Tensor, "series time"], count: int = 5) -> Float[Tensor, " series"]:
    """Return the share of the `count` largest amplitudes in their sum; 0 for a constant series."""
    strength = amplitudes(x)
    top = strength.topk(min(count, strength.shape[1]), dim=1).values.sum(1)
    whole = strength.sum(1)
    return torch.where(whole > 0, top / whole.clamp(min=torch.finfo(whole.dtype).tiny), 0.0)


def is_seasonal(x: Float[Tensor, "series time"], share: float = 0.5, count: int = 5) -> Bool[Tensor, " series"]:
    """Whether the `count` largest amplitudes exceed `share` of the sum; never for a constant series."""
    return seasonal_share(x, count) > share


def has_trend(x: Float[Tensor, "series time"], false_alarms: float = 0.05) -> Bool[Tensor, " series"]:
    """Whether the slope differs from 0 (two-sided t-test of its least-squares line).

    It is true for a share of `false_alarms` of series of independent normal values, and more often for autocorrelated
    ones such as a random walk; never for a constant series.
    """
    if x.shape[1] < 4:
        return torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
    return slope_statistic(x) > student(1 - false_alarms / 2, x.shape[1] - 2)


def slope_statistic(x: Float[Tensor, "series time"]) -> Float[Tensor, " series"]:
    """Return |t| of the slope of the least-squares line; 0 for a constant series."""
    time = x.shape[1]
    straight = line(x)
    rest, rise = (x - straight).square().sum(1), (straight - straight.mean(1, keepdim=True)).square().sum(1)
    moves = (rest + rise).sqrt() > QUIET * math.sqrt(time) * x.abs().amax(1)
    tiny = torch.finfo(rest.dtype).tiny
    return torch.where(moves, (rise * (time - 2) / rest.clamp(min=tiny)).sqrt(), 0.0)


def student(level: float, freedom: int) -> float:
    """Return a quantile of Student's distribution."""
    from scipy.special import stdtrit  # takes half a second to import, and only prompts need it

    return float(stdtrit(freedom, level))
