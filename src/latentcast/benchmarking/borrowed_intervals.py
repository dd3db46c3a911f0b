"""Intervals where too few windows were held out to calibrate any: those of the pretrained generalist's quantiles."""

from collections.abc import Sequence
from typing import Any

from latentcast.core.errors import DataError
from latentcast.core.log_capture import capture_log_messages
from latentcast.data.sources.frames import read_frame
from latentcast.data.types import Frame, IntoFrame
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.fitting.fit import fit

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
        how: dict[str, Any] = {"horizon": run.horizon, "settings": {"data": run.data.dump()}}
        try:
            lender = fit(data, LENDER, **how)
        except DataError:  # shorter than its usual look-back
            lender = fit(data, LENDER, lookback=run.lookback, **how)
        lent = read_frame(lender.predict(data, level=level, interval_method="quantiles")).frame
    source = read_frame(forecaster.predict(data))
    result = source.frame
    for column in (name for name in lent.columns if str(name).startswith(f"{LENDER}-")):
        result[str(column).replace(LENDER, forecaster.name, 1)] = result[forecaster.name] + lent[column] - lent[LENDER]
    frame = source.give_back_as(result, {str(name): str(name) for name in source.schema})
    return frame, "intervals have the widths of the pretrained generalist's quantiles, not calibrated"
