"""`anomaly_scores` of Parquet files part by part; scores are ranks among the steps of all parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from latentcast.core.atomic import replacing
from latentcast.core.cluster import Engine
from latentcast.core.notes import NoteLog
from latentcast.data.types import IntoFrame
from latentcast.distributed.joined_notes import joined
from latentcast.distributed.parts import part_name, write_part
from latentcast.distributed.run import ROWS, Where, make_empty, parts_of, refuse_parts_alone
from latentcast.distributed.shards import Shard, read
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.anomaly import AnomalyScores, ascending, score_of, share_below
from latentcast.workflows.anomaly import anomaly_scores as of_one_table

MEASURES = ("error", "surprise")


@dataclass(frozen=True)
class ScoreFolder:
    """Anomaly scores that were written part by part.

    Attributes
    ----------
    folder
        Holds `part-00000.parquet`, … with the columns of `AnomalyScores.frame`.
    parts, rows
        How many files and rows.
    notes
        Notes about the scores.
    """

    folder: Path
    parts: int
    rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoredPart:
    """Rows of one part, and notes."""

    number: int
    rows: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ScorePart:
    """Measures every step of one part; its ranks wait for the other parts."""

    ahead: ClassVar[bool] = False
    out: Path
    batch_size: int | None

    def __call__(self, forecaster: Forecaster, shard: Shard) -> ScoredPart:
        found = of_one_table(forecaster, read(shard), batch_size=self.batch_size)
        write_part(found.frame, self.out, shard.number)
        return ScoredPart(shard.number, len(found.frame), (*forecaster.told, *found.notes))


def anomaly_scores(
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
) -> AnomalyScores | ScoreFolder:
    """Score every step by how unusual it is to a codec, and to the language model of its codes.

    Each step is judged once, scaled by the look-back before it, so that an unusual step does not hide itself. The first
    look-back of a series is judged by itself.

    Parameters
    ----------
    forecaster
        A `vq-codec` or `token-transformer`, or the folder of one.
    data
        Frame, file or dataset name with the columns of the fit; with `out` a Parquet file, a folder of Parquet files,
        or a Ray dataset.
    batch_size
        Windows read together. None chooses by memory.
    out
        Folder to write into part by part, so that no more than one part is in memory. None returns one frame.
    engine, workers, address, rows, overwrite
        As for `latentcast.predict`; with `out` alone.

    Returns
    -------
    AnomalyScores or ScoreFolder
        One row for each series and step; with `out` the folder of them.

    Raises
    ------
    SettingsError
        The model has no codes, or an engine is named without `out`.
    DataError
        A series is shorter than the look-back.
    CheckpointError
        `out` holds other files, or cannot be written.
    MissingExtra
        Ray is not installed.

    Examples
    --------
    >>> settings = {"stages.codec.max_steps": 2, "stages.codec.loggers": []}
    >>> codec = latentcast.pretrain(frame, "vq-codec", lookback=24, settings=settings)
    >>> latentcast.anomaly_scores(codec, frame).frame.columns.tolist()
    ['unique_id', 'ds', 'y', 'error', 'score']
    """
    where = Where(engine, workers, address, rows)
    where.check()
    if out is None:
        refuse_parts_alone(where, overwrite=overwrite)
        return of_one_table(forecaster, data, batch_size=batch_size)
    folder = Path(out)
    make_empty(folder, overwrite=overwrite)
    with parts_of(forecaster, data, where, folder) as parts:
        reports: list[ScoredPart] = parts.run(ScorePart(folder, batch_size))
    _rank(folder, [report.number for report in reports])
    notes = joined(report.notes for report in reports)
    NoteLog(notes)
    return ScoreFolder(folder, len(reports), sum(report.rows for report in reports), tuple(notes))


def _rank(folder: Path, numbers: list[int]) -> None:
    """Replace the score of every part by its ranks among all parts; one column of all parts is held at a time."""
    paths = [folder / part_name(number) for number in numbers]
    shares: list[list[Any]] = [[] for _ in paths]
    for name in [name for name in MEASURES if name in pq.read_schema(paths[0]).names]:
        columns = [pd.read_parquet(path, columns=[name])[name].to_numpy(np.float64) for path in paths]
        every = ascending(np.concatenate(columns))
        for own, column in zip(shares, columns, strict=True):
            own.append(share_below(column, every))
    for path, own in zip(paths, shares, strict=True):
        frame = pd.read_parquet(path)
        frame["score"] = score_of(own)
        with replacing(path, durable=False) as part:
            frame.to_parquet(part, index=False)
