"""What each tool does with a table: plain values in and out, nothing kept between two calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic_core import from_json, to_json

from latentcast.benchmarking.backtest import backtest
from latentcast.core.errors import suggest
from latentcast.core.log_capture import capture_log_messages
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import read_frame
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import read_panel
from latentcast.serving.answers import columns_of
from latentcast.serving.models import Models
from latentcast.serving.problems import Problem
from latentcast.serving.settings import Limits
from latentcast.serving.tables import check_answer, check_panel, check_size
from latentcast.workflows.describe import describe
from latentcast.workflows.fitting.fit import fit
from latentcast.workflows.zero_shot import zero_shot

GENERALIST = "generalist"
BUILT_IN = {  # what a call may fit to its own data in seconds
    GENERALIST: "pretrained, its weights are part of the package: nothing is fitted",
    "ridge": "a linear map, solved in closed form for the data of the call",
    "seasonal-naive": "the values of one season before",
    "naive": "the last value",
}
MOST_MODELS, MOST_WINDOWS = 5, 50


@dataclass(frozen=True)
class Question:
    """What a forecast is asked for."""

    horizon: int | None = None
    level: float | list[float] | None = None
    quantiles: float | list[float] | None = None


def listed(models: Models) -> dict[str, Any]:
    """Saved models with their sizes and columns, and the names of those that need no folder."""
    saved = [{**model.about(), "trained_until": model.forecaster.card.trained_until} for model in models.values()]
    return {"saved": saved, "built_in": dict(BUILT_IN)}


def described(frame: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    """How a table is read: layout, frequency, season, gaps."""
    _check(frame, limits)
    with capture_log_messages() as notes:
        found = describe(frame)
    return plain({"facts": found.facts, "notes": [*notes, *found.notes]})


def forecast(
    models: Models, name: str | None, frame: pd.DataFrame, future: pd.DataFrame | None, asked: Question, limits: Limits
) -> dict[str, Any]:
    """Forecast beyond the end of each series."""
    name = _name(models, name)
    series = _check(frame, limits)
    _check_asked(series, asked, asked.horizon or 1, limits)
    with capture_log_messages() as notes:
        if name == GENERALIST:
            _refuse_for_generalist(future, asked)
            found = zero_shot(frame, asked.horizon, level=asked.level)
        else:
            forecaster = _forecaster(models, name, frame, asked.horizon)
            _check_asked(series, asked, asked.horizon or forecaster.task.horizon, limits)
            found = forecaster.predict(
                frame,
                horizon=asked.horizon,
                future_covariates=future,
                level=asked.level,
                quantiles=asked.quantiles,
            )
    check_answer(1, len(found), len(found.columns), limits.model_copy(update={"horizon": len(found)}))
    return plain({"model": name, "data": columns_of(found), "notes": list(notes)})


def explanation(
    models: Models, name: str | None, frame: pd.DataFrame, item: str | None, horizon: int | None, limits: Limits
) -> dict[str, Any]:
    """Explain the forecast of one series."""
    name = _name(models, name)
    _check(frame, limits)
    check_answer(1, horizon or 1, 1, limits)
    with capture_log_messages():
        forecaster = _forecaster(models, name, frame, horizon)
        if horizon is not None and horizon != forecaster.task.horizon:
            detail = f"horizon={horizon}: {name} was fitted for {forecaster.task.horizon} steps; leave it out"
            raise Problem(422, "request", detail)
        found = forecaster.explain(frame, item=item)
    return plain({**found.to_dict(), "model": name})


def backtested(
    frame: pd.DataFrame, names: Sequence[str], horizon: int, n_windows: int, limits: Limits
) -> dict[str, Any]:
    """Judge built-in models at the last origins of the data, which none of them saw."""
    unknown = [name for name in names if name not in BUILT_IN]
    if unknown:
        raise Problem(422, "request", f"models: {unknown[0]!r} cannot be fitted here; {suggest(unknown[0], BUILT_IN)}")
    check_answer(_check(frame, limits), horizon, n_windows * len(names), limits)
    with capture_log_messages() as notes:
        found = backtest(frame, list(dict.fromkeys(names)), horizon=horizon, n_windows=n_windows)
    rows = found.table().to_dict(orient="records")
    return plain({"windows": found.n_windows, "horizon": found.horizon, "leaderboard": rows, "notes": list(notes)})


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON knows; numbers that are not finite become null."""
    found: dict[str, Any] = from_json(to_json(values, inf_nan_mode="null"))
    return found


def _name(models: Models, name: str | None) -> str:
    """The model of a call: the one that is named, the only one, or the generalist where none is saved."""
    if name is None:
        return models.asked(None).name if models else GENERALIST
    return name if name in BUILT_IN and name not in models else models.asked(name).name


def _forecaster(models: Models, name: str, frame: pd.DataFrame, horizon: int | None) -> Forecaster:
    """A saved model, or a built-in one fitted to the data of this call."""
    if name in models:
        forecaster = models[name].fitted()
        read_panel(forecaster, read_frame(frame))  # what is wrong with the table is found before the limits count
        return forecaster
    return fit(frame, name, horizon=horizon)


def _check(frame: pd.DataFrame, limits: Limits) -> int:
    """The number of series. Raises Problem beyond a limit."""
    check_size(len(frame), len(frame.columns), limits)
    panel = build(read_frame(frame).frame, DataSettings())
    check_panel(panel, limits)
    return len(panel.ids) * len(panel.channels)


def _check_asked(series: int, asked: Question, steps: int, limits: Limits) -> None:
    levels, quantiles = (len(x) if isinstance(x, list) else int(x is not None) for x in (asked.level, asked.quantiles))
    if levels + quantiles > limits.levels:
        raise Problem(422, "request", f"level and quantiles: at most {limits.levels} together")
    check_answer(series, steps, 1 + 2 * levels + quantiles, limits)


def _refuse_for_generalist(future: pd.DataFrame | None, asked: Question) -> None:
    if future is not None:
        raise Problem(422, "request", "future_covariates: the generalist reads none; leave them out")
    if asked.quantiles is not None:
        raise Problem(422, "request", "quantiles: ask the generalist for levels, as level=[80, 90]")
