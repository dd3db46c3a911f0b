"""`predict` from Parquet files to Parquet files: part after part, so that no more than one part is held at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentcast.core.cluster import Engine
from latentcast.core.errors import shorten
from latentcast.core.notes import Note, NoteCode, NoteLog
from latentcast.data.tables.timestamps import show
from latentcast.data.types import IntoFrame, Level
from latentcast.distributed.joined_notes import joined
from latentcast.distributed.parts import PartReport, Request
from latentcast.distributed.run import ROWS, Where, make_empty, parts_of
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.state import FittedState

if TYPE_CHECKING:
    from latentcast.forecaster.forecaster import Forecaster


@dataclass(frozen=True)
class ForecastFolder:
    """Forecasts that were written part by part.

    Attributes
    ----------
    folder
        Holds `part-00000.parquet`, `part-00001.parquet`, … in the order in which the series first appear in the data.
    parts, series, rows
        How many files, series and rows.
    notes
        Notes about the forecasts.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
    >>> frame.to_parquet(folder / "data.parquet")
    >>> latentcast.predict(forecaster, folder / "data.parquet", folder / "forecasts").rows
    2
    """

    folder: Path
    parts: int
    series: int
    rows: int
    notes: tuple[str, ...] = ()


def predict(
    forecaster: Forecaster | str | Path,
    data: Any,
    out: str | Path,
    *,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    horizon: int | None = None,
    future_covariates: IntoFrame | None = None,
    level: Level = None,
    quantiles: Sequence[float] | None = None,
    interval_method: str = "auto",
    paths: int = PATHS,
    rows: int = ROWS,
    overwrite: bool = False,
) -> ForecastFolder:
    """Forecast every series of a Parquet file or folder, part by part, into a folder of Parquet files.

    The forecasts equal those of `Forecaster.predict` on all rows at once, whatever the parts, the workers and the
    engine are; series keep the order in which they first appear. A series may lie in several places and files.

    Parameters
    ----------
    forecaster
        A forecaster, or the folder of one.
    data
        A Parquet file or a folder of Parquet files, or a Ray dataset, with the columns of the fit.
    out
        Folder for `part-00000.parquet`, … A file has its name once it is whole.
    engine
        `local`: in this process, or in several on this machine. `ray`: on a Ray cluster (extra `ray`).
    workers
        Processes, or actors, that forecast at the same time; each loads the model once and uses one thread. More than
        one process in a script needs ``if __name__ == "__main__":``.
    address
        Address of a running Ray cluster. None starts one on this machine.
    horizon, future_covariates, level, quantiles, interval_method, paths
        As for `Forecaster.predict`.
    rows
        Rows of one part, about; fewer need less memory.
    overwrite
        Replace the parts of earlier forecasts in `out`.

    Returns
    -------
    ForecastFolder
        The folder, how much is in it, and notes.

    Raises
    ------
    DataError
        As `Forecaster.predict`; also where there is no Parquet file, or an id column is missing.
    SettingsError
        As `Forecaster.predict`; also for an unknown engine.
    CheckpointError
        `out` holds other files, or cannot be written.
    LatentcastError
        A worker process was killed.
    MissingExtra
        Ray is not installed.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
    >>> frame.to_parquet(folder / "data.parquet")
    >>> found = latentcast.predict(forecaster, folder / "data.parquet", folder / "forecasts")
    >>> pd.read_parquet(found.folder)["seasonal-naive"].round(3).tolist()
    [16.0, 17.0]
    """
    where = Where(engine, workers, address, rows)
    where.check()
    folder = Path(out)
    make_empty(folder, overwrite=overwrite)
    request = Request(folder, horizon, future_covariates, level, quantiles, interval_method, paths)
    with parts_of(forecaster, data, where, folder, ahead=True) as parts:
        reports: list[PartReport] = parts.run(request)
    notes = _notes(parts.fitted, reports)
    NoteLog(notes)
    series, written = (sum(getattr(report, name) for report in reports) for name in ("series", "rows"))
    return ForecastFolder(folder, len(reports), series, written, tuple(notes))


def _notes(fitted: FittedState, reports: list[PartReport]) -> list[Note]:
    """The notes of all parts, each once, and what only all of them together tell."""
    found = joined(report.notes for report in reports)
    return [*found, *_ends(reports), *_absent(fitted, reports)]


def _ends(reports: list[PartReport]) -> list[Note]:
    """Series that end before others, over all parts."""
    latest = max(stamp for report in reports for stamp in report.ends)
    early = [(stamp, *its) for report in reports for stamp, its in report.ends.items() if stamp < latest]
    if not early:
        return []
    count, every = sum(one[1] for one in early), sum(report.series for report in reports)
    names = shorten([f"{name} from {show(stamp)}" for stamp, _, its in early for name in its], 3)
    text = (
        f"{count} of {every} series are forecast from an earlier step than others, which begin at {show(latest)}; each"
        f" is forecast from its own end: {names}"
    )
    return [Note(text, NoteCode.ENDS)]


def _absent(fitted: FittedState, reports: list[PartReport]) -> list[Note]:
    """Series of the fit that no part holds."""
    there = np.zeros(len(fitted.known.ids), np.bool_)
    for report in reports:
        there[report.seen] = True
    if there.all() or fitted.known.ids == ("",):
        return []
    names = shorten([fitted.known.ids[row] for row in np.flatnonzero(~there)], 3)
    text = f"{int((~there).sum())} of {len(there)} series of the fit are not in the data, and not forecast: {names}"
    return [Note(text, NoteCode.ABSENT_SERIES)]
