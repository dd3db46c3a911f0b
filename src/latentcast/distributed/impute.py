"""`impute` from Parquet files to Parquet files, part by part."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from latentcast.core.cluster import Engine
from latentcast.core.notes import NoteLog
from latentcast.data.types import IntoFrame
from latentcast.distributed.joined_notes import joined
from latentcast.distributed.parts import write_part
from latentcast.distributed.run import ROWS, Where, make_empty, parts_of, refuse_parts_alone
from latentcast.distributed.shards import Shard, read
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.imputation import Imputation
from latentcast.workflows.imputation import impute as of_one_table


@dataclass(frozen=True)
class ImputationFolder:
    """Filled data that were written part by part.

    Attributes
    ----------
    folder
        Holds `part-00000.parquet`, … under the names of the data.
    parts, rows
        How many files and rows.
    filled, values
        Values that were filled, and all values.
    notes
        Notes about these values.
    """

    folder: Path
    parts: int
    rows: int
    filled: int
    values: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilledPart:
    """How much of one part was filled, and notes."""

    number: int
    rows: int
    filled: int
    values: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FillPart:
    """Fills the gaps of one part."""

    ahead: ClassVar[bool] = False
    out: Path
    batch_size: int | None

    def __call__(self, forecaster: Forecaster, shard: Shard) -> FilledPart:
        found = of_one_table(forecaster, read(shard), batch_size=self.batch_size)
        write_part(found.frame, self.out, shard.number)
        notes = (*forecaster.told, *found.notes)
        return FilledPart(shard.number, len(found.frame), found.filled, found.values, notes)


def impute(
    forecaster: Forecaster | str | Path,
    data: IntoFrame,
    *,
    batch_size: int | None = None,
    out: str | Path | None = None,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    rows: int = ROWS,
    overwrite: bool = False,
) -> Imputation | ImputationFolder:
    """Fill missing values and missing time steps from what lies around them. Observed values stay as they are.

    Every gap is read in windows of the look-back that overlap by half, weighted towards their middle. Filled values may
    depend on values after the gap.

    Parameters
    ----------
    forecaster
        A forecaster that was pretrained to reconstruct (`pretrain`, model `latent-transformer`), or the folder of one.
    data
        Wide or long frame, file or dataset name, with the columns of the fit; with `out` a Parquet file, a folder of
        Parquet files, or a Ray dataset.
    batch_size
        Windows read together. None chooses by memory.
    out
        Folder to write into part by part, so that no more than one part is in memory. None returns one frame.
    engine, workers, address, rows, overwrite
        As for `latentcast.predict`; with `out` alone.

    Returns
    -------
    Imputation or ImputationFolder
        The data with gaps filled, in original units and under the names of the input, and how many values were filled;
        with `out` the folder of them.

    Raises
    ------
    SettingsError
        The forecaster was not pretrained to reconstruct, or an engine is named without `out`.
    DataError
        A series is shorter than the look-back.
    CheckpointError
        `out` holds other files, or cannot be written.
    MissingExtra
        Ray is not installed.

    Examples
    --------
    >>> settings = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    >>> imputer = latentcast.pretrain(frame, "latent-transformer", lookback=24, settings=settings)
    >>> holes = frame.assign(load=frame["load"].where(frame.index % 50 > 0))
    >>> found = latentcast.impute(imputer, holes)
    >>> found.filled, int(found.frame["load"].isna().sum())
    (8, 0)
    """
    where = Where(engine, workers, address, rows)
    where.check()
    if out is None:
        refuse_parts_alone(where, overwrite=overwrite)
        return of_one_table(forecaster, data, batch_size=batch_size)
    folder = Path(out)
    make_empty(folder, overwrite=overwrite)
    with parts_of(forecaster, data, where, folder) as parts:
        reports: list[FilledPart] = parts.run(FillPart(folder, batch_size))
    notes = joined(report.notes for report in reports)
    NoteLog(notes)
    sums = [sum(getattr(report, name) for report in reports) for name in ("rows", "filled", "values")]
    return ImputationFolder(folder, len(reports), *sums, tuple(notes))  # type: ignore[call-arg]
