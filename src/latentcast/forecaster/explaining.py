"""The forecast beyond the end of one series, explained."""

from typing import Any

from latentcast.core.errors import LatentcastError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.types import IntoFrame, Level
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.explain import Explanation, ExplanationRequest, check, chosen, explained
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.inputs import prepare_forecast
from latentcast.forecaster.intervals import Intervals
from latentcast.forecaster.judge import choose_intervals, cut_windows, forecast_windows


def explain_ahead(
    fitted: FittedModel,
    data: IntoFrame,
    future_covariates: IntoFrame | None,
    intervals: tuple[Level | str, str],
    item: str | None,
    how_attributed: tuple[str, str, int | None],
) -> Explanation:
    """Explain one item; `intervals` are the levels and their method, `how_attributed` the way, the fill, the stretch.

    Raises DataError or SettingsError as `Forecaster.explain` does.
    """
    attribution, fill, stretch = how_attributed
    by, instead = check(attribution, fill, stretch, fitted.task.lookback)
    inputs = prepare_forecast(fitted, data, future_covariates)
    prepared, notes = inputs.prepared, inputs.notes
    number, drawn = chosen(inputs.panel, fitted.task.targets, item)
    one = inputs.windows[0][number : number + 1], inputs.windows[1][number : number + 1]
    level: Any = intervals[0]
    auto = isinstance(level, str) and level == "auto"
    how: Intervals | None = None
    try:
        how = choose_intervals(fitted, (80, 90) if auto else level, intervals[1])
        judged = ForecastBatch.joined(list(forecast_windows(fitted, prepared, one, how=how)))
    except LatentcastError as error:
        if not auto:
            raise
        judged, how = ForecastBatch.joined(list(forecast_windows(fitted, prepared, one))), None
        notes = (*notes, Note(f"no intervals: {error}", NoteCode.INTERVALS))
    asked = ExplanationRequest(
        fitted.name,
        inputs.source.name,
        fitted.network,
        cut_windows(fitted, prepared, one),
        prepared.panel,
        prepared.scaler,
        judged,
        number,
        drawn,
        inputs.panel.clock.restore,
        () if how is None else how.levels,
        None if how is None else how.words(),
        notes,
    )
    return explained(asked, attribution=by, stretch=stretch, fill=instead)
