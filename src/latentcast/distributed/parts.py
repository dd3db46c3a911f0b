"""What is done with one part of the data, and what a reader of all parts must know of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from latentcast.core.atomic import replacing
from latentcast.core.notes import Note, NoteCode, NoteLog, without
from latentcast.data.tables.id_text import id_text
from latentcast.data.types import Level
from latentcast.distributed.shards import Shard, read
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.load import as_forecaster

Report = TypeVar("Report", covariant=True)


class Work(Protocol[Report]):
    """Done with each part by a forecaster; plain values, as it is sent to other processes."""

    def __call__(self, forecaster: Forecaster, shard: Shard) -> Report: ...


class Silent(NoteLog):
    """Keeps notes without logging: they are joined over all parts first."""

    def add(self, note: str) -> None:
        self._notes.setdefault(note, Note.from_value(note))


class Worker:
    """Works on one part after another with a model that is loaded once."""

    def __init__(self, model: Forecaster | str, work: Work[Any]) -> None:
        loaded = as_forecaster(model)
        self.forecaster = Forecaster(
            loaded.run, loaded.task, loaded.channels, loaded.known, loaded.network, loaded.card, loaded.calibration
        )
        self.work = work

    def __call__(self, shard: Shard) -> Any:
        self.forecaster.told = Silent()
        return self.work(self.forecaster, shard)


def part_name(number: int) -> str:
    """Name of the file of a part."""
    return f"part-{number:05d}.parquet"


def write_part(frame: Any, folder: Path, number: int) -> None:
    """Write the rows of a part; its file has its name once it is whole."""
    with replacing(folder / part_name(number), durable=False) as part:
        frame.to_parquet(part, index=False)


@dataclass(frozen=True)
class PartReport:
    """What came of one part: rows of the fit that were seen, and when its series end."""

    number: int
    series: int
    rows: int
    seen: NDArray[np.int64]
    ends: dict[Any, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """The forecast of each part, written into a folder."""

    out: Path
    horizon: int | None = None
    future_covariates: Any = None
    level: Level = None
    quantiles: Sequence[float] | None = None
    interval_method: str = "auto"
    paths: int = PATHS

    def __call__(self, forecaster: Forecaster, shard: Shard) -> PartReport:
        frame = forecaster.predict(
            read(shard),
            horizon=self.horizon,
            future_covariates=self.future_covariates,
            level=self.level,
            quantiles=self.quantiles,
            interval_method=self.interval_method,
            paths=self.paths,
        )
        write_part(frame, self.out, shard.number)
        horizon = self.horizon or forecaster.task.horizon
        names = frame["unique_id"].to_numpy()[::horizon]
        begins = frame["ds"].to_numpy()[::horizon]
        ends = {}
        for stamp in np.unique(begins):
            its = names[begins == stamp]
            ends[stamp] = len(its), tuple(map(str, its[:3]))
        rows = forecaster.known.rows
        seen = np.array([rows.get(id_text(name), -1) for name in names], np.int64)
        notes = without(tuple(forecaster.told), NoteCode.ENDS, NoteCode.ABSENT_SERIES)
        return PartReport(shard.number, len(names), len(frame), seen[seen >= 0], ends, notes)
