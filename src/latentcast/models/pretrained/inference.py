"""Quantiles of rows of values: contexts prepared, several context lengths averaged, back in original units."""

import numpy as np
from numpy.typing import NDArray

from latentcast.models.pretrained.anchor import toward_smoothing
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features
from latentcast.models.pretrained.linear_map import LinearMap
from latentcast.models.pretrained.network import MEDIAN, Weights, known, quantiles
from latentcast.models.pretrained.walk import toward_last_value

ROWS = 256  # series that are worked on at a time, for the cache of the processor
SHORTEST = 128  # no shorter contexts are averaged


def forecast(
    weights: Weights,
    rows: NDArray[np.float64],
    season: int,
    second: int,
    steps: NDArray[np.int64],
    *,
    contexts: tuple[int, ...] = (512,),
) -> NDArray[np.float64]:
    """[series, steps, level] quantiles in original units.

    Parameters
    ----------
    weights
        Weights of the network.
    rows
        [series, time] values in original units that end with an observed value; NaN where there is none.
    season, second
        Season lengths in steps; 1 and 0 where there is none.
    steps
        Steps ahead that are asked for; 1 is the next one.
    contexts
        Context lengths whose forecasts are averaged; those that add nothing to a shorter one are left out.
    """
    return np.concatenate(
        [
            _average(weights, rows[start : start + ROWS], season, second, steps, contexts)
            for start in range(0, len(rows), ROWS)
        ]
    )


def _average(
    weights: Weights,
    rows: NDArray[np.float64],
    season: int,
    second: int,
    steps: NDArray[np.int64],
    contexts: tuple[int, ...],
) -> NDArray[np.float64]:
    longest = rows.shape[1]
    lengths = sorted({min(length, longest) for length in contexts}, reverse=True)
    kept = [length for length in lengths if length == lengths[0] or length >= max(SHORTEST, 3 * season)]
    total, tuned = np.zeros((len(rows), len(steps), 0)), LinearMap.of(weights)
    for number, length in enumerate(kept):
        context = prepare(rows[:, -length:], season, second)
        ready = features(context, steps, known(weights))
        found = toward_smoothing(weights, context.season, ready.candidates, quantiles(weights, ready))
        found = found if tuned is None else tuned.applied(context.values, found, steps, MEDIAN)
        found = toward_last_value(context, found)
        values = found * context.scale[..., None] + context.location[..., None]
        total = values if number == 0 else total + (values - total) / (number + 1)
    return total
