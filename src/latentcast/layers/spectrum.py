"""Slow and fast parts of a series, and what its spectrum says of it."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)  # which have no transform on every device
QUIET = 1e-6  # of a series' size: what rounding leaves of a constant is no movement


def line(x: Float[Tensor, "series time"]) -> Float[Tensor, "series time"]:
    """The straight line through each series (least squares)."""
    step = torch.arange(x.shape[1], device=x.device, dtype=x.dtype) - (x.shape[1] - 1) / 2
    slope = x @ step / step.square().sum().clamp(min=1)
    return x.mean(1, keepdim=True) + slope[:, None] * step


def slow(x: Float[Tensor, "series time"], cutoff: float, season: int = 1) -> Float[Tensor, "series time"]:
    """The part of each series below `cutoff` cycles per step, its straight course included.

    A transform makes the window's ends neighbours. So the course is taken out, and what is left goes on beyond the
    newest step for at least a period of the cutoff: the last season, repeated, gives way little by little to the first
    one, and meets it in its own phase. A season is then no trend, neither within nor at the ends.
    """
    time = x.shape[1]
    season = season if season <= time // 2 else 1
    apart = season * max(time // (2 * season), 1)  # whole seasons: what repeats has no slope
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
    spectrum = torch.fft.rfft(torch.cat([rest, bridge], 1))
    kept = torch.fft.rfftfreq(time + more, device=x.device) < cutoff
    return course + torch.fft.irfft(spectrum * kept, time + more)[:, :time].to(x.dtype)


def amplitudes(x: Float[Tensor, "series time"]) -> Float[Tensor, "series frequencies"]:
    """Of each frequency of the window but the constant, without the straight line; 0 of a constant series."""
    rest = x - line(x)
    rest = rest.float() if rest.dtype in HALF else rest
    moves = rest.abs().amax(1, keepdim=True) > QUIET * x.abs().amax(1, keepdim=True)
    return torch.fft.rfft(rest * moves).abs()[:, 1:]


def dominant_periods(x: Float[Tensor, "series time"], count: int = 5) -> Float[Tensor, "series count"]:
    """The periods (in steps) of the highest peaks of the amplitudes, the highest first; 0 where there are fewer.

    A period longer than half the window is not seen twice, and is none: the spectrum of any slow course is largest
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
    """What the `count` largest amplitudes are of all; 0 of a constant series."""
    strength = amplitudes(x)
    top = strength.topk(min(count, strength.shape[1]), dim=1).values.sum(1)
    whole = strength.sum(1)
    return torch.where(whole > 0, top / whole.clamp(min=torch.finfo(whole.dtype).tiny), 0.0)


def is_seasonal(x: Float[Tensor, "series time"], share: float = 0.5, count: int = 5) -> Bool[Tensor, " series"]:
    """Whether the `count` largest amplitudes are more than a `share` of all; never of a constant series."""
    return seasonal_share(x, count) > share


def has_trend(x: Float[Tensor, "series time"], false_alarms: float = 0.05) -> Bool[Tensor, " series"]:
    """Whether the slope differs from 0 (two-sided t-test of its least-squares line).

    It fires on a share of `false_alarms` of series of independent normal values, and oftener where neighbours are
    alike, as on a random walk; never on a constant series.
    """
    if x.shape[1] < 4:
        return torch.zeros(len(x), dtype=torch.bool, device=x.device)
    return slope_statistic(x) > student(1 - false_alarms / 2, x.shape[1] - 2)


def slope_statistic(x: Float[Tensor, "series time"]) -> Float[Tensor, " series"]:
    """|t| of the slope of the least-squares line; 0 of a constant series."""
    time = x.shape[1]
    straight = line(x)
    rest, rise = (x - straight).square().sum(1), (straight - straight.mean(1, keepdim=True)).square().sum(1)
    moves = (rest + rise).sqrt() > QUIET * math.sqrt(time) * x.abs().amax(1)
    tiny = torch.finfo(rest.dtype).tiny
    return torch.where(moves, (rise * (time - 2) / rest.clamp(min=tiny)).sqrt(), 0.0)


def student(level: float, freedom: int) -> float:
    """A quantile of Student's distribution with so many degrees of freedom."""
    from scipy.special import stdtrit  # half a second to import, and needed by prompts alone

    return float(stdtrit(freedom, level))
