"""`evaluate` of Parquet files part by part: sums over windows add up, so that any cut gives the same figures."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, ClassVar

from latentcast.core.cluster import Engine
from latentcast.core.errors import DataError, Fault, LatentcastError, SettingsError, suggest
from latentcast.core.notes import NoteCode, NoteLog
from latentcast.data.panel.split import PARTS, Part
from latentcast.data.sources.open import open_data
from latentcast.data.types import Level
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.distributed.joined_notes import joined
from latentcast.distributed.parts import write_part
from latentcast.distributed.run import ROWS, Parts, Where, make_empty, parts_of
from latentcast.distributed.shards import Shard, read
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import DistributionScores, Evaluation
from latentcast.forecaster.distribution import (
    DecileSums,
    decile_intervals,
    decile_stride,
    decile_sums,
    forecast_rows,
)
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare, read_panel
from latentcast.forecaster.intervals import PATHS, Intervals
from latentcast.forecaster.judge import choose_intervals, judged_sums
from latentcast.forecaster.judged_sums import Judged, JudgedSums
from latentcast.forecaster.trained_until import early_windows_note


@dataclass(frozen=True)
class PartSums:
    """Sums over the windows of one part; None where it holds no window. `longer`: a series is as long as a window."""

    number: int
    sums: JudgedSums | None
    longer: bool
    why_none: str = ""


@dataclass(frozen=True)
class PartDeciles:
    """Losses of the deciles over some windows of one part."""

    number: int
    sums: DecileSums


@dataclass(frozen=True)
class EvaluatePart:
    """Judges one part; `out` receives the forecasts."""

    ahead: ClassVar[bool] = False
    which: Judged
    how: Intervals | None
    batch_size: int | None
    out: Path | None

    def __call__(self, forecaster: Forecaster, shard: Shard) -> PartSums:
        source, _ = open_data(read(shard))
        prepared, starts = _windows(forecaster, source, self.which)
        longer = bool((prepared.parts.train_end >= forecaster.task.lookback + forecaster.task.horizon).any())
        if not len(starts[0]):
            rows = forecaster.known.rows_of(prepared.panel)
            return PartSums(shard.number, None, longer, prepared.why_none(self.which.part, forecaster.known.ends, rows))
        kept: list[ForecastBatch] | None = None if self.out is None else []
        sums = judged_sums(forecaster, prepared, self.which, starts, self.how, self.batch_size, kept)
        early = early_windows_note(forecaster, prepared, starts)
        notes = (*forecaster.told, *sums.notes, *(() if early is None else (early,)))
        if self.out is not None and kept is not None:
            write_part(forecast_rows(forecaster, source, prepared, kept, self.how), self.out, shard.number)
        return PartSums(shard.number, replace(sums, notes=notes), longer)


@dataclass(frozen=True)
class DecilesOfPart:
    """Judges the deciles of one window in `stride`; `before` is how many windows the parts before this one hold."""

    ahead: ClassVar[bool] = False
    which: Judged
    how: Intervals
    stride: int
    before: dict[int, int]

    def __call__(self, forecaster: Forecaster, shard: Shard) -> PartDeciles:
        source, _ = open_data(read(shard))
        prepared, (starts, items) = _windows(forecaster, source, self.which)
        first = -self.before[shard.number] % self.stride
        chosen = starts[first :: self.stride], items[first :: self.stride]
        if not len(chosen[0]):
            return PartDeciles(shard.number, DecileSums())
        return PartDeciles(shard.number, decile_sums(forecaster, prepared, chosen, self.how))


def evaluate(
    forecaster: Forecaster | str | Path,
    data: Any,
    *,
    part: Part = "test",
    level: Level = None,
    interval_method: str = "auto",
    paths: int = PATHS,
    batch_size: int | None = None,
    stride: int = 1,
    out: str | Path | None = None,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    rows: int = ROWS,
    overwrite: bool = False,
) -> Evaluation:
    """Judge every window of one part of the series in Parquet files, each once, part by part of the files.

    The figures equal those of `Forecaster.evaluate` on all rows at once but for rounding, whatever the parts, the
    workers and the engine are.

    Parameters
    ----------
    forecaster
        A forecaster, or the folder of one.
    data
        A Parquet file or a folder of Parquet files, or a Ray dataset, with the columns of the fit.
    part, level, interval_method, paths, batch_size, stride
        As for `Forecaster.evaluate`.
    out
        Folder for the forecasts of all windows, `part-00000.parquet`, …. None keeps none.
    engine, workers, address, rows, overwrite
        As for `latentcast.predict`.

    Returns
    -------
    Evaluation
        As of `Forecaster.evaluate`, without `forecasts`.

    Raises
    ------
    DataError
        No series has a window, there is no Parquet file, or the data are not of the fit's kind.
    SettingsError
        As `Forecaster.evaluate`; also for an unknown engine.
    CheckpointError
        `out` holds other files, or cannot be written.
    MissingExtra
        Ray is not installed.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
    >>> frame.to_parquet(folder / "data.parquet")
    >>> latentcast.evaluate(forecaster, folder / "data.parquet").windows
    79
    """
    where = Where(engine, workers, address, rows)
    where.check()
    if part not in PARTS:
        raise SettingsError(Fault("part", f"={part!r} is no part of the data; {suggest(str(part), PARTS)}"))
    folder = None if out is None else Path(out)
    name = Path(data).stem if isinstance(data, str | Path) else "data"
    with parts_of(forecaster, data, where, folder) as parts:
        how = choose_intervals(parts.fitted, level, interval_method, paths)
        if folder is not None:
            make_empty(folder, overwrite=overwrite)
        which = Judged(part, name, stride)
        reports: list[PartSums] = parts.run(EvaluatePart(which, how, batch_size, folder))
        sums = _added(parts.fitted, which, reports)
        distribution = _distribution(parts, which, reports)
    notes = joined([sums.notes])
    NoteLog(note for note in notes if note.code not in OF_FIGURES)
    result = replace(sums, notes=tuple(notes)).evaluation(parts.fitted.name, which, how)
    return replace(result, distribution=distribution)


OF_FIGURES = (NoteCode.WINDOWS, NoteCode.TOO_SHORT, NoteCode.CONSTANT, NoteCode.INTERVALS, NoteCode.TRAINED_UNTIL)


def _windows(forecaster: Forecaster, source: Any, which: Judged) -> tuple[PreparedPanel, Starts]:
    task = forecaster.task
    prepared = prepare(forecaster, read_panel(forecaster, source), among_longer=True)
    return prepared, prepared.starts(which.part, task.lookback, task.horizon, which.stride)


def _added(fitted: Forecaster, which: Judged, reports: Iterable[PartSums]) -> JudgedSums:
    """Raises DataError where no part holds a window, or all series are too short for one."""
    reports = list(reports)
    found = [report.sums for report in reports if report.sums is not None]
    if not found or not any(report.longer for report in reports):
        why = next((report.why_none for report in reports if report.why_none), "its series are too short")
        raise DataError(
            f"the {which.part} part of {which.data} holds no window of {fitted.task.lookback} + {fitted.task.horizon}"
            f" steps ({why})"
        )
    return reduce(add, found)


def _distribution(parts: Parts, which: Judged, reports: list[PartSums]) -> DistributionScores | None:
    """Scores of the deciles on evenly spaced windows, counted through all parts."""
    how = decile_intervals(parts.fitted)
    if how is None:
        return None
    counts = [0 if report.sums is None else report.sums.windows for report in reports]
    before = {report.number: sum(counts[:place]) for place, report in enumerate(reports)}
    stride = decile_stride(parts.fitted, sum(counts))
    chosen = [shard for shard in parts.shards if counts[shard.number] > -before[shard.number] % stride]
    try:
        found: list[PartDeciles] = parts.run(DecilesOfPart(which, how, stride, before), chosen)
    except LatentcastError:  # too few held-out windows, or other quantiles
        return None
    return reduce(add, (report.sums for report in found), DecileSums()).scores(how, stride)
