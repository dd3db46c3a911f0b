"""Characteristics of a series: stationarity, trend, season, periods, noise (Wang, Smith and Hyndman 2006)."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from latentcast.layers.spectrum import amplitudes, dominant_periods, has_trend, line

SIGNIFICANT = 0.05
SHORTEST = 12  # steps below which nothing is tested
PERIODS = 3
QUIET = 1e-9  # of a series' size: what rounding leaves of a constant is no movement

Direction = Literal["rising", "falling", "level"]
Series = NDArray[np.float64]


@dataclass(frozen=True)
class Traits:
    """Traits of one series; None where it is too short or constant for one.

    unit_root  p-value of the augmented Dickey-Fuller test (constant, lags by AIC): below .05 the series is taken for
               stationary
    trend      max(0, 1 − Var(remainder) / Var(trend + remainder)) by STL; by a local line (lowess) without a season
    season     the same of the season, whose length is `period` steps
    noise      standard deviation of the differences over the standard deviation of the series: 0 of a straight
               course, √2 of white noise
    periods    (steps, share of the variance) of peaks of the spectrum of what a straight line leaves, the largest
               first; at most half the window
    direction  of the straight line, where its slope differs from 0 (t-test, 5 %); level where it does not
    """

    steps: int
    missing: int
    mean: float
    deviation: float
    least: float
    most: float
    period: int
    unit_root: float | None
    trend: float | None
    season: float | None
    noise: float
    periods: tuple[tuple[float, float], ...]
    direction: Direction = "level"

    @property
    def stationary(self) -> bool | None:
        return None if self.unit_root is None else self.unit_root < SIGNIFICANT


def series_statistics(values: Series, period: int = 1, seen: NDArray[np.bool_] | None = None) -> Traits:
    """Of [time] values; what was not `seen` is interpolated, and left out where it stands at the ends.

    A constant series has no trend, no season and no noise, and is not tested. Raises ValueError where nothing was seen.
    """
    seen = np.isfinite(values) if seen is None else seen & np.isfinite(values)
    at = np.flatnonzero(seen)
    if not len(at):
        raise ValueError("of a series of which nothing was observed there are no traits")
    steps = np.arange(at[0], at[-1] + 1)
    x = np.interp(steps, at, values[at])
    missing = int(len(values) - len(at))
    moves = bool(np.ptp(x) > QUIET * max(np.abs(x).max(), 1e-300))
    deviation = float(x.std()) if moves else 0.0
    trend, season = _strengths(x, period) if moves else (0.0, None if len(x) < 2 * period or period < 2 else 0.0)
    return Traits(
        len(x),
        missing,
        float(x.mean()),
        deviation,
        float(x.min()),
        float(x.max()),
        period,
        _unit_root(x) if moves else None,
        trend,
        season,
        float(np.diff(x).std() / deviation) if moves and len(x) > 2 else 0.0,
        _periods(x) if moves else (),
        _direction(x) if moves else "level",
    )


def _direction(x: Series) -> Direction:
    centred = torch.from_numpy(x - x.mean())[None]
    if not bool(has_trend(centred, SIGNIFICANT)):
        return "level"
    straight = line(centred)[0]
    return "rising" if float(straight[-1]) > float(straight[0]) else "falling"


def _unit_root(x: Series) -> float | None:
    from statsmodels.tsa.stattools import adfuller

    if len(x) < SHORTEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a regression that explains all: the p-value says so
        try:
            p = float(adfuller(x, autolag="AIC")[1])
        except (ValueError, np.linalg.LinAlgError):  # too few steps for its lags
            return None
    return p if np.isfinite(p) else None


def _strengths(x: Series, period: int) -> tuple[float | None, float | None]:
    """(trend, season); the season is None without one, or with fewer than two of it."""
    if len(x) < SHORTEST:
        return None, None
    if period < 2 or len(x) < 2 * period:
        from statsmodels.nonparametric.smoothers_lowess import lowess

        course = lowess(x, np.arange(len(x)), frac=0.5, it=0, return_sorted=False)
        return _share(course, x - course), None
    from statsmodels.tsa.seasonal import STL

    found = STL(x, period=period).fit()
    return _share(found.trend, found.resid), _share(found.seasonal, found.resid)


def _share(part: Series, rest: Series) -> float:
    """Return the explained share of the variance; 0 for a constant."""
    whole = float(np.var(part + rest))
    least = (QUIET * max(float(np.abs(part + rest).max()), 1e-300)) ** 2
    return max(0.0, 1 - float(np.var(rest)) / whole) if whole > least else 0.0


def _periods(x: Series) -> tuple[tuple[float, float], ...]:
    """(steps, share of the variance) of peaks of the spectrum; a neighbour of a peak that leaks from it is none, nor is
    what the window does not hold twice.
    """
    if len(x) < SHORTEST:
        return ()
    centred = torch.from_numpy(x - x.mean())[None]
    power = amplitudes(centred)[0].square()
    whole = float(power.sum())
    if whole <= 0:
        return ()
    found = [period for period in dominant_periods(centred, PERIODS)[0].tolist() if period > 0]
    return tuple((period, float(power[round(len(x) / period) - 1]) / whole) for period in found)
