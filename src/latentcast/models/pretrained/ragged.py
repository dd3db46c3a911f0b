"""Rows of any length, with gaps at any place: grouped so that each group is one rectangle of contexts."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from latentcast.models.pretrained.network import LEVELS, Weights
from latentcast.models.pretrained.seasons import Season, forecast_by_choice

EXACT = 64  # lengths up to this are kept; longer contexts are cut to one of a few lengths, by 4 % at most
GROWTH = 1.04


def groups(rows: NDArray[np.float64], longest: int) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """(places, first, end) of rows that share the columns [first, end) from their first to their last observation."""
    found = np.isfinite(rows)
    time = rows.shape[1]
    there = found.any(1)
    ends = time - found[:, ::-1].argmax(1)
    lengths = np.minimum(ends - found.argmax(1), longest)
    power = np.floor(np.log(np.maximum(lengths, EXACT) / EXACT) / np.log(GROWTH) + 1e-9)
    cut = np.where(lengths > EXACT, np.floor(EXACT * GROWTH**power), lengths).astype(np.int64)
    cut = np.where(lengths == longest, longest, cut)
    for end, length in sorted(set(zip(ends[there].tolist(), cut[there].tolist(), strict=True))):
        places = np.flatnonzero(there & (ends == end) & (cut == length))
        yield places, end - length, end


def forecast_rows(
    weights: Weights,
    rows: NDArray[np.float64],
    seasons: Sequence[Season],
    horizon: int,
    *,
    detected: bool = False,
    contexts: tuple[int, ...] = (1024,),
) -> NDArray[np.float64]:
    """[series, horizon, level] quantiles in original units; NaN for rows of which nothing was observed.

    Parameters
    ----------
    weights
        Weights of the network.
    rows
        [series, time] values in original units, NaN where none was observed. Steps that are missing at the end
        lengthen the horizon; a constant row is continued.
    seasons
        Main and second seasons that are tried, likeliest first; one of them is taken as it is.
    horizon
        Steps that are forecast.
    detected
        Whether seasons that the autocorrelation of a row shows are tried too.
    contexts
        Context lengths whose forecasts are averaged.
    """
    result = np.full((len(rows), horizon, len(LEVELS)), np.nan)
    for places, first, end in groups(rows, max(contexts)):
        part = rows[places, first:end]
        flat = np.nanmax(part, 1) == np.nanmin(part, 1)
        result[places[flat]] = part[flat, -1][:, None, None]
        varied = places[~flat]
        if len(varied):
            steps = np.arange(1, horizon + 1) + rows.shape[1] - end
            result[varied] = forecast_by_choice(
                weights, part[~flat], seasons, steps, detected=detected, contexts=contexts
            )
    return result
