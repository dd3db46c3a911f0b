"""What a job's process does for each kind of request: the public functions, and files of what they give."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentcast.benchmarking.auto import default_horizon, whole_split
from latentcast.benchmarking.auto_result import AutoFit
from latentcast.benchmarking.backtest import backtest as run_backtest
from latentcast.benchmarking.fit import fit as run_fit
from latentcast.benchmarking.forecast import forecast as run_forecast
from latentcast.core.errors import DataError, LatentcastError
from latentcast.core.findings import json_values
from latentcast.core.log_capture import capture_log_messages
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.gaps import longest_gap
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import read_panel
from latentcast.reporting.files import write_frame
from latentcast.serving.jobs.columns import columns_of
from latentcast.serving.jobs.command import commands
from latentcast.serving.jobs.process import MODEL
from latentcast.serving.jobs.request import AUTO, JobRequest
from latentcast.serving.jobs.series import Ahead, write_series
from latentcast.workflows.describe import describe as run_describe
from latentcast.workflows.load import load_folder

Tell = Callable[[str], None]
FORECAST, BACKTEST = "forecast.csv", "backtest.csv"


@dataclass(frozen=True)
class Names:
    """The table's file in the working folder, the name that the client gave it, and how many series it may have."""

    table: str
    file: str
    series: int


@dataclass(frozen=True)
class Work:
    """One job: the request, the file, the folder of its results, and who is told of the progress."""

    request: JobRequest
    names: Names
    out: Path
    tell: Tell

    @property
    def table(self) -> str:
        return self.names.table

    @property
    def file(self) -> str:
        return self.names.file

    def panel(self, frame: pd.DataFrame | None = None) -> Panel:
        """The table on its time grid. Raises DataError for more series than a job may have."""
        frame = open_data(self.table)[0].frame if frame is None else frame
        panel = build(frame, validate(DataSettings, self.request.data, "data."))
        count = len(panel.ids) * len(panel.channels)
        if count > self.names.series:
            raise DataError(f"the table has {count} series, and a job takes {self.names.series}; send fewer")
        return panel

    @property
    def settings(self) -> dict[str, Any]:
        return {"data": dict(self.request.data)} if self.request.data else {}


def describe(work: Work) -> dict[str, Any]:
    """Columns with their roles, facts and notes; a table that cannot be read so gives a fault beside its columns."""
    frame = open_data(work.table)[0].frame
    found: dict[str, Any] = {"rows": len(frame), "columns": columns_of(frame, work.request.data)}
    found["more_columns"] = max(0, frame.shape[1] - len(found["columns"]))
    try:
        with capture_log_messages() as notes:
            described = run_describe(frame, work.settings)
            panel = work.panel(frame)
    except DataError as error:
        fault = {"detail": str(error), "setting": error.setting, "value": error.value, "values": list(error.values)}
        return found | {"fault": fault}
    write_series(work.out, panel, range(len(panel.channels)))
    ends = [panel.times[0], panel.times[-1]] if len(panel.ids) == 1 else [panel.times.min(), panel.times.max()]
    return found | {
        "facts": {**described.facts, "data": work.file},
        "notes": list(dict.fromkeys([*described.notes, *notes])),
        "series": len(panel.ids) * len(panel.channels),
        "layout": "wide" if panel.ids == ("",) else "long",
        "steps": [int(panel.lengths.min()), int(panel.lengths.max())],
        "span": [_stamp(end) for end in ends],
        "frequency": str(panel.frequency),
        "season": int(panel.season),
        "missing": int((~panel.observed).sum()),
        "values": int(panel.values.size),
        "longest_gap": int(longest_gap(panel)),
        "horizon": default_horizon(panel),
    }


def forecast(work: Work) -> dict[str, Any]:
    """Choose or fit a model, forecast beyond the end of every series, and save both."""
    request, auto = work.request, None
    horizon = _horizon(work)
    if request.model == AUTO:
        chosen = run_forecast(
            work.table, horizon, time_limit=request.time_limit, level=request.levels, seed=request.seed,
            settings=work.settings, report=work.tell,
        )  # fmt: skip
        auto, forecaster, frame, notes = chosen.auto, chosen.forecaster, chosen.frame, list(chosen.notes)
    else:
        forecaster, frame, notes = _named(work)
    frame = pd.DataFrame(frame)
    with capture_log_messages():
        panel = read_panel(forecaster, open_data(work.table)[0])
    write_series(work.out, panel, forecaster.task.targets, _ahead(forecaster, frame, panel))
    write_frame(frame, work.out / FORECAST)
    _save(work, forecaster)
    split = forecaster.run.data.split
    return {
        **_about(work, forecaster),
        "summary": auto.summary() if auto is not None else None,
        "notes": list(dict.fromkeys(notes)),
        "candidates": _candidates(auto) if auto is not None else [],
        "judged": _judged(auto) if auto is not None else None,
        "commands": commands(request, work.file, forecaster.task.horizon, () if isinstance(split, str) else split),
        "files": [FORECAST, f"{MODEL}.zip"],
    }


def fit(work: Work) -> dict[str, Any]:
    """Fit a model on the training part, and save it; the test part stays unseen."""
    horizon = _horizon(work)
    with capture_log_messages() as notes:
        forecaster = run_fit(
            work.table, work.request.model, horizon=horizon, seed=work.request.seed, settings=work.settings
        )
    _save(work, forecaster)
    return {
        **_about(work, forecaster),
        "notes": list(notes),
        "commands": commands(work.request, work.file, horizon, ()),
        "files": [f"{MODEL}.zip"],
    }


def backtest(work: Work) -> dict[str, Any]:
    """Judge models at the last origins; the seasonal-naive line stands in the table."""
    request, names, settings = work.request, work.request.models, work.settings
    horizon = _horizon(work)
    if request.of is not None:
        names, settings = _model_of_forecast(work, horizon)
    with capture_log_messages() as notes:
        found = run_backtest(
            work.table, names, horizon=horizon, n_windows=request.n_windows, seed=request.seed,
            settings=settings, level=request.levels or None,
        )  # fmt: skip
    write_frame(pd.DataFrame(found.forecasts), work.out / BACKTEST)
    baseline = None if found.baseline is None else found.baseline.model
    return {
        "table": [json_values(row) for row in found.table().to_dict("records")],
        "baseline": baseline,
        "windows": found.n_windows,
        "step": found.step_size,
        "horizon": found.horizon,
        "notes": list(dict.fromkeys([*found.notes, *notes])),
        "commands": commands(request, work.file, horizon, ()) if request.models else [],
        "files": [BACKTEST],
    }


def explain(work: Work) -> dict[str, Any]:
    """What the forecast of one series rests on, by the forecaster in the folder `model`."""
    with capture_log_messages() as notes:
        found = load_folder(Path(MODEL)).explain(work.table, item=work.request.item, level=None)
    return {**found.to_dict(), "notes": list(dict.fromkeys([*found.notes, *notes])), "files": []}


KINDS = {"describe": describe, "forecast": forecast, "fit": fit, "backtest": backtest, "explain": explain}


def _named(work: Work) -> tuple[Forecaster, Any, list[str]]:
    """A named model, fitted with nothing held out for a test part, as `latentcast.forecast` does."""
    request = work.request
    panel = work.panel()
    horizon = request.horizon or default_horizon(panel)
    settings = {"data": {**request.data, "split": whole_split(panel, horizon)}}
    with capture_log_messages() as notes:
        forecaster = run_fit(work.table, request.model, horizon=horizon, seed=request.seed, settings=settings)
        try:
            frame = forecaster.predict(work.table, level=request.levels or None)
        except LatentcastError as error:
            if not request.levels:
                raise
            frame = forecaster.predict(work.table)
            notes.append(f"no intervals: {error}")
    return forecaster, frame, list(notes)


def _model_of_forecast(work: Work, horizon: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The name and the settings of the model in the folder `model`, as a backtest takes them.

    A look-back that is longer than what lies before the first origin is cut, of the members of a hybrid too.
    """
    run = load_folder(Path(MODEL)).run
    whole = run.dump()
    before = int(work.panel().lengths.min()) - horizon * work.request.n_windows
    lookback = max(1, min(run.lookback, before - max(horizon, before // 10) - horizon))
    own = {part: whole[part] for part in ("model", "training", "stages") if whole.get(part)}
    if "members" in own["model"]:
        members = [one if isinstance(one, str) else {**one} for one in own["model"]["members"]]
        for member in members:
            if isinstance(member, dict) and member.get("lookback"):
                member["lookback"] = min(member["lookback"], lookback)
        own["model"] = {**own["model"], "members": members}
    return (run.name,), {**work.settings, "lookback": lookback, "models": {run.name: own}}


def _horizon(work: Work) -> int:
    """Steps to forecast. Raises DataError for a table that a job does not take, before anything is fitted."""
    panel = work.panel()
    return work.request.horizon or default_horizon(panel)


def _ahead(forecaster: Forecaster, frame: pd.DataFrame, panel: Panel) -> Ahead:
    count = len(panel.ids) * len(forecaster.task.targets)
    shape, name = (count, len(frame) // count), forecaster.name
    prefix = f"{name}-lo-"
    levels = [str(column).removeprefix(prefix) for column in frame.columns if str(column).startswith(prefix)]

    def values(column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return frame[column].to_numpy(np.float64).reshape(shape)

    levels.sort(key=float, reverse=True)
    bands = tuple((level, values(f"{name}-lo-{level}"), values(f"{name}-hi-{level}")) for level in levels)
    return Ahead(values(name), bands)


def _save(work: Work, forecaster: Forecaster) -> None:
    forecaster.save(work.out / MODEL)
    shutil.make_archive(str(work.out / MODEL), "zip", work.out, MODEL)


def _about(work: Work, forecaster: Forecaster) -> dict[str, Any]:
    schema, task = forecaster.card.schema, forecaster.task
    return {
        "model": forecaster.name,
        "horizon": task.horizon,
        "lookback": task.lookback,
        "frequency": schema.freq,
        "season": schema.season,
        "series": schema.series,
        "file": work.file,
    }


def _candidates(auto: AutoFit) -> list[Mapping[str, Any]]:
    return [json_values(row) for row in auto.table().to_dict("records")]


def _judged(auto: AutoFit) -> dict[str, Any]:
    used = [trial.candidate.name for trial in auto.trials if trial.weight > 0]
    error, baseline = json_values([auto.error, auto.baseline[1]])
    return {"origins": auto.origins, "MASE": error, "baseline": auto.baseline[0], "naive": baseline, "used": used}


def _stamp(value: Any) -> str:
    return str(value) if isinstance(value, int | np.integer) else str(pd.Timestamp(value))
