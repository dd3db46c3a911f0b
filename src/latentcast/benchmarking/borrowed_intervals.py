"""Intervals where too few windows were held out to calibrate any: those of the pretrained generalist's quantiles."""

from collections.abc import Sequence

from latentcast.benchmarking.candidate_fit import fit_candidate
from latentcast.benchmarking.candidates import Candidate
from latentcast.benchmarking.few_origins import reading_all
from latentcast.benchmarking.origins import Searched
from latentcast.core.log_capture import capture_log_messages
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.sources.frames import read_frame
from latentcast.data.sources.open import open_data
from latentcast.data.types import Frame, IntoFrame
from latentcast.forecaster.forecaster import Forecaster

LENDER = "generalist"


def predict_with_own_or_borrowed(
    forecaster: Forecaster, data: IntoFrame, level: Sequence[float] | float
) -> tuple[Frame, str]:
    """A forecast with intervals that need no calibration, and a sentence on them.

    A generalist has quantiles of its own. Any other model gets the distances of the generalist's quantiles from its
    median, around its own forecast.
    """
    if forecaster.name == LENDER:
        frame = forecaster.predict(data, level=level, interval_method="quantiles")
        return frame, "intervals are the generalist's own quantiles, not calibrated"
    run = forecaster.run
    with capture_log_messages():  # the same data were noted on before
        source, defaults = open_data(data)
        panel = build(source.frame, run.data)
        parts = split(panel, run.data.split)
        task = Searched(source.name, panel, parts, run.horizon, {"data": run.data.dump()}, defaults)
        lender = fit_candidate(task, reading_all(Candidate(LENDER, 1), int(panel.lengths.max())))
        lent = read_frame(lender.predict(data, level=level, interval_method="quantiles")).frame
    forecasts = read_frame(forecaster.predict(data))
    result = forecasts.frame
    for column in (name for name in lent.columns if str(name).startswith(f"{LENDER}-")):
        result[str(column).replace(LENDER, forecaster.name, 1)] = result[forecaster.name] + lent[column] - lent[LENDER]
    frame = forecasts.give_back_as(result, {str(name): str(name) for name in forecasts.schema})
    return frame, "intervals have the widths of the pretrained generalist's quantiles, not calibrated"
