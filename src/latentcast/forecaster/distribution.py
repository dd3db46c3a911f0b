"""A part judged with all that `evaluate` reports: errors, WQL and CRPS of the deciles, and the forecasts themselves."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentcast.core.errors import LatentcastError
from latentcast.data.sources.frames import Source
from latentcast.data.types import Frame
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import DistributionScores, Evaluation
from latentcast.forecaster.intervals import Intervals, interval_columns
from latentcast.forecaster.judge import choose_intervals, forecast_windows, judge
from latentcast.forecaster.judged_sums import Judged
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
    return replace(result, forecasts=forecast_rows(fitted, source, prepared, kept, how))


def forecast_rows(
    fitted: FittedState, source: Source, prepared: PreparedPanel, kept: list[ForecastBatch], how: Intervals | None
) -> Frame:
    """The forecasts of judged windows with their outcomes, in the kind of frame of the data."""
    frame = window_frame(fitted, prepared.panel, kept)
    frame[fitted.name] = one_column([batch.original for batch in kept])
    if how is not None:
        frame = frame.assign(**interval_columns(fitted.name, how.levels, kept))
    return give_back(fitted, source, prepared.panel, frame)


@dataclass(frozen=True)
class DecileSums:
    """Sums over windows: pinball losses of the deciles, sizes |y| of the outcomes, and how many these are."""

    losses: float = 0.0
    size: float = 0.0
    number: int = 0

    def __add__(self, other: "DecileSums") -> "DecileSums":
        return DecileSums(self.losses + other.losses, self.size + other.size, self.number + other.number)

    def scores(self, how: Intervals, stride: int) -> DistributionScores:
        """WQL and CRPS of one window in `stride`; NaN without an outcome."""
        share = "every window" if stride == 1 else f"one window of {stride}"
        nothing = float("nan")
        return DistributionScores(
            self.losses / self.size if self.size else nothing,
            self.losses / self.number if self.number else nothing,
            f"{how.method} deciles, {share}",
        )


def distribution_scores(
    fitted: FittedState, prepared: PreparedPanel, starts_items: Starts
) -> DistributionScores | None:
    """Scores of the deciles on evenly spaced windows; None for a model without calibrated intervals or quantiles.

    Models whose every forecast is a fit are left out: their windows would be forecast twice.
    """
    how = decile_intervals(fitted)
    if how is None:
        return None
    stride = decile_stride(fitted, len(starts_items[0]))
    try:
        return decile_sums(fitted, prepared, (starts_items[0][::stride], starts_items[1][::stride]), how).scores(
            how, stride
        )
    except LatentcastError:  # too few held-out windows, or other quantiles
        return None


def decile_intervals(fitted: FittedState) -> Intervals | None:
    """The intervals whose ends are the deciles; None of a model that has none without sampling or fitting again."""
    if not fitted.network.calibrates:
        return None
    try:
        how = choose_intervals(fitted, LEVELS)
    except LatentcastError:
        return None
    return None if how is None or how.method == "paths" else how


def decile_stride(fitted: FittedState, windows: int) -> int:
    """One window of how many is judged, so that about `VALUES` forecast values are."""
    return max(1, -(-windows * fitted.task.horizon * len(fitted.task.targets) // VALUES))


def decile_sums(fitted: FittedState, prepared: PreparedPanel, chosen: Starts, how: Intervals) -> DecileSums:
    """Losses of the deciles of these windows."""
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
    return DecileSums(losses, size, number)
