"""Work on all parts: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from latentcast.core.cluster import Cluster, Engine, check_engine
from latentcast.core.errors import CheckpointError, Fault, LatentcastError, SettingsError
from latentcast.distributed.parts import Work, Worker, load, on_one_thread
from latentcast.distributed.shards import Shard, plan
from latentcast.forecaster.state import FittedState

ROWS = 1_000_000  # of one part
_LOST = (
    "a worker process ended before its part was done: it was killed (out of memory?), or a script calls this without"
    ' `if __name__ == "__main__":`; parts that are written are whole: run it again with fewer workers, or on Ray, which'
    " replaces a lost worker (engine=ray)"
)
SPARE = ".latentcast-"  # begins the names of temporary folders


@dataclass(frozen=True)
class Where:
    """The engine, how many workers, the address of a cluster, and the rows of one part, about."""

    engine: Engine = "local"
    workers: int = 1
    address: str | None = None
    rows: int = ROWS

    def check(self) -> None:
        """Raise SettingsError for an unknown engine, or numbers that are wrong."""
        faults = [
            Fault(name, f"={value!r}: wanted a whole number of at least 1")
            for name, value in (("workers", self.workers), ("rows", self.rows))
            if isinstance(value, bool) or not isinstance(value, int) or value < 1
        ]
        try:
            check_engine(self.engine)
        except SettingsError as error:
            faults += error.faults
        if faults:
            raise SettingsError(faults)

    @property
    def here(self) -> bool:
        """Whether this process does all of it."""
        return self.engine == "local" and self.workers == 1


@dataclass(frozen=True)
class Parts:
    """The parts of some data, and the model as workers load it."""

    fitted: Any
    model: FittedState | str
    shards: list[Shard]
    where: Where

    def run(self, work: Work[Any], shards: list[Shard] | None = None) -> list[Any]:
        """The reports of all parts, or of some of them, in the order of the parts."""
        reports = list(self._run(work, self.shards if shards is None else shards))
        return sorted(reports, key=lambda report: report.number)

    def _run(self, work: Work[Any], shards: list[Shard]) -> Iterator[Any]:
        where = self.where
        if where.engine == "ray":
            from latentcast.distributed.ray_engine import run_on_ray

            yield from run_on_ray(str(self.model), work, shards, Cluster(where.workers, where.address))
        elif where.workers == 1:
            yield from map(Worker(self.model, work), shards)
        else:
            with ProcessPoolExecutor(where.workers, get_context("spawn"), _begin, (str(self.model), work)) as pool:
                try:
                    yield from pool.map(_work, shards)
                except BrokenProcessPool as error:
                    raise LatentcastError(_LOST) from error


@contextmanager
def parts_of(
    forecaster: FittedState | str | Path, data: Any, where: Where, near: Path | None = None, *, ahead: bool = False
) -> Iterator[Parts]:
    """The parts of Parquet files or of a Ray dataset; temporary files lie in `near`, which all workers must see.

    `ahead` as of the work.

    Raises DataError where there is no Parquet file, or an id column is missing.
    """
    fitted = load(forecaster, ahead=ahead)
    with tempfile.TemporaryDirectory(prefix=SPARE, dir=near if where.engine == "ray" else None) as spare:
        path = Path(spare)
        if not isinstance(data, str | Path):
            data = _written(data, path / "data")
        model: FittedState | str = fitted if where.here else _saved(forecaster, fitted, path)
        shards = plan(data, fitted.run.data.id_names or ("unique_id",), where.rows, path)
        yield Parts(fitted, model, shards, where)


_IN_THIS_PROCESS: list[Worker] = []


def _begin(model: str, work: Work[Any]) -> None:
    """Load the model of a worker process, which computes with one thread."""
    _IN_THIS_PROCESS[:] = [Worker(model, work)]


def _work(shard: Shard) -> Any:
    return on_one_thread(_IN_THIS_PROCESS[0], shard)


def _written(data: Any, folder: Path) -> Path:
    """A Ray dataset as a folder of Parquet files, whose names keep the order of its blocks."""
    if not hasattr(data, "write_parquet"):
        raise SettingsError(
            Fault("data", f": got {type(data).__name__}, wanted a Parquet file, a folder of them, or a Ray dataset")
        )
    data.write_parquet(str(folder))
    return folder


def make_empty(folder: Path, *, overwrite: bool) -> None:
    """Make a folder for parts. Raises CheckpointError when it holds anything but parts that may be replaced."""
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file; name a folder")
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    left = [path for path in there if path.name.startswith(SPARE)]  # of a run that was killed
    parts = [path for path in there if path.name.startswith("part-")] + left
    if there and (not overwrite or len(parts) < len(there)):
        raise CheckpointError(
            f"{folder} exists and is not empty; use another folder"
            + (", or say --overwrite" if len(parts) == len(there) else "")
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in parts:
            shutil.rmtree(path) if path in left else path.unlink()
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror or error}") from error


def refuse_parts_alone(where: Where, *, overwrite: bool) -> None:
    """Raise SettingsError for options that only a result in a folder has."""
    stated = {
        "engine": where.engine != "local",
        "workers": where.workers > 1,
        "address": where.address,
        "rows": where.rows != ROWS,
        "overwrite": overwrite,
    }
    if faults := [
        Fault(name, ": works part by part into a folder; name one (out)") for name, it in stated.items() if it
    ]:
        raise SettingsError(faults)


def _saved(forecaster: FittedState | str | Path, fitted: Any, spare: Path) -> str:
    """A folder from which other processes load the model."""
    if isinstance(forecaster, str | Path):
        return str(Path(forecaster).absolute())
    fitted.save(spare / "model")
    return str(spare / "model")
