"""The M4 competition's measures (Makridakis et al. 2020, section 2.4).

sMAPE  200·|y - ŷ| / (|y| + |ŷ|), per cent, the mean over a series' horizon and over the series
MASE   the mean absolute error of a series over the mean |y[t] - y[t - m]| of its whole training part, averaged over the
       series
OWA    (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2) / 2, from the means over all series, not a mean of ratios
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.evaluation.metrics import repeats

Array = NDArray[np.float64]


def smape(target: Array, forecast: Array) -> Array:
    """[series, horizon] twice → [series], per cent; a step where both are zero counts as no error."""
    size = np.abs(target) + np.abs(forecast)
    share = np.divide(200 * np.abs(target - forecast), size, out=np.zeros_like(size), where=size > 0)
    return np.asarray(share.mean(1))


def mase(target: Array, forecast: Array, train: Sequence[Array], season: int) -> Array:
    """[series, horizon] twice → [series]; NaN where the training part repeats itself exactly."""
    naive = np.array([np.abs(values[season:] - values[:-season]).mean() for values in train])
    constant = repeats(naive, np.array([np.abs(values).mean() for values in train]))
    error = np.abs(target - forecast).mean(1)
    return np.divide(error, naive, out=np.full(len(error), np.nan), where=~constant)


@dataclass(frozen=True)
class Score:
    """Means over `series` series; MASE and OWA are None where the training part is not there."""

    method: str
    frequency: str
    series: int
    smape: float
    mase: float | None
    owa: float | None = None


def owa(smape: float, mase: float | None, base: tuple[float, float] | None) -> float | None:
    if mase is None or base is None:
        return None
    return (smape / base[0] + mase / base[1]) / 2


def pooled(scores: Sequence[Score], bases: dict[str, tuple[float, float]]) -> Score:
    """One method over several frequencies: every series counts alike, and OWA is that of the pooled means."""
    whole = sum(score.series for score in scores)

    def mean(values: Sequence[float]) -> float:
        return sum(score.series * value for score, value in zip(scores, values, strict=True)) / whole

    errors = [score.mase for score in scores if score.mase is not None]
    ratio = mean(errors) if len(errors) == len(scores) else None
    there = [bases[score.frequency] for score in scores if score.frequency in bases]
    base = (mean([one for one, _ in there]), mean([other for _, other in there])) if len(there) == len(scores) else None
    percent = mean([score.smape for score in scores])
    names = ", ".join(score.frequency for score in scores)
    return Score(scores[0].method, names, whole, percent, ratio, owa(percent, ratio, base))
