"""Choose the season of a series: candidates of the frequency and of a detector, weighted by backtests inside the
context."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentcast.models.pretrained.inference import forecast
from latentcast.models.pretrained.network import MEDIAN, Weights

Season = tuple[int, int]  # main and second season in steps
SHARPNESS = 6.0  # how quickly weights fall with the error of the backtest
SMALLEST = 0.08  # shares below are left out
PEAK = 0.2  # how far the autocorrelation at a detected season stands above the lags before it
ERRORS = 3.7  # standard errors of an autocorrelation that the peak exceeds too
DOUBT = 1.1  # factor of the errors of all seasons but the likeliest one
TESTED = 16  # steps of a backtest


def of_frequency(season: int) -> tuple[Season, ...]:
    """The seasons that a frequency whose main season is `season` suggests, likeliest first; none is among them."""
    if season in (24, 48, 96, 144, 288):
        return ((season, 7 * season), (season, 0), (7 * season, 0), (1, 0))
    if season <= 1:
        return ((1, 0),)
    return ((season, 0), (1, 0))


def seasons_to_try(
    season: int, how: Literal["auto", "given", "weighed", "detected"]
) -> tuple[tuple[Season, ...], bool]:
    """Seasons that a series tries, likeliest first, and whether detected ones join them; see `GeneralistSettings`."""
    if how == "auto":
        how = "given" if season > 1 else "detected"
    options = of_frequency(season)
    return (options[:1] if how == "given" else options), how == "detected"


def detect(rows: NDArray[np.float64], number: int = 2) -> NDArray[np.int64]:
    """[series, number] lags at which the autocorrelation of differences and levels peaks; 0 where there is none.

    Parameters
    ----------
    rows
        [series, time] values; NaN counts as missing.
    number
        Peaks that are looked for.
    """
    count, time = rows.shape
    longest = int(time / 2.2)
    found = np.zeros((count, number), np.int64)
    if longest < 3:
        return found
    levels = np.where(np.isfinite(rows), rows, np.nan)
    levels = _without_line(levels)
    best = np.full((count, max(longest - 3, 0)), -1.0)
    for values in (levels, _differences(levels)):
        size = 1 << (2 * values.shape[1] - 1).bit_length()
        power = np.abs(np.fft.rfft(values, size, 1)) ** 2
        raw = np.fft.irfft(power, size, 1)[:, :longest]
        raw = raw / np.maximum(raw[:, :1], 1e-12)
        middle = raw[:, 2:-1]
        lowest = np.minimum.accumulate(raw, 1)[:, 1:-2]
        high = middle - lowest > PEAK
        high &= middle > ERRORS / np.sqrt(time)
        high &= (middle >= raw[:, 1:-2]) & (middle >= raw[:, 3:])
        best = np.maximum(best, np.where(high, middle, -1.0))
    peaks = best - 0.0005 * np.arange(best.shape[1])  # of equal peaks, the first
    for place in range(number):
        if not peaks.shape[1]:
            break
        at = peaks.argmax(1)
        good = peaks[np.arange(count), at] > 0
        found[:, place] = np.where(good, at + 2, 0)
        near = np.abs(np.arange(peaks.shape[1]) - at[:, None]) <= np.maximum(1, at[:, None] // 10)
        multiple = (np.arange(2, peaks.shape[1] + 2) % np.maximum(at[:, None] + 2, 1)) == 0
        peaks = np.where(near | multiple, -1.0, peaks)
    return found


def _without_line(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows without their straight line; missing values become 0."""
    there = np.isfinite(rows)
    time = np.linspace(-1, 1, rows.shape[1])
    number = np.maximum(there.sum(1, keepdims=True), 1)
    safe = np.where(there, rows, 0.0)
    middle = (there * time).sum(1, keepdims=True) / number
    rest = np.where(there, time - middle, 0.0)
    safe = np.where(there, safe - safe.sum(1, keepdims=True) / number, 0.0)
    slope = (safe * rest).sum(1, keepdims=True) / np.maximum((rest**2).sum(1, keepdims=True), 1e-12)
    return np.where(there, safe - slope * rest, 0.0)


def _differences(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.diff(rows, axis=1)
    limit = 4 * np.maximum(np.abs(steps).mean(1, keepdims=True), 1e-12)
    steps = np.clip(steps, -limit, limit)
    return np.asarray(steps - steps.mean(1, keepdims=True))


def shares(
    weights: Weights,
    rows: NDArray[np.float64],
    options: Sequence[tuple[Season, NDArray[np.int64]]],
    horizon: int,
    *,
    contexts: tuple[int, ...] = (512,),
) -> NDArray[np.float64]:
    """[series, option] weights of seasons by the error of forecasts from two origins within the context.

    Parameters
    ----------
    weights, rows, contexts
        As for `forecast`.
    options
        Seasons, and the places of the rows that each is tried on.
    horizon
        Steps that are asked for; the backtest tries as many, or a fifth of the context.
    """
    count, time = rows.shape
    held = max(1, min(horizon, time // 5))
    steps = np.unique(np.linspace(1, held, min(held, TESTED)).astype(np.int64))
    errors = np.full((count, len(options)), np.inf)
    ends = [end for end in (time - held, time - held - max(1, held // 2)) if end >= 4]
    for column, ((season, second), places) in enumerate(options):
        if not len(places) or (season > 1 and 2 * season > time - held and column):
            continue
        total = np.zeros(len(places))
        for end in ends:
            past, truth = rows[places, :end], rows[places][:, end + steps - 1]
            found = forecast(weights, past, season, second, steps, contexts=contexts)[..., MEDIAN]
            total += np.nanmean(np.where(np.isfinite(truth), np.abs(truth - found), np.nan), 1) if len(ends) else 0
        errors[places, column] = total * (DOUBT if column else 1.0)
    if not ends:
        errors[:, 0] = 0.0
    errors = np.where(np.isnan(errors), 0.0, errors)
    best = errors.min(1, keepdims=True)
    floor = 1e-9 * np.maximum(np.nanmax(np.abs(rows), 1, keepdims=True), 1e-9)
    ratio = (best + floor) / (errors + floor)
    share = np.where(np.isfinite(errors), ratio**SHARPNESS, 0.0)
    share /= share.sum(1, keepdims=True)
    share[share < SMALLEST] = 0.0
    return share / share.sum(1, keepdims=True)


def forecast_by_choice(
    weights: Weights,
    rows: NDArray[np.float64],
    suggested: Sequence[Season],
    steps: NDArray[np.int64],
    *,
    detected: bool = True,
    contexts: tuple[int, ...] = (512,),
) -> NDArray[np.float64]:
    """[series, steps, level] quantiles, averaged over seasons by their backtests.

    Parameters
    ----------
    weights, rows, steps, contexts
        As for `forecast`.
    suggested
        Seasons that every row tries, likeliest first.
    detected
        Whether each row also tries the seasons that its autocorrelation shows.
    """
    options = _trials(rows, suggested, detected, max(contexts))
    if len(options) == 1:
        return forecast(weights, rows, *options[0][0], steps, contexts=contexts)
    share = shares(weights, rows, options, int(steps.max()), contexts=contexts)
    total: NDArray[np.float64] | None = None
    for column, ((season, second), _) in enumerate(options):
        places = np.flatnonzero(share[:, column] > 0)
        if not len(places):
            continue
        found = forecast(weights, rows[places], season, second, steps, contexts=contexts)
        total = np.zeros((len(rows), *found.shape[1:])) if total is None else total
        total[places] += share[places, column][:, None, None] * found
    assert total is not None
    return total


def likeliest(
    weights: Weights, row: NDArray[np.float64], suggested: Sequence[Season], horizon: int, *, detected: bool
) -> Season:
    """The season with the largest weight of one row [time], NaN where nothing was observed."""
    there = np.flatnonzero(np.isfinite(row))
    if len(there) < 4:
        return suggested[0]
    rows = row[None, there[0] : there[-1] + 1]
    options = _trials(rows, suggested, detected, rows.shape[1])
    return options[int(shares(weights, rows, options, horizon)[0].argmax())][0]


def _trials(
    rows: NDArray[np.float64], suggested: Sequence[Season], detected: bool, longest: int
) -> list[tuple[Season, NDArray[np.int64]]]:
    """Seasons and the places of the rows that try them: the suggested ones all rows, detected ones their own."""
    everyone = np.arange(len(rows))
    trials: dict[Season, NDArray[np.int64]] = dict.fromkeys(suggested, everyone)
    if detected:
        lags = detect(rows[:, -longest:])
        for lag in np.unique(lags[lags > 1]):
            if (int(lag), 0) not in trials:
                trials[int(lag), 0] = np.flatnonzero((lags == lag).any(1))
    return list(trials.items())
