"""Intervals of a chosen model: from the forecasts that it was chosen by, or from more where these cost little."""

from dataclasses import replace

import numpy as np

from latentcast.benchmarking.origins import JudgedCandidate, Origins, Searched, window_starts_of
from latentcast.evaluation.forecasts import Computed
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import calibrate_on
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.replayed import calibrate_with

CALIBRATED = 2000  # windows that intervals are made of where they are forecast for this, about
ENOUGH = 500  # judged forecasts, of all targets, that intervals are made of
LEAST = 39  # the same where more would take long: a 95 % interval leaves one of them on either side


def calibrate_chosen(
    task: Searched, forecaster: Forecaster, used: list[tuple[JudgedCandidate, float]], origins: Origins
) -> None:
    """Calibrate on the forecasts from the origins; where these are few, on windows of the whole validation part."""
    prepared = prepare(forecaster, task.panel)
    windows = len(prepared.starts("val", forecaster.task.lookback, task.horizon)[0])
    if not windows:
        return
    there = len(origins[0]) * len(forecaster.task.targets)
    if there >= (LEAST if _slow(task, forecaster, used) else ENOUGH):
        starts = window_starts_of(task, forecaster, prepared, origins)
        which = Judged("val", task.name, max(1, windows // len(starts)))
        judged = calibrate_with(forecaster, prepared, which, (starts, origins[0]), _together(used))
    else:
        stride = max(1, windows * len(task.panel.channels) // CALIBRATED)
        judged = calibrate_on(forecaster, prepared, Judged("val", task.name, stride))
    forecaster.card = replace(forecaster.card, validation=judged.to_dict())


def _slow(task: Searched, forecaster: Forecaster, used: list[tuple[JudgedCandidate, float]]) -> bool:
    """Whether each forecast is a fit, or looks for seasons."""
    members = [one.trial.candidate for one, _ in used]
    searches = any(one.name == "generalist" and (task.panel.season == 1 or one.model) for one in members)
    return searches or not all(one.forecaster.network.calibrates for one, _ in used)


def _together(used: list[tuple[JudgedCandidate, float]]) -> Computed:
    """Forecasts of one member with its quantiles, or the weighted mean of several."""
    if len(used) == 1:
        return used[0][0].made
    return Computed(np.asarray(sum(weight * one.made.values for one, weight in used)))
