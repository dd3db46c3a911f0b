"""forecast: choose a model for any table and return a dated forecast with intervals."""

import tempfile
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from latentcast.benchmarking.auto import fit_auto
from latentcast.benchmarking.auto_result import AutoFit
from latentcast.benchmarking.borrowed_intervals import predict_with_own_or_borrowed
from latentcast.core.assignments import assignment
from latentcast.core.errors import DataError, Fault, SettingsError, UndeclaredColumns
from latentcast.core.log_capture import capture_log_messages
from latentcast.core.nested import merge, nested
from latentcast.core.notes import Note, NoteCode
from latentcast.core.parsing import write_yaml
from latentcast.data.sources.last_read import read_once
from latentcast.data.sources.open import open_data
from latentcast.data.types import Frame, IntoFrame
from latentcast.forecaster import storage
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.save import write
from latentcast.reporting.files import write_frame, write_text
from latentcast.reporting.html import escaped, render

LEVELS = (80.0, 95.0)
FORECAST, PLOT, REPORT, MODEL, SETTINGS = "forecast.csv", "forecast.png", "report.html", "model", "auto.yaml"


@dataclass(frozen=True)
class ChosenForecast:
    """A forecast, and the model that was chosen for it.

    Attributes
    ----------
    frame
        `unique_id`, `ds`, the model's column and its intervals, in original units; of the kind of the data.
    auto
        The chosen forecaster and every candidate.
    data
        The data.
    notes
        What the user should know about the data and the intervals.

    Examples
    --------
    >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
    >>> len(chosen.frame)
    24
    """

    frame: Frame
    auto: AutoFit
    data: IntoFrame
    notes: tuple[str, ...]

    @property
    def forecaster(self) -> Forecaster:
        """The chosen model; `predict` forecasts newer data, `save` keeps it.

        Examples
        --------
        >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
        >>> chosen.forecaster.task.horizon
        24
        """
        return self.auto.forecaster

    def plot(self, path: str | Path) -> Path:
        """Draw the end of up to eight series and their forecasts.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
        >>> chosen.plot(folder / "forecast.png").name
        'forecast.png'
        """
        from latentcast.workflows.plots.forecast import plot_forecast

        plot_forecast(self.forecaster, self.data, self.frame, Path(path))
        return Path(path)

    def facts(self) -> dict[str, str]:
        """Return facts about the data and the choice.

        Returns
        -------
        dict of str to str
            Name → text.

        Examples
        --------
        >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
        >>> chosen.facts()["data"]
        'frame'
        """
        schema, task = self.forecaster.card.schema, self.forecaster.task
        return {
            "data": schema.data,
            "series": f"{schema.series}, {schema.steps} steps in all",
            "from, to": f"{_day(schema.first)} .. {_day(schema.last)}",
            "frequency": f"{schema.freq} (season of {schema.season} steps)",
            "horizon": f"{task.horizon} step{'' if task.horizon == 1 else 's'}",
            "look-back": str(task.lookback),
            "model": self.auto.summary(),
        }

    def to_html(self) -> str:
        """Return a page that needs no network.

        Returns
        -------
        str
            HTML with facts, plot, forecasts of the first series, candidates and notes.

        Examples
        --------
        >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
        >>> "<html" in chosen.to_html()
        True
        """
        with tempfile.TemporaryDirectory(prefix="latentcast-") as folder:
            picture = b64encode(self.plot(Path(folder) / PLOT).read_bytes()).decode()
        candidates = self.auto.table()
        name = self.forecaster.name
        levels = [column for column in self.frame.columns if str(column).startswith(f"{name}-")]
        columns = [*self.frame.columns[: self.frame.columns.get_loc("ds")], "ds", name, *levels]
        rows = [[_text(self.frame[column][at]) for column in columns] for at in range(min(len(self.frame), ROWS))]
        return render(
            "latentcast.benchmarking",
            "own/forecast.html",
            title=f"Forecast of {self.forecaster.card.schema.data}",
            facts=self.facts(),
            picture=picture,
            measure=self.auto.measure,
            columns=columns,
            rows=rows,
            left_out=len(self.frame) - len(rows),
            heads=[str(name) for name in candidates.columns],
            candidates=[[_text(value) for value in row] for row in candidates.itertuples(index=False)],
            notes=self.notes,
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write forecast.csv, forecast.png, report.html, the model's folder and auto.yaml, its settings.

        Parameters
        ----------
        folder
            Where to; made where it is missing.
        overwrite
            Replace a folder that is not empty.

        Raises
        ------
        CheckpointError
            The folder is not empty, or cannot be written.

        Examples
        --------
        >>> chosen = latentcast.forecast(frame, horizon=24, time_limit=0)
        >>> chosen.save(folder / "out")
        >>> (folder / "out" / "forecast.csv").exists()
        True
        """
        folder = Path(folder)
        storage.make_folder(folder, overwrite=overwrite)
        storage.make_folder(folder / MODEL, overwrite=overwrite)
        write(self.forecaster, folder / MODEL)
        write_yaml(folder / SETTINGS, self.forecaster.run.dump())
        frame = self.frame if isinstance(self.frame, pd.DataFrame) else open_data(self.frame)[0].frame
        write_frame(frame, folder / FORECAST)
        self.plot(folder / PLOT)
        write_text(self.to_html(), folder / REPORT)

    def _repr_html_(self) -> str:
        return f"<p>{escaped(self.auto.summary())}</p>{self.auto._repr_html_()}"


_REMEDIES = ("data.snap", "data.resample", "data.value")  # for stamps that lie on no grid, and several values
_OF_COLUMNS = ("data.value", "data.ignore")
_OF_DATA = {
    NoteCode.READING,
    NoteCode.ORDER,
    NoteCode.RESAMPLED,
    NoteCode.ALIGNED,
    NoteCode.FREQUENCY,
    NoteCode.MISSING_VALUES,
    NoteCode.COVARIATES,
}
ROWS = 200  # of the report's table of forecasts


@read_once()
def forecast(
    data: IntoFrame,
    horizon: int | None = None,
    *,
    time_limit: float | None = 60.0,
    level: float | Sequence[float] = LEVELS,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
) -> ChosenForecast:
    """Choose a model for a table and forecast beyond the end of each series.

    There is no test part: the last fifth of each series, or 40 horizons where that is less, is the validation part,
    and the steps before it are the training part.

    Parameters
    ----------
    data
        As in `fit`.
    horizon
        Steps to forecast; None takes one season, at most a quarter of the usual length of a series.
    time_limit
        Seconds after which no further candidate is begun; None tries all, 0 the naive and the pretrained model alone.
    level
        Nominal coverage of prediction intervals in per cent.
    seed, settings, report
        As in `fit_auto`.

    Returns
    -------
    ChosenForecast

    Raises
    ------
    DataError
        The data cannot be read, or are too short.
    SettingsError
        A setting, a level or the horizon is wrong.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=100)
    >>> frame = pd.DataFrame({"ds": days, "sales": 10.0 + np.arange(100) % 7})
    >>> found = forecast(frame, 3, time_limit=0, level=80)
    >>> found.frame[found.forecaster.name].round().tolist()
    [12.0, 13.0, 14.0]
    """
    if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1):
        raise SettingsError(Fault("horizon", f"={horizon!r}: wanted a whole number of at least 1"))
    with (
        capture_log_messages()
    ):  # of candidates, which are no notes on the forecast; the card of the model keeps its own
        auto, left_out = _chosen(data, settings, horizon=horizon, time_limit=time_limit, seed=seed, report=report)
    with capture_log_messages() as notes:
        try:
            frame = auto.forecaster.predict(data, level=level)
        except DataError as error:
            before = list(notes)  # what the lender of the widths notes is not about this forecast
            frame, about = predict_with_own_or_borrowed(auto.forecaster, data, level)
            notes[:] = [*before, f"{about}: {error}"]
    read = (note for note in auto.forecaster.card.notes if isinstance(note, Note) and note.code in _OF_DATA)
    return ChosenForecast(frame, auto, data, tuple(dict.fromkeys((*map(str, read), *left_out, *notes))))


def _chosen(data: IntoFrame, settings: Mapping[str, Any] | None, **how: Any) -> tuple[AutoFit, tuple[str, ...]]:
    """The choice, and notes. What an error says would fix the data is set: stamps that lie on no grid are moved to one
    or resampled, each of several value columns is a series, and columns next to the value are left out."""
    notes: list[str] = []
    tried: set[str] = set()
    while True:
        try:
            return fit_auto(data, settings=settings, whole=True, **how), tuple(notes)
        except DataError as error:
            remedy = None if error.setting in tried else _remedy(error)
            if remedy is None:
                raise
            tried.add(str(error.setting))
            if isinstance(error, UndeclaredColumns):
                left = assignment(str(error.setting), *error.values)
                notes.append(
                    f"columns next to the value were left out ({left}); what is known in advance can be declared as a"
                    " covariate (data.future), other ones as data.past"
                )
            settings = merge(nested(settings or {}), nested(remedy))


def _remedy(error: DataError) -> dict[str, Any] | None:
    """The setting that makes a forecast of data as they are; None where a person has to choose."""
    if error.value is None or not (error.setting in _REMEDIES or isinstance(error, UndeclaredColumns)):
        return None
    one = error.value == "true" or error.value
    return {str(error.setting): list(error.values) if error.setting in _OF_COLUMNS else one}


def _day(stamp: str) -> str:
    """A stamp without the parts of a second, and without midnight."""
    return stamp.partition(".")[0].removesuffix("T00:00:00")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.6g}"
    return str(value).removesuffix(" 00:00:00")
