"""`predict` from Parquet files to Parquet files: part after part, so that no more than one part is held at once."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np

from latentcast.core.errors import CheckpointError, Fault, SettingsError, shorten
from latentcast.core.notes import Note, NoteCode, NoteLog
from latentcast.data.tables.timestamps import show
from latentcast.data.types import IntoFrame, Level
from latentcast.distributed.parts import PartForecaster, PartReport, Request
from latentcast.distributed.shards import Shard, plan
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.load import as_forecaster

ROWS = 1_000_000  # of one part
Engine = Literal["local", "ray"]


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
    data: str | Path,
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
        A Parquet file or a folder of Parquet files, with the columns of the fit.
    out
        Folder for `part-00000.parquet`, … A file has its name once it is whole.
    engine
        `local`: in this process, or in several on this machine. `ray`: on a Ray cluster (extra `ray`).
    workers
        Processes, or actors, that forecast at the same time; each loads the model once and uses one thread.
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
    faults = [
        Fault(name, f"={value!r}: wanted a whole number of at least 1")
        for name, value in (("workers", workers), ("rows", rows))
        if isinstance(value, bool) or not isinstance(value, int) or value < 1
    ]
    if engine not in ("local", "ray"):
        faults.append(Fault("engine", f"={engine!r}: wanted local or ray"))
    if faults:
        raise SettingsError(faults)
    fitted = as_forecaster(forecaster)
    folder = Path(out)
    _make_empty(folder, overwrite=overwrite)
    request = Request(folder, horizon, future_covariates, level, quantiles, interval_method, paths)
    with tempfile.TemporaryDirectory(prefix="latentcast-") as spare:
        shards = plan(data, fitted.run.data.id_names or ("unique_id",), rows, Path(spare))
        model: Forecaster | str = fitted
        if workers > 1 or engine == "ray":
            model = _saved(forecaster, fitted, Path(spare))
        reports = list(_run(model, request, shards, engine=engine, workers=workers, address=address))
    joined = _notes(fitted, sorted(reports, key=lambda report: report.number))
    NoteLog(joined)
    series, written = (sum(getattr(report, name) for report in reports) for name in ("series", "rows"))
    return ForecastFolder(folder, len(reports), series, written, tuple(joined))


def _run(
    model: Forecaster | str, request: Request, shards: list[Shard], *, engine: Engine, workers: int, address: str | None
) -> Iterator[PartReport]:
    if engine == "ray":
        from latentcast.distributed.ray_engine import run_on_ray

        yield from run_on_ray(str(model), request, shards, workers=workers, address=address)
    elif workers == 1:
        yield from map(PartForecaster(model, request), shards)
    else:
        with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (str(model), request)) as pool:
            yield from pool.map(_forecast, shards)


_IN_THIS_PROCESS: list[Callable[[Shard], PartReport]] = []


def _begin(model: str, request: Request) -> None:
    """Load the model of a worker process, which computes with one thread."""
    import torch

    torch.set_num_threads(1)
    _IN_THIS_PROCESS[:] = [PartForecaster(model, request)]


def _forecast(shard: Shard) -> PartReport:
    return _IN_THIS_PROCESS[0](shard)


def _make_empty(folder: Path, *, overwrite: bool) -> None:
    """Raises CheckpointError when the folder holds anything but parts that may be replaced."""
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file; name a folder")
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    parts = [path for path in there if path.name.startswith("part-")]
    if there and (not overwrite or len(parts) < len(there)):
        raise CheckpointError(
            f"{folder} exists and is not empty; use another folder"
            + (", or say --overwrite" if len(parts) == len(there) else "")
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in parts:
            path.unlink()
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror or error}") from error


def _saved(forecaster: Forecaster | str | Path, fitted: Forecaster, spare: Path) -> str:
    """A folder from which other processes load the model."""
    if not isinstance(forecaster, Forecaster):
        return str(Path(forecaster).absolute())
    fitted.save(spare / "model")
    return str(spare / "model")


def _notes(fitted: Forecaster, reports: list[PartReport]) -> list[Note]:
    """The notes of all parts, each once, and what only all of them together tell."""
    counted: dict[NoteCode, list[Note]] = {}
    for report in reports:
        for note in map(Note.from_value, report.notes):
            own = counted.setdefault(note.code, [])
            own += [note] if note not in own else []
    found = [note for own in counted.values() for note in own[:2]]
    for code, own in counted.items():
        if len(own) > 2:
            found.append(Note(f"… and the like of {len(own) - 2} more parts", code))
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


def _absent(fitted: Forecaster, reports: list[PartReport]) -> list[Note]:
    """Series of the fit that no part holds."""
    there = np.zeros(len(fitted.known.ids), np.bool_)
    for report in reports:
        there[report.seen] = True
    if there.all() or fitted.known.ids == ("",):
        return []
    names = shorten([fitted.known.ids[row] for row in np.flatnonzero(~there)], 3)
    text = f"{int((~there).sum())} of {len(there)} series of the fit are not in the data, and not forecast: {names}"
    return [Note(text, NoteCode.ABSENT_SERIES)]
