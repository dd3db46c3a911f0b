"""What is done with one part of the data, and what a reader of all parts must know of it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from latentcast.core.atomic import replacing
from latentcast.core.notes import Note, NoteCode, NoteLog, without
from latentcast.core.threads import using_threads
from latentcast.data.tables.id_text import id_text
from latentcast.data.types import Level
from latentcast.distributed.shards import Shard, read
from latentcast.forecaster.ahead import Asked, forecast_ahead
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.predictor import predictor
from latentcast.forecaster.state import FittedState

Report = TypeVar("Report", covariant=True)


class Work(Protocol[Report]):
    """Done with each part by a forecaster; plain values, as it is sent to other processes.

    `ahead`: it forecasts beyond the end of the data and does nothing else, so that whatever forecasts will do.
    """

    ahead: ClassVar[bool]

    def __call__(self, forecaster: Any, shard: Shard) -> Report: ...


def load(forecaster: FittedState | str | Path, *, ahead: bool) -> Any:
    """The forecaster, or without torch what forecasts ahead as it does."""
    if ahead:
        return predictor(forecaster)
    from latentcast.forecaster.load import as_forecaster

    return as_forecaster(forecaster)  # type: ignore[arg-type]


class Silent(NoteLog):
    """Keeps notes without logging: they are joined over all parts first."""

    def add(self, note: str) -> None:
        self._notes.setdefault(note, Note.from_value(note))


class Worker:
    """Works on one part after another with a model that is loaded once."""

    def __init__(self, model: FittedState | str, work: Work[Any]) -> None:
        self.forecaster = copy(load(model, ahead=work.ahead))  # its notes are its own
        self.work = work

    def __call__(self, shard: Shard) -> Any:
        self.forecaster.told = Silent()
        report = self.work(self.forecaster, shard)
        gc.collect(0)  # frames in cycles would wait for the collector, which comes late to commands
        return report


def on_one_thread(worker: Worker, shard: Shard) -> Any:
    """One part in a process that shares its machine with others."""
    with using_threads(1, with_torch="torch" in sys.modules):
        return worker(shard)


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

    ahead: ClassVar[bool] = True
    out: Path
    horizon: int | None = None
    future_covariates: Any = None
    level: Level = None
    quantiles: Sequence[float] | None = None
    interval_method: str = "auto"
    paths: int = PATHS

    def __call__(self, forecaster: FittedState, shard: Shard) -> PartReport:
        asked = Asked(self.horizon, self.level, self.quantiles, self.interval_method, self.paths, None)
        frame: Any = forecast_ahead(forecaster, read(shard), self.future_covariates, asked)
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
