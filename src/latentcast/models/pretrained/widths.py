"""How wide the intervals of a table should be: backtests inside the contexts of its series, pooled.

One series tells little about the width of its intervals, all series of a table tell more. The factor is drawn to 1, by
half where intervals should widen and there are many backtests, by less where they should narrow.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentcast.models.pretrained.network import LEVELS, MEDIAN, Weights
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import Season

BLOCKS = 6  # backtests of a series, one before the other
SERIES = 32  # of a table, evenly spread
TRUST_WIDER, TRUST_NARROWER = 0.5, 0.75  # share of the logarithm that is taken
DOUBTFUL = 3.0  # backtests that halve it
LEAST = 8  # observed steps that a backtest reads
WIDEST = 2.0  # the factor, and its inverse, at most
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)


def width_factor(
    weights: Weights,
    rows: NDArray[np.float64],
    seasons: Sequence[Season],
    horizon: int,
    *,
    detected: bool = False,
    contexts: tuple[int, ...] = (1024,),
) -> float:
    """By how much quantiles should move away from their medians; 1 where nothing can be tested.

    Arguments as for `forecast_rows`. The factor brings 80 % intervals of the backtests nearer to 80 % of the outcomes.
    """
    picked = rows[np.unique(np.linspace(0, len(rows) - 1, SERIES).astype(np.int64))] if len(rows) else rows
    found = np.isfinite(picked)
    longest = int(found.sum(1).max(initial=0))
    held = min(horizon, longest // 4)
    scores, number = [np.zeros(0)], 0
    for block in range(1, BLOCKS + 1):
        end = picked.shape[1] - block * held
        if held < 1 or end < LEAST:
            break
        enough = found[:, :end].sum(1) >= np.maximum(LEAST, found.sum(1) / 2)
        past, truth = picked[enough, :end], picked[enough, end : end + held]
        if not len(past):
            break
        ahead = forecast_rows(weights, past, seasons, held, detected=detected, contexts=contexts)
        apart = truth - ahead[..., MEDIAN]
        size = np.where(apart > 0, ahead[..., HIGH] - ahead[..., MEDIAN], ahead[..., MEDIAN] - ahead[..., LOW])
        usable = np.isfinite(apart) & (size > 0)
        scores.append(np.abs(apart[usable]) / size[usable])
        number += len(past)
    whole = np.concatenate(scores)
    if not len(whole):
        return 1.0
    raw = float(np.clip(np.quantile(whole, 0.8), 1 / WIDEST, WIDEST))
    trust = TRUST_WIDER if raw > 1 else TRUST_NARROWER
    return float(raw ** (trust * number / (number + DOUBTFUL)))


def widened(quantiles: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Quantiles [series, steps, level] whose distances from the median are scaled."""
    centre = quantiles[..., [MEDIAN]]
    return np.asarray(centre + factor * (quantiles - centre))
