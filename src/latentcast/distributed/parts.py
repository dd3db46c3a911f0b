"""The forecast of one part, and what a reader of all parts must know of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Request:
    """How each part is forecast, and the folder that it is written into."""

    out: Path
    horizon: int | None = None
    future_covariates: Any = None
    level: Level = None
    quantiles: Sequence[float] | None = None
    interval_method: str = "auto"
    paths: int = PATHS


@dataclass(frozen=True)
class PartReport:
    """What came of one part: rows of the fit that were seen, and when its series end."""

    number: int
    series: int
    rows: int
    seen: NDArray[np.int64]
    ends: dict[Any, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class _Silent(NoteLog):
    """Keeps notes without logging: they are joined over all parts first."""

    def add(self, note: str) -> None:
        self._notes.setdefault(note, Note.from_value(note))


class PartForecaster:
    """Forecasts one part after another with a model that is loaded once."""

    def __init__(self, model: Forecaster | str, request: Request) -> None:
        loaded = as_forecaster(model)
        self.forecaster = Forecaster(
            loaded.run, loaded.task, loaded.channels, loaded.known, loaded.network, loaded.card, loaded.calibration
        )
        self.request = request

    def __call__(self, shard: Shard) -> PartReport:
        forecaster, request = self.forecaster, self.request
        forecaster.told = _Silent()
        frame = forecaster.predict(
            read(shard),
            horizon=request.horizon,
            future_covariates=request.future_covariates,
            level=request.level,
            quantiles=request.quantiles,
            interval_method=request.interval_method,
            paths=request.paths,
        )
        with replacing(request.out / f"part-{shard.number:05d}.parquet", durable=False) as part:
            frame.to_parquet(part, index=False)
        horizon = request.horizon or forecaster.task.horizon
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
