"""Intervals of a chosen model: from the forecasts that it was chosen by, or from more where these cost little."""

from dataclasses import replace

import numpy as np

from latentcast.benchmarking.origins import JudgedCandidate, Searched
from latentcast.data.windows.origins import Origins, starts_at
from latentcast.evaluation.forecasts import Computed
from latentcast.forecaster.calibration import OWN
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import calibrate_on
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.replayed import calibrate_with

CALIBRATED = 2000  # forecasts, of all channels, that intervals are made of where they are made for this, about
OF_SLOW = 50  # windows for the same where each forecast is a fit, or the generalist's
ENOUGH = 500  # judged forecasts, of all channels, that intervals are made of
LEAST = 19  # the same where more would take long: the fewest for a 95 % interval


def calibrate_chosen(
    task: Searched, forecaster: Forecaster, used: list[tuple[JudgedCandidate, float]], origins: Origins
) -> None:
    """Calibrate on the forecasts from the origins; where these are few, on windows of the whole validation part."""
    prepared = prepare(forecaster, task.panel)
    windows = len(prepared.starts("val", forecaster.task.lookback, task.horizon)[0])
    if not windows:
        return
    slow = _slow(task, used)
    channels = len(task.panel.channels)
    most = OF_SLOW if slow else max(1, CALIBRATED // channels)
    if not slow and any(one.trial.candidate.name == "generalist" for one, _ in used):
        most = OWN if channels > 1 else OF_SLOW
    judged_before, forecasts = len(origins[0]), len(origins[0]) * len(forecaster.task.targets)
    if judged_before >= most or forecasts >= (LEAST if slow else ENOUGH):
        starts = starts_at(origins, task.panel, prepared.panel, forecaster.task.lookback)
        which = Judged("val", task.name, max(1, windows // len(starts)))
        judged = calibrate_with(forecaster, prepared, which, (starts, origins[0]), _together(used))
        again: str | int = "origins"
    else:
        again = max(1, windows // most)
        judged = calibrate_on(forecaster, prepared, Judged("val", task.name, again))
    forecaster.card = replace(forecaster.card, validation=judged.to_dict())
    training = forecaster.run.training.model_copy(update={"calibration": again})  # a fit by these settings repeats it
    forecaster.run = replace(forecaster.run, training=training)


def _slow(task: Searched, used: list[tuple[JudgedCandidate, float]]) -> bool:
    """Whether each forecast is a fit, or looks for seasons."""
    members = [one.trial.candidate for one, _ in used]
    searches = any(one.name == "generalist" and (task.panel.season == 1 or one.model) for one in members)
    return searches or not all(one.forecaster.network.calibrates for one, _ in used)


def _together(used: list[tuple[JudgedCandidate, float]]) -> Computed:
    """Forecasts of one member with its quantiles, or the weighted mean of several."""
    if len(used) == 1:
        return used[0][0].made
    return Computed(np.asarray(sum(weight * one.made.values for one, weight in used)))
