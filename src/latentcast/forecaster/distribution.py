"""A part judged with all that `evaluate` reports: errors, WQL and CRPS of the deciles, and the forecasts themselves."""

from dataclasses import replace
from typing import Any

import numpy as np

from latentcast.core.errors import LatentcastError
from latentcast.data.sources.frames import Source
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import DistributionScores, Evaluation
from latentcast.forecaster.intervals import Intervals, interval_columns
from latentcast.forecaster.judge import Judged, choose_intervals, forecast_windows, judge
from latentcast.forecaster.output import give_back, one_column, window_frame
from latentcast.forecaster.state import FittedState
from latentcast.forecaster.trained_until import early_windows_note

LEVELS = (20.0, 40.0, 60.0, 80.0)  # central intervals whose ends are the deciles but the median
VALUES = 2**18  # forecast values that are judged; more windows are sampled evenly


def evaluated(
    fitted: FittedState,
    source: Source,
    prepared: PreparedPanel,
    which: Judged,
    how: Intervals | None,
    batch_size: int | None,
    forecasts: bool,
) -> Evaluation:
    """Errors of every window of a part, scores of its deciles, and the forecasts where they are asked for."""
    kept: list[ForecastBatch] | None = [] if forecasts else None
    result = judge(fitted, prepared, which, how, batch_size, kept)
    starts_items = prepared.starts(which.part, fitted.task.lookback, fitted.task.horizon, which.stride)
    early = early_windows_note(fitted, prepared, starts_items)
    notes = result.notes if early is None else (*result.notes, early)
    result = replace(result, distribution=distribution_scores(fitted, prepared, starts_items), notes=notes)
    if kept is None:
        return result
    frame = window_frame(fitted, prepared.panel, kept)
    frame[fitted.name] = one_column([batch.original for batch in kept])
    if how is not None:
        frame = frame.assign(**interval_columns(fitted.name, how.levels, kept))
    return replace(result, forecasts=give_back(fitted, source, prepared.panel, frame))


def distribution_scores(
    fitted: FittedState, prepared: PreparedPanel, starts_items: Starts
) -> DistributionScores | None:
    """Scores of the deciles on evenly spaced windows; None for a model without calibrated intervals or quantiles.

    Models whose every forecast is a fit are left out: their windows would be forecast twice.
    """
    if not fitted.network.calibrates:
        return None
    try:
        how = choose_intervals(fitted, LEVELS)
        if how is None or how.method == "paths":
            return None
        return _scores(fitted, prepared, starts_items, how)
    except LatentcastError:  # too few held-out windows, or other quantiles
        return None


def _scores(fitted: FittedState, prepared: PreparedPanel, starts_items: Starts, how: Intervals) -> DistributionScores:
    count = len(starts_items[0])
    values = count * fitted.task.horizon * len(fitted.task.targets)
    stride = max(1, -(-values // VALUES))
    chosen = starts_items[0][::stride], starts_items[1][::stride]
    losses, size, number = 0.0, 0.0, 0
    for batch in forecast_windows(fitted, prepared, chosen, how=how):
        assert batch.bands is not None
        lower, upper = batch.in_original(batch.bands.lo), batch.in_original(batch.bands.hi)
        target, seen = batch.outcome.original, batch.outcome.observed
        kept: Any = np.ones(target.shape, np.bool_) if seen is None else seen
        ends = [(0.5 - level / 200, lower[..., n]) for n, level in enumerate(how.levels)]
        ends += [(0.5 + level / 200, upper[..., n]) for n, level in enumerate(how.levels)]
        for tau, quantile in [*ends, (0.5, batch.original)]:
            above = (target - quantile)[kept]
            losses += 2 * float(np.maximum(tau * above, (tau - 1) * above).sum()) / (2 * len(how.levels) + 1)
        size += float(np.abs(target[kept]).sum())
        number += int(kept.sum())
    share = "every window" if stride == 1 else f"one window of {stride}"
    nothing = float("nan")
    return DistributionScores(
        losses / size if size else nothing, losses / number if number else nothing, f"{how.method} deciles, {share}"
    )
